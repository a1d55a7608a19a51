//! The stand-ins over real HTTP, each behaviour by name.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod faults;
mod orgvue_checks;
mod orgvue_items;
mod persistence;
mod support;
mod workos_events;
mod workos_limits;
mod workos_lists;
mod workos_webhooks;
