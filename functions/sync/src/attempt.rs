//! One attempt: one read of the directory serves all the tenants of its integration, which succeed and fail each on its own.

use std::collections::{BTreeMap, BTreeSet};
use std::mem::take;
use std::slice::from_ref;

use adapters::aws::chain;
use adapters::clock::now_ms;
use adapters::http::Deadline;
use adapters::store::{Claim, StoreError};
use adapters::workos::ReadError;
use domain::backoff::FaultClass;
use domain::finding::Finding;
use domain::fleet::Tally;
use domain::ids::{DirectoryId, TenantId};
use domain::integration::{Integration, Mode, Tenant};
use domain::notice::{FindingNews, is_newly_held};
use domain::pending::{RunEnd, Switch};
use domain::run::{RunRecord, Status, TenantRecord};
use domain::snapshot::Snapshot;
use domain::tenant_state::{Demand, TenantState, earliest_retry, worked_on, written_to};

use crate::Deps;
use crate::metrics;
use crate::round::{Round, Rounded, Unread};
use crate::run::Opening;
use crate::seen::{Seen, View};
use crate::tenant::{Keeping, Reconciled};

/// How often in a row a directory is not found before it counts as gone: a proxy's or WorkOS's slip must not suspend anybody.
const NOT_FOUND_MIN: u8 = 3;
/// How many other directories are asked for before it is settled that the API key finds none.
const OTHERS_ASKED_MAX: usize = 3;

/// What an attempt found and did.
pub(crate) struct Attempt {
    status: Status,
    code: Option<String>,
    error: Option<String>,
    tenants: Vec<TenantRecord>,
    findings: Vec<Finding>,
    workos_calls: u64,
    orgvue_calls: u64,
    pub(crate) states: Vec<(TenantId, TenantState, Keeping)>,
    /// What was seen, if it differs from what is stored.
    pub(crate) snapshot: Option<Snapshot>,
    /// What is to be counted from now on, if the tenants were looked at.
    pub(crate) tally: Option<Tally>,
    pub(crate) news: News,
    pub(crate) end: RunEnd,
}

/// What people are told of once.
#[derive(Default)]
pub(crate) struct News {
    /// Tenants where something is held that was not held before.
    pub(crate) held: BTreeSet<TenantId>,
    pub(crate) findings: FindingNews,
}

/// Reads, decides and applies. Only that the table does not answer is an error; everything else is an outcome.
pub(crate) async fn attempt(deps: &Deps, claim: &Claim, opening: &Opening, deadline: Deadline) -> Result<Attempt, StoreError> {
    match try_once(deps, claim, opening, deadline).await {
        // The message would come again and again for it, and end where nobody can tell which customer it is about.
        Err(error @ StoreError::Corrupt { .. }) => {
            tracing::error!(run.id = %claim.run(), integration.id = %claim.integration(), error = chain(&error), "the table must be repaired");
            let end = retry(deps, claim, FaultClass::Configuration);
            Ok(Attempt::stopped(Status::Refused, "table_corrupt", chain(&error), end))
        }
        outcome => outcome,
    }
}

async fn try_once(deps: &Deps, claim: &Claim, opening: &Opening, deadline: Deadline) -> Result<Attempt, StoreError> {
    let integration = match integration(deps, claim).await? {
        Ok(integration) => integration,
        Err(error) => {
            tracing::error!(run.id = %claim.run(), integration.id = %claim.integration(), "the integration file in force cannot be used");
            let end = retry(deps, claim, FaultClass::Configuration);
            return Ok(Attempt::stopped(Status::Refused, "integration_unusable", error, end));
        }
    };
    let states = deps.store.tenant_states(&integration.id).await?;
    let demand = Demand::of(claim.is_asked(), claim.is_new_work());
    let state_of = |tenant: &TenantId| states.get(tenant).cloned().unwrap_or_default().asked(demand);
    let began_ms = now_ms();
    let due: Vec<_> = worked_on(&integration).filter(|tenant| state_of(&tenant.id).is_due(demand, began_ms)).collect();
    if due.is_empty() {
        let tally = tally(deps, &integration, &states, None).await;
        return Ok(Attempt { tally: Some(tally), ..Attempt::idle(earliest_retry(&integration, &states)) });
    }
    let reader = deps.workos.reader(integration.directory.clone(), deadline);
    let before = deps.store.snapshot(&integration.id).await?;
    let round = Round {
        deps,
        claim,
        opening,
        deadline,
        integration: &integration,
        reader: &reader,
        before: before.as_ref(),
        states: &due.iter().map(|tenant| (tenant.id.clone(), state_of(&tenant.id))).collect(),
    };
    let needs_no_list = |tenant: &&Tenant| {
        let state = state_of(&tenant.id);
        (state.held.is_none() || tenant.mode != Mode::Enforce) && state.knew_all_users(began_ms, &deps.config.delays)
    };
    // Behind a failure no tenant waits for another before the list of users is read.
    let members_will_do = demand != Demand::Person
        && claim.backoff().attempts == 0
        && due.iter().all(needs_no_list)
        && before.as_ref().is_some_and(Snapshot::is_told_by_members);
    let Rounded { directory, is_whole, findings, reconciled, orgvue_calls } = match round.go(&due, !members_will_do).await? {
        Ok(rounded) => rounded,
        Err(unread) => return Attempt::unread(deps, claim, unread, reader.calls(), deadline).await,
    };

    let held_before = |tenant: &TenantId| states.get(tenant).and_then(|state| state.held.as_ref());
    let newly_held = reconciled.iter().map(|one| &one.record).filter(|record| is_newly_held(held_before(&record.tenant), record));
    let newly_held = newly_held.map(|record| record.tenant.clone()).collect();
    let mut states = states;
    states.extend(reconciled.iter().map(|one| (one.record.tenant.clone(), one.state.clone())));
    let is_held = |tenant: &Tenant| states.get(&tenant.id).is_some_and(|state| state.held.is_some());
    let holds = written_to(&integration).any(is_held) || reconciled.iter().any(|one| !one.record.held.is_empty());
    let view = View { run: claim.run(), integration: &integration, directory: &directory, is_whole, before, holds };
    let seen = view.seen(findings, &reconciled);
    let n_findings = seen.n_open;
    let mut attempt = Attempt::summed(reconciled).with(seen);
    attempt.news.held = newly_held;
    attempt.tally = Some(tally(deps, &integration, &states, Some(n_findings)).await);
    attempt.workos_calls = reader.calls();
    attempt.orgvue_calls += orgvue_calls;
    attempt.end = RunEnd::Reconciled { retry_at_ms: earliest_retry(&integration, &states) };
    Ok(attempt)
}

/// What the sweep is to count. Decisions that cannot be read are none: then what is held waits for a person.
async fn tally(deps: &Deps, integration: &Integration, states: &BTreeMap<TenantId, TenantState>, n_findings: Option<usize>) -> Tally {
    let is_held = states.values().any(|state| state.held.is_some());
    let decisions = if is_held { deps.store.decisions(&integration.id).await.unwrap_or_default() } else { BTreeMap::new() };
    Tally::of(integration, states, &decisions, n_findings, now_ms())
}

/// The integration that is in force.
async fn integration(deps: &Deps, claim: &Claim) -> Result<Result<Integration, String>, StoreError> {
    let id = claim.integration();
    let Some(file) = deps.store.integration_file(id).await? else {
        return Ok(Err(format!("the integration {id} has no file: apply it again")));
    };
    Ok(match Integration::parse(&file) {
        Ok(integration) if integration.directory == *claim.directory() => Ok(integration),
        Ok(_) => Err(format!("the integration {id} is about another directory now")),
        Err(error) => Err(format!("the file of the integration {id} is not valid any more: {error}")),
    })
}

fn retry(deps: &Deps, claim: &Claim, class: FaultClass) -> RunEnd {
    let (backoff, retry_at_ms) = claim.backoff().failed(class, now_ms(), &deps.config.delays);
    if backoff.is_quarantined() && !claim.backoff().is_quarantined() {
        deps.config.metrics.write(now_ms(), &[metrics::QUARANTINE_BEGUN]);
    }
    RunEnd::Failed { retry_at_ms, backoff }
}

fn suspend(deps: &Deps) -> RunEnd {
    deps.config.metrics.write(now_ms(), &[metrics::SUSPENSION_BEGUN]);
    RunEnd::Suspended
}

/// What it comes to that the directory was not read.
async fn not_read(deps: &Deps, claim: &Claim, error: &ReadError, deadline: Deadline) -> Result<Attempt, StoreError> {
    tracing::warn!(
        run.id = %claim.run(),
        directory.id = %claim.directory(),
        code = error.code(),
        error = chain(error),
        request.id = error.request_id(),
        "the directory was not read"
    );
    let retry = || retry(deps, claim, error.class());
    let (status, end) = match error {
        ReadError::Gone { .. } => (Status::Refused, suspend(deps)),
        ReadError::NotFound if stays_unfound(deps, claim).await? && is_gone(deps, claim.directory(), deadline).await? => {
            (Status::Refused, suspend(deps))
        }
        ReadError::Key(error) if error.is_passing() => (Status::Failed, retry()),
        ReadError::NotFound | ReadError::Key(_) | ReadError::TooLarge { .. } | ReadError::Refused { .. } => (Status::Refused, retry()),
        ReadError::Unsettled { .. } | ReadError::Untrusted { .. } | ReadError::Unavailable { .. } | ReadError::OutOfTime => {
            (Status::Failed, retry())
        }
    };
    Ok(Attempt::stopped(status, error.code(), format!("{}; {}", chain(error), error.remedy()), end))
}

/// Whether the last runs before this one did not find the directory either; any other end begins a new row. So does a person who asks, for
/// `attempts` begins anew: a row is never shorter than the waits between its tries.
async fn stays_unfound(deps: &Deps, claim: &Claim) -> Result<bool, StoreError> {
    let n_before = NOT_FOUND_MIN - 1;
    if claim.backoff().attempts < u32::from(n_before) {
        return Ok(false);
    }
    let mut n_unfound = 0;
    for head in deps.store.latest_runs(claim.integration(), usize::from(n_before)).await? {
        let record = deps.store.run(&head.id).await?;
        n_unfound += u8::from(record.is_some_and(|record| record.code.as_deref() == Some(ReadError::NotFound.code())));
    }
    Ok(n_unfound == n_before)
}

/// Whether a directory that is not found is gone. An API key of another environment finds no customer's directory and must not suspend
/// them all, so it has to find another one of ours; where there is no other, there is nobody to spare. Those that are suspended are not
/// asked for: they may be gone themselves. Each directory asks for those behind it in a circle, so that of any number that go together one
/// finds another, and is suspended out of the way of the one before it.
async fn is_gone(deps: &Deps, directory: &DirectoryId, deadline: Deadline) -> Result<bool, StoreError> {
    let integrations = deps.store.each_integration().await?.into_iter().flatten();
    let mut others: Vec<DirectoryId> = integrations.map(|(_, other)| other).filter(|other| other != directory).collect();
    others.sort_by(|a, b| (a < directory, a).cmp(&(b < directory, b)));
    let mut n_asked = 0;
    for other in others {
        if is_suspended(deps, &other).await? {
            continue;
        }
        match deps.workos.reader(other, deadline).check().await {
            Ok(()) | Err(ReadError::Gone { .. } | ReadError::Unsettled { .. }) => return Ok(true),
            Err(_) => n_asked += 1,
        }
        if n_asked == OTHERS_ASKED_MAX {
            break;
        }
    }
    Ok(n_asked == 0)
}

async fn is_suspended(deps: &Deps, directory: &DirectoryId) -> Result<bool, StoreError> {
    let found = deps.store.each_pending(from_ref(directory)).await?;
    Ok(found.iter().flatten().any(|pending| pending.switch == Switch::Suspended))
}

impl Attempt {
    /// Nothing is due: every tenant is paused or waits for its retry.
    fn idle(retry_at_ms: Option<i64>) -> Self {
        Self {
            status: Status::Applied,
            code: None,
            error: None,
            tenants: Vec::new(),
            findings: Vec::new(),
            workos_calls: 0,
            orgvue_calls: 0,
            states: Vec::new(),
            snapshot: None,
            tally: None,
            news: News::default(),
            end: RunEnd::Reconciled { retry_at_ms },
        }
    }

    fn stopped(status: Status, code: &str, error: String, end: RunEnd) -> Self {
        Self { status, code: Some(code.to_owned()), error: Some(error), end, ..Self::idle(None) }
    }

    /// What some of the tenants came to, although the directory could not be read as far as others want it. What was seen is not stored.
    async fn unread(deps: &Deps, claim: &Claim, unread: Unread, workos_calls: u64, deadline: Deadline) -> Result<Self, StoreError> {
        let Unread { error, reconciled, orgvue_calls } = unread;
        let Self { status, code, error, end, .. } = not_read(deps, claim, &error, deadline).await?;
        let findings = reconciled.iter().flat_map(|one| &one.findings).cloned().collect();
        let done = Self::summed(reconciled);
        Ok(Self { status, code, error, end, workos_calls, orgvue_calls: done.orgvue_calls + orgvue_calls, findings, ..done })
    }

    fn summed(reconciled: Vec<Reconciled>) -> Self {
        let mut attempt = Self { orgvue_calls: reconciled.iter().map(|one| one.orgvue_calls).sum(), ..Self::idle(None) };
        (attempt.states, attempt.tenants) =
            reconciled.into_iter().map(|one| ((one.record.tenant.clone(), one.state, one.keeping), one.record)).unzip();
        attempt.tenants.sort_by(|a, b| a.tenant.cmp(&b.tenant));
        attempt.status = attempt.tenants.iter().map(|tenant| tenant.status).max().unwrap_or(Status::Applied);
        attempt
    }

    fn with(self, seen: Seen) -> Self {
        let Seen { findings, n_open: _, changes, news } = seen;
        Self { findings, news: News { findings: changes, ..self.news }, snapshot: news, ..self }
    }

    /// The run's record with what the attempt found and did, which is told once.
    pub(crate) fn tell(&mut self, record: RunRecord) -> RunRecord {
        RunRecord {
            status: self.status,
            code: self.code.take(),
            error: self.error.take(),
            tenants: take(&mut self.tenants),
            findings: take(&mut self.findings),
            workos_calls: self.workos_calls,
            orgvue_calls: self.orgvue_calls,
            ..record
        }
    }
}
