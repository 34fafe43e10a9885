/* SPDX-License-Identifier: Apache-2.0 */
/* What the processes of the word count agree on: the messages of its two channels, and their roles.
 *
 *     reader --- NAME.chunks ---> tokenizers --- NAME.counts ---> aggregator
 *                     \______ monitor (looks on, read-only) ______/
 *
 * Exactly once: the reader numbers the chunks from 0. A tokenizer holds its chunk as a view until the result
 * is sent, so a killed tokenizer loses nothing. Killed between sending and releasing it leaves a chunk that
 * another does again: each result carries the number of its chunk, and the aggregator counts every number
 * once. At the end it checks that none is missing. */
#ifndef WORDCOUNT_H
#define WORDCOUNT_H

#include <shmchan.h>

/* A chunk: this header, then text that begins and ends between two words. A word longer than a chunk travels
 * alone, as fragments in consecutive chunks that have nothing else in them. */
struct chunk {
    uint64_t number;
    uint32_t part; /* PART_* */
    uint32_t reserved;
};

#define PART_TEXT 0u
#define PART_FRAGMENT 1u      /* of a long word; the next chunk continues it */
#define PART_LAST_FRAGMENT 2u /* may be empty */

/* The result of a chunk: its header, then for text one record per different word, { uint32_t times; uint32_t
 * length; char word[length]; }, unaligned; for fragments the characters themselves.
 * A record is 8 bytes longer than its word, which took at least one byte more than itself in the chunk (but
 * for the last); so a result is less than RESULT_GROWTH times as long as its chunk. */
#define RESULT_GROWTH 5u

/* The reader's last message goes to NAME.counts: how many chunks there were. */
#define PART_TOTAL 3u

#define MAX_WORKERS 32u

/* What every process is told. */
struct job {
    const char *name; /* of the channels, without the suffix */
    const char *path; /* file or directory to count */
    double interval;  /* of the monitor, in seconds */
    size_t chunk_size;
    unsigned workers;
    unsigned kills; /* tokenizers to kill on the way */
};

/* A role returns the exit status of its process. */
int reader(const struct job *job);
int tokenizer(const struct job *job);
int aggregator(const struct job *job);
int monitor(const struct job *job);
int supervise(const struct job *job);

/* Open the channel `suffix` of the job; exits with a message on failure. */
struct chan *open_channel(const struct job *job, const char *suffix, uint32_t flags);

/* Say what failed and why, on stderr, with the role's name; returns 1, an exit status. failed() takes a result
 * of the library, or 0 where `what` says it all; failed_call() looks at errno. */
int failed(const char *what, int error);
int failed_call(const char *what);

#endif
