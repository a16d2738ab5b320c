//! The packet clock: [`Timestamp`] and [`Span`], both whole nanoseconds, and the [`Day`]s that people write.
//!
//! Nothing below the pipeline reads the machine's clock. A timestamp comes from the capture and is passed down.

use std::fmt;
use std::ops::{Add, Sub};

/// A moment of the capture: nanoseconds since the Unix epoch, UTC.
///
/// Arithmetic saturates, because capture files may carry any timestamp.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The earliest moment there is.
    pub const MIN: Self = Self(i64::MIN);
    /// The latest moment there is.
    pub const MAX: Self = Self(i64::MAX);

    /// A moment `nanos` nanoseconds after the Unix epoch.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// A moment from whole seconds and nanoseconds since the Unix epoch, saturating.
    pub const fn from_parts(seconds: i64, nanos: u32) -> Self {
        Self(
            seconds
                .saturating_mul(NANOS_PER_SECOND)
                .saturating_add(nanos as i64),
        )
    }

    /// Nanoseconds since the Unix epoch.
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// How far apart two moments are, whichever came first.
    pub fn apart(self, other: Self) -> Span {
        let nanos = self.0.abs_diff(other.0);
        Span(i64::try_from(nanos).unwrap_or(i64::MAX))
    }

    /// Whole seconds since the Unix epoch, rounded down.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(NANOS_PER_SECOND)
    }

    /// The first whole second at or after this moment, since the Unix epoch.
    pub const fn second_after(self) -> i64 {
        let rounded = self.0.rem_euclid(NANOS_PER_SECOND) != 0;
        self.seconds() + rounded as i64
    }
}

/// RFC 3339, UTC, microseconds: `2026-11-21T07:38:00.000000Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_nanosecond(i128::from(self.0)) {
            Ok(moment) => write!(f, "{moment:.6}"),
            Err(_) => write!(f, "{}ns", self.0),
        }
    }
}

impl serde::Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// RFC 3339, as it is printed.
impl std::str::FromStr for Timestamp {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let moment: jiff::Timestamp = text.parse().map_err(|error| format!("{text}: {error}"))?;
        let nanos = i64::try_from(moment.as_nanosecond());
        Ok(nanos.map_or(Self::MAX, Self))
    }
}

impl<'de> serde::Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <String as serde::Deserialize>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl Add<Span> for Timestamp {
    type Output = Self;

    fn add(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }
}

impl Sub<Span> for Timestamp {
    type Output = Self;

    fn sub(self, span: Span) -> Self {
        Self(self.0.saturating_sub(span.0))
    }
}

impl Sub for Timestamp {
    type Output = Span;

    fn sub(self, earlier: Self) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }
}

/// A length of time in nanoseconds; negative where the second moment came first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(i64);

impl Span {
    /// A span of whole seconds, saturating.
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(NANOS_PER_SECOND))
    }

    /// A span of nanoseconds.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// A span of whole milliseconds, saturating.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(NANOS_PER_SECOND / 1_000))
    }

    /// A span of whole microseconds, saturating.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros.saturating_mul(NANOS_PER_SECOND / 1_000_000))
    }

    /// The span in nanoseconds.
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// Whether the second moment came first.
    pub const fn is_negative(self) -> bool {
        self.0 < 0
    }

    /// The span in seconds, for output.
    #[expect(
        clippy::cast_precision_loss,
        reason = "a span of years needs no nanoseconds"
    )]
    pub fn as_seconds_f64(self) -> f64 {
        self.0 as f64 / NANOS_PER_SECOND as f64
    }
}

impl std::ops::Mul<i64> for Span {
    type Output = Self;

    fn mul(self, factor: i64) -> Self {
        Self(self.0.saturating_mul(factor))
    }
}

/// A day of the calendar, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(jiff::civil::Date);

impl Day {
    /// The day of a year, month and day, each counted from 1.
    pub fn new(year: i16, month: i8, day: i8) -> Option<Self> {
        jiff::civil::Date::new(year, month, day).ok().map(Self)
    }

    /// The day on which a moment is.
    pub fn of(moment: Timestamp) -> Self {
        let moment = jiff::Timestamp::from_nanosecond(i128::from(moment.0));
        let moment = moment.unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        Self(jiff::tz::Offset::UTC.to_datetime(moment).date())
    }

    /// Year, month and day.
    pub fn parts(self) -> (i16, i8, i8) {
        (self.0.year(), self.0.month(), self.0.day())
    }

    /// How many days lie between an earlier day and this one; negative where it is later.
    pub fn days_since(self, earlier: Self) -> i64 {
        i64::from((self.0 - earlier.0).get_days())
    }
}

/// `2026-11-21`
impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::str::FromStr for Day {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let day = text.parse::<jiff::civil::Date>();
        let bare = text.len() == "2026-11-21".len();
        let day = day.ok().filter(|_| bare).map(Self);
        day.ok_or_else(|| format!("`{text}` is no day, such as 2026-11-21"))
    }
}

const NANOS_PER_SECOND: i64 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_rfc3339_with_microseconds() {
        let cases = [
            (0, "1970-01-01T00:00:00.000000Z"),
            (1_600_000_000_123_456_789, "2020-09-13T12:26:40.123456Z"),
            (-1_000, "1969-12-31T23:59:59.999999Z"),
        ];
        for (nanos, text) in cases {
            assert_eq!(Timestamp::from_nanos(nanos).to_string(), text);
        }
    }

    #[test]
    fn a_moment_is_read_as_it_was_printed() {
        for nanos in [0, 1_600_000_000_123_456_000, -1_000] {
            let moment = Timestamp::from_nanos(nanos);
            assert_eq!(moment.to_string().parse(), Ok(moment));
        }
        assert!("yesterday".parse::<Timestamp>().is_err());
    }

    #[test]
    fn days_are_those_of_the_calendar_in_utc() {
        let cases = [
            ("1969-12-31", -1, -1),
            ("1970-01-01", 0, 0),
            ("1970-01-01", 86_399, 0),
            ("1972-02-29", 68_169_600, 789),
        ];
        let epoch = Day::new(1970, 1, 1).unwrap();
        for (text, seconds, since) in cases {
            let day = Day::of(Timestamp::from_parts(seconds, 0));
            assert_eq!((day.to_string().as_str(), text.parse()), (text, Ok(day)));
            assert_eq!(day.days_since(epoch), since);
        }
        for text in ["", "2026-02-29", "21.11.2026", "2026-11-21T00:00:00"] {
            assert!(text.parse::<Day>().is_err(), "{text}");
        }
    }

    #[test]
    fn arithmetic_saturates() {
        assert_eq!(Timestamp::MAX + Span::from_seconds(1), Timestamp::MAX);
        assert_eq!(Timestamp::MAX - Timestamp::MIN, Span(i64::MAX));
        assert_eq!(Timestamp::from_parts(i64::MAX, 5), Timestamp::MAX);
    }

    #[test]
    fn seconds_round_down_before_the_epoch() {
        assert_eq!(Timestamp::from_nanos(-1).seconds(), -1);
    }
}
