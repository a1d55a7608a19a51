//! `completions`: what a shell needs to complete the command line.

use clap::CommandFactory as _;
use clap_complete::{Shell, generate};

use crate::args::Args;

/// The script for a shell.
pub(crate) fn script(shell: Shell) -> String {
    let mut script = Vec::new();
    generate(shell, &mut Args::command(), "orgvue-scim", &mut script);
    let script = String::from_utf8_lossy(&script).into_owned();
    match shell {
        // The generator of clap_complete 4.6 takes the `-` in the program's name for the start of a subcommand where it labels its cases, but
        // not where it sets what is compared with them: unless both say the same, nothing is completed behind the first word.
        Shell::Bash => script.replace("orgvue__subcmd__scim", "orgvue__scim"),
        _ => script,
    }
}
