//! What becomes of a directory at WorkOS: it is unlinked, deleted or out of order, and comes back.
//!
//! While it is away nobody joins or leaves. What it lists then, all or nothing, is not the customer's word: what is desired stays as it was.

use std::collections::BTreeMap;

use domain::held::HeldHash;
use standins::workos::UnknownFilter;

use crate::dice::Dice;
use crate::history::History;
use crate::stage::Stage;

/// Some of them are the end of a directory, the others pass.
const STATES: [&str; 5] = ["unlinked", "unlinked", "deleting", "validating", "invalid_credentials"];

/// What runs have done and held so far.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Silence {
    n_writes: usize,
    held: BTreeMap<String, HeldHash>,
}

impl Stage {
    /// Whether the directory does not speak for its customer.
    pub(crate) fn is_away(&self) -> bool {
        self.play().away.is_some()
    }

    /// The directory goes, unless it is away or is to stay. Of what is deleted one event tells, of the rest none.
    pub(crate) fn directory_goes(&self, dice: &mut Dice) -> &'static str {
        if self.is_away() || self.play().is_calm {
            return "as it was";
        }
        self.workos.switches(|switches| {
            switches.unlinked_keeps_rows = dice.percent(30);
            switches.unknown_filter = if dice.percent(50) { UnknownFilter::Empty } else { UnknownFilter::NotFound };
        });
        let state = *dice.one_of(&STATES);
        self.directory_becomes(if dice.percent(40) { "deleted" } else { state })
    }

    /// The directory goes for good.
    pub(crate) fn directory_ends(&self, dice: &mut Dice) -> &'static str {
        let end = *dice.one_of(&["deleted", "unlinked"]);
        self.directory_becomes(end)
    }

    fn directory_becomes(&self, what: &'static str) -> &'static str {
        let directory = self.directory();
        let kept = self.workos.edit(|model| serde_json::to_string(model)).unwrap();
        self.play().away = Some(kept);
        match what {
            "deleted" => self.workos.delete_directory(&directory),
            state => self.workos.set_directory_state(&directory, state),
        }
        what
    }

    /// The directory comes back as it was, and an event tells of it.
    pub(crate) fn directory_comes_back(&self) {
        let Some(kept) = self.play().away.take() else { return };
        let directory = self.directory();
        self.workos.edit(|model| {
            let switches = model.switches.clone();
            *model = serde_json::from_str(&kept).unwrap();
            model.switches = switches;
            model.set_directory_state(&directory, "validating");
            model.set_directory_state(&directory, "linked");
        });
        // The events of before went with the model.
        self.play().n_told = 0;
    }

    /// What no run may change while the directory is away.
    pub(crate) async fn silence(&self) -> Option<Silence> {
        if !self.is_away() {
            return None;
        }
        let id = self.customers()[0].integration_id();
        let states = self.store.tenant_states(&id).await.unwrap();
        let held = states.into_iter().filter_map(|(tenant, state)| Some((tenant.to_string(), state.held?.hash)));
        Some(Silence { n_writes: self.seen.n_writes_of_runs(), held: held.collect() })
    }
}

impl Silence {
    /// A run that began when the directory was away wrote nothing and held nothing, on the word of nobody.
    pub(crate) fn assert_kept(&self, now: &Self) {
        assert_eq!(self.n_writes, now.n_writes, "no run writes while the directory is away");
        let news: Vec<_> = now.held.iter().filter(|(tenant, hash)| self.held.get(*tenant) != Some(hash)).collect();
        assert!(news.is_empty(), "no run plans while the directory is away: {news:?}");
    }
}

impl History<'_> {
    /// The directory goes, or is back with what changed meanwhile.
    pub(crate) async fn the_directory_goes_or_comes_back(&mut self) {
        if self.stage.is_away() {
            self.events_go_out();
            self.stage.directory_comes_back();
            self.tell("the directory is back".to_owned());
            self.events_go_out();
            return (0..self.dice.below(3)).for_each(|_| self.the_directory_changes());
        }
        let what = self.stage.directory_goes(&mut self.dice);
        self.tell(format!("the directory is {what}"));
        self.events_go_out();
        if self.dice.percent(70) {
            self.stage.ask().await;
        }
    }
}
