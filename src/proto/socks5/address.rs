//! The address that SOCKS5 requests, replies and datagrams share: RFC 1928, section 5.

use std::net::IpAddr;

use crate::proto::half::{Half, Stop, ensure};
use crate::proto::target::{Host, Target, name_start};

/// An address as far as it is known; a cut capture may hide a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The host, where all of it is known.
    pub host: Option<Host>,
    /// The known start of a name that was cut.
    pub name_start: Option<String>,
    /// The port, where it is known.
    pub port: Option<u16>,
}

impl Address {
    /// Reads the type, the address and the port.
    pub fn read(half: &mut Half<'_>) -> Result<Self, Stop> {
        match half.u8()? {
            IPV4 => Self::octets::<4>(half),
            IPV6 => Self::octets::<16>(half),
            NAME => Self::name(half),
            _ => Err(Stop::No),
        }
    }

    /// The address, where host and port are known.
    pub fn target(&self) -> Option<Target> {
        let (host, port) = (self.host.clone()?, self.port?);
        Some(Target { host, port })
    }

    /// What is known of the name, where the capture cut it or the port behind it.
    pub fn cut_name(&self) -> Option<String> {
        match (&self.host, self.port) {
            (Some(_), Some(_)) => None,
            (Some(host), None) => Some(host.to_string()),
            (None, _) => self.name_start.clone(),
        }
    }

    fn octets<const N: usize>(half: &mut Half<'_>) -> Result<Self, Stop>
    where
        IpAddr: From<[u8; N]>,
    {
        let known = <[u8; N]>::try_from(half.skip(N)?).ok();
        Ok(Self {
            host: known.map(Host::from_ip),
            name_start: None,
            port: port(half)?,
        })
    }

    fn name(half: &mut Half<'_>) -> Result<Self, Stop> {
        let length = usize::from(half.u8()?);
        let known = half.skip(length)?;
        let whole = known.len() == length;
        let host = Host::from_text(known).filter(|_| whole);
        let name_start = name_start(known);
        ensure(host.is_some() || (!whole && (name_start.is_some() || known.is_empty())))?;
        let port = port(half)?;
        Ok(Self {
            host,
            name_start,
            port,
        })
    }
}

fn port(half: &mut Half<'_>) -> Result<Option<u16>, Stop> {
    let known = <[u8; 2]>::try_from(half.skip(2)?).ok();
    Ok(known.map(u16::from_be_bytes))
}

/// The type byte of a name.
pub const NAME: u8 = 3;
const IPV4: u8 = 1;
const IPV6: u8 = 4;
