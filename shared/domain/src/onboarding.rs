//! What a check tells before a customer goes live: what the names of its groups give, and what the first runs would do to its accounts.
//!
//! Values for people and programs alike: each has a `Display` and a stable JSON form. Nothing here decides what is written; it counts what
//! [`desired`](crate::desired), [`plan`](crate::plan) and [`guard`](crate::guard) have decided.

mod checklist;
mod forecast;
mod groups;
mod near;

pub use checklist::{Check, CheckStep, Checklist, Outcome};
pub use forecast::{Forecast, Removal, RemovalCause};
pub use groups::{GroupReport, MatchingGroup, PrefixSlip, UnparsedGroup};
pub use near::{Grant, NearGroup, looks_like_ours};

#[cfg(test)]
mod tests;
