//! A moment of a stage that is at rest, to which it can be set back: a story that is played a hundred times need not be told from the beginning.
//!
//! Kept are the table, what both vendors have, the customers and the time. What is on its way is not, so that nothing may be.

use std::sync::Arc;

use jiff::Timestamp;
use local::system::{DEAD_LETTERS, QUEUE};
use tempfile::TempDir;

use crate::customer::Customer;
use crate::stage::{Play, Stage};
use crate::taboo::Taboo;

/// The name of the table's copy.
const TABLES: &str = "tables.db";

/// The moment; any stage can be set to it.
#[derive(Clone)]
pub(crate) struct Kept {
    folder: Arc<TempDir>,
    workos: String,
    orgvue: String,
    customers: Vec<Customer>,
    now: Timestamp,
}

impl Stage {
    /// Keeps this moment.
    pub(crate) fn keep(&self) -> Kept {
        let folder = TempDir::new().unwrap();
        self.dynamodb.save(&folder.path().join(TABLES)).unwrap();
        Kept {
            folder: Arc::new(folder),
            workos: self.workos.edit(|model| serde_json::to_string(model)).unwrap(),
            orgvue: self.orgvue.edit_model(|model| serde_json::to_string(model)).unwrap(),
            customers: self.customers(),
            now: self.clock.now(),
        }
    }

    /// Sets everything back to where it was when this was called for the first time, before anything was on the stage.
    pub(crate) fn begin(&self) {
        self.set_back(self.empty.get_or_init(|| self.keep()));
    }

    /// Sets everything back to that moment.
    pub(crate) fn set_back(&self, kept: &Kept) {
        self.sqs.purge(QUEUE);
        self.sqs.purge(DEAD_LETTERS);
        self.scheduler.forget_all();
        self.clock.set(kept.now);
        self.dynamodb.restore(&kept.folder.path().join(TABLES)).unwrap();
        self.workos.edit(|model| {
            let switches = model.switches.clone();
            *model = serde_json::from_str(&kept.workos).unwrap();
            model.switches = switches;
        });
        self.orgvue.edit_model(|model| {
            let switches = model.switches.clone();
            *model = serde_json::from_str(&kept.orgvue).unwrap();
            model.switches = switches;
        });
        *self.play() = Play { customers: kept.customers.clone(), next_sweep_ms: self.now_ms(), ..Play::default() };
        self.seen.clear();
        self.seen.puts_in_force(Taboo::default());
        self.wire.begin(None);
    }
}
