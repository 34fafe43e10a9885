/* SPDX-License-Identifier: Apache-2.0 */
/* The loops that are measured. */
#include "actors.h"

#include <stdlib.h>
#include <shmchan.h>

#include <errno.h>

/* Much longer than anybody spins. */
static const long pause_us = 300;

static void source_init(struct source *source, const struct setup *setup, unsigned number)
{
    source->size = setup->shape.size;
    source->next = (uint64_t)number << SENDER_SHIFT;
    source->buffers = payload_new(source->size, batch_of(setup->transport, source->size));
}

static void sink_init(struct sink *sink, const struct setup *setup)
{
    *sink = (struct sink){.size = setup->shape.size,
                          .alone = setup->shape.receivers == 1,
                          .whole = 1,
                          .stamps_only = setup->transport->stamps_only};
    sink->pattern = payload_new(sink->size, 1);
    sink->buffers = payload_new(sink->size, batch_of(setup->transport, sink->size));
}

static void source_free(struct source *source)
{
    free(source->buffers);
}

static void sink_free(struct sink *sink)
{
    free(sink->pattern);
    free(sink->buffers);
}

/* The sum of all stamps from `first` up to before `end`. */
static uint64_t sum_of(uint64_t first, uint64_t end)
{
    uint64_t count = end - first;
    uint64_t steps = count % 2 ? (count - 1) / 2 * count : count / 2 * (count - 1);

    return first * count + steps;
}

void act_sender(const struct setup *setup, struct stage *stage, unsigned number, void *link)
{
    const struct transport *t = setup->transport;
    struct log *log = &stage->logs[number];
    struct source source;

    source_init(&source, setup, number);
    uint64_t first = source.next;
    void *end = transport_attach(t, link, SENDER);
    stage_enter(stage);
    while (stage_phase(stage, log, log->messages) != STOP)
        log->messages += t->send(end, &source);
    t->detach(end, SENDER);
    log->sum = sum_of(first, source.next);
    source_free(&source);
}

void act_receiver(const struct setup *setup, struct stage *stage, unsigned number, void *link)
{
    const struct transport *t = setup->transport;
    struct log *log = &stage->logs[number];
    struct sink sink;

    sink_init(&sink, setup);
    void *end = transport_attach(t, link, RECEIVER);
    stage_enter(stage);
    while (t->recv(end, &sink) > 0)
        sink.whole = stage_phase(stage, log, sink.count) != MEASURE;
    if (log->seen != STOP)
        stage_note(log, STOP, sink.count);
    t->detach(end, RECEIVER);
    log->messages = sink.count;
    log->sum = sink.sum;
    sink_free(&sink);
}

void act_waker(const struct setup *setup, struct stage *stage, unsigned number, void *link)
{
    const struct transport *t = setup->transport;
    struct log *log = &stage->logs[number];
    struct source source;

    source_init(&source, setup, number);
    void *end = transport_attach(t, link, SENDER);
    stage_enter(stage);
    while (stage_phase(stage, log, log->messages) != STOP) {
        stage_sleep_us(pause_us);
        stage->sent_ns[source.next % MOST_UNDERWAY] = chan_now();
        log->messages += t->send(end, &source);
    }
    t->detach(end, SENDER);
    log->sum = sum_of(0, source.next);
    source_free(&source);
}

void act_sleeper(const struct setup *setup, struct stage *stage, unsigned number, void *link)
{
    const struct transport *t = setup->transport;
    struct log *log = &stage->logs[number];
    struct sink sink;

    sink_init(&sink, setup);
    void *end = transport_attach(t, link, RECEIVER);
    stage_enter(stage);
    while (t->recv(end, &sink) > 0) {
        int64_t now = chan_now();
        enum phase phase = stage_phase(stage, log, sink.count);
        if (phase == MEASURE)
            stage_trip(stage, log, now - stage->sent_ns[(sink.count - 1) % MOST_UNDERWAY]);
        sink.whole = phase != MEASURE;
    }
    if (log->seen != STOP)
        stage_note(log, STOP, sink.count);
    t->detach(end, RECEIVER);
    log->messages = sink.count;
    log->sum = sink.sum;
    sink_free(&sink);
}

void act_client(const struct setup *setup, struct stage *stage, unsigned number, void *there, void *back)
{
    const struct transport *t = setup->transport;
    struct log *log = &stage->logs[number];
    struct source source;
    struct sink sink;
    enum phase phase;

    source_init(&source, setup, number);
    sink_init(&sink, setup);
    void *tx = transport_attach(t, there, SENDER);
    void *rx = transport_attach(t, back, RECEIVER);
    stage_enter(stage);
    int64_t before = chan_now();
    while ((phase = stage_phase(stage, log, sink.count)) != STOP) {
        t->send(tx, &source);
        if (t->recv(rx, &sink) == 0)
            die("round trip", "the answer is missing");
        int64_t now = chan_now();
        if (phase == MEASURE)
            stage_trip(stage, log, now - before);
        sink.whole = phase != MEASURE;
        before = now;
    }
    t->detach(tx, SENDER);
    if (t->recv(rx, &sink) != 0)
        die("round trip", "an answer too many");
    t->detach(rx, RECEIVER);
    log->messages = source.next;
    log->sum = sum_of(0, source.next);
    source_free(&source);
    sink_free(&sink);
}

void act_server(const struct setup *setup, struct stage *stage, unsigned number, void *there, void *back)
{
    const struct transport *t = setup->transport;
    struct log *log = &stage->logs[number];
    struct source source;
    struct sink sink;

    source_init(&source, setup, number);
    sink_init(&sink, setup);
    void *rx = transport_attach(t, there, RECEIVER);
    void *tx = transport_attach(t, back, SENDER);
    stage_enter(stage);
    while (t->recv(rx, &sink) > 0) {
        t->send(tx, &source);
        sink.whole = stage_phase(stage, log, sink.count) != MEASURE;
    }
    if (log->seen != STOP)
        stage_note(log, STOP, sink.count);
    t->detach(tx, SENDER);
    t->detach(rx, RECEIVER);
    log->messages = sink.count;
    log->sum = sink.sum;
    source_free(&source);
    sink_free(&sink);
}
