/* SPDX-License-Identifier: Apache-2.0 */
/* One process's part in a case: its mapping and handles, and the steps it can take with them.
 *
 * Every step is a function of one shape, so that it can be called here or told to an actor (actor.h), in
 * another process. A step that sends returns 0 or the error; a step that receives verifies the content and
 * returns the message's sequence number, or the error. */
#ifndef HARNESS_PARTY_H
#define HARNESS_PARTY_H

#include <stdint.h>

#include <shmchan.h>

#include "flavour.h"

#define PARTY_HOLDS 8

struct party {
    const struct flavour *flavour;
    struct chan *ch;
    struct chan_sender *tx;
    struct chan_receiver *rx;
    struct chan_loan loans[PARTY_HOLDS];
    uint64_t loaned[PARTY_HOLDS]; /* sequence written into the loan */
    struct chan_view views[PARTY_HOLDS];
    void *buffer; /* of the flavour's largest size */
};

typedef int64_t step(struct party *me, int64_t a, int64_t b);

/* How long an operation may wait. */
enum form {
    FORM_BLOCK,
    FORM_TRY,
    FORM_TIMEOUT_ZERO,
    FORM_TIMEOUT_NEGATIVE,
    FORM_TIMEOUT_SHORT, /* 20 ms */
    FORM_TIMEOUT_HUGE,  /* INT64_MAX nanoseconds */
    FORM_UNTIL_PAST,
    FORM_UNTIL_ZERO,
    FORM_UNTIL_NEGATIVE,
    FORM_UNTIL_SHORT,
    FORM_UNTIL_FOREVER,
    FORMS
};

/* By which family of functions a message is moved. */
enum way {
    WAY_COPY, /* send, recv */
    WAY_MANY, /* a batch of one */
    WAY_LOAN, /* reserve and commit; view and release */
    WAYS
};

#define HOW(way, form) ((int64_t)(way)*FORMS + (form))

/* What a form returns when the operation cannot be done; 0 if it waits for ever. */
int form_expired(enum form form);

/* A party around an open channel; its handles closed, buffer freed (not the channel). */
void party_open(struct party *me, const struct flavour *flavour, struct chan *ch);
void party_leave(struct party *me);

/* Attaching: a = flags. */
step attach_sender, attach_receiver, prepare_sender, prepare_receiver;
step close_sender, close_receiver, close_channel;

/* Sending message number a: by HOW b, or as named. */
step send_by, send_blocking, send_try;

/* Receiving one message: by HOW b, or as named. */
step recv_by, recv_blocking, recv_try, recv_one_second, is_terminated;

/* Loans and views: a = place in the party's table; b = the message's number, or its form. */
step loan_reserve; /* and fill in message b */
step loan_commit;  /* by form b */
step loan_abort;
step view_take; /* by form b; returns the sequence number */
step view_release;
step view_deliveries;

/* The party's number as an endpoint. */
step sender_number, receiver_number;

/* The state of the channel as this process sees it. */
step len, available, is_empty, is_full, is_closed, is_drained, senders, receivers, shutdown_channel;

/* Ways to end the process. */
step end_by_exit; /* without closing anything */
step end_by_exec; /* becomes `sleep 60` */

#endif
