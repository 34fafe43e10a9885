// SPDX-License-Identifier: Apache-2.0
// A user's C++17 program: sends itself one message through an anonymous channel.
#include <shmchan.h>

#include <cstdio>
#include <memory>
#include <string>

namespace
{
struct Closer {
    void operator()(chan *ch) const
    {
        chan_close(ch);
    }
    void operator()(chan_sender *tx) const
    {
        chan_close_sender(tx);
    }
    void operator()(chan_receiver *rx) const
    {
        chan_close_receiver(rx);
    }
};

int fail(const char *what, int error)
{
    std::fprintf(stderr, "%s: %s\n", what, chan_strerror(error));
    return 1;
}
} // namespace

int main()
{
    chan_options options{};
    options.size = sizeof options;
    options.messages = 1;
    options.message_size = 64;
    options.group = CHAN_NO_GROUP;

    chan *ch;
    if (int result = chan_create_anonymous(&options, &ch); result < 0)
        return fail("chan_create_anonymous", result);
    std::unique_ptr<chan, Closer> channel(ch);

    chan_sender *tx;
    if (int result = chan_attach_sender(ch, 0, &tx); result < 0)
        return fail("chan_attach_sender", result);
    std::unique_ptr<chan_sender, Closer> sender(tx);

    chan_receiver *rx;
    if (int result = chan_attach_receiver(ch, 0, &rx); result < 0)
        return fail("chan_attach_receiver", result);
    std::unique_ptr<chan_receiver, Closer> receiver(rx);

    const std::string sent = "message";
    if (int result = chan_send(tx, sent.data(), sent.size()); result < 0)
        return fail("chan_send", result);

    std::string received(64, '\0');
    std::size_t size;
    if (int result = chan_recv(rx, received.data(), received.size(), &size); result < 0)
        return fail("chan_recv", result);
    received.resize(size);
    return received != sent;
}
