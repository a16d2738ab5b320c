//! What the beginning of an HTTP/2 connection says.

use super::Detail;
use crate::evidence::UNSEEN;
use crate::proto::http2::{Http2, Request, Tunnel};

pub(super) fn connection(http: &Http2) -> Vec<Detail> {
    let extended = "the server allows extended CONNECT";
    let mut details: Vec<Detail> = http.requests.iter().flat_map(request).collect();
    details.push((
        "tunnel",
        http.tunnel.as_ref().map(|tunnel| use_of(tunnel).to_owned()),
    ));
    details.push((
        "settings",
        http.extended_connect.then(|| extended.to_owned()),
    ));
    details
}

fn request(request: &Request) -> Vec<Detail> {
    let line = [
        Some(&request.method),
        request.authority.as_ref(),
        request.path.as_ref(),
        request.protocol.as_ref(),
    ];
    let line: Vec<&str> = line.into_iter().flatten().map(String::as_str).collect();
    let credentials = "proxy-authorization (not kept)";
    let answer = request.status.map(|status| format!("status {status}"));
    vec![
        ("request", Some(line.join(" "))),
        ("client", request.user_agent.clone()),
        (
            "marks",
            request.proxy_authorization.then(|| credentials.to_owned()),
        ),
        ("answer", Some(answer.unwrap_or(UNSEEN.to_owned()))),
        ("server", request.server.clone()),
        (
            "marks",
            request.via.as_ref().map(|via| format!("via: {via}")),
        ),
    ]
}

fn use_of(tunnel: &Tunnel) -> &'static str {
    match (tunnel.client_spoke, tunnel.server_spoke) {
        (true, true) => "open, used by both sides",
        (true, false) => "open, used by the client alone",
        (false, true) => "open, used by the server alone",
        (false, false) => "open, not used",
    }
}
