// SPDX-License-Identifier: Apache-2.0
//! Rust's channels between threads, for rust.c: one of four, bounded, of arrays of one of five sizes, sent by value.
//!
//! A link is made before the fork, and ends are attached by the threads of one process.

use std::sync::{mpsc, Mutex};

/// Both ends of a channel, or what is left of them while threads attach.
pub struct Link {
    ends: Mutex<Ends>,
}

struct Ends {
    sender: Box<dyn Sender>,
    receiver: Option<Box<dyn Receiver>>,
    senders: usize,
    receivers: usize,
}

pub trait Sender: Send {
    fn another(&self) -> Box<dyn Sender>;
    /// # Safety
    /// `message` points to as many bytes as the channel's messages have.
    unsafe fn send_from(&self, message: *const u8);
}

pub trait Receiver: Send {
    /// None if there can be only one.
    fn another(&self) -> Option<Box<dyn Receiver>>;
    /// False: nothing will ever come again.
    /// # Safety
    /// `message` points to room for a message.
    unsafe fn recv_into(&mut self, message: *mut u8) -> bool;
}

fn alone<R>(_: &R) -> Option<Box<dyn Receiver>> {
    None
}

fn copy<R: Clone + Receiver + 'static>(receiver: &R) -> Option<Box<dyn Receiver>> {
    Some(Box::new(receiver.clone()))
}

/// The traits, for the ends of one library.
macro_rules! ends {
    ($tx:ty, $send:ident, $rx:ty, $recv:ident, $another:expr, $some:pat => $message:expr) => {
        impl<const N: usize> Sender for $tx {
            fn another(&self) -> Box<dyn Sender> {
                Box::new(self.clone())
            }
            unsafe fn send_from(&self, message: *const u8) {
                if self.$send(message.cast::<[u8; N]>().read_unaligned()).is_err() {
                    panic!("all receivers have gone");
                }
            }
        }
        impl<const N: usize> Receiver for $rx {
            fn another(&self) -> Option<Box<dyn Receiver>> {
                $another(self)
            }
            unsafe fn recv_into(&mut self, message: *mut u8) -> bool {
                match self.$recv() {
                    $some => {
                        message.cast::<[u8; N]>().write_unaligned($message);
                        true
                    }
                    _ => false,
                }
            }
        }
    };
}

ends!(mpsc::SyncSender<[u8; N]>, send, mpsc::Receiver<[u8; N]>, recv, alone, Ok(m) => m);
ends!(crossbeam_channel::Sender<[u8; N]>, send, crossbeam_channel::Receiver<[u8; N]>, recv, copy, Ok(m) => m);
ends!(flume::Sender<[u8; N]>, send, flume::Receiver<[u8; N]>, recv, copy, Ok(m) => m);
ends!(tokio::sync::mpsc::Sender<[u8; N]>, blocking_send,
      tokio::sync::mpsc::Receiver<[u8; N]>, blocking_recv, alone, Some(m) => m);

type Pair = (Box<dyn Sender>, Box<dyn Receiver>);

fn pair<S: Sender + 'static, R: Receiver + 'static>((sender, receiver): (S, R)) -> Pair {
    (Box::new(sender), Box::new(receiver))
}

fn channel<const N: usize>(library: u32, depth: usize) -> Pair {
    match library {
        0 => pair(mpsc::sync_channel::<[u8; N]>(depth)),
        1 => pair(crossbeam_channel::bounded::<[u8; N]>(depth)),
        2 => pair(flume::bounded::<[u8; N]>(depth)),
        _ => pair(tokio::sync::mpsc::channel::<[u8; N]>(depth)),
    }
}

#[no_mangle]
pub extern "C" fn rust_link_new(library: u32, size: usize, depth: usize, senders: usize, receivers: usize) -> *mut Link {
    let (sender, receiver) = match size {
        8 => channel::<8>(library, depth),
        64 => channel::<64>(library, depth),
        256 => channel::<256>(library, depth),
        1024 => channel::<1024>(library, depth),
        4096 => channel::<4096>(library, depth),
        _ => return std::ptr::null_mut(),
    };
    if receivers > 1 && receiver.another().is_none() {
        return std::ptr::null_mut();
    }
    let ends = Ends { sender, receiver: Some(receiver), senders, receivers };
    Box::into_raw(Box::new(Link { ends: Mutex::new(ends) }))
}

/// # Safety
/// `link` is from rust_link_new() and not used any more.
#[no_mangle]
pub unsafe extern "C" fn rust_link_free(link: *mut Link) {
    drop(Box::from_raw(link));
}

/// Attach with `take`; who comes last takes the link away, so that only the threads' ends keep the channel open.
unsafe fn attach<T>(link: *mut Link, take: impl FnOnce(&mut Ends) -> T) -> *mut T {
    let mut ends = (*link).ends.lock().unwrap();
    let end = take(&mut ends);
    let last = ends.senders + ends.receivers == 0;
    drop(ends);
    if last {
        rust_link_free(link);
    }
    Box::into_raw(Box::new(end))
}

/// # Safety
/// `link` is from rust_link_new(), which was told how many senders would attach.
#[no_mangle]
pub unsafe extern "C" fn rust_sender_new(link: *mut Link) -> *mut Box<dyn Sender> {
    attach(link, |ends| {
        ends.senders -= 1;
        ends.sender.another()
    })
}

/// # Safety
/// As for rust_sender_new().
#[no_mangle]
pub unsafe extern "C" fn rust_receiver_new(link: *mut Link) -> *mut Box<dyn Receiver> {
    attach(link, |ends| {
        ends.receivers -= 1;
        let receiver = ends.receiver.take().unwrap();
        if ends.receivers > 0 {
            ends.receiver = receiver.another();
        }
        receiver
    })
}

/// # Safety
/// `sender` is from rust_sender_new() and not used any more.
#[no_mangle]
pub unsafe extern "C" fn rust_sender_free(sender: *mut Box<dyn Sender>) {
    drop(Box::from_raw(sender));
}

/// # Safety
/// `receiver` is from rust_receiver_new() and not used any more.
#[no_mangle]
pub unsafe extern "C" fn rust_receiver_free(receiver: *mut Box<dyn Receiver>) {
    drop(Box::from_raw(receiver));
}

/// # Safety
/// As for Sender::send_from().
#[no_mangle]
pub unsafe extern "C" fn rust_send(sender: *mut Box<dyn Sender>, message: *const u8) {
    (*sender).send_from(message);
}

/// # Safety
/// As for Receiver::recv_into().
#[no_mangle]
pub unsafe extern "C" fn rust_recv(receiver: *mut Box<dyn Receiver>, message: *mut u8) -> bool {
    (*receiver).recv_into(message)
}
