//! AWS's clockwork, and WorkOS's, in virtual time: what invokes the functions, and how often it comes again.
//!
//! * A message of the queue is visible again [behind its timeout](crate::stage) unless its invocation ended well, and goes to the dead-letter
//!   queue after three times. The emulator counts; its clock is the stage's.
//! * A schedule sends when it is due, the sweep comes each minute, and a webhook that was not answered with 200 comes again.
//!
//! Two shortcuts keep a story short and leave nothing out that could come about: while nothing is owed there is no sweep, and while a
//! schedule waits there is none behind one that found nothing to do.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;

use adapters::clock;
use adapters::http::Deadline;
use domain::ids::DirectoryId;
use domain::pending::Pending;
use lambda_http::Body;
use local::aws::Taken;
use local::system::{QUEUE, batch_of_one};
use standins::workos::webhook::{SIGNATURE_HEADER, sign};
use std::time::Duration;
use sync::Invocation;

use crate::stage::{Function, Outgoing, Stage};
use crate::wire::{Line, Signal};

const MINUTE_MS: i64 = 60_000;
/// A retry that is farther away is a quarantine, which a story ends by letting time pass or by a person.
const RETRY_NEAR_MS: i64 = 30 * MINUTE_MS;
/// Longest that something is owed and no message waits for its next receipt. Without a bound the look for drift would hide that nobody comes.
const RESTLESS_MAX_MS: i64 = 60 * MINUTE_MS;
/// Most steps of one play: more than a week of retries.
const STEPS_MAX: usize = 1_000;
/// WorkOS tries six times more.
const SENT_MAX: u32 = 7;
const INVOCATION: Duration = Duration::from_secs(900);

/// The process died; nobody knows what it did.
#[derive(Debug)]
pub(crate) struct Killed;

impl Stage {
    /// Plays until nothing moves any more: nothing is under way and nothing is owed, but to a tenant or directory in quarantine.
    pub(crate) async fn run_until_quiet(&self) {
        self.play().restless_since_ms = None;
        for _ in 0..STEPS_MAX {
            if !self.step().await {
                return;
            }
            let since_ms = self.play().restless_since_ms.unwrap_or(i64::MAX);
            assert!(self.now_ms() < since_ms.saturating_add(RESTLESS_MAX_MS), "nobody comes for what is owed: {:#?}", self.pending().await);
        }
        panic!("it does not come to rest: {:#?}", self.pending().await);
    }

    /// Plays the next thing that is due, or lets the time pass until one is. False if there is none.
    pub(crate) async fn step(&self) -> bool {
        let now_ms = self.now_ms();
        if let Some(outgoing) = self.take_outgoing(now_ms) {
            self.post(outgoing).await;
            return true;
        }
        self.scheduler.fire_due();
        if let Some(taken) = self.sqs.take(QUEUE) {
            self.deliver(self.free(), taken).await;
            return true;
        }
        let waits_for_schedule = self.scheduler.next_due().is_some() && self.play().swept_in_vain;
        let wants_sweep = !waits_for_schedule && self.pending().await.iter().any(|pending| is_restless(pending, now_ms));
        if wants_sweep {
            self.play().restless_since_ms.get_or_insert(now_ms);
        } else {
            self.play().restless_since_ms = None;
        }
        let next_sweep_ms = self.play().next_sweep_ms;
        if wants_sweep && next_sweep_ms <= now_ms {
            self.sweep().await;
            return true;
        }
        let outgoing = self.play().outbox.iter().map(|outgoing| outgoing.due_ms).min();
        let schedule = self.scheduler.next_due().map(|at| at.as_millisecond());
        let message = self.sqs.next_visible_at(QUEUE).map(|at| at.as_millisecond() + 1);
        let next = [outgoing, schedule, message, wants_sweep.then_some(next_sweep_ms)].into_iter().flatten().min();
        if let Some(at_ms) = next {
            self.later((at_ms - self.now_ms()).max(0));
        }
        next.is_some()
    }

    /// The sweep is invoked.
    pub(crate) async fn sweep(&self) {
        self.play().next_sweep_ms = self.now_ms() + MINUTE_MS;
        let function = self.free();
        let swept = self.invoke(&function.line, "sweep", sync::sweep(&function.deps)).await;
        self.play().swept_in_vain = matches!(swept, Ok(Ok(swept)) if swept.n_sent == 0);
    }

    /// The process that has nothing to do.
    fn free(&self) -> &Function<sync::Deps> {
        if self.play().is_frozen { &self.beside } else { &self.sync }
    }

    /// A message reaches the sync function. Unless it is done with, it comes again.
    pub(crate) async fn deliver(&self, function: &Function<sync::Deps>, taken: Taken) {
        let event = batch_of_one(Some(&taken.id), Some(&taken.receipt()), Some(&taken.body));
        let Ok(Invocation::Batch(event)) = Invocation::parse(event) else { unreachable!("it is the form of an SQS event") };
        let handled = sync::handle_batch(&function.deps, *event, Deadline::after(INVOCATION));
        match self.invoke(&function.line, "sync", handled).await {
            Ok(answer) if answer.batch_item_failures.is_empty() => self.sqs.delete(&taken),
            Ok(_) | Err(Killed) => self.play().n_failed += 1,
        }
    }

    /// WorkOS delivers an event. What is not answered with 200 is left in the outbox.
    async fn post(&self, outgoing: Outgoing) {
        let body = outgoing.event.to_string();
        let signature = sign(self.workos.webhook_secret(), self.now_ms(), body.as_bytes());
        let request = lambda_http::http::Request::post("/").header(SIGNATURE_HEADER, signature).body(Body::from(body)).unwrap();
        let answer = self.invoke(&self.webhook.line, "webhook", webhook::handle(&self.webhook.deps, request)).await;
        if answer.is_ok_and(|answer| answer.status() == 200) {
            return;
        }
        let n_sent = outgoing.n_sent + 1;
        if n_sent == SENT_MAX {
            assert!(self.play().may_be_lost, "WorkOS gives up: {}", outgoing.event);
            return;
        }
        self.play().outbox.push(Outgoing { due_ms: self.now_ms() + (MINUTE_MS << n_sent), n_sent, ..outgoing });
    }

    fn take_outgoing(&self, now_ms: i64) -> Option<Outgoing> {
        let outbox = &mut self.play().outbox;
        let due = outbox.iter().position(|outgoing| outgoing.due_ms <= now_ms)?;
        Some(outbox.remove(due))
    }

    /// Works at the time of the stage until the work ends or its process is killed.
    pub(crate) async fn invoke<T>(&self, line: &Line, what: &'static str, work: impl Future<Output = T>) -> Result<T, Killed> {
        line.begin(what);
        let (skew_ms, n_before) = {
            let mut play = self.play();
            play.swept_in_vain = false;
            play.n_at_work += 1;
            (play.skew_ms, play.n_at_work - 1)
        };
        if n_before == 0 {
            self.seen.begins();
        }
        let done = self.works(line, skew_ms, work).await;
        self.play().n_at_work -= 1;
        self.judge();
        done
    }

    async fn works<T>(&self, line: &Line, skew_ms: i64, work: impl Future<Output = T>) -> Result<T, Killed> {
        let mut work = Box::pin(clock::hurried(self.by_the_clock(skew_ms, work)));
        loop {
            tokio::select! {
                biased;
                signal = line.signal() => match signal {
                    Signal::Killed => break,
                    // Nobody minds if the call was given up meanwhile.
                    Signal::Held(go) => {
                        self.meanwhile().await;
                        let _ = go.send(());
                    }
                },
                done = &mut work => return Ok(done),
            }
        }
        drop(work);
        line.bury().await;
        Err(Killed)
    }

    /// What happens while a call is held. Boxed, as it invokes a function within the invocation of another.
    fn meanwhile(&self) -> Pin<Box<dyn Future<Output = ()> + '_>> {
        let happens = self.play().meanwhile.take();
        Box::pin(async move {
            let Some(happens) = happens else { return };
            happens(self).await;
            while let Some(outgoing) = self.take_outgoing(self.now_ms()) {
                self.post(outgoing).await;
            }
        })
    }

    /// Works by the clock of the stage, which may move meanwhile, or by one that is so far ahead of it.
    fn by_the_clock<T>(&self, skew_ms: i64, work: impl Future<Output = T>) -> impl Future<Output = T> {
        let mut work = Box::pin(work);
        poll_fn(move |context| {
            let once = poll_fn(|context| Poll::Ready(work.as_mut().poll(context)));
            match pin!(clock::ahead(self.clock.ahead_ms() + skew_ms, once)).poll(context) {
                Poll::Ready(polled) => polled,
                Poll::Pending => Poll::Pending,
            }
        })
    }

    /// The mark of every customer.
    pub(crate) async fn pending(&self) -> Vec<Pending> {
        let mut directories: Vec<_> = self.customers().iter().map(|customer| customer.directory_id()).collect();
        if self.play().file.is_some() {
            directories[0] = DirectoryId::parse(&self.directory()).unwrap();
        }
        if directories.is_empty() { Vec::new() } else { self.store.pending(&directories).await.unwrap() }
    }
}

/// Whether the sweep may have something to do about it soon.
fn is_restless(pending: &Pending, now_ms: i64) -> bool {
    let retry_is_near = pending.retry_at_ms.is_some_and(|at_ms| at_ms < now_ms + RETRY_NEAR_MS);
    let waits_in_quarantine = pending.backoff.attempts > 0 && !retry_is_near;
    let is_owed = pending.is_owed() && !waits_in_quarantine;
    is_owed || pending.window_due_ms.is_some() || pending.lease.is_some() || retry_is_near || pending.next_drift_ms <= now_ms
}
