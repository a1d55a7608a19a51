//! The language and the decisions of the Orgvue SCIM sync: pure functions over values.
//!
//! There is no IO, clock, randomness or async here, and no dependency that has them: time and identifiers are arguments.
//! The path of a sync: [`desired`](desired::desired) → [`plan`](plan::plan) → [`guard`](guard::guard).
//! The path of a webhook: [`signature::verify`] → [`event::parse`] → the transitions of [`pending`].

pub mod backoff;
pub mod current;
pub mod delays;
pub mod desired;
pub mod directory;
pub mod event;
pub mod explain;
pub mod finding;
pub mod fleet;
pub mod group_name;
pub mod guard;
pub mod harm;
pub mod held;
pub mod ids;
pub mod integration;
pub mod login;
pub mod message;
pub mod notice;
pub mod onboarding;
pub mod pending;
pub mod plan;
pub mod row;
pub mod run;
mod side_by_side;
pub mod signature;
pub mod snapshot;
pub mod tenant_state;
mod text;
