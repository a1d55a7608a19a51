//! The fifth step: what the latest runs tell of Orgvue's answers about a login.

use super::decided::without_remedy;
use super::{Answer, AnswerOutcome, Decided, Explanation, FaultSeen, Found, HeldSeen, Source, TenantExplanation};
use crate::finding::FindingCode;
use crate::ids::{RunId, TenantId};
use crate::integration::Mode;
use crate::login::Login;
use crate::run::{RunRecord, Status, TenantRecord};

impl Explanation {
    /// Adds what the latest runs tell, newest first. In each tenant the newest run that mentions the login has Orgvue's last answer; that a
    /// later run ended well without mentioning it is told, too, and what restores have done since. A restore changes nothing of what waits.
    #[must_use]
    pub fn with_runs(mut self, last: &[RunRecord]) -> Self {
        let read_by = match &self.source {
            Source::Snapshot { run, at_ms: _, unchanged_since: _ } => Some(run),
            Source::Live => None,
        };
        for told in &mut self.tenants {
            let records = Records { login: &self.login, tenant: &told.tenant, last };
            let answers = records.answers(told.decision, read_by);
            let has = |outcome| answers.iter().any(|answer| answer.outcome == outcome);
            // A look at the tenant knows better what is held now.
            if told.held.is_none() && told.now.is_none() && has(AnswerOutcome::Held) {
                told.held = records.held();
            }
            if has(AnswerOutcome::Refused) {
                told.findings.retain(|finding| finding.code != FindingCode::RefusedByOrgvue);
            }
            told.fault = told.fault.take().or_else(|| records.fault());
            told.answers = answers;
            if self.found == Found::NotStored {
                told.doubt(last);
            }
        }
        self
    }
}

impl TenantExplanation {
    /// A user who is not stored may be stored under a former address: what runs did for the login then speaks against what is stored. A
    /// restore does not ask the directory.
    fn doubt(&mut self, last: &[RunRecord]) {
        let is_of_a_run = |answer: &Answer| last.iter().any(|run| run.id == answer.run && run.restores.is_none());
        let made = |answer: &Answer| matches!(answer.outcome, AnswerOutcome::Created | AnswerOutcome::Updated) && is_of_a_run(answer);
        if self.decision == Decided::NotDesired && self.answers.iter().any(made) {
            self.decision = Decided::NotKnown;
            self.message = "not known from what is stored, for a run gave the login an account; ask with --live".to_owned();
        }
    }
}

/// The records of one tenant, about one login.
struct Records<'a> {
    login: &'a Login,
    tenant: &'a TenantId,
    last: &'a [RunRecord],
}

impl<'a> Records<'a> {
    fn iter(&self) -> impl Iterator<Item = (&'a RunRecord, &'a TenantRecord)> {
        let tenant = self.tenant;
        self.last.iter().filter_map(move |run| Some((run, run.tenants.iter().find(|record| record.tenant == *tenant)?)))
    }

    /// The newest mention of a run, behind the silence of a newer one that ended well, and all that restores have done since. A run before
    /// the one that read cannot tell that an account is as the directory has it, and a restore looks at nobody but those whom it puts back.
    fn answers(&self, decision: Decided, read_by: Option<&RunId>) -> Vec<Answer> {
        let (mut answers, mut is_settled) = (Vec::new(), false);
        for (run, record) in self.iter() {
            let (mentions, is_run) = (self.mentions(run, record), run.restores.is_none());
            let is_last = is_run && !mentions.is_empty();
            if is_run && !is_last && !is_settled && ended_well(record.status) {
                let is_right = decision == Decided::Desired && read_by.is_some_and(|read_by| run.id >= *read_by);
                answers.push(answer(if is_right { AnswerOutcome::RightAlready } else { AnswerOutcome::NothingToDo }, run));
                is_settled = true;
            }
            answers.extend(mentions.into_iter().filter(|answer| !is_settled || is_done(answer)));
            if is_last {
                break;
            }
        }
        answers
    }

    /// All that one run tells of the login. A restore writes whatever the mode is, and what it held waits for nobody.
    fn mentions(&self, run: &RunRecord, record: &TenantRecord) -> Vec<Answer> {
        let written = |written, simulated| match record.mode {
            Mode::Simulate | Mode::Paused if run.restores.is_none() => simulated,
            Mode::Enforce | Mode::Simulate | Mode::Paused => written,
        };
        let refused = run.findings.iter().find(|finding| {
            finding.code == FindingCode::RefusedByOrgvue
                && finding.login.as_ref() == Some(self.login)
                && finding.tenant.as_ref() == Some(self.tenant)
        });
        let lists = [
            (&record.created, written(AnswerOutcome::Created, AnswerOutcome::WouldCreate)),
            (&record.updated, written(AnswerOutcome::Updated, AnswerOutcome::WouldUpdate)),
            (&record.removed, written(AnswerOutcome::Removed, AnswerOutcome::WouldRemove)),
        ];
        let mut answers: Vec<Answer> =
            lists.into_iter().filter(|(list, _)| list.contains(self.login)).map(|(_, outcome)| answer(outcome, run)).collect();
        match refused {
            Some(finding) => {
                answers.push(Answer { message: Some(without_remedy(finding).to_owned()), ..answer(AnswerOutcome::Refused, run) })
            }
            None if record.failed.contains(self.login) => answers.push(answer(AnswerOutcome::Failed, run)),
            None => {}
        }
        if run.restores.is_none() && record.held.iter().any(|held| held.login == *self.login) {
            answers.push(answer(AnswerOutcome::Held, run));
        }
        answers
    }

    /// What the newest run that mentions the login holds.
    fn held(&self) -> Option<HeldSeen> {
        let (_, record) = self.iter().find(|(run, record)| run.restores.is_none() && !self.mentions(run, record).is_empty())?;
        let held = record.held.iter().find(|held| held.login == *self.login)?;
        Some(HeldSeen {
            action: held.action,
            lost_roles: held.lost_roles.iter().cloned().collect(),
            why: held.why,
            message: held.why.explain(),
            hash: record.held_hash.clone(),
            verdict: record.verdict,
            renamed_to: held.renamed_to.clone(),
        })
    }

    /// What stood in the way when the tenant was last tried, or the whole directory. What stood in the way of a restore is no run's matter.
    fn fault(&self) -> Option<FaultSeen> {
        let is_of_the_tenant = |record: &&TenantRecord| record.tenant == *self.tenant;
        let told = |run: &'a RunRecord| match run.tenants.iter().find(is_of_the_tenant) {
            Some(record) => Some((run, record.status, &record.code, &record.error)),
            None => run.tenants.is_empty().then_some((run, run.status, &run.code, &run.error)),
        };
        let (run, status, code, error) = self.last.iter().filter(|run| run.restores.is_none()).find_map(told)?;
        is_fault(status).then(|| FaultSeen {
            code: code.clone(),
            error: error.clone(),
            run: Some(run.id.clone()),
            at_ms: Some(run.started_at_ms),
        })
    }
}

/// Whether it stays so though a later run ended well.
fn is_done(answer: &Answer) -> bool {
    matches!(answer.outcome, AnswerOutcome::Created | AnswerOutcome::Updated | AnswerOutcome::Removed)
}

fn answer(outcome: AnswerOutcome, run: &RunRecord) -> Answer {
    Answer { outcome, message: None, run: run.id.clone(), at_ms: run.started_at_ms }
}

/// Whether all was done that the run was for, but for what it lists.
fn ended_well(status: Status) -> bool {
    match status {
        Status::Applied | Status::Simulated | Status::PartlyHeld => true,
        Status::Superseded | Status::Failed | Status::Refused => false,
    }
}

fn is_fault(status: Status) -> bool {
    match status {
        Status::Failed | Status::Refused => true,
        Status::Applied | Status::Simulated | Status::PartlyHeld | Status::Superseded => false,
    }
}
