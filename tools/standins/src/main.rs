//! Runs both stand-ins for people: prints one JSON line that tells where they are, and stays up until Ctrl-C.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Parser;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use standins::orgvue::{self, Orgvue};
use standins::workos::{self, WorkOs};

/// WorkOS and Orgvue stand-in servers on the loopback interface.
#[derive(Parser)]
struct Args {
    /// Port of the WorkOS stand-in; 0 is any free one.
    #[arg(long, default_value_t = 0)]
    workos_port: u16,
    /// Port of the Orgvue stand-in; 0 is any free one.
    #[arg(long, default_value_t = 0)]
    orgvue_port: u16,
    /// API key of the WorkOS stand-in.
    #[arg(long, default_value = "sk_test_standin")]
    workos_key: String,
    /// Secret its webhooks are signed with.
    #[arg(long, default_value = "whsec_standin")]
    webhook_secret: String,
    /// Token of the Orgvue stand-in, for every tenant.
    #[arg(long, default_value = "orgvue_standin")]
    orgvue_token: String,
    /// A directory: {"id","state","users":[{"idp_id","email","state","groups":["…"]}]}
    #[arg(long)]
    directory: Vec<PathBuf>,
    /// The accounts of the tenants: {"TENANT":[{"Login","Role","Enabled",…}]}
    #[arg(long)]
    accounts: Option<PathBuf>,
    /// A folder that keeps all state, so that a restart goes on where it stopped.
    #[arg(long)]
    state: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    if let Some(folder) = &args.state {
        fs::create_dir_all(folder)?;
    }
    let workos = start_workos(&args).await?;
    let orgvue = start_orgvue(&args).await?;
    let ready = json!({
        "workos_url": workos.url(),
        "workos_key": workos.key(),
        "webhook_secret": workos.webhook_secret(),
        "orgvue_url": orgvue.url(),
        "orgvue_token": orgvue.token(),
        "datasets": orgvue.datasets(),
    });
    println!("{ready}");
    tokio::signal::ctrl_c().await?;
    Ok(())
}

async fn start_workos(args: &Args) -> Result<WorkOs, Box<dyn Error>> {
    let workos = WorkOs::start(workos::Options {
        port: args.workos_port,
        key: args.workos_key.clone(),
        webhook_secret: args.webhook_secret.clone(),
        state_file: args.state.as_ref().map(|folder| folder.join("workos.json")),
    })
    .await?;
    for file in &args.directory {
        workos.load_directory(&read_json::<Value>(file)?)?;
    }
    Ok(workos)
}

async fn start_orgvue(args: &Args) -> Result<Orgvue, Box<dyn Error>> {
    let orgvue = Orgvue::start(orgvue::Options {
        port: args.orgvue_port,
        token: args.orgvue_token.clone(),
        state_file: args.state.as_ref().map(|folder| folder.join("orgvue.json")),
    })
    .await?;
    let accounts: BTreeMap<String, Vec<Value>> = args.accounts.as_deref().map(read_json).transpose()?.unwrap_or_default();
    for (tenant, rows) in accounts {
        let dataset_id = uuid::Uuid::new_v4().to_string().to_uppercase();
        orgvue.add_tenant(&tenant, &dataset_id, rows);
    }
    Ok(orgvue)
}

fn read_json<T: DeserializeOwned>(file: &Path) -> Result<T, Box<dyn Error>> {
    let text = fs::read(file).map_err(|error| format!("read {}: {error}", file.display()))?;
    serde_json::from_slice(&text).map_err(|error| format!("read {}: {error}", file.display()).into())
}
