//! Where the client of a tunnel asks to be taken, as two tools say it in their handshake.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::proto::target::{Host, Target};

/// What a tunnel's client wants of its server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// What is to be carried, such as `tcp` or `reverse-socks5`.
    pub command: String,
    /// Who is to be reached, or for a reverse tunnel where the server is to listen.
    pub target: Option<Target>,
}

impl Route {
    /// Reads the words of `Sec-WebSocket-Protocol` and the query.
    pub(super) fn read(words: &[&[u8]], query: &[u8]) -> Option<Self> {
        let token = words.iter().find_map(|word| word.strip_prefix(BEARER));
        match token {
            Some(token) => Self::from_token(token),
            None if words.contains(&NODE_TUNNEL) => Some(Self::from_query(query)),
            None => None,
        }
    }

    /// `wstunnel` sends the route as the claims of a JSON Web Token that it signs with a key of no meaning.
    fn from_token(token: &[u8]) -> Option<Self> {
        let encoded = token.split(|&byte| byte == b'.').nth(1)?;
        let encoded = encoded.get(..LONGEST_CLAIMS).unwrap_or(encoded);
        let claims = URL_SAFE_NO_PAD.decode(encoded).ok()?;
        let claims: Claims = serde_json::from_slice(&claims).ok()?;
        let host = Host::from_text(claims.r.as_bytes());
        Some(Self {
            command: command(&claims.p)?,
            target: host.map(|host| Target {
                host,
                port: claims.rp,
            }),
        })
    }

    /// `wstunnel` for Node.js names a host and a port in its query, unless the server alone decides.
    fn from_query(query: &[u8]) -> Self {
        let destination = query
            .split(|&byte| byte == b'&')
            .find_map(|pair| pair.strip_prefix(b"dst="));
        Self {
            command: "tcp".to_owned(),
            target: destination.and_then(Target::from_authority),
        }
    }

    /// Whether the side that opened the connection is the one that serves.
    pub fn is_reverse(&self) -> bool {
        self.command.starts_with("reverse")
    }
}

/// The claims of the token: protocol, remote host, remote port.
#[derive(serde::Deserialize)]
struct Claims {
    p: serde_json::Value,
    r: String,
    rp: u16,
}

/// `"ReverseTcp"` and `{"Tcp": {…}}` as `reverse-tcp` and `tcp`.
fn command(protocol: &serde_json::Value) -> Option<String> {
    let name = match protocol {
        serde_json::Value::String(name) => name,
        serde_json::Value::Object(fields) => fields.keys().next()?,
        _ => return None,
    };
    let is_name = name.len() <= LONGEST_COMMAND && name.bytes().all(|b| b.is_ascii_alphanumeric());
    is_name.then(|| kebab(name))
}

fn kebab(camel: &str) -> String {
    camel.chars().fold(String::new(), |mut words, letter| {
        if letter.is_ascii_uppercase() && !words.is_empty() {
            words.push('-');
        }
        words.push(letter.to_ascii_lowercase());
        words
    })
}

const BEARER: &[u8] = b"authorization.bearer.";
const NODE_TUNNEL: &[u8] = b"tunnel-protocol";
const LONGEST_CLAIMS: usize = 2048;
const LONGEST_COMMAND: usize = 24;

#[cfg(test)]
mod tests {
    use super::*;

    fn token(claims: &str) -> Vec<u8> {
        let claims = URL_SAFE_NO_PAD.encode(claims);
        format!("authorization.bearer.eyJ0eXAiOiJKV1QifQ.{claims}.c2ln").into_bytes()
    }

    fn shown(route: Option<Route>) -> Option<(String, Option<String>)> {
        route.map(|route| (route.command, route.target.map(|target| target.to_string())))
    }

    #[test]
    fn a_token_tells_the_route() {
        let cases = [
            (
                r#"{"id":"0193","p":{"Tcp":{"proxy_protocol":false}},"r":"a.test","rp":443}"#,
                Some(("tcp", Some("a.test:443"))),
            ),
            (
                r#"{"id":"","p":"ReverseTcp","r":"[::1]","rp":2222}"#,
                Some(("reverse-tcp", Some("[::1]:2222"))),
            ),
            (
                r#"{"p":{"ReverseSocks5":{}},"r":"a b","rp":0}"#,
                Some(("reverse-socks5", None)),
            ),
            (r#"{"p":7,"r":"a","rp":1}"#, None),
            (r#"{"p":"Tcp ","r":"a","rp":1}"#, None),
            (r#"{"p":"Tcp","r":"a","rp":65536}"#, None),
            (r#"{"p":"Tcp"}"#, None),
            ("no claims", None),
        ];
        for (claims, expected) in cases {
            let route = Route::read(&[b"v1", &token(claims)], b"");
            let expected =
                expected.map(|(command, target)| (command.to_owned(), target.map(str::to_owned)));
            assert_eq!(shown(route), expected, "{claims}");
        }
    }

    #[test]
    fn a_query_tells_the_route_of_one_subprotocol() {
        let cases = [
            ("dst=10.0.0.1:22", Some("10.0.0.1:22")),
            ("a=b&dst=a.test:443&c", Some("a.test:443")),
            ("dst=22", None),
            ("", None),
        ];
        for (query, target) in cases {
            let seen = shown(Route::read(&[b"tunnel-protocol"], query.as_bytes()));
            let expected = ("tcp".to_owned(), target.map(str::to_owned));
            assert_eq!(seen, Some(expected), "{query}");
            assert_eq!(Route::read(&[b"chat"], query.as_bytes()), None);
        }
    }
}
