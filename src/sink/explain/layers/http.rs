//! What an HTTP exchange says.

use super::{Detail, asked, websocket};
use crate::evidence::UNSEEN;
use crate::proto::http::{Content, Form, Http, Response, Scheme};

pub(super) fn exchange(http: &Http) -> Vec<Detail> {
    let cut = "a head was cut, so that fields may be missing";
    let handshake = http.websocket.as_deref();
    let whole = handshake.and_then(|handshake| handshake.agent.as_ref());
    let agent = whole.or(http.user_agent.as_ref());
    let mut details = vec![
        ("request", Some(request(http))),
        ("host", http.host.clone()),
        ("client", agent.cloned()),
        ("connection", http.connection.clone()),
        ("upgrade", http.upgrade.clone()),
        ("marks", request_marks(http)),
    ];
    match &http.response {
        Some(response) => details.extend(self::response(response)),
        None => details.push(("answer", Some(unread(http).to_owned()))),
    }
    details.extend(handshake.map(websocket::handshake).unwrap_or_default());
    details.push(("cut", http.is_cut.then(|| cut.to_owned())));
    details
}

fn request(http: &Http) -> String {
    let method = http.method;
    match http.form {
        Form::Authority => asked(method, http.target.as_ref(), http.cut_name.as_deref()),
        Form::Absolute(scheme) => {
            let host = http.target.as_ref().map(ToString::to_string);
            format!(
                "{method} {}://{}/…",
                scheme_name(scheme),
                host.unwrap_or_default()
            )
        }
        Form::Origin => format!("{method} /…"),
        Form::Asterisk => format!("{method} *"),
    }
}

fn scheme_name(scheme: Scheme) -> &'static str {
    match scheme {
        Scheme::Http => "http",
        Scheme::Https => "https",
        Scheme::Ftp => "ftp",
        Scheme::Ws => "ws",
        Scheme::Wss => "wss",
    }
}

fn request_marks(http: &Http) -> Option<String> {
    let marks = [
        (http.proxy_connection, "Proxy-Connection"),
        (http.proxy_authorization, "Proxy-Authorization (not kept)"),
        (http.forwarded, "Via, Forwarded or X-Forwarded-For"),
    ];
    let marks = marks
        .into_iter()
        .filter_map(|(has, mark)| has.then_some(mark));
    Some(marks.collect::<Vec<_>>().join(", "))
}

/// A request for the server's own pages is not followed to its answer.
fn unread(http: &Http) -> &'static str {
    if http.asks_relay() || http.upgrade.is_some() {
        UNSEEN
    } else {
        "not read: the request is for the server's own pages"
    }
}

fn response(response: &Response) -> Vec<Detail> {
    let field =
        |name: &str, value: &Option<String>| value.as_ref().map(|value| format!("{name}: {value}"));
    let content = match response.content {
        Content::None => None,
        Content::Bytes(bytes) => Some(format!("{bytes} bytes")),
        Content::Chunked => Some("in chunks".to_owned()),
        Content::Unbounded => Some("of unknown length".to_owned()),
    };
    let credentials = "asks for credentials";
    let page = "announces content, as no tunnel does";
    vec![
        ("answer", Some(format!("status {}", response.status))),
        ("server", response.server.clone()),
        ("marks", field("Via", &response.via)),
        ("marks", field("X-Cache", &response.x_cache)),
        ("marks", field("Proxy-Agent", &response.proxy_agent)),
        (
            "marks",
            field("Proxy-Connection", &response.proxy_connection),
        ),
        ("marks", field("X-Squid-Error", &response.squid_error)),
        (
            "marks",
            response.proxy_authenticate.then(|| credentials.to_owned()),
        ),
        ("marks", response.page_announced.then(|| page.to_owned())),
        ("content", content),
    ]
}
