//! The rules of desired, current, plan, guard, pending and the records, each by name.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod blocked;
mod current;
mod desired;
mod finding;
mod guard;
mod harm;
mod held;
mod pending;
mod pending_model;
mod plan;
mod properties;
mod renames;
mod restore;
mod roles;
mod run;
mod snapshot;
mod tenant_state;
mod words;
