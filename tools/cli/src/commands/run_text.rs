//! One run, as it is shown.

use adapters::store::RunNow;
use domain::held::Verdict;
use domain::integration::Mode;
use domain::login::Login;
use domain::run::{HeldRecord, INTERRUPTED, RunRecord, Status, TenantRecord};
use serde::Serialize;

use super::finding_text::findings_table;
use crate::output::{Answer, At, Exit, Page, Tone, counted, lines, word};

/// A run: its record, with its time as people and programs read it.
#[derive(Debug, Serialize)]
pub(crate) struct RunView {
    #[serde(flatten)]
    record: RunRecord,
    started_at: At,
    at_work: bool,
}

impl RunView {
    /// Of a run that has ended.
    pub(crate) fn new(record: RunRecord) -> Self {
        RunNow { record, is_at_work: false }.into()
    }
}

impl From<RunNow> for RunView {
    fn from(RunNow { record, is_at_work }: RunNow) -> Self {
        Self { started_at: At(record.started_at_ms), record, at_work: is_at_work }
    }
}

impl Answer for RunView {
    fn text(&self, page: &Page) -> String {
        let RunRecord { id, integration, status, reason, restores, code, error, tenants, findings, .. } = &self.record;
        let RunRecord { workos_calls, orgvue_calls, seconds, .. } = &self.record;
        let (tone, word_of_status) = told(*status, code.as_deref(), self.at_work);
        let mut text = format!("{integration}: {}, run {id}\n", page.paint(tone, &word_of_status));
        text += &format!("asked for by {}, began {}", word(reason), page.time(self.started_at.0));
        if !self.record.is_open() {
            text += &format!(", took {seconds:.1} s, {} to WorkOS, {orgvue_calls} to Orgvue", counted(*workos_calls, "call"));
        }
        text.push('\n');
        text += &restores.as_ref().map(|other| format!("it put back what run {other} had overwritten\n")).unwrap_or_default();
        text += &fault(page, code.as_deref(), error.as_deref());
        if !tenants.is_empty() {
            text += &format!("\n{}", summary(page, &self.record));
        }
        tenants.iter().for_each(|tenant| text += &details(page, &self.record, tenant));
        if !findings.is_empty() {
            text += &format!("\ncould not be synced:\n{}", findings_table(page, findings.iter().map(|finding| (None, finding))));
        }
        text
    }

    fn exit(&self) -> Exit {
        let is_restore = self.record.restores.is_some();
        match self.record.status {
            // No other run does what a restore left undone.
            Status::Superseded if is_restore => Exit::Attention,
            Status::Applied if is_restore && self.record.tenants.is_empty() => Exit::Attention,
            Status::Applied | Status::Simulated | Status::Superseded => Exit::Done,
            // What was rejected stays held, and waits for nobody.
            Status::PartlyHeld if self.record.tenants.iter().all(|tenant| tenant.held.is_empty() || is_rejected(tenant)) => Exit::Done,
            Status::PartlyHeld | Status::Failed | Status::Refused => Exit::Attention,
        }
    }
}

/// A run's status in a word, and how much it wants to be looked at. As long as the run has not told its end, that is what there is to say.
pub(crate) fn told(status: Status, code: Option<&str>, at_work: bool) -> (Tone, String) {
    match code {
        Some(INTERRUPTED) if at_work => (Tone::Plain, "working".to_owned()),
        Some(INTERRUPTED) => (Tone::Warn, INTERRUPTED.to_owned()),
        Some(_) | None => (tone(status), word(&status)),
    }
}

/// How much a status wants to be looked at.
fn tone(status: Status) -> Tone {
    match status {
        Status::Applied => Tone::Good,
        Status::Simulated => Tone::Plain,
        Status::Superseded | Status::Failed => Tone::Warn,
        Status::PartlyHeld | Status::Refused => Tone::Bad,
    }
}

fn is_rejected(tenant: &TenantRecord) -> bool {
    tenant.verdict == Some(Verdict::Rejected)
}

/// Whether the run writes to the tenant. Accounts are put back in every mode: a person wants it so.
pub(crate) fn writes(run: &RunRecord, tenant: &TenantRecord) -> bool {
    tenant.mode == Mode::Enforce || run.restores.is_some()
}

fn summary(page: &Page, run: &RunRecord) -> String {
    let mut table = page.table(&["tenant", "mode", "status", "created", "updated", "removed or disabled", "unchanged", "held", "failed"]);
    for of in &run.tenants {
        let TenantRecord { tenant, status, mode, created, updated, removed, unchanged, held, failed, .. } = of;
        let done = |logins: &[Login]| match logins.len() {
            n @ 1.. if !writes(run, of) => page.plain(format!("would be {n}")),
            n => page.plain(n),
        };
        table.add_row([
            page.plain(tenant),
            page.plain(word(mode)),
            page.cell(tone(*status), word(status)),
            done(created),
            done(updated),
            done(removed),
            page.plain(unchanged),
            page.plain(held.len()),
            page.plain(failed.len()),
        ]);
    }
    lines(&table)
}

/// What stood in a tenant's way, its plan, how far it came, and what waits for a person.
fn details(page: &Page, run: &RunRecord, tenant: &TenantRecord) -> String {
    let mut text = String::new();
    let fault = fault(page, tenant.code.as_deref(), tenant.error.as_deref());
    if !fault.is_empty() {
        text += &format!("\n{}: {fault}", tenant.tenant);
    }
    if !tenant.plan.trim().is_empty() {
        text += &format!("\nplan for {}\n", page.paint(Tone::Plain, tenant.plan.trim_end()));
    }
    let told = account_lines(page, run, tenant);
    if !told.is_empty() {
        text += &format!("\n{told}");
    }
    if !tenant.held.is_empty() {
        let hash = tenant.held_hash.as_ref().map(|hash| format!(", hash {}", hash.short())).unwrap_or_default();
        let verdict = tenant.verdict.map(|verdict| format!(", {}", word(&verdict))).unwrap_or_default();
        text += &format!("\nheld in {}{hash}{verdict}:\n{}", tenant.tenant, held_table(page, &tenant.held));
    }
    text
}

/// Who is not as planned, and behind a run that stopped midway, of which the plan tells no more, who is.
fn account_lines(page: &Page, run: &RunRecord, tenant: &TenantRecord) -> String {
    let TenantRecord { created, updated, removed, failed, .. } = tenant;
    let stopped = match tenant.status {
        Status::Failed | Status::Refused | Status::Superseded => writes(run, tenant),
        Status::Applied | Status::Simulated | Status::PartlyHeld => false,
    };
    let line = |tone, what, logins: &[Login]| {
        let names: Vec<_> = logins.iter().map(ToString::to_string).collect();
        let line = format!("{what} in {}: {}", tenant.tenant, names.join(", "));
        if names.is_empty() { String::new() } else { format!("{}\n", page.paint(tone, &line)) }
    };
    let done = [("created", created), ("updated", updated), ("removed or disabled", removed)];
    let done: String = done.into_iter().filter(|_| stopped).map(|(what, logins)| line(Tone::Plain, what, logins)).collect();
    done + &line(Tone::Bad, "not settled", failed)
}

/// What waits for a person.
pub(crate) fn held_table(page: &Page, held: &[HeldRecord]) -> String {
    let mut table = page.table(&["account", "action", "lost roles", "renamed to", "why"]);
    for HeldRecord { login, action, lost_roles, why: _, renamed_to, message } in held {
        let lost: Vec<_> = lost_roles.iter().map(ToString::to_string).collect();
        table.add_row([
            page.plain(login),
            page.plain(word(action)),
            page.plain(lost.join(", ")),
            page.plain(renamed_to.as_ref().map(ToString::to_string).unwrap_or_default()),
            page.plain(message),
        ]);
    }
    lines(&table)
}

fn fault(page: &Page, code: Option<&str>, error: Option<&str>) -> String {
    error.map(|error| format!("{}\n", page.paint(Tone::Bad, &format!("{}: {error}", code.unwrap_or("fault"))))).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_restore_that_found_nothing_left_to_put_back_wants_a_person() {
        let applied = |restores| {
            let record = json!({
                "v": 1, "id": "r2", "integration": "acme", "directory": "directory_1", "reason": "restored", "generation": 1,
                "restores": restores, "status": "applied", "started_at_ms": 0, "tenants": [], "findings": [],
                "workos_calls": 0, "orgvue_calls": 0, "seconds": 0.0
            });
            RunView::new(serde_json::from_value(record).unwrap()).exit()
        };
        assert_eq!((applied(Some("r1")), applied(None)), (Exit::Attention, Exit::Done));
    }
}
