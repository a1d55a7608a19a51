//! Taking one person's login out of everything that is kept about an integration.
//!
//! What is kept for longer than a run is looked through whole: run records, saved rows, what is held, and the snapshot. A run under way may
//! write the login anew, so whoever erases holds the directory's lease, or has paused it. The integration file is a person's to correct.

use std::collections::BTreeSet;

use domain::held::{HeldHash, HeldHead, HeldSet};
use domain::ids::{IntegrationId, RunId, TenantId};
use domain::integration::Integration;
use domain::login::Login;
use domain::row::Row;
use domain::run::RunRecord;
use domain::snapshot::Snapshot;
use domain::tenant_state::TenantState;
use futures::{StreamExt, stream};
use serde_json::Value;

use super::chunks::head_key;
use super::integrations::Stored;
use super::item::Item;
use super::{SavedRows, Store, StoreError, held, locks, runs, s, snapshot, tenants};
use crate::aws::AwsError;
use crate::clock::now_ms;

/// Values that are looked through at once: each may be megabytes.
const AT_ONCE: usize = 4;
/// The login's property key where no integration file says otherwise.
const LOGIN_KEY: &str = "Login";

/// What a login was taken out of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Erased {
    /// Run records.
    pub n_runs: usize,
    /// Saved rows.
    pub n_rows: usize,
    /// Held sets. What is left of one waits on under another hash: no approval of the whole counts any more, and a rejection goes on.
    pub n_held: usize,
    /// Whether the snapshot named it.
    pub snapshot: bool,
}

/// What lies in the table of all integrations.
#[derive(Default)]
struct Scanned {
    /// Runs that have a record and no head.
    unlisted: BTreeSet<RunId>,
    /// Every run and tenant for which rows are saved.
    saved: BTreeSet<(RunId, TenantId)>,
}

impl Store {
    /// Takes a login out of all that is kept of an integration. It may be repeated.
    ///
    /// # Errors
    /// [`StoreError`] if some of it could not be looked through. All the rest was.
    pub async fn erase_login(&self, integration: &IntegrationId, login: &Login) -> Result<Erased, StoreError> {
        let (scanned, unscanned) = match self.scanned().await {
            Ok(scanned) => (scanned, None),
            Err(error) => (Scanned::default(), Some(error)),
        };
        let Scanned { unlisted, saved } = scanned;
        let n_runs = self.erase_from_records(integration, login, unlisted).await;
        let n_rows = self.erase_from_rows(integration, login, saved).await;
        let n_held = self.erase_from_held(integration, login).await;
        let snapshot = self.erase_from_snapshot(integration, login).await;
        let erased = Erased { n_runs: n_runs?, n_rows: n_rows?, n_held: n_held?, snapshot: snapshot? };
        unscanned.map_or(Ok(erased), Err)
    }

    /// Whose an unlisted record is, only the record says. Chunks of one without its head say nothing to anybody, and expire.
    async fn erase_from_records(&self, integration: &IntegrationId, login: &Login, unlisted: BTreeSet<RunId>) -> Result<usize, StoreError> {
        let listed = self.runs_kept(integration).await?;
        let erase = |run: RunId| async move {
            let without = |record: RunRecord| {
                let without = record.clone().without(login);
                (without != record).then_some(without)
            };
            self.edit_chunks(&runs::partition(&run), runs::RECORD, without).await.map(usize::from)
        };
        let erase_own = |run: RunId| async move {
            let is_own = self.run(&run).await?.is_some_and(|record| record.integration == *integration);
            if is_own { erase(run).await } else { Ok(0) }
        };
        let n_listed = sum(stream::iter(listed).map(erase).buffer_unordered(AT_ONCE)).await;
        let n_unlisted = sum(stream::iter(unlisted).map(erase_own).buffer_unordered(AT_ONCE)).await;
        Ok(n_listed? + n_unlisted?)
    }

    async fn erase_from_rows(
        &self,
        integration: &IntegrationId,
        login: &Login,
        mut saved: BTreeSet<(RunId, TenantId)>,
    ) -> Result<usize, StoreError> {
        let stored = self.integration_item(integration).await?.as_ref().map(Stored::read).transpose()?;
        let file = stored.as_ref().and_then(|stored| Integration::parse(&stored.file).ok());
        let login_key = &file.map_or_else(|| LOGIN_KEY.to_owned(), |integration| integration.dataset.login);
        let mut own: BTreeSet<TenantId> = stored.iter().flat_map(|stored| &stored.locks).filter_map(|pk| locks::tenant_of(pk)).collect();
        let states = self.sort_keys("dynamodb:Query of tenants", &tenants::partition(integration), "A", "~").await?;
        own.extend(states.iter().filter_map(|tenant| TenantId::parse(tenant).ok()));
        let runs = self.runs_kept(integration).await?;
        saved.retain(|(run, tenant)| runs.contains(run) || own.contains(tenant));
        let erase = |(run, tenant): (RunId, TenantId)| async move {
            let mut n_rows = 0;
            let without = |SavedRows { dataset, rows }| {
                let rows = rows.into_iter().filter_map(|row| without(row, login, login_key, &mut n_rows)).collect();
                (n_rows > 0).then_some(SavedRows { dataset, rows })
            };
            self.edit_chunks(&runs::partition(&run), &runs::before(&tenant), without).await?;
            Ok(n_rows)
        };
        sum(stream::iter(saved).map(erase).buffer_unordered(AT_ONCE)).await
    }

    /// A set that nobody can read any more is deleted too: it may name the login, and no decision about it can count.
    async fn erase_from_held(&self, integration: &IntegrationId, login: &Login) -> Result<usize, StoreError> {
        let pk = held::partition(integration);
        let chunks = self.sort_keys("dynamodb:Query of what is held", &pk, "A", "~").await?;
        let sets: BTreeSet<(&str, &str)> = chunks
            .iter()
            .filter_map(|sk| sk.split_once('#'))
            .filter_map(|(tenant, rest)| Some((tenant, rest.split('#').next()?)))
            .collect();
        let mut n_held = 0;
        for (tenant, hash) in sets {
            let sk = &format!("{tenant}#{hash}");
            let left = match self.chunks::<HeldSet>(&pk, sk).await {
                Ok(Some(set)) if !set.actions().any(|action| action.login == *login) => continue,
                Ok(Some(set)) => Some(set),
                Ok(None) | Err(StoreError::Corrupt { .. }) => None,
                Err(error) => return Err(error),
            };
            // The head first: where it has no content, as behind one that cannot be read, a run holds everything.
            if let Some(left) = left {
                self.hold_the_rest(integration, tenant, &HeldHash::new(hash), left, login).await?;
            }
            self.delete_chunks(&pk, sk).await?;
            n_held += 1;
        }
        Ok(n_held)
    }

    async fn erase_from_snapshot(&self, integration: &IntegrationId, login: &Login) -> Result<bool, StoreError> {
        let pk = snapshot::partition(integration);
        let without = |snapshot: Snapshot| {
            let without = snapshot.clone().without(login);
            (without != snapshot).then_some(without)
        };
        match self.edit_chunks(&pk, snapshot::SORT_KEY, without).await {
            Err(StoreError::Corrupt { .. }) => self.delete_partition("dynamodb:DeleteItem of a snapshot", &pk).await.map(|()| true),
            erased => erased,
        }
    }

    /// Puts what is left of a set without the login in its place in the tenant's state, if that is still what the tenant holds: the others
    /// wait on, and who was to stay by a person's word stays.
    async fn hold_the_rest(
        &self,
        integration: &IntegrationId,
        tenant: &str,
        hash: &HeldHash,
        set: HeldSet,
        login: &Login,
    ) -> Result<(), StoreError> {
        let mut states = self.tenant_states(integration).await?;
        let Some((tenant, state)) = TenantId::parse(tenant).ok().and_then(|tenant| states.remove_entry(&tenant)) else { return Ok(()) };
        let Some(head) = state.held.as_ref().filter(|head| head.hash == *hash) else { return Ok(()) };
        let decision = self.decision(integration, &tenant).await?;
        let left = set.judged(state.counting(decision.as_ref(), now_ms())).without(login);
        self.put_held(integration, &left).await?;
        let (hash, rejected) = (left.hash(), left.is_rejected());
        let held = (!left.is_empty()).then(|| HeldHead { hash, n_actions: left.len(), rejected, ..head.clone() });
        self.put_tenant_state(integration, &tenant, &TenantState { held, ..state }).await
    }

    async fn runs_kept(&self, integration: &IntegrationId) -> Result<BTreeSet<RunId>, StoreError> {
        let runs = self.sort_keys("dynamodb:Query of runs", &runs::heads(integration), " ", "~").await?;
        Ok(runs.into_iter().map(RunId::new).collect())
    }

    /// What only a look through the table finds: a run that died has rows before it has a record, and a record before it is listed.
    async fn scanned(&self) -> Result<Scanned, StoreError> {
        let operation = "dynamodb:Scan for saved rows and records";
        let scan = self
            .client
            .scan()
            .table_name(&self.table)
            .consistent_read(true)
            .filter_expression("begins_with(pk, :heads) OR (begins_with(pk, :run) AND (sk = :record OR begins_with(sk, :before)))")
            .expression_attribute_values(":heads", s(runs::HEADS))
            .expression_attribute_values(":run", s(runs::PARTITION))
            .expression_attribute_values(":record", s(head_key(runs::RECORD)))
            .expression_attribute_values(":before", s(runs::BEFORE))
            .projection_expression("pk, sk");
        let (mut listed, mut recorded, mut saved) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        let mut pages = scan.into_paginator().items().send();
        while let Some(item) = pages.next().await {
            let item = item.map_err(AwsError::of(operation))?;
            let item = Item(&item);
            let sk = item.text("sk")?;
            let Some(run) = item.text("pk")?.strip_prefix(runs::PARTITION).map(RunId::new) else {
                listed.insert(RunId::new(sk));
                continue;
            };
            match sk.strip_prefix(runs::BEFORE).and_then(|rest| rest.split('#').next()) {
                None => recorded.extend([run]),
                Some(tenant) => saved.extend(TenantId::parse(tenant).ok().map(|tenant| (run, tenant))),
            }
        }
        recorded.retain(|run| !listed.contains(run));
        Ok(Scanned { unlisted: recorded, saved })
    }
}

/// A row without a login: nothing of the row that is the login's own, and nothing but the mention of one that names it elsewhere.
fn without(row: Row, login: &Login, login_key: &str, n_rows: &mut usize) -> Option<Row> {
    let mut values = row.properties();
    let is_login = |value: &Value| value.as_str().is_some_and(|text| Login::as_found(text) == *login);
    if values.get(login_key).is_some_and(is_login) {
        *n_rows += 1;
        return None;
    }
    let n_before = values.len();
    values.retain(|_, value| !is_login(value));
    let mut changed = values.len() < n_before;
    for several in values.values_mut().filter_map(Value::as_array_mut) {
        let n_before = several.len();
        several.retain(|value| !is_login(value));
        changed |= several.len() < n_before;
    }
    *n_rows += usize::from(changed);
    Some(if changed { values.into() } else { row })
}

/// The sum of all; the first error only behind the last of them, so that one broken item hides no other.
async fn sum(counts: impl futures::Stream<Item = Result<usize, StoreError>>) -> Result<usize, StoreError> {
    let counts: Vec<_> = counts.collect().await;
    counts.into_iter().sum()
}
