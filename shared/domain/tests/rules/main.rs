//! The rules of desired, current, plan, guard, pending and the records, each by name.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod current;
mod desired;
mod finding;
mod guard;
mod pending;
mod pending_model;
mod plan;
mod properties;
mod run;
mod words;
