//! The reader of SSH sessions that went dark.

use hopscope::evidence::ssh::SshUse;
use hopscope::flow::probing::Piece;
use hopscope::flow::ssh::{NewPayload, Reader};
use hopscope::proto::Side;
use hopscope::proto::cursor::Cursor;
use hopscope::time::{Span, Timestamp};

/// Shows payloads to a reader: it counts no byte that was not sent, and what it says does not change when nothing comes.
///
/// The input: a byte that says whether the session begins here, then payloads, each of a byte for its side, its gap and
/// its cut, its length and a pause in milliseconds (two bytes each), and up to thirty-two bytes of what it begins with.
pub(super) fn check(input: &[u8]) {
    let mut cursor = Cursor::new(input);
    let mut reader = match cursor.u8() {
        Some(kind) if kind & 1 == 1 => Reader::midstream(),
        _ => Reader::beginning(),
    };
    let mut sent = [0_u64; 2];
    let mut now = Timestamp::from_parts(1_000, 0);
    while let Some((flags, length, pause)) = header(&mut cursor) {
        let side = usize::from(flags & 1);
        let gap = flags & 2 != 0;
        let first = cursor.take(usize::from(length).min(32)).unwrap_or_default();
        let mut captured = first.to_vec();
        captured.resize(
            if flags & 4 == 0 {
                usize::from(length)
            } else {
                first.len()
            },
            0xa5,
        );
        now = now + Span::from_millis(pause.into());
        sent[side] += if gap { 1_000 } else { 0 };
        reader.take(&NewPayload {
            piece: Piece {
                from: [Side::Client, Side::Server][side],
                offset: sent[side],
                captured: &captured,
                sent: length.into(),
            },
            new_bytes: length.into(),
            gap,
            time: now,
        });
        sent[side] += u64::from(length);
    }
    reader.flush();
    let counts = reader.conduct().counts;
    assert!(counts.client_bytes + counts.server_bytes <= sent[0] + sent[1] + MOST_STATED);
    assert!(SshUse::kinds_of(counts).len() <= 6);
    reader.flush();
    assert_eq!(reader.conduct().counts, counts);
}

fn header(cursor: &mut Cursor<'_>) -> Option<(u8, u16, u16)> {
    Some((cursor.u8()?, cursor.u16()?, cursor.u16()?))
}

/// The last packet of each side may say that it is longer than what was sent of it.
const MOST_STATED: u64 = 2 * (256 * 1024 + 68);
