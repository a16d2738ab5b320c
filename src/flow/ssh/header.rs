//! Headers that may come in several payloads, and what a walk from one to the next finds.

use std::ops::ControlFlow;

use crate::flow::probing::Piece;

/// What a walk finds.
pub(super) enum Step {
    /// Nothing in this payload, or nothing more.
    Nothing,
    /// The header of the next packet was not seen, or is none.
    Lost,
    /// A packet; the kind of its message where that is in the clear.
    Packet { kind: Option<u8>, bytes: u32 },
}

/// The place of the next header, and as much of it as was seen; `N` bytes at most.
#[derive(Debug)]
pub(super) struct Header<const N: usize> {
    /// Where its next byte stands.
    pub(super) at: u64,
    bytes: [u8; N],
    have: usize,
}

impl<const N: usize> Header<N> {
    /// One that begins at an offset.
    pub(super) fn new(at: u64) -> Self {
        Self {
            at,
            bytes: [0; N],
            have: 0,
        }
    }

    /// Its first `wanted` bytes, once a payload that ends at an offset had the last of them. Breaks where it does not.
    pub(super) fn read(
        &mut self,
        wanted: usize,
        piece: Piece<'_>,
        end: u64,
    ) -> ControlFlow<Step, [u8; N]> {
        while self.have < wanted {
            if self.at >= end {
                return ControlFlow::Break(Step::Nothing);
            }
            let Some(byte) = piece.byte_at(self.at) else {
                return ControlFlow::Break(Step::Lost);
            };
            if let Some(place) = self.bytes.get_mut(self.have) {
                *place = byte;
            }
            self.have = self.have.saturating_add(1);
            self.skip(1);
        }
        self.have = 0;
        ControlFlow::Continue(self.bytes)
    }

    /// Steps over so many bytes.
    pub(super) fn skip(&mut self, bytes: u64) {
        self.at = self.at.saturating_add(bytes);
    }
}
