//! What the detectors of command shells share: which layer of a flow is one, how sure that is, and the evidence.

use crate::evidence::{Certainty, Evidence, Says, Session, ShellSession};
use crate::facts::FlowFacts;
use crate::finding::attack::{self, Attack};
use crate::proto::Side;
use crate::proto::shell::stage::Image;
use crate::proto::shell::{Shell, Spoken};
use crate::proto::stack::{Layer, Protocol};

/// What a shell is in MITRE ATT&CK.
pub(super) const ATTACK: &[Attack] = &[
    attack::NON_APPLICATION_LAYER,
    attack::UNIX_SHELL,
    attack::WINDOWS_SHELL,
];

/// A shell in a flow, shown by one of its sides.
#[derive(Clone, Copy)]
pub(super) struct Shown<'a> {
    /// How sure it is.
    pub(super) certainty: Certainty,
    /// The layer.
    pub(super) layer: &'a Layer,
}

/// The surest shell that `side` shows.
pub(super) fn shown_by(side: Side, facts: &FlowFacts) -> Option<Shown<'_>> {
    let layers = facts.layers.iter().filter(|layer| layer.server == side);
    let shown = layers.filter_map(|layer| {
        let certainty = certainty(layer, facts)?;
        Some(Shown { certainty, layer })
    });
    shown.max_by_key(|shown| shown.certainty)
}

/// Who opened a flow that was picked up in its middle is a guess, so that nothing in it is proven. The same is so for
/// datagrams, which nobody acknowledges: a side that says nothing may not be there.
fn certainty(layer: &Layer, facts: &FlowFacts) -> Option<Certainty> {
    let is_of_datagrams = facts.is_of_datagrams();
    if is_of_datagrams && !is_two_sided(facts) {
        return None;
    }
    let certainty = match &layer.protocol {
        Protocol::Shell(shell) => session(shell, facts)?,
        Protocol::Stage(stage) => match stage.image {
            Image::ReflectiveLibrary | Image::Shellcode => Certainty::Probable,
            Image::Windows | Image::Elf => Certainty::Possible,
        },
        _ => return None,
    };
    match facts.quality.midstream || is_of_datagrams {
        true => Some(certainty.min(Certainty::Probable)),
        false => Some(certainty),
    }
}

fn session(shell: &Shell, facts: &FlowFacts) -> Option<Certainty> {
    let is_distinct = shell.mark.is_some_and(|mark| mark.is_distinct);
    match (shell.mark, shell.spoken) {
        (Some(_), Spoken::Answers) => Some(Certainty::Proven),
        (None, Spoken::Answers) => Some(Certainty::Probable),
        (Some(_), Spoken::Commands) if is_distinct => Some(Certainty::Probable),
        (_, Spoken::Commands) => Some(Certainty::Possible),
        // A file with prompts in it is sent to a side that says nothing.
        (Some(_), Spoken::Nothing) if is_distinct => {
            (is_two_sided(facts) || facts.quality.one_sided).then_some(Certainty::Possible)
        }
        (Some(_), Spoken::Nothing) => None,
        // What `id` prints stands in files, too.
        (None, Spoken::Nothing) => facts.quality.one_sided.then_some(Certainty::Possible),
    }
}

fn is_two_sided(facts: &FlowFacts) -> bool {
    facts.traffic.client_bytes > 0 && facts.traffic.server_bytes > 0
}

/// The evidence of a shell.
pub(super) fn evidence(detector: &'static str, facts: &FlowFacts, shown: Shown<'_>) -> Evidence {
    let session = Session::from(facts);
    let reverse = shown.layer.server == Side::Client;
    let host = if reverse {
        session.client
    } else {
        session.server
    };
    Evidence {
        detector,
        certainty: shown.certainty,
        session,
        further: Vec::new(),
        relay: host.address,
        says: Says::Shell(ShellSession {
            through: through(facts, shown.layer),
            reverse,
            ..said(&shown.layer.protocol)
        }),
    }
}

/// The innermost protocol that the layer was spoken through.
pub(super) fn through(facts: &FlowFacts, layer: &Layer) -> Option<&'static str> {
    let outer = facts.layers.iter().rev();
    let mut outer = outer.filter(|outer| outer.depth < layer.depth);
    outer.next().map(|outer| outer.protocol.name())
}

fn said(protocol: &Protocol) -> ShellSession {
    let mut said = ShellSession {
        family: None,
        mark: "answers",
        spoken: "commands and answers",
        through: None,
        reverse: false,
    };
    match protocol {
        Protocol::Shell(shell) => {
            said.family = shell.mark.map(|mark| mark.family.name());
            (said.mark, said.spoken) = (mark(shell), spoken(shell.spoken));
        }
        Protocol::Stage(stage) => {
            said.spoken = "a length and a program";
            said.mark = match stage.image {
                Image::ReflectiveLibrary => "stage: reflective-library",
                Image::Shellcode => "stage: shellcode",
                Image::Windows => "stage: windows-program",
                Image::Elf => "stage: elf-program",
            };
        }
        _ => {}
    }
    said
}

fn mark(shell: &Shell) -> &'static str {
    match (shell.mark, shell.spoken) {
        (Some(mark), _) => mark.name,
        (None, Spoken::Answers) => "answers",
        (None, Spoken::Commands) => "commands",
        (None, Spoken::Nothing) => "identity",
    }
}

const fn spoken(spoken: Spoken) -> &'static str {
    match spoken {
        Spoken::Nothing => "no commands",
        Spoken::Commands => "commands, answers not recognised",
        Spoken::Answers => "commands and answers",
    }
}
