//! Telling a mirrored copy of a segment from a retransmission.

/// The fields of a transport header that change from one packet of a flow to the next.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct CopyFields {
    pub(super) checksum: u16,
    pub(super) sequence: u32,
    pub(super) acknowledgement: u32,
    pub(super) flags: u8,
}

impl CopyFields {
    /// The fields of a header that has only a checksum to tell.
    pub(super) fn of_checksum(checksum: u16) -> Self {
        Self {
            checksum,
            ..Self::default()
        }
    }

    /// A digest of the fields, of the IPv4 identification in front of them and of the payload's length. It is no
    /// defence: whoever wants two packets with one digest can have them.
    pub(super) fn digest(self, identification: u16, payload_bytes: u32) -> u32 {
        let numbers = u64::from(self.sequence) << 32 | u64::from(self.acknowledgement);
        let rest = u64::from(identification) << 48
            | u64::from(self.checksum) << 32
            | u64::from(payload_bytes) << 8 & 0xffff_ff00
            | u64::from(self.flags);
        let mixed = (mix(numbers) ^ rest).wrapping_mul(ODD);
        u32::try_from(mix(mixed) >> 32).unwrap_or_default()
    }
}

const fn mix(bits: u64) -> u64 {
    let product = bits.wrapping_mul(ODD);
    product ^ (product >> 32)
}

/// 2^64 divided by the golden ratio, made odd.
const ODD: u64 = 0x9e37_79b9_7f4a_7c15;

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_field_changes_the_digest() {
        let fields = CopyFields {
            checksum: 0x1234,
            sequence: 1_000,
            acknowledgement: 2_000,
            flags: 0x18,
        };
        let digests = BTreeSet::from([
            fields.digest(7, 100),
            fields.digest(8, 100),
            fields.digest(7, 101),
            CopyFields {
                checksum: 0x1235,
                ..fields
            }
            .digest(7, 100),
            CopyFields {
                sequence: 1_001,
                ..fields
            }
            .digest(7, 100),
            CopyFields {
                acknowledgement: 2_001,
                ..fields
            }
            .digest(7, 100),
            CopyFields {
                flags: 0x10,
                ..fields
            }
            .digest(7, 100),
        ]);
        assert_eq!(digests.len(), 7);
    }

    #[test]
    fn digests_of_a_flow_are_spread() {
        let digests: BTreeSet<u32> = (0..20_000_u16)
            .map(|packet| {
                let fields = CopyFields {
                    sequence: u32::from(packet) * 1_448,
                    ..CopyFields::default()
                };
                fields.digest(packet, 1_448)
            })
            .collect();
        assert!(digests.len() > 19_990, "{} of 20000", digests.len());
    }
}
