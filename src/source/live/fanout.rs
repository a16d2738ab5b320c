//! What libpcap does not ask the kernel for: sockets that share the frames of an interface, what a ring counted, and what it
//! passes over.
//!
//! packet(7) describes the options. This is the only file of the crate with `unsafe` in it: two calls, one that sets an option
//! and one that reads it. Each hands the kernel a pointer to a live value of the type that the option is defined with, and the
//! size of that type.
#![expect(
    unsafe_code,
    reason = "no crate offers these socket options of packet(7)"
)]

use std::ffi::{c_int, c_ushort};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use super::Instruction;

/// Sockets among which the kernel divides the frames of an interface: each frame goes to one of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Group(c_int);

impl Group {
    /// Begins a group with this socket. Until it has a program, all frames go to this one.
    pub(super) fn begin(socket: BorrowedFd<'_>, direction: Direction) -> io::Result<Self> {
        let kind = match direction {
            Direction::Both => ANY_NUMBER,
            Direction::In => ANY_NUMBER | PACKET_FANOUT_FLAG_IGNORE_OUTGOING << 16,
        };
        set(socket, PACKET_FANOUT, &kind)?;
        get(socket, PACKET_FANOUT).map(Self)
    }

    /// Puts another socket of the same interface into the group. They are numbered in the order in which they came.
    pub(super) fn add(self, socket: BorrowedFd<'_>) -> io::Result<()> {
        set(socket, PACKET_FANOUT, &self.0)
    }

    /// Gives the group of this socket the program that says, for each frame, to which of its sockets it goes: its answer is
    /// taken modulo their number.
    pub(super) fn divide(socket: BorrowedFd<'_>, program: &[Instruction]) -> io::Result<()> {
        let mut filter: Vec<libc::sock_filter> = program.iter().map(filter_of).collect();
        let length = c_ushort::try_from(filter.len()).map_err(io::Error::other)?;
        // The kernel reads `length` instructions behind the pointer; `filter` has as many and outlives the call.
        let program = libc::sock_fprog {
            len: length,
            filter: filter.as_mut_ptr(),
        };
        set(socket, PACKET_FANOUT_DATA, &program)
    }
}

/// Which frames of an interface a socket is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    Both,
    /// Those that come in. All that goes out over loopback comes in again; libpcap passes the first copy over, but the kernel
    /// counts it.
    In,
}

/// Leaves out what goes out of the interface of a socket. Since Linux 4.20; a group has its own flag for it.
pub(super) fn leave_out_outgoing(socket: BorrowedFd<'_>) -> io::Result<()> {
    set(socket, PACKET_IGNORE_OUTGOING, &YES)
}

/// What the kernel counted for a ring since it was last asked; `struct tpacket_stats_v3`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counted {
    /// Frames that passed the filter, also those that were dropped.
    pub(super) passed: u32,
    /// Frames for which there was no room.
    pub(super) dropped: u32,
    /// How often the ring was full. Rings before the third version do not say.
    pub(super) freezes: u32,
}

impl Counted {
    /// Takes the counters of a socket, which begin anew.
    pub(super) fn take(socket: BorrowedFd<'_>) -> io::Result<Self> {
        get(socket, PACKET_STATISTICS)
    }
}

const fn filter_of(instruction: &Instruction) -> libc::sock_filter {
    libc::sock_filter {
        code: instruction.code,
        jt: instruction.if_true,
        jf: instruction.if_false,
        k: instruction.operand,
    }
}

/// What an option is set to or read as: any bytes are a value of it, and it has no padding that would be read.
trait Plain: Default {}
impl Plain for c_int {}
impl Plain for Counted {}

fn set<T>(socket: BorrowedFd<'_>, option: c_int, value: &T) -> io::Result<()> {
    let pointer = std::ptr::from_ref(value).cast();
    // SAFETY: `pointer` is that of a live `T`, of which the kernel reads at most the size that it is told. The socket is
    // open, for it is borrowed.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_PACKET,
            option,
            pointer,
            size_of_option::<T>(),
        )
    };
    done(result)
}

fn get<T: Plain>(socket: BorrowedFd<'_>, option: c_int) -> io::Result<T> {
    let mut value = T::default();
    let mut length = size_of_option::<T>();
    // SAFETY: both pointers are those of live values that nobody else holds. The kernel writes at most `length` bytes, the size
    // of `T`, and whatever they are is a `T`. The socket is open, for it is borrowed.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_PACKET,
            option,
            (&raw mut value).cast(),
            &raw mut length,
        )
    };
    done(result).map(|()| value)
}

fn done(result: c_int) -> io::Result<()> {
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the largest has 16 bytes")]
const fn size_of_option<T>() -> libc::socklen_t {
    size_of::<T>() as libc::socklen_t
}

/// Of `linux/if_packet.h`.
const PACKET_STATISTICS: c_int = 6;
const PACKET_FANOUT: c_int = 18;
const PACKET_FANOUT_DATA: c_int = 22;
const PACKET_IGNORE_OUTGOING: c_int = 23;
const PACKET_FANOUT_CBPF: c_int = 6;
const PACKET_FANOUT_FLAG_UNIQUEID: c_int = 0x2000;
const PACKET_FANOUT_FLAG_IGNORE_OUTGOING: c_int = 0x4000;
const YES: c_int = 1;

/// A group that a program divides, of a number that no other has: `PACKET_FANOUT` takes kind and flags above the number.
const ANY_NUMBER: c_int = (PACKET_FANOUT_CBPF | PACKET_FANOUT_FLAG_UNIQUEID) << 16;
