//! Approvals: who may relay, for whom, to where, by which means, until when, and who says so.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use toml::Spanned;
use toml::value::{Date, Datetime};

use super::groups::{Assets, Host as Party, Name, Who};
use super::list::List;
use super::means::Means;
use super::targets::{Meets, Pattern, Ports};
use super::usage::{Link, Spoken, Use};
use crate::finding::Verdict;
use crate::proto::target::{Host, Target};
use crate::time::{Day, Timestamp};

/// A use that somebody answers for. What is left out is not asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// What it is called in findings, as `rule`.
    pub name: Spanned<Name>,
    /// Who may relay.
    pub relays: List<Who>,
    /// The ports at which they may be called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listens: Option<List<Ports>>,
    /// For whom.
    pub clients: List<Who>,
    /// To where.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub targets: Option<List<Pattern>>,
    /// To which ports there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ports: Option<List<Ports>>,
    /// By which means.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub means: Option<List<Means>>,
    /// Who answers for it.
    pub owner: Words,
    /// Why it is there.
    pub reason: Words,
    /// The last day on which it holds, in UTC, by the clock of the capture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<Expiry>,
}

/// What an approval comes to for a use, or for one relay of it. The better, the smaller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It allows it.
    Applies,
    /// It may allow it: what it speaks of was not seen.
    TooLittle(String),
    /// It allowed it until this day, and there is more of it since.
    RanOut(Day),
    /// It speaks of something else.
    Differs(String),
}

impl Outcome {
    /// The verdict that it makes.
    pub fn verdict(&self) -> Verdict {
        match self {
            Self::Applies => Verdict::Approved,
            Self::TooLittle(_) => Verdict::CannotJudge,
            Self::RanOut(_) => Verdict::Expired,
            Self::Differs(_) => Verdict::Unapproved,
        }
    }
}

/// Behind the name of the approval.
impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Applies => f.write_str("applies"),
            Self::TooLittle(what) => write!(f, "may apply, but {what}"),
            Self::RanOut(day) => write!(f, "applied until it ran out on {day}"),
            Self::Differs(how) => write!(f, "does not apply: {how}"),
        }
    }
}

impl Approval {
    /// Its name.
    pub fn name(&self) -> &str {
        self.name.get_ref().as_str()
    }

    /// What it comes to for one relay of a use.
    pub fn weigh(&self, used: &Use, link: &Link, assets: &Assets) -> Outcome {
        let questions = [
            self.ends(used, link, assets),
            self.called_at(link),
            self.by_means(link),
            self.reaches(used, link),
            self.reaches_ports(link),
        ];
        let worst = questions.into_iter().min_by_key(|(meets, _)| *meets);
        match (worst, self.ran_out(used.last_seen)) {
            (Some((Meets::No, how)), _) => Outcome::Differs(how),
            (_, Some(day)) => Outcome::RanOut(day),
            (Some((Meets::Unknown, what)), None) => Outcome::TooLittle(what),
            _ => Outcome::Applies,
        }
    }

    /// Whether it speaks of a host as a relay, more closely than by where it is.
    pub fn names(&self, host: Party<'_>, assets: &Assets) -> bool {
        let mut named = self.relays.iter().filter(|who| {
            let everybody = [Who::Anyone, Who::Inside, Who::Outside];
            !everybody.contains(who)
        });
        named.any(|who| assets.means(who, host))
    }

    fn ends(&self, used: &Use, link: &Link, assets: &Assets) -> Answer {
        let is_relay = |ip| {
            self.relays
                .iter()
                .any(|who| assets.means(who, used.host(ip)))
        };
        let is_client = |ip| {
            self.clients
                .iter()
                .any(|who| assets.means(who, used.host(ip)))
        };
        if used.ends_are_guessed {
            let turned = |client: &IpAddr| is_relay(*client) && is_client(link.relay);
            let as_seen = is_relay(link.relay) && link.clients.iter().all(|ip| is_client(*ip));
            let either = as_seen || link.clients.iter().all(turned);
            let meets = if either { Meets::Unknown } else { Meets::No };
            return (meets, "who opened the session was not seen".to_owned());
        }
        if !is_relay(link.relay) {
            return (Meets::No, format!("{} is none of its relays", link.relay));
        }
        match link.clients.iter().find(|ip| !is_client(**ip)) {
            Some(client) => (Meets::No, format!("{client} is none of its clients")),
            None if link.more_clients => (
                Meets::Unknown,
                "it has more clients than are told".to_owned(),
            ),
            None => FINE,
        }
    }

    fn called_at(&self, link: &Link) -> Answer {
        let Some(listens) = &self.listens else {
            return FINE;
        };
        match link.port {
            None => (
                Meets::No,
                "the relay was not called at a port of it".to_owned(),
            ),
            Some(port) => {
                let how = format!("the relay was called at port {port}");
                (listens.iter().any(|ports| ports.has(port)).into(), how)
            }
        }
    }

    fn by_means(&self, link: &Link) -> Answer {
        let Some(allowed) = &self.means else {
            return FINE;
        };
        let is_allowed = |means: &Means| allowed.iter().any(|other| other == means);
        let is_fine = |one: &Spoken| one.means().iter().any(is_allowed);
        match link.means.iter().find(|one| !is_fine(one)) {
            Some(Spoken::Means(means)) => {
                let means = means.first().map_or("", |means| means.name());
                (Meets::No, format!("{means} is none of its means"))
            }
            Some(Spoken::Word(word)) => (Meets::No, format!("it has no word for {word}")),
            None if link.means.is_empty() => {
                (Meets::Unknown, "by which means is not known".to_owned())
            }
            None => FINE,
        }
    }

    fn reaches(&self, used: &Use, link: &Link) -> Answer {
        let Some(patterns) = &self.targets else {
            return FINE;
        };
        each_target(link, |target| {
            let host = &target.host;
            let meets = patterns.iter().map(|one| one.meets(host, &used.known));
            match meets.max() {
                Some(Meets::Yes) => FINE,
                Some(Meets::Unknown) if used.proxy_resolved && matches!(host, Host::Ip(_)) => FINE,
                Some(Meets::Unknown) => {
                    let what = format!("whether {host} is one of its targets is not certain");
                    (Meets::Unknown, what)
                }
                _ => (Meets::No, format!("{host} is none of its targets")),
            }
        })
    }

    fn reaches_ports(&self, link: &Link) -> Answer {
        let Some(ports) = &self.ports else {
            return FINE;
        };
        each_target(link, |Target { host, port }| match *port {
            0 => (Meets::Unknown, format!("the port at {host} was not seen")),
            port if ports.iter().any(|ports| ports.has(port)) => FINE,
            port => (Meets::No, format!("{port} at {host} is none of its ports")),
        })
    }

    fn ran_out(&self, last_seen: Timestamp) -> Option<Day> {
        let day = self.expires.as_ref()?.0;
        (Day::of(last_seen) > day).then_some(day)
    }

    /// Whether it allows all that another one allows, as far as can be told from what is written.
    pub fn covers(&self, other: &Self, assets: &Assets) -> bool {
        let covers_hosts =
            |wide, narrow: &List<Who>| narrow.iter().all(|who| assets.covers(wide, who));
        covers_hosts(&self.relays, &other.relays)
            && covers_hosts(&self.clients, &other.clients)
            && covers_all(&self.listens, &other.listens, Ports::covers)
            && covers_all(&self.ports, &other.ports, Ports::covers)
            && covers_all(&self.targets, &other.targets, Pattern::covers)
            && covers_all(&self.means, &other.means, Means::eq)
            && match (&self.expires, &other.expires) {
                (None, _) => true,
                (Some(own), Some(other)) => own.0 >= other.0,
                (Some(_), None) => false,
            }
    }
}

/// Whether one question is answered well, and what there is to say where it is not.
type Answer = (Meets, String);

const FINE: Answer = (Meets::Yes, String::new());

/// The worst answer over all targets of a relay; too little where not all were seen.
fn each_target(link: &Link, ask: impl Fn(&Target) -> Answer) -> Answer {
    let worst = link.targets.iter().map(ask).min_by_key(|(meets, _)| *meets);
    let too_little = |what: &str| (Meets::Unknown, what.to_owned());
    match worst {
        None => too_little("where it was to go was not seen"),
        Some((Meets::Yes, _)) if link.more_targets => {
            too_little("not all that it reached was seen")
        }
        Some(answer) => answer,
    }
}

/// What is left out allows everything.
fn covers_all<T>(
    wide: &Option<List<T>>,
    narrow: &Option<List<T>>,
    covers: impl Fn(&T, &T) -> bool,
) -> bool {
    let Some(wide) = wide else {
        return true;
    };
    let is_covered = |one: &T| wide.iter().any(|other| covers(other, one));
    narrow
        .as_ref()
        .is_some_and(|narrow| narrow.iter().all(is_covered))
}

/// Words for people: not empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Words(String);

impl TryFrom<String> for Words {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        if text.trim().is_empty() {
            return Err("it must say something, for whoever asks in a year");
        }
        Ok(Self(text))
    }
}

impl From<Words> for String {
    fn from(words: Words) -> Self {
        words.0
    }
}

impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The last day on which something holds; a date of TOML.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Datetime", into = "Datetime")]
pub struct Expiry(pub Day);

impl TryFrom<Datetime> for Expiry {
    type Error = &'static str;

    fn try_from(written: Datetime) -> Result<Self, &'static str> {
        let (Some(date), None, None) = (written.date, written.time, written.offset) else {
            return Err("must be a day alone, such as 2026-11-21");
        };
        let year = i16::try_from(date.year).ok();
        let [month, day] = [date.month, date.day].map(|part| i8::try_from(part).unwrap_or(0));
        let day = year.and_then(|year| Day::new(year, month, day));
        day.map(Self).ok_or("there is no such day")
    }
}

impl From<Expiry> for Datetime {
    fn from(expiry: Expiry) -> Self {
        let (year, month, day) = expiry.0.parts();
        let date = Date {
            year: year.unsigned_abs(),
            month: month.unsigned_abs(),
            day: day.unsigned_abs(),
        };
        date.into()
    }
}
