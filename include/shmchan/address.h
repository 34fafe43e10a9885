/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses: a channel, or an endpoint of one, as plain bytes in a message.
 *
 * Whoever gets an address opens the channel by it, or is told that it is not there any more. A channel with a name is
 * found by name and by its number (chan_id()), so that another one of the same name is not taken for it. One without is
 * found through the process that made the address, as long as that has it open, and may be seen by this user in
 * /proc: processes of the same user may see each other's, unless they are set-user-ID or not dumpable.
 *
 * An address keeps nobody connected. To hand over an endpoint with a message, prepare one (chan_prepare_sender()) and
 * send its address: it counts as attached from then on. Whoever attaches by that address takes its place in one step, so
 * that the side is never without; once only. In a broadcast it gets what was for that one, too, or is told that it has missed
 * it. Until then it goes with the process that prepared it, or when that closes its handle, as for a message that came
 * back; or when its lease ends.
 *
 * The lease is for messages of which nobody ever says what became of them: discarded with the last receiver or after
 * too many deliveries, overwritten in a broadcast, moved to a dead-letter channel that nobody reads, gone with a channel,
 * or with a receiver that died between receiving and attaching. The library does not look into messages. With a lease
 * each of them costs the endpoint it carried for no longer than that, and gives it back once: taking its place and
 * ending it exclude one another. What cannot be had without a broker: that it is given back at the moment when the
 * message is discarded, or outlives the process that prepared it. */
#ifndef SHMCHAN_ADDRESS_H
#define SHMCHAN_ADDRESS_H

#include <shmchan/endpoint.h>

CHAN_BEGIN

/* Bytes to be copied; their meaning is the library's, on one machine. */
struct chan_address {
    uint64_t words[34];
};

/* The address of a channel. Of one without a name it is good while `ch`, or an endpoint attached through it, is open in
 * this process. Since 0.1. */
CHAN_API CHAN_MUST_USE int chan_address_of(const struct chan *ch, struct chan_address *out);

/* The address of a prepared endpoint, for whoever is to have it. The handle is then only good for being closed, which
 * withdraws what nobody has attached by yet. -EINVAL: not prepared. Since 0.1. */
CHAN_API CHAN_MUST_USE int chan_address_of_sender(const struct chan_sender *prepared,
                                                  struct chan_address *out);
CHAN_API CHAN_MUST_USE int chan_address_of_receiver(const struct chan_receiver *prepared,
                                                    struct chan_address *out);

/* Lend a prepared endpoint until `deadline_ns` (chan_now()): if nobody has taken its place or adopted it by then, it
 * counts as dead, for everybody, though this process lives. Whoever attaches or repairs notices that at once, whoever waits
 * within 1.25 s, by a descriptor within 6. CHAN_FOREVER: without end, as it is at first. It may be put off again before it
 * has ended: 0 says that it is, for everybody. The handle is to be closed in any case; where the side admits one endpoint
 * the seat is taken until then. -EINVAL: not prepared. -ENOENT: somebody has taken its place, or its lease has ended. Since
 * 0.1. */
CHAN_API CHAN_MUST_USE int chan_lease_sender(struct chan_sender *prepared, int64_t deadline_ns);
CHAN_API CHAN_MUST_USE int chan_lease_receiver(struct chan_receiver *prepared, int64_t deadline_ns);

/* Open the channel of an address; flags as of chan_open().
 *   -ENOENT  it is not there any more: unlinked, replaced by another of its name, or its process gone
 *   -EACCES  not for this user to see      -EINVAL  no address
 * Other errors as chan_open(). Since 0.1. */
CHAN_API CHAN_MUST_USE int chan_open_address(const struct chan_address *address, uint32_t flags,
                                             struct chan **out);

/* Open the channel of an address and attach to it: chan_open_address() and chan_attach_sender() with these flags. By the
 * address of a prepared endpoint, that one's place is taken.
 *   -ENOENT  also: somebody else has taken it, it has been withdrawn, or its lease has ended
 *   -EINVAL  it is of the other side
 *   -EBUSY   the side admits one endpoint: it cannot be handed over so
 * Since 0.1. */
CHAN_API CHAN_MUST_USE int chan_attach_sender_at(const struct chan_address *address, uint32_t open_flags,
                                                 uint32_t attach_flags, struct chan_sender **out);
CHAN_API CHAN_MUST_USE int chan_attach_receiver_at(const struct chan_address *address, uint32_t open_flags,
                                                   uint32_t attach_flags, struct chan_receiver **out);

/* An address as a line of printable text without spaces, for arguments and files, and back. chan_address_text: -EMSGSIZE:
 * `capacity` is too small; CHAN_ADDRESS_TEXT_MAX always suffices. chan_address_parse: -EINVAL: no such text. Since 0.1. */
#define CHAN_ADDRESS_TEXT_MAX 800
CHAN_API CHAN_MUST_USE int chan_address_text(const struct chan_address *address, char *text, size_t capacity);
CHAN_API CHAN_MUST_USE int chan_address_parse(const char *text, struct chan_address *out);

CHAN_END

#endif
