//! What TLS clients look like, told once in a while: few libraries make most hellos.

use std::num::NonZeroU32;

use super::{Outbox, Report};
use crate::facts::Print;
use crate::flow::Flow;
use crate::proto::stack::{Kind, Layer, Protocol};
use crate::proto::tls::ClientHello;

/// The digests that were told lately, each in a place of its own.
#[derive(Debug)]
pub(super) struct Prints([Option<NonZeroU32>; PLACES]);

impl Default for Prints {
    fn default() -> Self {
        Self([None; PLACES])
    }
}

impl Prints {
    /// Keeps what the client of a flow showed of itself, and tells all of it if it was not told lately.
    pub(super) fn note(&mut self, flow: &mut Flow, layers: &[Layer], events: &mut Outbox<'_>) {
        let Some(hello) = hello(layers) else {
            return;
        };
        flow.greeting = hello.greeting;
        if let Some(greeting) = hello.greeting
            && self.is_new(greeting.fingerprint)
        {
            events.push(Report::Print(Box::new(Print {
                digest: greeting.fingerprint,
                hello: hello.clone(),
            })));
        }
    }

    fn is_new(&mut self, digest: NonZeroU32) -> bool {
        let place = self.0.get_mut(digest.get() as usize % PLACES);
        place.is_some_and(|place| place.replace(digest) != Some(digest))
    }
}

/// The hello that is said to the one who was called; a PROXY protocol header only comes before it.
fn hello(layers: &[Layer]) -> Option<&ClientHello> {
    let is_header = |layer: &&Layer| layer.protocol.kind() == Kind::Proxy;
    match &layers.iter().find(|layer| !is_header(layer))?.protocol {
        Protocol::Tls(tls) => tls.client_hello.as_ref(),
        _ => None,
    }
}

const PLACES: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_print_is_new_until_another_takes_its_place() {
        let mut prints = Prints::default();
        let told =
            [7, 7, 8, 7, 7 + 64, 7].map(|digest| prints.is_new(NonZeroU32::new(digest).unwrap()));
        assert_eq!(told, [true, false, true, false, true, true]);
    }
}
