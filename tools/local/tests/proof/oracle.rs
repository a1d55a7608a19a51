//! What must be, written down by hand in each story, and what must never have been on the way there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use domain::pending::{Pending, Switch};
use local::aws::Depth;
use local::system::{DEAD_LETTERS, QUEUE};

use crate::stage::Stage;
use crate::taboo::Taboo;
use crate::wire::Side;

/// The accounts of each tenant, each as `name roles`.
pub(crate) type Rows = BTreeMap<String, Vec<String>>;

/// What was seen at each write.
#[derive(Clone, Default)]
pub(crate) struct Seen(Arc<Mutex<Book>>);

#[derive(Default)]
struct Book {
    writes: Vec<Write>,
    n_judged: usize,
    /// What the file in force forbids, and what every file has since the run at work began.
    in_force: Taboo,
    lasting: Taboo,
    is_by_a_person: bool,
}

/// The accounts before a write and behind it.
#[derive(Clone)]
pub(crate) struct Write {
    pub(crate) before: Rows,
    pub(crate) after: Option<Rows>,
    /// What it may not do.
    pub(crate) taboo: Taboo,
    /// A person puts something back, and no run is at work.
    pub(crate) is_by_a_person: bool,
}

impl Seen {
    pub(crate) fn add(&self, side: Side, rows: Rows) {
        let Book { writes, lasting, is_by_a_person, .. } = &mut *self.0.lock().unwrap();
        match side {
            Side::Before => writes.push(Write { before: rows, after: None, taboo: lasting.clone(), is_by_a_person: *is_by_a_person }),
            // Of two at the same time the later one is judged by what both did.
            Side::After => writes.iter_mut().rev().filter(|write| write.after.is_none()).for_each(|write| write.after = Some(rows.clone())),
        }
    }

    pub(crate) fn clear(&self) {
        self.take();
    }

    /// A file that forbids this is in force from now on.
    pub(crate) fn puts_in_force(&self, taboo: Taboo) {
        let mut book = self.0.lock().unwrap();
        book.lasting = book.lasting.then(&taboo);
        book.in_force = taboo;
    }

    /// A run begins, and reads the file in force.
    pub(crate) fn begins(&self) {
        let mut book = self.0.lock().unwrap();
        book.lasting = book.in_force.clone();
    }

    /// The writes since this was last asked, as far as they are done.
    pub(crate) fn unjudged(&self) -> Vec<Write> {
        let mut book = self.0.lock().unwrap();
        let done: Vec<Write> = book.writes.iter().skip(book.n_judged).take_while(|write| write.after.is_some()).cloned().collect();
        book.n_judged += done.len();
        done
    }

    /// From now on it is a person who writes, or a run again.
    pub(crate) fn by_a_person(&self, is_by_a_person: bool) {
        self.0.lock().unwrap().is_by_a_person = is_by_a_person;
    }

    pub(crate) fn take(&self) -> Vec<Write> {
        let mut book = self.0.lock().unwrap();
        book.n_judged = 0;
        std::mem::take(&mut book.writes)
    }

    /// The accounts behind each write; of one that was not done there is none.
    pub(crate) fn take_after(&self) -> Vec<Rows> {
        self.take().into_iter().filter_map(|write| write.after).collect()
    }

    pub(crate) fn n_writes(&self) -> usize {
        self.0.lock().unwrap().writes.len()
    }

    pub(crate) fn n_writes_of_runs(&self) -> usize {
        self.0.lock().unwrap().writes.iter().filter(|write| !write.is_by_a_person).count()
    }
}

/// What is desired of each tenant since the last play; more than one where it changes while a run is at work.
#[derive(Default)]
pub(crate) struct Oracle(BTreeMap<String, Vec<Vec<String>>>);

impl Oracle {
    /// What is desired of each tenant since the last play.
    pub(crate) fn desired(&self) -> BTreeMap<String, Vec<Vec<String>>> {
        self.0.clone()
    }
}

/// How a play ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Nothing is owed.
    Idle,
    /// But to a tenant or directory in quarantine.
    Quarantined,
}

impl Stage {
    /// From now on a tenant is to have these accounts; without a word of it, those it has.
    pub(crate) fn desire(&self, tenant: &str, rows: &[&str]) {
        let rows = rows.iter().map(|row| (*row).to_owned()).collect();
        self.play().oracle.0.entry(tenant.to_owned()).or_default().push(rows);
    }

    /// Plays until nothing moves any more, and then everything is as it must be.
    pub(crate) async fn settles(&self) {
        self.ends(End::Idle).await;
    }

    /// Plays until nothing moves any more, and then everything is as it must be but for what is in quarantine.
    pub(crate) async fn ends(&self, end: End) {
        let was = self.rows();
        self.seen.clear();
        self.run_until_quiet().await;
        let desired = std::mem::take(&mut self.play().oracle.0);
        let is = self.rows();
        for (tenant, was) in &was {
            let wanted = desired.get(tenant).and_then(|wanted| wanted.last()).unwrap_or(was);
            assert_eq!(&is[tenant], wanted, "the accounts of {tenant}");
        }
        judge_the_way(&was, &desired, &self.seen.take_after());
        self.assert_quiet(end).await;
    }

    async fn assert_quiet(&self, end: End) {
        assert_eq!(self.sqs.depth(QUEUE), Depth::default(), "the queue: {:?}", self.sqs.bodies(QUEUE));
        assert_eq!(self.sqs.bodies(DEAD_LETTERS), [""; 0], "dead letters");
        assert_eq!(self.scheduler.schedules(), [], "schedules");
        for pending in self.pending().await {
            assert!(is_quiet(&pending, end), "{end:?}: {pending:#?}");
        }
    }

    /// Another run, straight behind the others, changes nothing.
    pub(crate) async fn changes_nothing_more(&self) {
        let (rows, last) = (self.rows(), self.last_runs().await);
        self.seen.clear();
        self.ask().await;
        self.run_until_quiet().await;
        assert_eq!((self.seen.n_writes(), self.rows()), (0, rows), "a second run changes nothing");
        let now = self.last_runs().await;
        assert!(last.iter().zip(&now).all(|(before, after)| before != after), "there was a second run");
        self.assert_quiet(End::Idle).await;
    }

    async fn last_runs(&self) -> Vec<Option<String>> {
        self.pending().await.into_iter().map(|pending| pending.last_run.map(|run| run.to_string())).collect()
    }
}

pub(crate) fn is_quiet(pending: &Pending, end: End) -> bool {
    let waits = pending.retry_at_ms.is_some();
    pending.switch == Switch::Live
        && !pending.is_owed()
        && pending.window_due_ms.is_none()
        && pending.lease.is_none()
        && waits == (end == End::Quarantined)
}

/// Behind each write every account was as it had been or as it was to be, nobody was there twice, who was to stay was there, and whoever came
/// came once.
pub(crate) fn judge_the_way(was: &Rows, desired: &BTreeMap<String, Vec<Vec<String>>>, seen: &[Rows]) {
    for (tenant, was) in was {
        let none = Vec::new();
        let desired = desired.get(tenant).unwrap_or(&none);
        let may_be: BTreeSet<&String> = was.iter().chain(desired.iter().flatten()).collect();
        let stay: Vec<&str> = logins(was).filter(|login| desired.iter().all(|rows| logins(rows).any(|other| other == *login))).collect();
        let mut before: BTreeSet<&str> = logins(was).collect();
        let mut came = BTreeSet::new();
        for rows in seen.iter().map(|seen| &seen[tenant]) {
            let now: BTreeSet<&str> = logins(rows).collect();
            assert_eq!(now.len(), rows.len(), "nobody is in {tenant} twice: {rows:?}");
            assert!(stay.iter().all(|login| now.contains(login)), "{stay:?} stay in {tenant}: {rows:?}");
            let strange: Vec<_> = rows.iter().filter(|row| !may_be.contains(row)).collect();
            assert!(strange.is_empty(), "neither as it was nor as it is to be in {tenant}: {strange:?}");
            for login in now.difference(&before) {
                assert!(came.insert((*login).to_owned()), "{login} came to {tenant} twice");
            }
            before = now;
        }
    }
}

fn logins(rows: &[String]) -> impl Iterator<Item = &str> {
    rows.iter().map(|row| row.split(' ').next().unwrap_or_default())
}
