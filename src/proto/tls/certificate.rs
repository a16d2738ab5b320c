//! The server's certificate, which TLS up to 1.2 sends in the clear (RFC 5246 section 7.4.2, RFC 5280 section 4.1).
//!
//! Names and validity only; nothing is verified.

use sha2::{Digest, Sha256};

use crate::proto::cursor::Cursor;
use crate::proto::text::{hex, printable};

/// What a server's certificate message says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Certificate {
    /// Certificates in the chain; at least one.
    pub chain: usize,
    /// Bytes of all of them.
    pub chain_bytes: usize,
    /// The server's own certificate in DER, to be hashed when somebody asks.
    leaf: Box<[u8]>,
    /// Whether it names itself as its issuer.
    pub self_signed: bool,
    /// The last common name of its subject.
    pub subject: Option<String>,
    /// The last common name of its issuer.
    pub issuer: Option<String>,
    /// Start of its validity, in seconds since the Unix epoch.
    pub not_before: Option<i64>,
    /// End of its validity, in seconds since the Unix epoch.
    pub not_after: Option<i64>,
}

impl Certificate {
    /// Reads the body of a Certificate message; `None` where it is malformed or empty.
    pub fn parse(body: &[u8]) -> Option<Self> {
        let mut cursor = Cursor::new(body);
        let mut chain = Cursor::new(opaque(&mut cursor)?);
        let leaf = opaque(&mut chain)?;
        let issuers = std::iter::from_fn(|| opaque(&mut chain));
        let (count, bytes) = issuers.fold((1_usize, leaf.len()), |(count, bytes), issuer| {
            (count.saturating_add(1), bytes.saturating_add(issuer.len()))
        });
        chain.rest().is_empty().then(|| Self {
            chain: count,
            chain_bytes: bytes,
            leaf: leaf.into(),
            ..Self::of_leaf(leaf).unwrap_or_default()
        })
    }

    /// SHA-256 of the server's own certificate, in hexadecimal.
    pub fn sha256(&self) -> String {
        hex(&Sha256::digest(&self.leaf))
    }

    /// What the fields of one certificate say.
    fn of_leaf(der: &[u8]) -> Option<Self> {
        let certificate = Element::expect(&mut Cursor::new(der), SEQUENCE)?;
        let to_be_signed = Element::expect(&mut Cursor::new(certificate), SEQUENCE)?;
        let mut fields = Cursor::new(to_be_signed);
        let first = Element::read(&mut fields)?;
        if first.tag == EXPLICIT_VERSION {
            Element::expect(&mut fields, INTEGER)?;
        }
        Element::expect(&mut fields, SEQUENCE)?;
        let issuer = Element::expect(&mut fields, SEQUENCE)?;
        let mut validity = Cursor::new(Element::expect(&mut fields, SEQUENCE)?);
        let subject = Element::expect(&mut fields, SEQUENCE)?;
        Some(Self {
            self_signed: issuer == subject,
            subject: common_name(subject),
            issuer: common_name(issuer),
            not_before: Element::read(&mut validity).and_then(Element::seconds),
            not_after: Element::read(&mut validity).and_then(Element::seconds),
            ..Self::default()
        })
    }
}

/// A DER value with a definite length and a one-byte tag (X.690 section 8.1).
#[derive(Clone, Copy, Debug)]
struct Element<'a> {
    tag: u8,
    content: &'a [u8],
}

impl<'a> Element<'a> {
    fn read(cursor: &mut Cursor<'a>) -> Option<Self> {
        let tag = cursor.u8()?;
        let length = match cursor.u8()? {
            short @ ..=0x7f => u32::from(short),
            0x81 => cursor.u8()?.into(),
            0x82 => cursor.u16()?.into(),
            0x83 => cursor.u24()?,
            _ => return None,
        };
        let content = cursor.take(usize::try_from(length).ok()?)?;
        Some(Self { tag, content })
    }

    fn expect(cursor: &mut Cursor<'a>, tag: u8) -> Option<&'a [u8]> {
        let element = Self::read(cursor)?;
        (element.tag == tag).then_some(element.content)
    }

    /// A text of any of the types that a name may have.
    fn text(self) -> String {
        if self.tag != UTF16_STRING {
            return printable(self.content, LONGEST_NAME);
        }
        let units = self.content.chunks_exact(2);
        let units = units.filter_map(|unit| unit.try_into().map(u16::from_be_bytes).ok());
        let bytes: Vec<u8> = units.map(|unit| unit.try_into().unwrap_or(b'?')).collect();
        printable(&bytes, LONGEST_NAME)
    }

    /// `YYMMDDhhmmssZ` or `YYYYMMDDhhmmssZ` as seconds since the Unix epoch (RFC 5280 section 4.1.2.5).
    fn seconds(self) -> Option<i64> {
        let mut text = Cursor::new(self.content);
        let year = match self.tag {
            UTC_TIME => {
                two_digits(&mut text).map(|year| if year < 50 { 2000 + year } else { 1900 + year })
            }
            GENERALIZED_TIME => Some(two_digits(&mut text)? * 100 + two_digits(&mut text)?),
            _ => None,
        }?;
        let [month, day, hour, minute, second] = [(); 5].map(|()| two_digits(&mut text));
        let days = days_since_epoch(year, month?, day?)?;
        let universal = text.rest() == b"Z";
        let seconds = ((days * 24 + hour?) * 60 + minute?) * 60 + second?;
        universal.then_some(seconds)
    }
}

fn opaque<'a>(cursor: &mut Cursor<'a>) -> Option<&'a [u8]> {
    let mut ahead = *cursor;
    let length = usize::try_from(ahead.u24()?).ok()?;
    let bytes = ahead.take(length)?;
    *cursor = ahead;
    Some(bytes)
}

/// The most specific common name of a `Name`: the last one.
fn common_name(name: &[u8]) -> Option<String> {
    let mut sets = Cursor::new(name);
    std::iter::from_fn(|| Element::expect(&mut sets, SET))
        .filter_map(|set| {
            let mut attribute = Cursor::new(Element::expect(&mut Cursor::new(set), SEQUENCE)?);
            let kind = Element::expect(&mut attribute, OBJECT_IDENTIFIER)?;
            let value = Element::read(&mut attribute)?;
            (kind == COMMON_NAME).then(|| value.text())
        })
        .last()
}

fn two_digits(text: &mut Cursor<'_>) -> Option<i64> {
    let digits: [u8; 2] = text.array()?;
    let [tens, ones] = digits.map(|digit| char::from(digit).to_digit(10));
    Some(i64::from(tens? * 10 + ones?))
}

/// Days from 1970-01-01 to a day of the Gregorian calendar.
fn days_since_epoch(year: i64, month: i64, day: i64) -> Option<i64> {
    let before = usize::try_from(month - 1)
        .ok()
        .and_then(|month| DAYS_BEFORE.get(month))?;
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let past = year - 1;
    let leap_days = past / 4 - past / 100 + past / 400 + i64::from(leap && month > 2);
    Some((year - 1970) * 365 + leap_days - LEAP_DAYS_BEFORE_EPOCH + before + day - 1)
}

const INTEGER: u8 = 0x02;
const OBJECT_IDENTIFIER: u8 = 0x06;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const UTF16_STRING: u8 = 0x1e;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const EXPLICIT_VERSION: u8 = 0xa0;
/// `id-at-commonName`, 2.5.4.3.
const COMMON_NAME: [u8; 3] = [0x55, 0x04, 0x03];
/// `ub-common-name` is 64 characters (RFC 5280 appendix A.1); some writers go beyond.
const LONGEST_NAME: usize = 128;
const DAYS_BEFORE: [i64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
/// 1969 / 4 - 1969 / 100 + 1969 / 400.
const LEAP_DAYS_BEFORE_EPOCH: i64 = 477;

#[cfg(test)]
mod tests {
    use super::super::samples::{CHAIN_SERVER, TLS_1_2_SERVER, bytes};
    use super::*;

    /// The body of the Certificate message in a server's second record.
    fn body(server: &str) -> Vec<u8> {
        let server = bytes(server);
        let second = 5 + usize::from(u16::from_be_bytes([server[3], server[4]]));
        let end =
            second + 5 + usize::from(u16::from_be_bytes([server[second + 3], server[second + 4]]));
        server[second + 9..end].to_vec()
    }

    // What `openssl x509` says of the same certificates.
    #[test]
    fn a_self_signed_certificate() {
        let certificate = Certificate::parse(&body(TLS_1_2_SERVER)).unwrap();
        let digest = "9ae9005a442dbbbc247fa9f98465080a4d8566fd9fa0ecf3b3808c83791632c0";
        assert_eq!(certificate.sha256(), digest);
        let expected = Certificate {
            chain: 1,
            chain_bytes: 447,
            leaf: certificate.leaf.clone(),
            self_signed: true,
            subject: Some("relay.example".into()),
            issuer: Some("relay.example".into()),
            not_before: Some(1_795_248_415),
            not_after: Some(2_110_608_415),
        };
        assert_eq!(certificate, expected);
    }

    #[test]
    fn a_chain_is_told_by_its_leaf() {
        let certificate = Certificate::parse(&body(CHAIN_SERVER)).unwrap();
        let digest = "c252c6f290c56150bd082612adbfc1a3beba169e91fce5fd8713c63b748dda60";
        assert_eq!(certificate.sha256(), digest);
        let expected = Certificate {
            chain: 2,
            chain_bytes: 302 + 395,
            leaf: certificate.leaf.clone(),
            self_signed: false,
            subject: Some("leaf.example".into()),
            issuer: Some("Lab Authority".into()),
            not_before: Some(1_795_248_415),
            not_after: Some(1_803_024_415),
        };
        assert_eq!(certificate, expected);
    }

    #[test]
    fn no_truncation_and_no_changed_byte_is_fatal() {
        let body = body(TLS_1_2_SERVER);
        for length in 0..body.len() {
            assert_eq!(Certificate::parse(&body[..length]), None, "{length}");
            assert_eq!(
                Certificate::of_leaf(&body[6..][..length.saturating_sub(6)]),
                None
            );
            for byte in [0x00, 0x80, 0x84, 0xff] {
                let mut changed = body.clone();
                changed[length] = byte;
                Certificate::parse(&changed);
            }
        }
        assert_eq!(Certificate::parse(&[0, 0, 0]), None);
    }

    #[test]
    fn a_certificate_that_is_no_der_still_has_a_digest() {
        let certificate = Certificate::parse(&[0, 0, 6, 0, 0, 3, b'a', b'b', b'c']).unwrap();
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(certificate.sha256(), abc);
        assert_eq!((certificate.chain_bytes, certificate.subject), (3, None));
    }

    #[test]
    fn times_are_read_as_gnu_date_does() {
        let cases: [(u8, &[u8], Option<i64>); 9] = [
            (UTC_TIME, b"700101000000Z", Some(0)),
            (UTC_TIME, b"691231235959Z", Some(-1)),
            (UTC_TIME, b"491231235959Z", Some(2_524_607_999)),
            (UTC_TIME, b"500101000000Z", Some(-631_152_000)),
            (GENERALIZED_TIME, b"20000229120000Z", Some(951_825_600)),
            (GENERALIZED_TIME, b"99991231235959Z", Some(253_402_300_799)),
            (UTC_TIME, b"701301000000Z", None),
            (UTC_TIME, b"7001010000Z", None),
            (UTC_TIME, b"700101000000+0100", None),
        ];
        for (tag, content, seconds) in cases {
            assert_eq!(Element { tag, content }.seconds(), seconds, "{content:?}");
        }
    }

    #[test]
    fn names_in_two_byte_characters_are_read() {
        let content = b"\0C\0N\x20\x14";
        let tag = UTF16_STRING;
        assert_eq!(Element { tag, content }.text(), "CN?");
    }
}
