//! What the people who operate it do in the middle of a history, as the command line does it: files, decisions, pauses, restores.
//!
//! A restore and the look at a suspended directory are a process of their own, which dies and meets faults like any other.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use adapters::http::Deadline;
use adapters::store::{AfterApply, ApplyError};
use domain::delays::Delays;
use domain::held::Verdict;
use domain::ids::RunId;
use sync::{OperateError, RestoreError, check_directory, restoration, restore};

use crate::clockwork::Killed;
use crate::dice::Dice;
use crate::file::File;
use crate::history::History;
use crate::stage::{Play, Stage};

/// Longest work of a person's process.
const PATIENCE: Duration = Duration::from_secs(600);
/// Of the latest so many runs one is put back.
const RUNS_MAX: usize = 8;

impl Stage {
    /// The file in force.
    pub(crate) fn file(&self) -> File {
        self.play().file.clone().expect("a history has a file")
    }

    /// A person puts a file in force. Not while a run is at work on a tenant that it gives up.
    pub(crate) async fn put_in_force(&self, file: File, after: AfterApply) -> bool {
        let (integration, text, delays) = (file.integration(), file.toml(), Delays::default());
        match self.by_hand(self.operator().apply(&integration, &text, after, &delays)).await {
            Ok(_) => {}
            Err(OperateError::Apply(ApplyError::Running)) => return false,
            Err(error) => panic!("{error:?}"),
        }
        self.seen.puts_in_force(file.taboo());
        let now_ms = self.now_ms();
        {
            let mut play = self.play();
            play.consent.file_changes(now_ms, &file);
            play.customers[0] = file.customer();
            play.file = Some(file);
        }
        self.note_desired();
        true
    }

    /// A person changes the file, and mostly asks for a sync with it.
    pub(crate) async fn file_changes(&self, dice: &mut Dice, is_silent: bool) -> String {
        let accounts = self.desired().into_values().flat_map(BTreeMap::into_keys).collect();
        let (file, told) = self.file().changed(dice, accounts);
        let moves = dice.percent(10);
        let gives_up = moves || file.absent().difference(&self.file().absent()).next().is_some();
        // By the clock of the table the run at work may have lost its lease, and not know it by its own.
        if gives_up && self.play().skew_ms < 0 {
            return "nothing".to_owned();
        }
        let after = if is_silent && dice.percent(30) { AfterApply::Wait } else { AfterApply::Sync };
        if moves {
            return format!("another directory, in force: {}", self.moves(&[], after).await);
        }
        let is_done = self.put_in_force(file, after).await;
        format!("{told}, in force: {is_done}")
    }

    /// A person approves or rejects what is held.
    pub(crate) async fn decide(&self, dice: &mut Dice) -> String {
        let mut told = Vec::new();
        for tenant in self.file().tenants() {
            if self.state(tenant).await.held.is_none() {
                continue;
            }
            let verdict = if dice.percent(60) { Verdict::Approved } else { Verdict::Rejected };
            told.push(match self.says(tenant, verdict).await {
                Ok(()) => format!("{verdict:?} in {tenant}"),
                Err(why) => why,
            });
        }
        format!("decides: {told:?}")
    }

    /// A person decides about what a tenant holds, as it is shown.
    pub(crate) async fn says(&self, tenant: &str, verdict: Verdict) -> Result<(), String> {
        let id = self.customers()[0].integration_id();
        let (set, desired) = (self.shown_held(tenant).await.expect("something is held"), self.desired());
        match self.by_hand(self.operator().decide(&id, None, set.hash().as_str(), verdict)).await {
            Ok(_) => {}
            Err(OperateError::LeftAlone(_)) => return Err(format!("{tenant} is left alone")),
            Err(error) => panic!("{error:?}"),
        }
        let mut play = self.play();
        let is_at_work = play.n_at_work > 0;
        play.consent.decides(verdict, &set, &desired, is_at_work);
        Ok(())
    }

    /// What was written since this was last asked is nothing that the file forbids, nor more than people agreed to.
    pub(crate) fn judge(&self) {
        let (is_history, now_ms) = (self.play().file.is_some(), self.now_ms());
        for write in self.seen.unjudged().iter().filter(|_| is_history) {
            let Some(after) = &write.after else { continue };
            write.taboo.assert_kept(&write.before, after);
            if !write.is_by_a_person {
                let Play { consent, had, .. } = &mut *self.play();
                consent.judge(now_ms, write, after, had);
            }
        }
    }

    /// A person lets the integration run again; not without a look at a directory for which it was suspended.
    pub(crate) async fn resumes(&self) -> Result<(), String> {
        let id = self.customers()[0].integration_id();
        let deps = &self.beside.deps;
        let look = async |integration: &_| check_directory(deps, integration, Deadline::after(PATIENCE)).await;
        match self.invoke(&self.beside.line, "resume", Box::pin(self.operator().resume(&id, look))).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(why @ (OperateError::PausedByFile | OperateError::Directory(_)))) => Err(why.to_string()),
            Ok(Err(error)) => panic!("{error:?}"),
            Err(Killed) => Err("the process died".to_owned()),
        }
    }

    /// A person puts back what one of the last runs overwrote, in part with what the guard holds of it.
    pub(crate) async fn puts_back(&self, dice: &mut Dice) -> String {
        let runs = self.with_saved_rows().await;
        if runs.is_empty() {
            return "nothing to put back".to_owned();
        }
        let (run, agrees) = (dice.one_of(&runs), dice.percent(70));
        let told = match self.put_back_by_hand(run, agrees).await {
            Ok(Ok(())) => "is put back",
            Ok(Err(RestoreError::Busy)) => "is not put back: a run is at work",
            // What the table cannot tell is told to the person.
            Ok(Err(RestoreError::Store(_) | RestoreError::NothingSaved(_))) => "is perhaps put back",
            Ok(Err(error)) => panic!("{error:?}"),
            Err(Killed) => "was being put back when the process died",
        };
        format!("run {run} {told}")
    }

    pub(crate) async fn put_back_by_hand(&self, run: &RunId, agrees: bool) -> Result<Result<(), RestoreError>, Killed> {
        self.seen.by_a_person(true);
        self.play().consent.accounts_change();
        let restored = self.invoke(&self.beside.line, "restore", Box::pin(self.put_back(run, agrees))).await;
        self.seen.by_a_person(false);
        restored
    }

    async fn put_back(&self, run: &RunId, agrees: bool) -> Result<(), RestoreError> {
        let (deps, id, deadline) = (&self.beside.deps, self.customers()[0].integration_id(), Deadline::after(PATIENCE));
        let mut agreed = BTreeSet::new();
        if agrees {
            let shown = restoration(deps, &id, run, None, deadline).await?;
            agreed.extend(shown.tenants.into_values().filter_map(|tenant| tenant.ok()?.hash));
        }
        restore(deps, &id, run, None, &agreed, deadline).await.map(drop)
    }

    /// The latest runs that overwrote something.
    async fn with_saved_rows(&self) -> Vec<RunId> {
        let customer = self.customers().remove(0);
        let mut runs = Vec::new();
        for head in self.store.latest_runs(&customer.integration_id(), RUNS_MAX).await.unwrap() {
            for tenant in customer.integration().tenants {
                if !self.store.saved_before(&head.id, &tenant.id).await.unwrap().rows.is_empty() {
                    runs.push(head.id.clone());
                }
            }
        }
        runs.dedup();
        runs
    }
}

impl History<'_> {
    pub(crate) async fn an_operator_acts(&mut self) {
        let stage = self.stage;
        let id = stage.customers()[0].integration_id();
        let operator = stage.operator();
        let told = match self.dice.below(12) {
            0 => stage.by_hand(operator.pause(&id)).await.map(|_| "pause".to_owned()),
            1 => stage.by_hand(operator.pause_all()).await.map(|()| "pause all".to_owned()),
            2 => stage.by_hand(operator.resume_all()).await.map(|()| "resume all".to_owned()),
            3 | 4 => Ok(format!("resume: {:?}", stage.resumes().await)),
            5..8 => Ok(stage.decide(&mut self.dice).await),
            _ => stage.by_hand(operator.sync(&id)).await.map(|_| "ask".to_owned()),
        };
        self.tell(format!("the operator: {}", told.unwrap()));
    }

    pub(crate) async fn the_file_changes(&mut self) {
        let told = self.stage.file_changes(&mut self.dice, self.is_silent).await;
        self.tell(format!("the file: {told}"));
    }

    /// What a restore did is found by the next run, which somebody asks for before or behind it, or by a look for drift.
    pub(crate) async fn a_run_is_put_back(&mut self) {
        let (asks_before, asks_behind) = match self.dice.below(3) {
            0 => (true, false),
            1 if self.is_silent => (false, false),
            _ => (false, true),
        };
        if asks_before {
            self.stage.ask().await;
        }
        let told = self.stage.puts_back(&mut self.dice).await;
        self.tell(told);
        if asks_behind {
            self.stage.ask().await;
        }
    }
}
