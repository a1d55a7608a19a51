//! `cargo run -p local`: the whole system on this machine, playing the guide's example or your own files.

mod args;
mod vendors;

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use adapters::aws::chain;
use adapters::clock::now_ms;
use adapters::logs;
use adapters::tls::Tls;
use clap::Parser as _;
use domain::integration::Integration;
use local::input::Input;
use local::operator;
use local::play::{self, Played, Settled};
use local::report::{self, IntegrationReport, Ready, Report};
use local::system::{Options, StartError, System, TABLE, short_delays};
use secrecy::SecretString;
use sync::Tokens;

use crate::args::{Args, WEBHOOK_SECRET};
use crate::vendors::{Folder, Vendors, unheard};

type Error = Box<dyn std::error::Error>;

/// What shells expect of a program that Ctrl-C ended before it was done.
const INTERRUPTED: u8 = 130;

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    logs::init("off");
    let once = args.once;
    let interrupted = async {
        // Without a signal handler Ctrl-C ends the process all the same.
        let _ = tokio::signal::ctrl_c().await;
    };
    tokio::select! {
        outcome = run(args) => outcome.unwrap_or_else(|error| {
            eprintln!("error: {}", chain(&*error));
            ExitCode::from(2)
        }),
        () = interrupted => {
            eprintln!("stopped");
            if once { ExitCode::from(INTERRUPTED) } else { ExitCode::SUCCESS }
        }
    }
}

async fn run(args: Args) -> Result<ExitCode, Error> {
    let out = Out { json: args.json };
    let input = input(&args)?;
    let folder = Folder::open(args.data.clone())?;
    let vendors = Vendors::start(&args, &input, &folder).await?;
    let system = System::start(options(&args, &vendors, &folder)).await.map_err(|error| match error {
        StartError::Io(error) => unheard(&args, &error).into(),
        error => Error::from(error),
    })?;
    let began_ms = now_ms();
    for (integration, file) in &input.integrations {
        system.apply(integration, file).await?;
    }
    let operator_env = operator::write(&folder.path, &system.operator_env())
        .map_err(|error| format!("write operator.env in {}: {error}", folder.path.display()))?;
    let ready = ready(&args, &vendors, &system, &operator_env);
    let mut played = Played::open(&folder.path)?;
    if played.is_from_before() {
        out.people("going on with the state of --data: directories and accounts that are kept there are not read from files again");
    }
    let played_now = match &vendors.workos {
        Some(workos) => play::play(workos, &system.webhook_url, &input, &mut played).await?,
        None => BTreeSet::new(),
    };
    for directory in &played_now {
        out.people(&format!("sent a signed webhook for {directory}; its window ends in {} s", args.window_seconds));
    }
    let integrations: Vec<Integration> = input.integrations.into_iter().map(|(integration, _)| integration).collect();
    if args.once {
        return once(&system, &vendors, &integrations, &played_now, began_ms, &out).await;
    }
    out.people(&ready.to_text());
    if args.json {
        out.program(&ready)?;
    }
    stay(&system, &vendors, began_ms, &out).await
}

fn input(args: &Args) -> Result<Input, Error> {
    let mut input = Input::read(&args.integration, &args.directory, args.accounts.as_deref())?;
    if args.workos_url.is_some() {
        input.directories.clear();
    }
    Ok(input)
}

fn options(args: &Args, vendors: &Vendors, folder: &Folder) -> Options {
    Options {
        port: args.port,
        database: Some(folder.path.join("dynamodb.sqlite")),
        workos_url: vendors.workos_url.clone(),
        workos_key: vendors.workos_key.clone(),
        workos_users_per_second: 4,
        orgvue_url: vendors.orgvue_url.clone(),
        orgvue_tokens: Tokens { shared: Some(SecretString::from(vendors.orgvue_token.clone())), ..Tokens::default() },
        http_timeout: Duration::from_secs(10),
        webhook_secrets: args.webhook_secret.clone(),
        delays: short_delays(Duration::from_secs(args.window_seconds.into())),
        sweep: Duration::from_secs(1),
        tls: Tls::of_machine(),
    }
}

/// What programs and people are told: secrets of stand-ins only, for what is given may be somebody's real one.
fn ready(args: &Args, vendors: &Vendors, system: &System, operator_env: &Path) -> Ready {
    let shown = |given: Option<&String>, own: &str| given.is_none().then(|| own.to_owned());
    Ready {
        webhook_url: system.webhook_url.clone(),
        webhook_secret: shown(args.webhook_secret.iter().find(|given| *given != WEBHOOK_SECRET), WEBHOOK_SECRET),
        workos_url: vendors.workos_url.clone(),
        workos_key: shown(args.workos_key.as_ref(), &vendors.workos_key),
        orgvue_url: vendors.orgvue_url.clone(),
        orgvue_token: shown(args.orgvue_token.as_ref(), &vendors.orgvue_token),
        aws_endpoint_url_dynamodb: system.dynamodb.url().to_owned(),
        aws_endpoint_url_sqs: system.sqs.url().to_owned(),
        aws_endpoint_url_scheduler: system.scheduler.url().to_owned(),
        table: TABLE.to_owned(),
        sync_queue_url: system.queue_url.clone(),
        aws_endpoint_url_sts: system.sts.url().to_owned(),
        operator_env: operator_env.display().to_string(),
        aws_endpoint_url_sns: system.sns.url().to_owned(),
    }
}

/// People read stdout, unless a program does.
struct Out {
    json: bool,
}

impl Out {
    fn people(&self, text: &str) {
        // Whoever reads it may have read enough.
        let _ = if self.json { writeln!(io::stderr(), "{text}") } else { writeln!(io::stdout(), "{text}") };
    }

    fn program(&self, value: &impl serde::Serialize) -> Result<(), Error> {
        let mut stdout = io::stdout().lock();
        serde_json::to_writer(&mut stdout, value)?;
        writeln!(stdout)?;
        Ok(stdout.flush()?)
    }
}

async fn once(
    system: &System,
    vendors: &Vendors,
    integrations: &[Integration],
    played_now: &BTreeSet<String>,
    began_ms: i64,
    out: &Out,
) -> Result<ExitCode, Error> {
    for integration in integrations.iter().filter(|integration| !played_now.contains(integration.directory.as_str())) {
        system.ask(&integration.id).await?;
    }
    let settled = play::settle(&system.store, integrations).await?;
    let mut report = Report { integrations: Vec::new() };
    for integration in integrations {
        let runs = play::runs_since(&system.store, &integration.id, began_ms).await?;
        runs.iter().for_each(|run| out.people(&report::run_text(run)));
        report.integrations.push(IntegrationReport { id: integration.id.clone(), runs });
    }
    show_datasets(vendors, integrations, out);
    for (id, how) in &settled {
        match how {
            Settled::Done => {}
            Settled::GivenUp => out.people(&format!("{id}: still fails; see its last run")),
            Settled::Paused => out.people(&format!("{id}: is paused, so nothing runs; set its mode in the integration file")),
            Settled::Suspended => {
                out.people(&format!("{id}: is suspended, because its directory was found unlinked or gone; nothing runs"))
            }
        }
    }
    if out.json {
        out.program(&report)?;
    }
    let done = settled.values().all(|how| *how == Settled::Done);
    Ok(if done && report.is_as_desired() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Shows each run when it has ended, until the process is stopped.
async fn stay(system: &System, vendors: &Vendors, began_ms: i64, out: &Out) -> Result<ExitCode, Error> {
    let mut shown = BTreeSet::new();
    loop {
        let mut new = false;
        let integrations = play::in_force(&system.store).await?;
        for integration in &integrations {
            for run in play::runs_since(&system.store, &integration.id, began_ms).await? {
                if shown.insert(run.id.clone()) {
                    out.people(&report::run_text(&run));
                    new = true;
                }
            }
        }
        if new {
            show_datasets(vendors, &integrations, out);
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

fn show_datasets(vendors: &Vendors, integrations: &[Integration], out: &Out) {
    let Some(orgvue) = &vendors.orgvue else { return };
    for tenant in integrations.iter().flat_map(|integration| &integration.tenants) {
        out.people(&report::dataset_text(tenant.id.as_str(), &orgvue.rows(tenant.id.as_str())));
    }
}
