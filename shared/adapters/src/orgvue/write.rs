//! Writing one phase of a plan: every action gets an outcome of its own, whatever happens to the others.
//!
//! Batches are sent one at a time, in order. What goes wrong is put behind all that has not been tried, so that the
//! accounts that nothing is wrong with are written first:
//!
//! * **Refused**: a batch that is turned away, or the items of it that are, are sent again in halves down to the single
//!   account, which then is what Orgvue objects to. However many are refused, some are so told.
//! * **Lost**: when nobody knows whether a write had its effect, the dataset is read again. What is done is done; the rest
//!   is sent again, from the second loss on in eighths, because a server may also break down on one item: each loss costs a wait and a look, so
//!   there are to be few, and what is written between them tells such items from a server that is out of order.
//!
//! "Not applied" is a reading of words that Orgvue does not document. Each such word is checked against the dataset the
//! first time it is met, so that a wrong reading makes no second account.

mod answer;
mod batch;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;
use domain::current::{Current, DatasetRefusal};
use domain::guard::Phase;
use domain::integration::DatasetSpelling;
use domain::login::Login;
use domain::plan::{Action, Trace};
use domain::row::Row;
use tokio::sync::mpsc;

use self::answer::Answer;
use self::batch::{Batch, Item, Turn};
use super::{OrgvueError, UsersDataset};
use crate::clock;

pub use self::answer::Refusal;

/// Most calls of one phase beyond one for each batch. In a full batch of 500, finding one account takes about 18, so this
/// finds a dozen strangers among thousands, or some hundred refusals in a row, in a few minutes at most.
const EXTRA_CALLS_MAX: usize = 256;
/// The last of these calls, in which one half is followed down to its single accounts before the other is sent. All before them are for whoever
/// is in a batch with a refused account and would be taken without it; these are for saying whom Orgvue refuses and why.
const LAST_CALLS: usize = EXTRA_CALLS_MAX / 4;
/// Most losses of a single account's write. One is bad luck; two may be the account's own fault.
const LOST_SINGLE_MAX: u32 = 2;
/// In how many parts a batch is sent that was lost twice.
const PARTS_OF_LOST: usize = 8;
/// Losses in a row that end the phase: they are the vendor's fault and not that of accounts, and it should be left in peace. Up to five accounts
/// at which it breaks down, of one batch, or one in each of three, do not come to as many.
const LOST_IN_A_ROW_MAX: u32 = 8;
/// Largest answer to a write: 500 results of about a kilobyte each, and much to spare.
const ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024;

/// What became of each action of a phase; every one of them is in one of the two.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Applied {
    /// Accounts that now are as planned.
    pub done: Vec<Login>,
    /// Accounts that are not, or may not be.
    pub failed: BTreeMap<Login, AccountFailure>,
}

/// Why an account was not written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountFailure {
    /// Orgvue refuses this account: a finding, for a person.
    Refused(Refusal),
    /// It could not be settled whether it was written: the tenant is to be tried again.
    Unknown,
    /// Not written: the phase ended, or its extra calls were used up, before the account was sent, or sent alone. The tenant is to be tried
    /// again.
    NotTried,
}

/// A phase that ended early, with what it did until then.
#[derive(Debug, thiserror::Error)]
#[error("stopped after {} accounts, {} were not settled", applied.done.len(), applied.failed.len())]
pub struct Stopped<E: std::error::Error + 'static> {
    /// What became of each action.
    pub applied: Applied,
    /// Why.
    #[source]
    pub cause: StopCause<E>,
}

/// Why a phase ended early.
#[derive(Debug, thiserror::Error)]
pub enum StopCause<E: std::error::Error + 'static> {
    /// The caller may not write any more.
    #[error("not allowed to write any more")]
    Fence(#[source] E),
    /// Orgvue stands in the way of every account.
    #[error(transparent)]
    Orgvue(#[from] OrgvueError),
    /// Orgvue breaks down at one write after the other, though it can be read: others may fare better.
    #[error(transparent)]
    BreaksDown(OrgvueError),
}

impl UsersDataset {
    /// Writes one phase of a plan: the additions, or later what takes something away.
    ///
    /// `read` makes a [`Current`] of the rows when they must be read again. `fence` is awaited before each single write, those
    /// that are sent again included; its error ends the phase before that write.
    ///
    /// # Errors
    /// [`Stopped`], with what was done, when the fence closes or something stands in the way of every account.
    pub async fn apply<E, R>(
        &self,
        phase: &Phase,
        spelling: &DatasetSpelling,
        read: impl Fn(Vec<Row>) -> Result<Current, DatasetRefusal>,
        fence: impl Fn() -> R,
    ) -> Result<Applied, Stopped<E>>
    where
        E: std::error::Error + 'static,
        R: Future<Output = Result<(), E>>,
    {
        let items = phase.actions().iter().map(|action| Item::new(action, spelling)).collect();
        let queue = batch::batches(items, self.options.batch_actions_max, self.options.batch_bytes_max);
        let mut writing = Writing {
            dataset: self,
            read,
            queue,
            applied: Applied::default(),
            extra_calls: EXTRA_CALLS_MAX,
            lost_in_a_row: 0,
            not_applied: BTreeSet::new(),
        };
        let outcome = writing.run(&fence).await;
        let applied = writing.end();
        match outcome {
            Ok(()) => Ok(applied),
            Err(cause) => Err(Stopped { applied, cause }),
        }
    }

    /// Reads the dataset behind a phase that more is to rely on, and counts as refused what is not as Orgvue said: it may leave out a property
    /// that the token may not write, and tell of success.
    ///
    /// # Errors
    /// [`OrgvueError`], when the dataset could not be read.
    pub async fn confirm(
        &self,
        phase: &Phase,
        applied: &mut Applied,
        read: impl Fn(Vec<Row>) -> Result<Current, DatasetRefusal>,
    ) -> Result<(), OrgvueError> {
        let current = read(self.rows().await?).map_err(OrgvueError::Dataset)?;
        let actions: BTreeMap<&Login, &Action> = phase.actions().iter().map(|action| (&action.login, action)).collect();
        let is_done = |login: &Login| actions.get(login).is_some_and(|action| action.trace_in(&current) == Trace::Done);
        let (done, missing): (Vec<_>, Vec<_>) = std::mem::take(&mut applied.done).into_iter().partition(is_done);
        if !missing.is_empty() {
            tracing::warn!(tenant.id = %self.tenant, n_accounts = missing.len(), "orgvue said of accounts that they were written, and they were not");
        }
        applied.done = done;
        applied.failed.extend(missing.into_iter().map(|login| (login, AccountFailure::Refused(Refusal::of_nothing_done()))));
        Ok(())
    }
}

/// One phase under way.
struct Writing<'a, F> {
    dataset: &'a UsersDataset,
    read: F,
    queue: VecDeque<Batch<'a>>,
    applied: Applied,
    extra_calls: usize,
    lost_in_a_row: u32,
    /// What Orgvue says of an item that, by the dataset, really was not applied.
    not_applied: BTreeSet<String>,
}

impl<'a, F: Fn(Vec<Row>) -> Result<Current, DatasetRefusal>> Writing<'a, F> {
    async fn run<E, R>(&mut self, fence: &impl Fn() -> R) -> Result<(), StopCause<E>>
    where
        E: std::error::Error + 'static,
        R: Future<Output = Result<(), E>>,
    {
        while let Some(batch) = self.queue.pop_front() {
            if batch.turn != Turn::First && !self.take_extra_call() {
                self.leave(batch);
                continue;
            }
            let answer = match self.put(&batch, fence).await {
                Ok(answer) => answer,
                Err(cause) => {
                    self.queue.push_front(batch);
                    return Err(cause);
                }
            };
            match answer {
                Answer::Items(results) => self.take_results(batch.items, results).await?,
                Answer::Refused(refusal) => {
                    let results = batch.items.iter().map(|_| Err(refusal.clone())).collect();
                    self.take_results(batch.items, results).await?;
                }
                Answer::Lost { error, still_running } => self.look_again(batch, error, still_running).await?,
            }
        }
        Ok(())
    }

    /// Sends one batch, with the fence before each try.
    async fn put<E, R>(&self, batch: &Batch<'_>, fence: &impl Fn() -> R) -> Result<Answer, StopCause<E>>
    where
        E: std::error::Error + 'static,
        R: Future<Output = Result<(), E>>,
    {
        let (close, mut closed) = mpsc::unbounded_channel();
        let ready = || async {
            if let Err(error) = fence().await {
                // The receiver lives as long as this future. A try that may not be made is never ready.
                let _ = close.send(error);
                std::future::pending::<()>().await;
            }
        };
        let answer = tokio::select! {
            biased;
            Some(error) = closed.recv() => return Err(StopCause::Fence(error)),
            answer = self.dataset.put(Bytes::from(batch.body()), ANSWER_BYTES_MAX, ready) => answer,
        };
        Ok(Answer::read(answer, &batch.items)?)
    }

    /// Takes the answer to each item. What was not applied is sent again in halves, or, if it was sent alone, is what Orgvue refuses.
    async fn take_results(&mut self, items: Vec<Item<'a>>, results: Vec<Result<(), Refusal>>) -> Result<(), OrgvueError> {
        self.lost_in_a_row = 0;
        let n_sent = items.len();
        let mut refused = Vec::new();
        for (item, result) in items.into_iter().zip(results) {
            match result {
                Ok(()) => self.applied.done.push(item.action.login.clone()),
                Err(refusal) => refused.push((item, refusal)),
            }
        }
        let are_others_applied = refused.len() < n_sent;
        let refused = self.not_applied(refused).await?;
        if n_sent == 1 {
            let failed = refused.into_iter().map(|(item, refusal)| (item.action.login.clone(), AccountFailure::Refused(refusal)));
            self.applied.failed.extend(failed);
        } else {
            let told = |(mut item, refusal): (Item<'a>, Refusal)| {
                item.refusal = are_others_applied.then_some(refusal).or(item.refusal);
                item
            };
            self.isolate(refused.into_iter().map(told).collect());
        }
        Ok(())
    }

    /// Sends these again in halves, behind all others; with the last of the calls, before them.
    fn isolate(&mut self, refused: Vec<Item<'a>>) {
        let halves = batch::parts(refused, 2, Turn::Isolating);
        if self.extra_calls > LAST_CALLS {
            self.queue.extend(halves);
        } else {
            halves.into_iter().rev().for_each(|half| self.queue.push_front(half));
        }
    }

    /// Which of these really were not applied, by the dataset if Orgvue's word for it is new to this phase.
    ///
    /// Were the word one for success, or a refused call half done, sending a creation again would make a second account.
    async fn not_applied(&mut self, refused: Vec<(Item<'a>, Refusal)>) -> Result<Vec<(Item<'a>, Refusal)>, OrgvueError> {
        let new: BTreeSet<String> =
            refused.iter().map(|(_, refusal)| &refusal.status).filter(|status| !self.not_applied.contains(*status)).cloned().collect();
        if new.is_empty() {
            return Ok(refused);
        }
        let (n_accounts, refusal) = (refused.len(), &refused[0].1);
        tracing::warn!(tenant.id = %self.dataset.tenant, n_accounts, %refusal, "accounts were not applied; looking for which and why");
        let (items, refusals): (Vec<_>, Vec<_>) = refused.into_iter().unzip();
        let Some(current) = self.current(&items).await? else { return Ok(Vec::new()) };
        let mut wrong = BTreeSet::new();
        let mut left = Vec::new();
        for (item, refusal) in items.into_iter().zip(refusals) {
            let status = refusal.status.clone();
            match self.settle(item, &current) {
                Some(item) => left.push((item, refusal)),
                None => drop(wrong.insert(status)),
            }
        }
        self.not_applied.extend(new.difference(&wrong).cloned());
        Ok(left)
    }

    /// Settles by the dataset what became of a batch whose answer was lost. What is not done is sent again.
    async fn look_again<E: std::error::Error + 'static>(
        &mut self,
        batch: Batch<'a>,
        error: OrgvueError,
        still_running: bool,
    ) -> Result<(), StopCause<E>> {
        self.lost_in_a_row += 1;
        let n_lost = batch.turn.n_lost() + 1;
        self.log_loss(&error, batch.items.len(), n_lost);
        // Nobody told the write to stop. As long as a whole call is what it gets to end, or to be ended, before anything is written beside it, by
        // this run or the next. There was time for that when it began.
        let wait = if still_running { self.dataset.calls.timeout() } else { self.dataset.options.settle };
        clock::wait(wait.min(self.dataset.calls.deadline().remaining())).await;
        if self.lost_in_a_row >= LOST_IN_A_ROW_MAX {
            self.give_up(batch.items);
            return Err(StopCause::BreaksDown(error));
        }
        let Some(current) = self.current(&batch.items).await? else { return Ok(()) };
        let left: Vec<Item<'a>> = batch.items.into_iter().filter_map(|item| self.settle(item, &current)).collect();
        let turn = Turn::Again { n_lost };
        match left.len() {
            0 => {}
            1 if n_lost >= LOST_SINGLE_MAX => self.give_up(left),
            _ if n_lost == 1 => self.queue.push_back(Batch { items: left, turn }),
            _ => self.queue.extend(batch::parts(left, PARTS_OF_LOST, turn)),
        }
        Ok(())
    }

    /// Notes what the dataset tells of an item; gives back one that was not applied.
    fn settle(&mut self, item: Item<'a>, current: &Current) -> Option<Item<'a>> {
        match item.action.trace_in(current) {
            Trace::Done => self.applied.done.push(item.action.login.clone()),
            Trace::Unclear => drop(self.applied.failed.insert(item.action.login.clone(), AccountFailure::Unknown)),
            Trace::NotDone => return Some(item),
        }
        None
    }

    fn log_loss(&self, error: &(dyn std::error::Error + 'static), n_accounts: usize, n_lost: u32) {
        tracing::warn!(tenant.id = %self.dataset.tenant, n_accounts, n_lost, error, "the answer to a write was lost");
    }

    /// The dataset as it is now. If it cannot be read, what became of the items stays unknown.
    async fn current(&mut self, items: &[Item<'_>]) -> Result<Option<Current>, OrgvueError> {
        let read = if self.take_extra_call() { self.dataset.rows().await.map(Some) } else { Ok(None) };
        let current = match read {
            Ok(Some(rows)) => (self.read)(rows).map(Some).map_err(OrgvueError::Dataset),
            Ok(None) => Ok(None),
            Err(error) => Err(error),
        };
        if !matches!(current, Ok(Some(_))) {
            self.applied.failed.extend(items.iter().map(|item| (item.action.login.clone(), AccountFailure::Unknown)));
        }
        current
    }

    /// Takes one of the calls that the phase may make beyond one for each batch.
    fn take_extra_call(&mut self) -> bool {
        let left = self.extra_calls.checked_sub(1);
        self.extra_calls = left.unwrap_or(0);
        left.is_some()
    }

    fn give_up(&mut self, items: Vec<Item<'_>>) {
        self.applied.failed.extend(items.into_iter().map(|item| (item.action.login.clone(), AccountFailure::Unknown)));
    }

    /// What became of each action, those included that the end of the phase found waiting.
    fn end(mut self) -> Applied {
        for batch in std::mem::take(&mut self.queue) {
            self.leave(batch);
        }
        self.applied
    }

    /// What waits for a call that is not made. Of what was not sent, or was refused, it is known that it was not written.
    fn leave(&mut self, batch: Batch<'_>) {
        let failure_of = |refusal: Option<Refusal>| match (batch.turn, refusal) {
            (Turn::Again { .. }, _) => AccountFailure::Unknown,
            (Turn::First | Turn::Isolating, Some(refusal)) => AccountFailure::Refused(refusal),
            (Turn::First | Turn::Isolating, None) => AccountFailure::NotTried,
        };
        self.applied.failed.extend(batch.items.into_iter().map(|item| (item.action.login.clone(), failure_of(item.refusal))));
    }
}
