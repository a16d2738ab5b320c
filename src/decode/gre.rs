//! GRE in its dialects: plain, keyed, NVGRE, ERSPAN, WCCP, PPTP, EoIP.

use super::label::Label;
use super::outcome::{Drop, Skip};
use super::part::Part;
use super::walk::{Path, Walk, Walked};

impl Walk<'_> {
    /// A GRE header; RFC 2784, RFC 2890, and version 1 as in RFC 2637.
    pub(super) fn gre<'p>(&mut self, mut part: Part<'p>, path: Path) -> Walked<'p> {
        let flags = part.u16()?;
        let kind = part.u16()?;
        match flags & VERSION {
            0 => self.gre_plain(flags, kind, part, path),
            1 if kind == PPP => self.pptp(flags, part, path),
            1 if kind == EOIP => self.eoip(part, path),
            _ => Err(Skip::EtherType.into()),
        }
    }

    fn gre_plain<'p>(
        &mut self,
        flags: u16,
        kind: u16,
        mut part: Part<'p>,
        path: Path,
    ) -> Walked<'p> {
        if flags & ROUTING != 0 {
            return Err(Skip::EtherType.into());
        }
        for flag in [CHECKSUM, KEY, SEQUENCE] {
            skip_field(flags, flag, &mut part)?;
        }
        match kind {
            ERSPAN if flags & SEQUENCE == 0 => self.ethernet(part, path.labelled(Label::ERSPAN)),
            ERSPAN => self.erspan(ERSPAN_HEADER, part, path),
            ERSPAN_III => self.erspan_iii(part, path),
            WCCP => self.wccp(part, path),
            _ => self.tunnelled(kind, part, path),
        }
    }

    /// ERSPAN with a header, which type I has not; draft-foschiano-erspan, 4.
    fn erspan<'p>(&mut self, header: usize, mut part: Part<'p>, path: Path) -> Walked<'p> {
        part.skip(header)?;
        self.ethernet(part, path.labelled(Label::ERSPAN))
    }

    /// ERSPAN type III, whose last bit announces a platform's subheader; draft-foschiano-erspan, 4.3.
    fn erspan_iii<'p>(&mut self, part: Part<'p>, path: Path) -> Walked<'p> {
        let mut header = part;
        header.skip(10)?;
        let options = header.u16()?;
        let length = ERSPAN_III_HEADER + usize::from(options & 1) * ERSPAN_SUBHEADER;
        match options >> 10 & FRAME_TYPE {
            FRAME_TYPE_IP => {
                header.skip(length - ERSPAN_III_HEADER)?;
                self.ip(header, path.labelled(Label::ERSPAN))
            }
            _ => self.erspan(length, part, path),
        }
    }

    /// A packet that WCCP redirects, behind a redirect header in version 2 only.
    fn wccp<'p>(&mut self, mut part: Part<'p>, path: Path) -> Walked<'p> {
        if part.bytes().first().is_some_and(|first| first >> 4 != 4) {
            part.skip(4)?;
        }
        self.ipv4(part, path)
    }

    /// PPP in GRE version 1; RFC 2637, 4.1. Without a sequence number it is a bare acknowledgement.
    fn pptp<'p>(&mut self, flags: u16, mut part: Part<'p>, path: Path) -> Walked<'p> {
        let length = part.u16()?;
        part.skip(2)?;
        for flag in [SEQUENCE, ACKNOWLEDGEMENT] {
            skip_field(flags, flag, &mut part)?;
        }
        if flags & SEQUENCE == 0 {
            return Err(Skip::Ppp.into());
        }
        self.ppp(part.at_most(length.into()), path.labelled(Label::PPTP))
    }

    /// An Ethernet frame in GRE version 1, as RouterOS has it: length, tunnel id, frame.
    fn eoip<'p>(&mut self, mut part: Part<'p>, path: Path) -> Walked<'p> {
        let length = part.u16()?;
        part.skip(2)?;
        self.ethernet(part.at_most(length.into()), path)
    }
}

fn skip_field(flags: u16, flag: u16, part: &mut Part<'_>) -> Result<(), Drop> {
    if flags & flag == 0 {
        return Ok(());
    }
    part.skip(4)
}

const CHECKSUM: u16 = 0x8000;
const ROUTING: u16 = 0x4000;
const KEY: u16 = 0x2000;
const SEQUENCE: u16 = 0x1000;
const ACKNOWLEDGEMENT: u16 = 0x0080;
const VERSION: u16 = 0x0007;

const PPP: u16 = 0x880b;
/// RouterOS has its own number for Ethernet.
const EOIP: u16 = 0x6400;
const WCCP: u16 = 0x883e;
const ERSPAN: u16 = 0x88be;
const ERSPAN_III: u16 = 0x22eb;

const ERSPAN_HEADER: usize = 8;
const ERSPAN_III_HEADER: usize = 12;
const ERSPAN_SUBHEADER: usize = 8;
const FRAME_TYPE: u16 = 0x1f;
const FRAME_TYPE_IP: u16 = 2;
