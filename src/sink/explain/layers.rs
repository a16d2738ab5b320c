//! What was read in a layer, as labels and texts.

mod http;
mod http2;
mod socks;
mod tls;
mod websocket;

use std::net::{IpAddr, SocketAddr};

use crate::proto::proxy_protocol::ProxyProtocol;
use crate::proto::ssh::Ssh;
use crate::proto::ssh::kexinit::Negotiated;
use crate::proto::stack::Protocol;
use crate::proto::target::Target;

/// A label, and a text where there is something to tell.
type Detail = (&'static str, Option<String>);

/// What a layer says, in the order it was said.
pub(super) fn details(protocol: &Protocol) -> Vec<(&'static str, String)> {
    let details = match protocol {
        Protocol::Socks5(socks) => socks::version5(socks),
        Protocol::Socks4(socks) => socks::version4(socks),
        Protocol::Http(http) => http::exchange(http),
        Protocol::Http2(http) => http2::connection(http),
        Protocol::Proxy(header) => proxy(header),
        Protocol::Tls(tls) => tls::handshake(tls),
        Protocol::Ssh(session) => ssh(session),
        Protocol::SocksUdp(udp) => socks::datagram(udp),
        Protocol::WebSocket(socket) => websocket::frames(socket),
        Protocol::Penguin(penguin) => websocket::penguin(penguin),
        Protocol::Shell(shell) => vec![("mark", shell.mark.map(|mark| mark.name.to_owned()))],
        Protocol::Page => Vec::new(),
        Protocol::Stage(stage) => vec![("image", Some(stage.image.name().to_owned()))],
        Protocol::Yamux(_) | Protocol::Smux(_) | Protocol::MuxCool(_) => Vec::new(),
    };
    details
        .into_iter()
        .filter_map(|(label, text)| Some((label, text.filter(|text| !text.is_empty())?)))
        .collect()
}

/// Whom a relay was asked to reach, where the layer says it.
pub(super) fn target(protocol: &Protocol) -> Option<Target> {
    match protocol {
        Protocol::Socks5(socks) => socks.target.clone(),
        Protocol::Socks4(socks) => socks.target.clone(),
        Protocol::Http(http) => http.target.clone().or_else(|| websocket::target(http)),
        Protocol::Http2(http) => http.connect()?.target(),
        Protocol::SocksUdp(udp) => Some(udp.target.clone()),
        Protocol::Penguin(penguin) => penguin.target.clone(),
        _ => None,
    }
}

fn proxy(proxy: &ProxyProtocol) -> Vec<Detail> {
    let end =
        |end: Option<(IpAddr, u16)>| end.map(|(ip, port)| SocketAddr::new(ip, port).to_string());
    let local = "for the relay itself, such as a health check";
    vec![
        ("version", Some(proxy.version.to_string())),
        ("source", end(proxy.source)),
        ("destination", end(proxy.destination)),
        ("local", proxy.local.then(|| local.to_owned())),
    ]
}

fn ssh(ssh: &Ssh) -> Vec<Detail> {
    vec![
        ("client", ssh.client_banner.clone()),
        ("server", ssh.server_banner.clone()),
        ("HASSH", ssh.hassh()),
        ("HASSHServer", ssh.hassh_server()),
        (
            "negotiated",
            ssh.negotiated().map(|chosen| negotiated(&chosen)),
        ),
    ]
}

fn negotiated(chosen: &Negotiated<'_>) -> String {
    let (to_server, to_client) = (chosen.cipher.to_server, chosen.cipher.to_client);
    let cipher = if to_server == to_client {
        to_server.to_owned()
    } else {
        format!("{to_server} and {to_client}")
    };
    format!("{}, {}, {cipher}", chosen.key_exchange, chosen.host_key)
}

/// `connect 192.0.2.80:443`; where the capture cut the target, the start of its name.
fn asked(command: &str, target: Option<&Target>, cut: Option<&str>) -> String {
    match (target, cut) {
        (Some(target), _) => format!("{command} {target}"),
        (None, Some(start)) => format!("{command} {start}… (cut by the capture)"),
        (None, None) => command.to_owned(),
    }
}
