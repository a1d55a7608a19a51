//! The program itself against the whole system in this process: what it prints, where, and how it ends.

#![expect(clippy::unwrap_used, reason = "a test may stop at what it did not expect")]

mod deployment;
mod doctor;
mod files;
mod integrations;
mod runs;
mod usage;
