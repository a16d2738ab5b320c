//! Recent packets, kept by the threads that read them.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::decode::Segment;
use crate::exhibit::Recent;
use crate::source::Frame;

/// Where recent packets are kept, if they are.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Keep<'a>(pub(super) Option<&'a Mutex<Recent>>);

impl<'a> Keep<'a> {
    /// Waits until nobody else keeps packets there.
    pub(super) fn lock(self) -> Kept<'a> {
        let guard = self.0.map(Mutex::lock);
        Kept(guard.map(|guard| guard.unwrap_or_else(PoisonError::into_inner)))
    }
}

/// Recent packets, while nobody else may touch them: not for longer than it takes to put some there.
#[derive(Debug)]
pub(super) struct Kept<'a>(Option<MutexGuard<'a, Recent>>);

impl Kept<'_> {
    #[inline]
    pub(super) fn add(&mut self, frame: &Frame<'_>, segment: &Segment<'_>) {
        if let Some(recent) = &mut self.0 {
            recent.add(frame, segment);
        }
    }
}
