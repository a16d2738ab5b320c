//! What a TLS handshake says in the clear.

use super::Detail;
use crate::proto::text::printable;
use crate::proto::tls::certificate::Certificate;
use crate::proto::tls::hello::{ENCRYPTED_CLIENT_HELLO, LONGEST_NAME, ServerHello, version_name};
use crate::proto::tls::{ClientHello, Tls};
use crate::time::Timestamp;

pub(super) fn handshake(tls: &Tls) -> Vec<Detail> {
    let client = tls.client_hello.as_ref().map(client_hello);
    let server = tls.server_hello.as_ref().map(server_hello);
    let certificate = tls.certificate.as_ref().map(self::certificate);
    let unseen = || vec![("client", Some("hello not seen".to_owned()))];
    let mut details = client.unwrap_or_else(unseen);
    details.extend(server.unwrap_or_else(|| vec![("server", Some("hello not seen".to_owned()))]));
    details.extend(certificate.unwrap_or_default());
    details.push(("alert", tls.alert_name()));
    details
}

fn client_hello(hello: &ClientHello) -> Vec<Detail> {
    let print = hello.fingerprint();
    let (ja3, ja4) = print.map(|print| (print.ja3, print.ja4)).unzip();
    let offer = hello.offer();
    let protocols = offer.as_ref().map(|offer| {
        let names = offer.protocols().map(|name| printable(name, LONGEST_NAME));
        names.collect::<Vec<_>>().join(", ")
    });
    let versions = offer.as_ref().map(|offer| {
        let names: Vec<String> = offer.supported_versions().map(version_name).collect();
        if names.is_empty() {
            version_name(offer.version)
        } else {
            names.join(", ")
        }
    });
    let hides = offer.is_some_and(|offer| offer.extension(ENCRYPTED_CLIENT_HELLO).is_some());
    let ech = "offered or imitated; then the name is the front's";
    vec![
        ("name", hello.sni.clone()),
        ("alpn", protocols),
        ("versions", versions),
        ("ech", hides.then(|| ech.to_owned())),
        ("JA4", ja4),
        ("JA3", ja3),
    ]
}

fn server_hello(hello: &ServerHello) -> Vec<Detail> {
    let number = hello.cipher;
    let cipher = hello
        .cipher_name()
        .map_or(format!("{number:#06x}"), str::to_owned);
    let retry = "asked for another hello; what it chose then was not seen";
    vec![
        (
            "chosen",
            Some(format!("{}, {cipher}", version_name(hello.version))),
        ),
        (
            "chosen",
            hello.alpn.as_ref().map(|alpn| format!("alpn {alpn}")),
        ),
        ("retry", hello.retry.then(|| retry.to_owned())),
        (
            "certificate",
            hello.hides_certificate().then(|| "encrypted".to_owned()),
        ),
    ]
}

fn certificate(certificate: &Certificate) -> Vec<Detail> {
    let day = |seconds: i64| {
        Timestamp::from_parts(seconds, 0)
            .to_string()
            .replace(".000000", "")
    };
    let valid = certificate.not_before.zip(certificate.not_after);
    let issuer = if certificate.self_signed {
        Some("itself".to_owned())
    } else {
        certificate.issuer.clone()
    };
    let (chain, bytes) = (certificate.chain, certificate.chain_bytes);
    vec![
        ("certificate", certificate.subject.clone()),
        ("issued by", issuer),
        (
            "valid",
            valid.map(|(from, to)| format!("{} to {}", day(from), day(to))),
        ),
        ("chain", Some(format!("{chain} in {bytes} bytes"))),
        ("SHA-256", Some(certificate.sha256())),
    ]
}
