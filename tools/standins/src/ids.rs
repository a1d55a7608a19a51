//! Identifiers and times as the vendors write them.

use jiff::Timestamp;
use rand::RngExt;

/// The digits of Crockford's base 32, which ULIDs use: no I, L, O or U.
const CROCKFORD: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Milliseconds since the epoch.
pub(crate) fn now_ms() -> i64 {
    Timestamp::now().as_millisecond()
}

/// `<prefix>_<ULID>`; ids of later milliseconds sort after earlier ones.
pub(crate) fn prefixed(prefix: &str, ms: i64) -> String {
    let random: u128 = rand::rng().random();
    let bits = (u128::from(ms.unsigned_abs()) << 80) | (random >> 48);
    let ulid: String = (0..26).rev().map(|digit| char::from(CROCKFORD[((bits >> (digit * 5)) & 31) as usize])).collect();
    format!("{prefix}_{ulid}")
}

/// An upper-case hyphenated UUID, as Orgvue gives to items.
pub(crate) fn upper_uuid() -> String {
    uuid::Uuid::new_v4().to_string().to_uppercase()
}

/// `2026-01-15T12:00:00.000Z`.
pub(crate) fn iso(ms: i64) -> String {
    format!("{:.3}", timestamp(ms))
}

pub(crate) fn timestamp(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).expect("the clock of a stand-in is within the years 1 to 9999")
}
