//! Times: RFC 3339 in JSON, UTC to the second and how long ago for people.

use std::fmt;

use jiff::Timestamp;
use serde::{Serialize, Serializer};

/// A time in milliseconds since 1970; RFC 3339 in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct At(pub(crate) i64);

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", timestamp(self.0))
    }
}

impl Serialize for At {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Such as `2026-11-22 09:30:00Z`.
pub(crate) fn utc(ms: i64) -> String {
    timestamp(ms).strftime("%F %TZ").to_string()
}

/// Such as `5 min ago` and `in 2 h`.
pub(crate) fn relative(ms: i64, now_ms: i64) -> String {
    let seconds = (now_ms - ms).unsigned_abs() / 1_000;
    let span = match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    };
    if ms <= now_ms { format!("{span} ago") } else { format!("in {span}") }
}

/// A time outside of what a calendar has is shown as its nearest end.
fn timestamp(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap_or(if ms < 0 { Timestamp::MIN } else { Timestamp::MAX })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON_MS: i64 = 1_795_348_800_123;

    #[test]
    fn times_are_utc() {
        assert_eq!(utc(NOON_MS), "2026-11-22 12:00:00Z");
        assert_eq!(serde_json::to_string(&At(NOON_MS)).unwrap(), r#""2026-11-22T12:00:00.123Z""#);
    }

    #[test]
    fn how_long_ago_is_told_in_one_unit() {
        let told = |seconds: i64| relative(NOON_MS - seconds * 1_000, NOON_MS);
        assert_eq!(
            [told(0), told(59), told(300), told(-7_200), told(400_000)],
            ["0 s ago", "59 s ago", "5 min ago", "in 2 h", "4 days ago"]
        );
    }
}
