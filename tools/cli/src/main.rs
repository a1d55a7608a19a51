//! `orgvue-scim`: what operators ask of a deployment, and do to it.
//!
//! A command reads or writes through the same adapters as the functions and answers with a value; it is shown in one place.
//! stdout carries the answer alone, so that it can be piped; progress and hints go to stderr.

mod args;
mod commands;
mod context;
mod error;
mod output;
mod vendors;

use std::process::ExitCode;

use clap::Parser as _;

use crate::args::Args;
use crate::context::Context;
use crate::output::{Exit, Screen};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => return args::refuse(&error).into(),
    };
    let screen = Screen::new(args.global.output, args.global.color);
    let cx = Context::new(args.global);
    match commands::run(args.command, &cx, &screen).await {
        Ok(exit) => exit.into(),
        Err(error) => {
            error.details().iter().for_each(|line| eprintln!("{line}"));
            eprintln!("error: {}", error.advice(&cx.place()));
            Exit::from(&error).into()
        }
    }
}
