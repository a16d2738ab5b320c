//! The headers of IP, as they stand on the wire.

use super::address::Address;
use super::outcome::Drop;
use super::part::Part;

/// An IPv4 header, RFC 791, 3.1; its options are captured whole and passed over.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ipv4Header {
    pub(super) header_bytes: usize,
    pub(super) total_bytes: usize,
    pub(super) identification: u16,
    pub(super) fragment: FragmentField,
    pub(super) protocol: u8,
    pub(super) source: Address,
    pub(super) destination: Address,
}

/// Where a fragment belongs, and whether others follow.
#[derive(Clone, Copy, Debug)]
pub(super) struct FragmentField {
    /// In units of eight bytes.
    pub(super) offset: u16,
    pub(super) is_last: bool,
}

/// An IPv6 header, RFC 8200, 3.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ipv6Header {
    pub(super) payload_bytes: usize,
    pub(super) next: u8,
    pub(super) source: Address,
    pub(super) destination: Address,
}

/// The fragment header of IPv6, RFC 8200, 4.5.
#[derive(Clone, Copy, Debug)]
pub(super) struct FragmentHeader {
    pub(super) next: u8,
    pub(super) fragment: FragmentField,
    pub(super) identification: u32,
}

impl Ipv4Header {
    /// Reads the header at the start of a part, which stays where it is.
    #[inline(always)]
    pub(super) fn read(part: &Part<'_>) -> Result<Self, Drop> {
        let [
            first,
            _,
            t1,
            t0,
            i1,
            i0,
            f1,
            f0,
            _,
            protocol,
            _,
            _,
            addresses @ ..,
        ] = part.peek::<IPV4>()?;
        let header_bytes = usize::from(first & 0x0f) * 4;
        if first >> 4 != 4 {
            return Err(Drop::IpVersion);
        }
        if header_bytes < IPV4 {
            return Err(Drop::HeaderLength);
        }
        if header_bytes > part.bytes().len() {
            return Err(part.shortage(header_bytes));
        }
        let [s3, s2, s1, s0, d3, d2, d1, d0] = addresses;
        let fragment = u16::from_be_bytes([f1, f0]);
        Ok(Self {
            header_bytes,
            total_bytes: u16::from_be_bytes([t1, t0]).into(),
            identification: u16::from_be_bytes([i1, i0]),
            fragment: FragmentField {
                offset: fragment & 0x1fff,
                is_last: fragment & 0x2000 == 0,
            },
            protocol,
            source: Address::v4([s3, s2, s1, s0]),
            destination: Address::v4([d3, d2, d1, d0]),
        })
    }
}

impl FragmentField {
    /// Whether a packet is only a part of a datagram.
    #[inline]
    pub(super) const fn is_part(self) -> bool {
        self.offset != 0 || !self.is_last
    }

    /// Where it belongs, in bytes.
    pub(super) fn at(self) -> usize {
        usize::from(self.offset) * 8
    }
}

impl Ipv6Header {
    /// Takes the header off a part.
    #[inline]
    pub(super) fn take(part: &mut Part<'_>) -> Result<Self, Drop> {
        let bytes = part.peek::<IPV6>()?;
        let [first, _, _, _, l1, l0, next, _, addresses @ ..] = bytes;
        if first >> 4 != 6 {
            return Err(Drop::IpVersion);
        }
        part.skip(IPV6)?;
        let bits = addresses.as_chunks::<16>().0;
        let [source, destination] = bits else {
            return Err(Drop::Short);
        };
        Ok(Self {
            payload_bytes: u16::from_be_bytes([l1, l0]).into(),
            next,
            source: Address::v6(*source),
            destination: Address::v6(*destination),
        })
    }
}

impl FragmentHeader {
    /// Takes the header off a part.
    pub(super) fn take(part: &mut Part<'_>) -> Result<Self, Drop> {
        let [next, _, f1, f0, identification @ ..] = part.array::<EXTENSION>()?;
        let field = u16::from_be_bytes([f1, f0]);
        Ok(Self {
            next,
            fragment: FragmentField {
                offset: field >> 3,
                is_last: field & 1 == 0,
            },
            identification: u32::from_be_bytes(identification),
        })
    }
}

/// Takes off an IPv6 extension header of the usual shape (RFC 6564) and gives the protocol behind it.
pub(super) fn skip_extension(part: &mut Part<'_>) -> Result<u8, Drop> {
    let [next, units, ..] = part.peek::<EXTENSION>()?;
    part.skip(EXTENSION + usize::from(units) * 8)?;
    Ok(next)
}

/// Takes off an authentication header, RFC 4302, 2, and gives the protocol behind it.
pub(super) fn skip_authentication(part: &mut Part<'_>) -> Result<u8, Drop> {
    let [next, words, ..] = part.peek::<AUTHENTICATION>()?;
    if words == 0 {
        return Err(Drop::HeaderLength);
    }
    part.skip((usize::from(words) + 2) * 4)?;
    Ok(next)
}

const IPV4: usize = 20;
const IPV6: usize = 40;
const EXTENSION: usize = 8;
const AUTHENTICATION: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_that_a_header_cannot_have_are_drops() {
        let cases: [(&[u8], Drop); 5] = [
            (&[0x45; 19], Drop::Short),
            (&[0x55; 20], Drop::IpVersion),
            (&[0x44; 20], Drop::HeaderLength),
            (&[0x46; 23], Drop::Short),
            (&[0x65; 20], Drop::IpVersion),
        ];
        for (bytes, reason) in cases {
            let read = Ipv4Header::read(&Part::new(bytes, 0)).map(|header| header.protocol);
            assert_eq!(read, Err(reason), "{bytes:x?}");
        }
        let cut = Ipv4Header::read(&Part::new(&[0x46; 20], 60));
        assert_eq!(cut.map(|header| header.protocol), Err(Drop::Cut));
    }

    #[test]
    fn extensions_are_as_long_as_they_say() {
        let mut plain = [7; 24];
        plain[1] = 1;
        let mut authentication = [7; 24];
        authentication[1] = 4;
        let mut part = Part::new(&plain, 0);
        assert_eq!((skip_extension(&mut part), part.wire()), (Ok(7), 8));
        let mut part = Part::new(&authentication, 0);
        assert_eq!((skip_authentication(&mut part), part.wire()), (Ok(7), 0));
        authentication[1] = 0;
        let mut part = Part::new(&authentication, 0);
        assert_eq!(skip_authentication(&mut part), Err(Drop::HeaderLength));
    }
}
