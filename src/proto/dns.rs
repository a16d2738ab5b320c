//! DNS responses (RFC 1035; RFC 6762 for mDNS): which addresses belong to the name that was asked for.

use std::net::IpAddr;

use arrayvec::ArrayVec;

use super::cursor::Cursor;
use super::target::is_plausible_name;

/// An address and a name for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The name that was asked for, in lower case without the root's dot; its aliases are followed and left out.
    /// A response without a question gives the record's own name.
    pub name: String,
    /// The address.
    pub ip: IpAddr,
    /// Seconds for which the answer holds.
    pub ttl: u32,
}

/// Whether a datagram may be a DNS message, query or response, by its header: one in 2^30 of random ones is.
pub fn is_message(datagram: &[u8]) -> bool {
    Header::read(&mut Cursor::new(datagram)).is_some()
}

/// What a response without or with an error tells; of one that was cut, what is whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    /// The addresses that it gives, at most [`MOST_RECORDS`]. Those that stand for "none" or "here" are left out.
    pub named: Vec<Named>,
    /// What was asked for, whatever it answers, if that is a name far below its domain: most are hosts, and say nothing of
    /// themselves.
    pub question: Option<Question>,
}

/// Reads a response. Queries and other datagrams tell nothing.
pub fn response(datagram: &[u8]) -> Option<Response> {
    Message(Cursor::new(datagram)).response()
}

/// A name far below its domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The name, in lower case.
    pub name: String,
    /// Where the domain begins in it.
    domain: usize,
}

impl Question {
    /// A name, if it is one.
    pub fn of(name: &str) -> Option<Self> {
        let domain = domain_in(name)?;
        let name = name.to_owned();
        Some(Self { name, domain })
    }

    /// The domain that somebody registered, as far as its labels tell.
    pub fn domain(&self) -> &str {
        self.name.get(self.domain..).unwrap_or_default()
    }

    /// What is below it.
    pub fn below(&self) -> &str {
        self.name.get(..self.domain).unwrap_or_default()
    }
}

/// The last two labels, or three where they are as short as those of `co.uk`; nothing of names that hold an address, as
/// those of reverse zones and block lists do (RFC 5782).
fn domain_in(name: &str) -> Option<usize> {
    let top = last_label(name, name.len())?;
    let second = last_label(name, top)?;
    let is_country = name.len() - top == 2 && top - second <= LONGEST_UNDER_COUNTRY;
    let domain = if is_country {
        last_label(name, second)?
    } else {
        second
    };
    let is_reverse = || name.get(top..) == Some("arpa") || name.split('.').take(4).all(is_octet);
    (domain >= FAR_BELOW && !is_reverse()).then_some(domain)
}

/// Where the label begins that ends at `end`, or before the dot there; nothing of the first one.
fn last_label(name: &str, end: usize) -> Option<usize> {
    let before = name.as_bytes().get(..end)?;
    let before = before.strip_suffix(b".").unwrap_or(before);
    before
        .iter()
        .rposition(|&byte| byte == b'.')
        .map(|dot| dot + 1)
}

/// A number of an IPv4 address, or a digit of an IPv6 address.
fn is_octet(label: &str) -> bool {
    let is_number = label.len() <= 3 && label.bytes().all(|byte| byte.is_ascii_digit());
    is_number || (label.len() == 1 && label.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// The header (RFC 1035, section 4.1.1), as far as it matters.
struct Header {
    flags: u16,
    questions: u16,
    answers: u16,
}

impl Header {
    fn read(cursor: &mut Cursor<'_>) -> Option<Self> {
        let [_, _, flags, codes, counts @ ..] = cursor.array::<12>()?;
        let [q1, q0, a1, a0, n1, n0, x1, x0] = counts;
        let header = Self {
            flags: u16::from_be_bytes([flags, codes]),
            questions: q0.into(),
            answers: a0.into(),
        };
        let few = [q1, a1, n1, x1] == [0; 4];
        let some = [q0, a0, n0, x0] != [0; 4];
        (few && some && header.flags & NEVER_SET == 0).then_some(header)
    }

    /// Whether it is a response to one question or, by multicast, to none.
    fn answers_one(&self) -> bool {
        self.flags & RESPONSE != 0 && self.questions <= 1
    }

    fn is_error(&self) -> bool {
        self.flags & ERROR != 0
    }
}

/// A message, from its start: compression refers to it.
struct Message<'a>(Cursor<'a>);

/// A name in lower case, without the root's dot. Most are only compared, so it needs no memory of its own.
type Name = ArrayVec<u8, { LONGEST_NAME + 1 + LONGEST_LABEL as usize }>;

/// What a resource record says.
enum Record {
    Address(IpAddr, u32),
    /// The name that it is an alias of stands there.
    Alias(usize),
    Other,
}

impl<'a> Message<'a> {
    fn response(&mut self) -> Option<Response> {
        let start = self.0;
        let header = Header::read(&mut self.0).filter(Header::answers_one)?;
        let mut asked = Asked::default();
        if header.questions > 0 {
            asked.places.push(self.0.position());
            name(start, &mut self.0, &mut asked.name)?;
            self.0.take(KIND_AND_CLASS)?;
        }
        let mut told = Response {
            named: Vec::new(),
            question: std::str::from_utf8(&asked.name).ok().and_then(Question::of),
        };
        if !header.is_error() {
            self.records(start, header.answers, &mut asked, &mut told.named);
        }
        Some(told)
    }

    /// Reads records, up to the first that is not whole.
    fn records(
        &mut self,
        start: Cursor<'a>,
        count: u16,
        asked: &mut Asked,
        named: &mut Vec<Named>,
    ) -> Option<()> {
        let is_asked_nothing = asked.places.is_empty();
        let mut owner = Name::new();
        for _ in 0..count.min(MOST_RECORDS) {
            // Most records refer to a name that was read, which is then not read again.
            let is_short = self.pass_reference(&asked.places);
            if !is_short {
                name(start, &mut self.0, &mut owner)?;
            }
            let is_asked_for = is_short || is_asked_nothing || asked.is(&owner, start);
            match self.record()? {
                Record::Alias(place) if is_asked_for && !is_asked_nothing => {
                    asked.places.push(place)
                }
                Record::Address(ip, ttl) if is_asked_for && is_somewhere(ip) => {
                    let name = if is_asked_nothing {
                        &owner
                    } else {
                        &asked.name
                    };
                    named.extend(Named::new(name, ip, ttl));
                }
                _ => {}
            }
        }
        Some(())
    }

    /// Takes a name off that is nothing but a reference to one of some places, if it is.
    fn pass_reference(&mut self, places: &[usize]) -> bool {
        let mut behind = self.0;
        let reference = behind.u16().map(usize::from);
        let refers_to = |place: &usize| reference == Some(usize::from(REFERENCE) << 8 | place);
        let refers = places.iter().any(refers_to);
        if refers {
            self.0 = behind;
        }
        refers
    }

    /// What follows the name in RFC 1035, section 4.1.3.
    fn record(&mut self) -> Option<Record> {
        let (kind, class, ttl) = (self.0.u16()?, self.0.u16()?, self.0.u32()?);
        let length = self.0.u16()?;
        let place = self.0.position();
        let bytes = self.0.take(length.into())?;
        Some(match (kind, class & !CACHE_FLUSH) {
            (1, INTERNET) => Record::Address(<[u8; 4]>::try_from(bytes).ok()?.into(), ttl),
            (28, INTERNET) => Record::Address(<[u8; 16]>::try_from(bytes).ok()?.into(), ttl),
            (5, INTERNET) => Record::Alias(place),
            _ => Record::Other,
        })
    }
}

/// The name that was asked for, and where in the message it stands, and its aliases.
#[derive(Default)]
struct Asked {
    name: Name,
    places: ArrayVec<usize, { MOST_RECORDS as usize + 1 }>,
}

impl Asked {
    /// Whether a name is that, or an alias.
    fn is(&self, other: &Name, start: Cursor<'_>) -> bool {
        let Some((_, aliases)) = self.places.split_first() else {
            return false;
        };
        let mut alias = Name::new();
        let mut is_alias = |place: usize| {
            let mut at = start;
            at.take(place)?;
            name(start, &mut at, &mut alias)?;
            Some(alias == *other)
        };
        self.name == *other || aliases.iter().any(|&place| is_alias(place) == Some(true))
    }
}

impl Named {
    fn new(name: &Name, ip: IpAddr, ttl: u32) -> Option<Self> {
        let name = std::str::from_utf8(name).ok()?;
        let name = is_plausible_name(name.as_bytes()).then(|| name.to_owned())?;
        Some(Self { name, ip, ttl })
    }
}

/// Reads a name, and what it refers to (RFC 1035, section 4.1.4). Each reference must lead to before the one that led
/// there, and the name has at most 255 bytes: so it ends.
fn name<'a>(start: Cursor<'a>, at: &mut Cursor<'a>, text: &mut Name) -> Option<()> {
    text.clear();
    let (mut part, mut began) = (*at, at.position());
    let mut behind = None;
    loop {
        match part.u8()? {
            0 => break,
            length @ 1..=LONGEST_LABEL => push_label(text, part.take(length.into())?)?,
            high @ REFERENCE.. => {
                let to = usize::from(u16::from_be_bytes([high & !REFERENCE, part.u8()?]));
                behind.get_or_insert(part);
                if to >= began {
                    return None;
                }
                (began, part) = (to, start);
                part.take(to)?;
            }
            _ => return None,
        }
        if text.len() > LONGEST_NAME {
            return None;
        }
    }
    *at = behind.unwrap_or(part);
    Some(())
}

/// A byte that is no ASCII becomes one that no host name has.
fn push_label(text: &mut Name, label: &[u8]) -> Option<()> {
    if !text.is_empty() {
        text.try_push(b'.').ok()?;
    }
    let begins = text.len();
    text.try_extend_from_slice(label).ok()?;
    for byte in text.get_mut(begins..)? {
        *byte = *PLAIN.get(usize::from(*byte))?;
    }
    Some(())
}

const fn plain() -> [u8; 256] {
    let mut plain = [b' '; 256];
    let mut rest = plain.as_mut_slice();
    let mut byte = 0_u8;
    while let Some((first, behind)) = rest.split_first_mut() {
        if byte.is_ascii_graphic() {
            *first = byte.to_ascii_lowercase();
        }
        rest = behind;
        byte = byte.wrapping_add(1);
    }
    plain
}

/// Blocklists answer with addresses that lead nowhere.
fn is_somewhere(ip: IpAddr) -> bool {
    !ip.is_unspecified() && !ip.is_loopback()
}

/// Response, authoritative, truncated, recursion desired and available, authentic and checking disabled may be set,
/// the error may be up to 7; an operation other than a query, and the reserved bit, not.
const NEVER_SET: u16 = 0b0111_1000_0100_1000;
const RESPONSE: u16 = 0x8000;
const ERROR: u16 = 0x000f;
const INTERNET: u16 = 1;
/// RFC 6762, section 10.2: mDNS puts a flag into the class.
const CACHE_FLUSH: u16 = 0x8000;
const KIND_AND_CLASS: usize = 4;
/// A name is far below its domain where so many bytes, dots among them, stand before.
const FAR_BELOW: usize = 9;
/// `co.`, `com.` and the like, with the dot.
const LONGEST_UNDER_COUNTRY: usize = 4;
const REFERENCE: u8 = 0xc0;
/// What each byte of a name is read as.
const PLAIN: [u8; 256] = plain();
const LONGEST_LABEL: u8 = 63;
const LONGEST_NAME: usize = 255;
/// How many answers of one response are looked at.
pub const MOST_RECORDS: u16 = 24;

#[cfg(test)]
mod tests {
    use super::*;

    /// `www.Example.test` is `cdn.test` is 192.0.2.80, and 2001:db8::80; all but the question by reference.
    const RESPONSE: &[u8] = b"\x12\x34\x81\x80\0\x01\0\x03\0\0\0\0\
        \x03www\x07Example\x04test\0\0\x01\0\x01\
        \xc0\x0c\0\x05\0\x01\0\0\0\x3c\0\x06\x03cdn\xc0\x18\
        \xc0\x2e\0\x01\0\x01\0\0\0\x1e\0\x04\xc0\0\x02\x50\
        \xc0\x2e\0\x1c\x80\x01\0\0\0\x1f\0\x10\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x80";

    fn answers(datagram: &[u8]) -> Vec<Named> {
        response(datagram).unwrap_or_default().named
    }

    fn question(datagram: &[u8]) -> Option<Question> {
        response(datagram)?.question
    }

    fn named(name: &str, ip: &str, ttl: u32) -> Named {
        let (name, ip) = (name.to_owned(), ip.parse().unwrap());
        Named { name, ip, ttl }
    }

    fn changed(at: usize, bytes: &[u8]) -> Vec<u8> {
        let mut message = RESPONSE.to_vec();
        message[at..at + bytes.len()].copy_from_slice(bytes);
        message
    }

    #[test]
    fn an_address_goes_by_the_name_that_was_asked_for() {
        let expected = [
            named("www.example.test", "192.0.2.80", 30),
            named("www.example.test", "2001:db8::80", 31),
        ];
        assert_eq!(answers(RESPONSE), expected);
        assert!(is_message(RESPONSE));
    }

    #[test]
    fn a_cut_response_gives_what_is_whole() {
        for end in 0..RESPONSE.len() {
            let seen = answers(&RESPONSE[..end]).len();
            let whole = usize::from(end >= RESPONSE.len() - 28);
            assert_eq!(seen, whole, "{end}");
        }
    }

    #[test]
    fn what_answers_nothing() {
        let query = changed(2, b"\x01\0");
        let cases: [(&str, Vec<u8>); 7] = [
            ("a query", query.clone()),
            ("an error", changed(3, b"\x83")),
            ("two questions", changed(5, b"\x02")),
            ("the alias of another name", changed(34, b"\xc0\x10")),
            ("no address", changed(64, b"\0\0\0\0")),
            ("a name that refers to itself", changed(34, b"\xc0\x22")),
            ("a name that refers ahead", changed(34, b"\xc0\x40")),
        ];
        for (name, message) in cases {
            let v4 = answers(&message)
                .into_iter()
                .filter(|named| named.ip.is_ipv4());
            assert_eq!(v4.count(), 0, "{name}");
        }
        assert!(is_message(&query));
    }

    #[test]
    fn other_datagrams_are_told_by_twelve_bytes() {
        let cases: [(&str, &[u8]); 6] = [
            ("nothing", b""),
            ("short", b"\x12\x34\x01\0\0\x01\0\0\0\0\0"),
            ("zeros", &[0; 64]),
            (
                "QUIC",
                b"\xc3\0\0\0\x01\x08\x12\x34\x56\x78\x9a\xbc\xde\xf0",
            ),
            ("RTP", b"\x80\x08\x12\x34\0\0\0\xa0\x12\x34\x56\x78\xd5\xd5"),
            ("NTP", b"\x23\0\x06\xec\0\0\0\0\0\0\0\0\0\0\0\0"),
        ];
        for (name, datagram) in cases {
            assert!(!is_message(datagram), "{name}");
        }
    }

    #[test]
    fn multicast_asks_no_question_again() {
        let message = b"\0\0\x84\0\0\0\0\x01\0\0\0\0\
            \x07printer\x05local\0\0\x01\x80\x01\0\0\0\x78\0\x04\xc0\0\x02\x09";
        assert_eq!(answers(message), [named("printer.local", "192.0.2.9", 120)]);
    }

    #[test]
    fn names_far_below_a_domain_are_questions() {
        let cases = [
            ("0c1f2a3b4c5d6e7f.t1.example.test", Some("example.test")),
            ("0c1f2a3b4c5d.example.co.uk", Some("example.co.uk")),
            ("0c1f2a3b4c5d.example.uk", Some("example.uk")),
            ("www.example.test", None),
            ("0c1f2a3b4c5d6e7f.local", None),
            ("80.100.51.198.in-addr.arpa", None),
            ("80.100.51.198.zen.example.test", None),
            ("0.8.0.0.f.e.b.2.example.test", None),
            ("1.2.3.4d1c2a3b4.example.test", Some("example.test")),
            ("", None),
        ];
        for (name, domain) in cases {
            let question = Question::of(name);
            let told = question.as_ref().map(Question::domain);
            assert_eq!(told, domain, "{name}");
            let whole = question.map(|question| [question.below(), question.domain()].concat());
            assert_eq!(whole, domain.map(|_| name.to_owned()), "{name}");
        }
    }

    #[test]
    fn a_question_is_read_whatever_the_answer() {
        let mut refused = changed(3, b"\x83");
        refused.splice(12..16, *b"\x0a0c1f2a3b4c");
        let asked = question(&refused).unwrap();
        assert_eq!(asked.name, "0c1f2a3b4c.example.test");
        assert_eq!(asked.below().len(), 11);
        assert_eq!(question(RESPONSE), None, "a host");
        refused.splice(2..4, *b"\x01\0");
        assert_eq!(question(&refused), None, "a query");
        for end in 0..refused.len() {
            question(&refused[..end]);
        }
    }

    #[test]
    fn any_bytes_end() {
        for at in 0..RESPONSE.len() {
            for byte in [0, 1, 0x3f, 0x40, 0xc0, 0xff] {
                answers(&changed(at, &[byte]));
                question(&changed(at, &[byte]));
            }
        }
        let references = [&RESPONSE[..12], &b"\xc0\x0c".repeat(600)[..]].concat();
        assert_eq!(answers(&references), []);
    }
}
