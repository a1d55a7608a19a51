//! Playing the input, and waiting until nothing is owed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use adapters::clock::now_ms;
use adapters::store::{Store, StoreError};
use domain::ids::IntegrationId;
use domain::integration::{EnabledForm, Integration, RoleForm};
use domain::pending::{Pending, Switch};
use domain::run::RunRecord;
use serde_json::{Value, json};
use standins::orgvue::{self, Orgvue};
use standins::workos::{Delivery, WorkOs};

use crate::input::Input;

/// After so many failures in a row `--once` gives up.
const ATTEMPTS_MAX: u32 = 3;

/// Fills the WorkOS stand-in with the directories that it does not keep from before.
///
/// # Errors
/// When a directory is not of the described form.
pub fn seed_directories(workos: &WorkOs, input: &Input) -> Result<(), standins::workos::LoadError> {
    for directory in &input.directories {
        if !directory.get("id").and_then(Value::as_str).is_some_and(|id| workos.has_directory(id)) {
            workos.load_directory(directory)?;
        }
    }
    Ok(())
}

/// Fills the Orgvue stand-in with the tenants that it does not keep from before.
///
/// A tenant without given accounts has the one that owns the API token, as every real tenant has.
pub fn seed_tenants(orgvue: &Orgvue, input: &Input) {
    for (integration, _) in &input.integrations {
        for tenant in integration.tenants.iter().filter(|tenant| !orgvue.has_tenant(tenant.id.as_str())) {
            let spelling = &integration.dataset;
            let rows = match (input.accounts.get(tenant.id.as_str()), &tenant.api_account) {
                (Some(rows), _) => rows.clone(),
                (None, Some(login)) => vec![json!({ &spelling.login: login.as_str(), &spelling.role: "admin", &spelling.enabled: true })],
                (None, None) => Vec::new(),
            };
            orgvue.add_tenant_spelled(tenant.id.as_str(), tenant.dataset.as_str(), spelled(integration), rows);
        }
    }
}

fn spelled(integration: &Integration) -> orgvue::Spelling {
    let spelling = &integration.dataset;
    orgvue::Spelling {
        login: spelling.login.clone(),
        role: spelling.role.clone(),
        enabled: spelling.enabled.clone(),
        expiry_date: spelling.expiry_date.clone(),
        ..orgvue::Spelling::default()
    }
}

/// Sets how the stand-in shows roles and the switch. It shows them alike for all tenants: the first integration decides.
pub fn set_forms(orgvue: &Orgvue, input: &Input) {
    let Some((integration, _)) = input.integrations.first() else { return };
    orgvue.switches(|switches| {
        match &integration.dataset.role_form {
            RoleForm::Text { separator } => {
                switches.role_form = orgvue::RoleForm::Text;
                switches.role_separator = separator.clone();
            }
            RoleForm::Array => switches.role_form = orgvue::RoleForm::Array,
        }
        switches.boolean_form = match integration.dataset.enabled_form {
            EnabledForm::Boolean => orgvue::BooleanForm::Boolean,
            EnabledForm::Text => orgvue::BooleanForm::Text,
        };
    });
}

/// Which directories have been played: a restart goes on, it does not begin again.
#[derive(Debug, Default)]
pub struct Played {
    file: Option<PathBuf>,
    directories: BTreeSet<String>,
}

impl Played {
    /// What was played with the data of this folder.
    ///
    /// # Errors
    /// When the file is there and cannot be read.
    pub fn open(data: &Path) -> io::Result<Self> {
        let file = data.join("played.json");
        let directories = match fs::read(&file) {
            Ok(text) => serde_json::from_slice(&text)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeSet::new(),
            Err(error) => return Err(error),
        };
        Ok(Self { file: Some(file), directories })
    }

    /// Whether anything was played before.
    pub fn is_from_before(&self) -> bool {
        !self.directories.is_empty()
    }

    fn note(&mut self, directory: &str) -> io::Result<()> {
        self.directories.insert(directory.to_owned());
        match &self.file {
            Some(file) => fs::write(file, serde_json::to_vec(&self.directories)?),
            None => Ok(()),
        }
    }
}

/// Sends one signed webhook for each directory that was not played before; returns the ids of those it was sent for.
///
/// # Errors
/// When a webhook was not accepted.
pub async fn play(workos: &WorkOs, webhook_url: &str, input: &Input, played: &mut Played) -> io::Result<BTreeSet<String>> {
    let mut now = BTreeSet::new();
    for directory in &input.directories {
        let Some(id) = directory.get("id").and_then(Value::as_str).filter(|id| !played.directories.contains(*id)) else { continue };
        let event = workos.sample_event(id);
        let status = workos.deliver(webhook_url, &event, Delivery::persistent()).await.map_err(io::Error::other)?;
        if !status.is_success() {
            return Err(io::Error::other(format!("the webhook for {id} was answered with {status}")));
        }
        played.note(id)?;
        now.insert(id.to_owned());
    }
    Ok(now)
}

/// How an integration stands when nothing more is expected of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// Nothing is owed.
    Done,
    /// It still fails after several attempts.
    GivenUp,
    /// A person stopped it; what is owed stays owed.
    Paused,
    /// Its directory was found unlinked or gone.
    Suspended,
}

/// Waits until nothing is owed by any of these integrations, or it is given up.
///
/// # Errors
/// [`StoreError`].
pub async fn settle(store: &Store, integrations: &[Integration]) -> Result<BTreeMap<IntegrationId, Settled>, StoreError> {
    loop {
        let mut settled = BTreeMap::new();
        for integration in integrations {
            if let Some(how) = settled_how(store, integration).await? {
                settled.insert(integration.id.clone(), how);
            }
        }
        if settled.len() == integrations.len() {
            return Ok(settled);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn settled_how(store: &Store, integration: &Integration) -> Result<Option<Settled>, StoreError> {
    let Some(pending) = store.pending(std::slice::from_ref(&integration.directory)).await?.pop() else {
        return Ok(Some(Settled::GivenUp));
    };
    let Pending { switch, backoff, lease, window_due_ms, retry_at_ms, .. } = &pending;
    match switch {
        Switch::Live => {}
        Switch::Paused => return Ok(Some(Settled::Paused)),
        Switch::Suspended => return Ok(Some(Settled::Suspended)),
    }
    if lease.as_ref().is_some_and(|lease| lease.until_ms > now_ms()) || window_due_ms.is_some() {
        return Ok(None);
    }
    if backoff.attempts >= ATTEMPTS_MAX {
        return Ok(Some(Settled::GivenUp));
    }
    if pending.is_owed() {
        return Ok(None);
    }
    if retry_at_ms.is_none() {
        return Ok(Some(Settled::Done));
    }
    let failing: Vec<u32> =
        store.tenant_states(&integration.id).await?.into_values().filter(|t| t.retry_at_ms.is_some()).map(|t| t.backoff.attempts).collect();
    Ok(failing.iter().all(|attempts| *attempts >= ATTEMPTS_MAX).then_some(Settled::GivenUp))
}

/// The integrations in force, also those that came while the system was running; what cannot be read as one is left out.
///
/// # Errors
/// [`StoreError`].
pub async fn in_force(store: &Store) -> Result<Vec<Integration>, StoreError> {
    let mut integrations = Vec::new();
    for (id, _) in store.each_integration().await?.into_iter().flatten() {
        let file = store.integration_file(&id).await?;
        integrations.extend(file.and_then(|file| Integration::parse(&file).ok()));
    }
    Ok(integrations)
}

/// The runs of an integration that began at this time or later and have ended, or were cut short; oldest first.
///
/// # Errors
/// [`StoreError`].
pub async fn runs_since(store: &Store, integration: &IntegrationId, since_ms: i64) -> Result<Vec<RunRecord>, StoreError> {
    let mut records = Vec::new();
    for head in store.runs(integration).await?.into_iter().filter(|head| head.started_at_ms >= since_ms) {
        records.extend(store.run_now(&head.id).await?.filter(|run| !run.is_at_work).map(|run| run.record));
    }
    Ok(records)
}
