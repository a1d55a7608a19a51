//! The whole system in one process on loopback: for `cargo run -p local`, and for tests from end to end.
//!
//! Production's own code runs here, both functions and all their clients, against AWS services that are emulated in the
//! process and against the vendors' stand-ins, or any other servers that speak as the vendors do.

pub mod aws;
pub mod input;
pub mod operator;
pub mod play;
pub mod report;
pub mod system;
