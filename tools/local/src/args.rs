//! The command line.

use std::path::PathBuf;

use clap::Parser;

/// What webhooks are signed with unless told otherwise. Everything listens on loopback only.
pub(crate) const WEBHOOK_SECRET: &str = "whsec_local";

/// Runs the whole Orgvue SCIM sync on this machine: webhook in, Users dataset out.
///
/// Without files it plays the guide's example. It then stays up until Ctrl-C.
#[derive(Debug, Parser)]
pub(crate) struct Args {
    /// Ask for a run of every integration and exit when nothing is owed: 0 if all is as desired, 1 if something is held or still fails
    #[arg(long)]
    pub(crate) once: bool,
    /// One JSON object on stdout: at the end with --once, when ready without it; people's text goes to stderr
    #[arg(long)]
    pub(crate) json: bool,
    /// The window in which events are batched; production has 300
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=900))]
    pub(crate) window_seconds: u32,
    /// An integration file, instead of the example (repeatable)
    #[arg(long, value_name = "FILE")]
    pub(crate) integration: Vec<PathBuf>,
    /// The directory of one of the integrations, played by one webhook (repeatable): {"id","state","users":[{"idp_id","email","state","groups":[…]}]}
    #[arg(long, value_name = "FILE", conflicts_with = "workos_url")]
    pub(crate) directory: Vec<PathBuf>,
    /// The Orgvue accounts before: {"TENANT":[{"Login","Role","Enabled"}]}
    #[arg(long, value_name = "FILE", conflicts_with = "orgvue_url")]
    pub(crate) accounts: Option<PathBuf>,
    /// Use this server for WorkOS instead of the stand-in
    #[arg(long, value_name = "URL", requires = "workos_key")]
    pub(crate) workos_url: Option<String>,
    /// Its API key
    #[arg(long, value_name = "KEY", requires = "workos_url", env = "LOCAL_WORKOS_KEY", hide_env_values = true)]
    pub(crate) workos_key: Option<String>,
    /// Use this server for Orgvue instead of the stand-in
    #[arg(long, value_name = "URL", requires = "orgvue_token")]
    pub(crate) orgvue_url: Option<String>,
    /// Its API token, for every tenant
    #[arg(long, value_name = "TOKEN", requires = "orgvue_url", env = "LOCAL_ORGVUE_TOKEN", hide_env_values = true)]
    pub(crate) orgvue_token: Option<String>,
    /// A webhook secret to accept (repeatable)
    #[arg(
        long,
        value_name = "SECRET",
        default_value = WEBHOOK_SECRET,
        value_parser = clap::builder::NonEmptyStringValueParser::new(),
        env = "LOCAL_WEBHOOK_SECRET",
        hide_env_values = true
    )]
    pub(crate) webhook_secret: Vec<String>,
    /// Keep all state in this folder, so that a restart goes on where it stopped; without it, everything is fresh
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// The first port; 0 takes any that are free
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    pub(crate) port: u16,
}
