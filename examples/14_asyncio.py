#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A channel in a Python asyncio loop, by ctypes: coroutines that await messages, and room for them.

    14_asyncio.py LIBSHMCHAN    the shared library, say build/src/libshmchan.so

A worker process sends numbers with blocking calls; the loop receives them beside a task that ticks, and sends each
one back squared through a second channel, waiting for room where there is none.
"""
import asyncio
import ctypes
import errno
import os
import sys

COUNT = 2000

shmchan = ctypes.CDLL(sys.argv[1])
pointer, size_t = ctypes.c_void_p, ctypes.c_size_t
for name, arguments in {
    "chan_create_anonymous": [pointer, ctypes.POINTER(pointer)],
    "chan_attach_sender": [pointer, ctypes.c_uint32, ctypes.POINTER(pointer)],
    "chan_attach_receiver": [pointer, ctypes.c_uint32, ctypes.POINTER(pointer)],
    "chan_receiver_fd": [pointer],
    "chan_sender_fd": [pointer],
    "chan_try_recv": [pointer, pointer, size_t, ctypes.POINTER(size_t)],
    "chan_try_send": [pointer, ctypes.c_char_p, size_t],
    "chan_recv": [pointer, pointer, size_t, ctypes.POINTER(size_t)],
    "chan_send": [pointer, ctypes.c_char_p, size_t],
    "chan_close_sender": [pointer],
    "chan_close_receiver": [pointer],
    "chan_close": [pointer],
}.items():
    getattr(shmchan, name).argtypes = arguments


def checked(result):
    if result < 0:
        raise OSError(-result, errno.errorcode[-result])
    return result


def made(function, *arguments):
    """What a function of the library hands out by its last argument."""
    out = pointer()
    checked(function(*arguments, ctypes.byref(out)))
    return out


async def until_possible(fd, attempt):
    """Try; as long as the answer is 'not now', wait until the descriptor is readable, and try again."""
    loop = asyncio.get_running_loop()
    while (result := attempt()) == -errno.EAGAIN:
        ready = loop.create_future()
        loop.add_reader(fd, lambda: ready.done() or ready.set_result(None))
        try:
            await ready
        finally:
            loop.remove_reader(fd)
    return result


class Receiver:
    def __init__(self, channel):
        self.handle = made(shmchan.chan_attach_receiver, channel, 0)
        self.fd = checked(shmchan.chan_receiver_fd(self.handle))
        self.buffer, self.size = ctypes.create_string_buffer(4096), size_t()

    def attempt(self):
        return shmchan.chan_try_recv(self.handle, self.buffer, len(self.buffer), ctypes.byref(self.size))

    async def __aiter__(self):
        """Messages until the channel ends."""
        while (result := await until_possible(self.fd, self.attempt)) != -errno.EPIPE:
            checked(result)
            yield self.buffer.raw[: self.size.value]


class Sender:
    def __init__(self, channel):
        self.handle = made(shmchan.chan_attach_sender, channel, 0)
        self.fd = checked(shmchan.chan_sender_fd(self.handle))

    async def send(self, message):
        checked(await until_possible(
            self.fd, lambda: shmchan.chan_try_send(self.handle, message, len(message))))


def work(numbers, squares):
    """The worker, a process of its own that waits in calls."""
    sender = made(shmchan.chan_attach_sender, numbers, 0)
    receiver = made(shmchan.chan_attach_receiver, squares, 0)
    buffer, size, back = ctypes.create_string_buffer(64), size_t(), 0
    for number in range(COUNT):
        checked(shmchan.chan_send(sender, str(number).encode(), len(str(number))))
        if number >= 100:  # so many are on their way, more than a channel holds
            checked(shmchan.chan_recv(receiver, buffer, 64, ctypes.byref(size)))
            back += int(buffer.raw[: size.value])
    shmchan.chan_close_sender(sender)
    while not shmchan.chan_recv(receiver, buffer, 64, ctypes.byref(size)):
        back += int(buffer.raw[: size.value])
    shmchan.chan_close_receiver(receiver)
    os._exit(0 if back == sum(n * n for n in range(COUNT)) else 1)


async def tick():
    while True:
        await asyncio.sleep(0.01)


async def main(numbers, squares):
    receiver, sender = Receiver(numbers), Sender(squares)
    child = os.fork()
    if child == 0:
        work(numbers, squares)
    ticking, received = asyncio.create_task(tick()), 0
    async for message in receiver:
        received += 1
        await sender.send(str(int(message) ** 2).encode())
    ticking.cancel()
    shmchan.chan_close_sender(sender.handle)
    shmchan.chan_close_receiver(receiver.handle)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    print(f"{received} numbers squared; the worker says {status}")
    return received == COUNT and status == 0


channels = [made(shmchan.chan_create_anonymous, None) for _ in range(2)]
succeeded = asyncio.run(main(*channels))
for channel in channels:
    shmchan.chan_close(channel)
sys.exit(0 if succeeded else 1)
