//! Reading from a pipe that may be silent for long.

use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use rustix::event::{PollFd, PollFlags, poll};

/// A stream that is over when nothing can be read from it and something can be read from `stop`. What is there already
/// is read first, so that a stop does not cut a record.
pub(super) struct Stoppable<R> {
    stream: R,
    stop: Arc<OwnedFd>,
}

impl<R> Stoppable<R> {
    /// `stream`, until `stop` can be read.
    pub(super) fn new(stream: R, stop: Arc<OwnedFd>) -> Self {
        Self { stream, stop }
    }
}

impl<R: Read + AsFd> Read for Stoppable<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut waiting = [
            PollFd::new(&self.stop, PollFlags::IN),
            PollFd::new(&self.stream, PollFlags::IN),
        ];
        poll(&mut waiting, None)?;
        let [_, stream] = waiting;
        if stream.revents().is_empty() {
            Ok(0)
        } else {
            self.stream.read(into)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::unix::net::UnixStream;

    #[test]
    fn a_silent_pipe_is_over_when_it_is_stopped() {
        let [(stop, stopped), (mut sender, stream)] = [(); 2].map(|()| UnixStream::pair().unwrap());
        let mut stream = Stoppable::new(stream, Arc::new(stopped.into()));
        let mut bytes = [0; 8];
        sender.write_all(b"frame").unwrap();
        assert_eq!(stream.read(&mut bytes).unwrap(), 5);
        sender.write_all(b"last").unwrap();
        (&stop).write_all(b"!").unwrap();
        assert_eq!(stream.read(&mut bytes).unwrap(), 4);
        assert_eq!(stream.read(&mut bytes).unwrap(), 0);
    }

    #[test]
    fn a_pipe_that_closes_is_over() {
        let [(_stop, stopped), (sender, stream)] = [(); 2].map(|()| UnixStream::pair().unwrap());
        drop(sender);
        let mut stream = Stoppable::new(stream, Arc::new(stopped.into()));
        assert_eq!(stream.read(&mut [0; 8]).unwrap(), 0);
    }
}
