/* SPDX-License-Identifier: Apache-2.0 */
/* The exit codes of chanctl, which scripts may rely on, and the one table from library errors to them. */
#ifndef CHANCTL_EXIT_CODES_H
#define CHANCTL_EXIT_CODES_H

enum exit_code {
    CODE_OK = 0,
    CODE_NEGATIVE = 1,   /* it worked and the answer is no: nothing received, check failed, something found */
    CODE_USAGE = 2,      /* wrong command line, or a name that no channel can have */
    CODE_NO_CHANNEL = 3, /* no channel of that name */
    CODE_PERMISSION = 4, /* not permitted */
    CODE_TIMED_OUT = 5,
    CODE_CLOSED = 6,
    CODE_UNSOUND = 7,   /* corrupt, no channel at all, or of another format version */
    CODE_TOO_LARGE = 8, /* message larger than the channel or the framing allows */
    CODE_NO_ROOM = 9,   /* no memory or space left, or a limit reached: endpoints, seats, descriptors */
    CODE_OTHER = 10,
    CODE_SIGNAL =
        128, /* plus the signal's number: ended by SIGINT, SIGTERM, SIGHUP or a broken standard output */
};

struct failure {
    int error; /* negative errno value */
    enum exit_code code;
    const char *what;   /* what happened */
    const char *advice; /* what to do */
};

/* The entry for a negative errno value; one that is not in the table gets CODE_OTHER. Static storage. */
const struct failure *failure_of(int error);

#endif
