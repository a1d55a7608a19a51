//! The program itself against the whole system in this process: what it prints, where, and how it ends.

#![expect(clippy::unwrap_used, reason = "a test may stop at what it did not expect")]

mod check;
mod clock;
mod compare;
mod deployment;
mod doctor;
mod erase;
mod events;
mod explain;
mod files;
mod held;
mod integrations;
mod plan;
mod redacted;
mod restore;
mod runs;
mod status;
mod switch;
mod usage;
