//! Parsers of sessions, with what is worked out of their layers only when somebody asks.

use hopscope::proto::ssh::{self, Ssh};
use hopscope::proto::tls::{self, Tls};
use hopscope::proto::{Answer, Exchange};

pub(super) fn tls(exchange: &Exchange<'_>) -> Answer<Tls> {
    let answer = tls::parse(exchange);
    if let Answer::Yes(reading) = &answer {
        let Tls {
            client_hello,
            certificate,
            ..
        } = &reading.layer;
        let fingerprint = client_hello.as_ref().and_then(|hello| hello.fingerprint());
        assert!(fingerprint.is_none_or(|print| print.ja3.len() == 32 && print.ja4.len() == 36));
        let offer = client_hello.as_ref().map(|hello| hello.offer().is_some());
        assert_ne!(
            offer,
            Some(false),
            "a hello that is read once is read twice"
        );
        let digest = certificate.as_ref().map(|leaf| leaf.sha256().len());
        assert!(digest.is_none_or(|digits| digits == 64));
    }
    answer
}

pub(super) fn ssh(exchange: &Exchange<'_>) -> Answer<Ssh> {
    let answer = ssh::parse(exchange);
    if let Answer::Yes(reading) = &answer {
        let ssh = &reading.layer;
        let prints = [ssh.hassh(), ssh.hassh_server()];
        assert!(prints.iter().flatten().all(|print| print.len() == 32));
        let both = ssh.client_offer.is_some() && ssh.server_offer.is_some();
        assert!(both || ssh.negotiated().is_none());
    }
    answer
}
