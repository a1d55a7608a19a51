//! A customer moves to another directory: the file names it from now on, and the former one is nobody's.
//!
//! Whom the new one does not know loses no account unless somebody approves it, however few they are; whom it knows gets in at once. A pause comes
//! along, a suspension does not.

use adapters::store::AfterApply;
use domain::held::Verdict;
use domain::ids::DirectoryId;
use domain::pending::Switch;
use standins::workos::UserSpec;

use crate::census::usable;
use crate::decision::{Loss, losses_of};
use crate::history::{History, NAMES};
use crate::oracle::Rows;
use crate::stage::{Outgoing, Stage};

/// What is enough for a run and its retries, where it may not come to rest.
const STEPS: usize = 12;

impl Stage {
    /// Plays so much of what is due.
    async fn steps(&self, n: usize) {
        for _ in 0..n {
            self.step().await;
        }
    }

    /// The customer's identity provider fills another directory with the same people, who have other ids there, but for these.
    pub(crate) fn fills(&self, directory: &str, but: &[&str]) {
        let census = self.census();
        self.workos.edit(|model| {
            model.add_directory(directory);
            for (name, person) in census.users.iter().filter(|(name, _)| !but.contains(&name.as_str())) {
                model.put_user(
                    directory,
                    UserSpec { email: person.email.clone(), state: person.state().to_owned(), ..UserSpec::new(name, "") },
                );
            }
            for (name, group) in &census.groups {
                model.put_group(directory, name);
                for member in group.members.iter().filter(|name| !but.contains(&name.as_str())) {
                    model.add_member(directory, name, member);
                }
            }
        });
        // WorkOS told of a directory that nobody knew yet.
        self.play().n_told = self.workos.emitted().len();
    }

    /// A person puts a file in force that names another directory with the same people but for these; whether that could be done.
    pub(crate) async fn moves(&self, but: &[&str], after: AfterApply) -> bool {
        let file = self.file().moved();
        self.fills(&file.directory(), but);
        // What the former one was is no concern of anybody any more.
        let away = self.play().away.take();
        let is_done = self.put_in_force(file, after).await;
        if !is_done {
            self.play().away = away;
        }
        is_done
    }
}

impl History<'_> {
    /// The customer moves to another directory, in which some are missing.
    pub(crate) async fn the_customer_moves(&mut self) {
        let stage = self.stage;
        let (id, former) = (stage.customers()[0].integration_id(), stage.directory());
        let missing: Vec<&str> = stage.employees().iter().map(|(name, _)| *name).filter(|_| self.dice.percent(30)).collect();
        let was = stage.rows();
        let how = self.the_former_one_ends().await;
        let is_paused = how.is_none() && self.dice.percent(50);
        if is_paused {
            stage.by_hand(stage.operator().pause(&id)).await.unwrap();
        }
        self.tell(format!("moves to another directory without {missing:?}; the former one is {how:?}, paused: {is_paused}"));
        assert!(stage.moves(&missing, AfterApply::Sync).await, "no run is at work");
        for name in NAMES.iter().filter(|name| !missing.contains(name) && !stage.census().users.contains_key(**name)).take(1) {
            stage.comes(name, &crate::words::email(name));
        }
        if is_paused {
            stage.steps(STEPS).await;
            assert_eq!((stage.pending().await[0].switch, stage.rows()), (Switch::Paused, was.clone()), "a pause comes along");
            stage.resumes().await.unwrap();
        }
        stage.run_until_quiet().await;
        assert_eq!(stage.pending().await[0].switch, Switch::Live, "the new directory is at work");
        let former_id = DirectoryId::parse(&former).unwrap();
        assert_eq!(stage.store.pending(&[former_id]).await.unwrap(), [], "nothing is owed to the former one");
        self.the_former_one_is_nobodys(&former).await;
        stage.sync_until_quiet().await;
        self.assert_nobody_went(&was).await;
        if self.dice.percent(70) {
            self.somebody_says_what_becomes_of_them().await;
        }
    }

    /// Before a customer moves, the directory may be gone, and a run may have found that.
    async fn the_former_one_ends(&mut self) -> Option<&'static str> {
        if self.dice.percent(55) {
            return None;
        }
        let stage = self.stage;
        let how = stage.directory_ends(&mut self.dice);
        stage.play().n_told = stage.workos.emitted().len();
        if self.dice.percent(70) {
            stage.ask().await;
            stage.steps(STEPS).await;
        }
        Some(how)
    }

    /// Everybody leaves the former directory, if it is there still, and WorkOS tells of it.
    async fn the_former_one_is_nobodys(&mut self, former: &str) {
        let stage = self.stage;
        if !stage.workos.has_directory(former) || self.dice.percent(50) {
            return;
        }
        let (was, people) = (stage.rows(), stage.census_of(former).users);
        let names = NAMES.iter().filter(|name| self.dice.percent(50) && people.contains_key(**name));
        names.for_each(|name| stage.workos.remove_user(former, name));
        let emitted = stage.workos.emitted();
        let n_told = std::mem::replace(&mut stage.play().n_told, emitted.len());
        for event in emitted.into_iter().skip(n_told).take(2) {
            let outgoing = Outgoing { event, due_ms: stage.now_ms(), n_sent: 0 };
            stage.play().outbox.push(outgoing);
        }
        stage.run_until_quiet().await;
        assert_eq!(stage.rows(), was, "the former directory is nobody's");
    }

    /// Nobody is removed or disabled under the new directory yet, and everybody who is to go is shown to a person.
    async fn assert_nobody_went(&self, was: &Rows) {
        let stage = self.stage;
        let (due, rows) = (stage.due(), stage.rows());
        for (tenant, desired) in stage.desired() {
            let held = stage.shown_held(&tenant).await.map(|set| losses_of(&set)).unwrap_or_default();
            let goes_whole = |loss: &&Loss| **loss == Loss::Everything;
            let gone: Vec<_> = due[&tenant].iter().filter(|(_, loss)| goes_whole(loss)).collect();
            assert_eq!(held.iter().filter(|(_, loss)| goes_whole(loss)).collect::<Vec<_>>(), gone, "who goes from {tenant} is held");
            let (was, now) = (usable(&was[&tenant]), usable(&rows[&tenant]));
            let gone: Vec<_> = was.keys().filter(|login| !now.contains_key(*login)).collect();
            assert!(gone.is_empty(), "{gone:?} went from {tenant} unasked");
            for (login, roles) in &desired {
                assert!(now.get(login).is_some_and(|has| roles.is_subset(has)), "{login} of {tenant} is to have {roles:?}: {now:?}");
            }
        }
    }

    /// Of those whom the new directory does not know.
    async fn somebody_says_what_becomes_of_them(&mut self) {
        let stage = self.stage;
        let verdict = if self.dice.percent(50) { Verdict::Approved } else { Verdict::Rejected };
        let was = stage.rows();
        for tenant in stage.file().tenants() {
            if stage.state(tenant).await.held.is_some() {
                stage.says(tenant, verdict).await.unwrap();
            }
        }
        stage.sync_until_quiet().await;
        self.tell(format!("{verdict:?}"));
        let (due, rows) = (stage.due(), stage.rows());
        match verdict {
            Verdict::Approved => assert!(due.values().all(|due| due.is_empty()), "all of it is done: {due:?}"),
            Verdict::Rejected => assert_eq!(rows, was, "nothing of it is done"),
        }
    }
}
