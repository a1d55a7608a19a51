//! Whatever the vendors answer and whatever is in the queue: nobody who should stay goes, and nothing panics.
//!
//! The answers pass the real HTTP clients. They are noise, or what was really answered with something broken: a part is missing, a byte is
//! another, a value has another type. What is still whole and only says something else is not meant: that would be the vendor's word.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use adapters::clock;
use adapters::http::Deadline;
use local::aws::Depth;
use local::system::{DEAD_LETTERS, QUEUE, batch_of_one};
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::sample::Index;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use sync::Invocation;

use crate::faults::{Pages, Times, endured, in_step};
use crate::stage::Stage;
use crate::weather::{Storm, Weather};
use crate::words::User;

crate::tests![vendors_answer_anything, the_queue_holds_anything];

const ROUNDS: usize = 40;
const MESSAGES: usize = 400;

/// What is done to an answer.
#[derive(Clone, Debug)]
enum Damage {
    Noise(Vec<u8>),
    Cut(Index),
    /// Bytes at this place become these.
    Overwritten(Index, Vec<u8>),
    /// The value at this place becomes one of another type.
    Retyped(Index, Value),
    /// The field at this place is not there.
    Removed(Index),
}

fn damage() -> impl Strategy<Value = Damage> {
    let values =
        prop_oneof![Just(json!(null)), Just(json!([])), Just(json!({})), Just(json!(-1.5e300)), Just(json!([[null]])), Just(json!(false))];
    prop_oneof![
        2 => any::<Vec<u8>>().prop_map(Damage::Noise),
        2 => any::<Index>().prop_map(Damage::Cut),
        2 => (any::<Index>(), any::<[u8; 3]>()).prop_map(|(at, bytes)| Damage::Overwritten(at, bytes.to_vec())),
        6 => (any::<Index>(), values).prop_map(|(at, value)| Damage::Retyped(at, value)),
        3 => any::<Index>().prop_map(Damage::Removed),
    ]
}

impl Damage {
    fn of(&self, body: &[u8]) -> Vec<u8> {
        let cut = |at: usize| body[..at].to_vec();
        let Ok(mut value) = serde_json::from_slice::<Value>(body) else { return cut(body.len() / 2) };
        match self {
            Self::Noise(noise) => noise.clone(),
            Self::Cut(at) => cut(at.index(body.len())),
            Self::Overwritten(at, bytes) => {
                let at = at.index(body.len());
                let damaged: Vec<u8> = body.iter().enumerate().map(|(n, byte)| *bytes.get(n.wrapping_sub(at)).unwrap_or(byte)).collect();
                // What is whole still says something else.
                if serde_json::from_slice::<Value>(&damaged).is_ok() { cut(at) } else { damaged }
            }
            Self::Retyped(at, other) => {
                let n_nodes = walk(&mut value, &mut usize::MAX.clone(), &mut |_| {});
                walk(&mut value, &mut at.index(n_nodes), &mut |node| {
                    *node =
                        if std::mem::discriminant(node) == std::mem::discriminant(other) { json!("another type") } else { other.clone() };
                });
                value.to_string().into_bytes()
            }
            Self::Removed(at) => {
                let n_nodes = walk(&mut value, &mut usize::MAX.clone(), &mut |_| {});
                walk(&mut value, &mut at.index(n_nodes), &mut |node| {
                    if let Value::Object(fields) = node
                        && let Some(name) = fields.keys().nth(at.index(fields.len().max(1))).cloned()
                    {
                        fields.remove(&name);
                    }
                });
                value.to_string().into_bytes()
            }
        }
    }
}

/// Visits the node with this number, in the order of the text; how many nodes there are.
fn walk(node: &mut Value, left: &mut usize, visit: &mut impl FnMut(&mut Value)) -> usize {
    if *left == 0 {
        visit(node);
    }
    *left = left.wrapping_sub(1);
    let below: usize = match node {
        Value::Array(list) => list.iter_mut().map(|node| walk(node, left, visit)).sum(),
        Value::Object(fields) => fields.values_mut().map(|node| walk(node, left, visit)).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    };
    below + 1
}

async fn vendors_answer_anything() {
    let mut runner = TestRunner::deterministic();
    let stage = Stage::start().await;
    stage.begin();
    in_step(&stage, Pages::Two).await;
    let n_damaged = Arc::new(AtomicUsize::new(0));
    for _ in 0..ROUNDS {
        let damages: Vec<(bool, Damage)> =
            (0..64).map(|_| (proptest::bool::weighted(0.25), damage()).new_tree(&mut runner).unwrap().current()).collect();
        let mut rest = damages.into_iter();
        let counts = n_damaged.clone();
        let weather: Weather = Box::new(move |passing| {
            let is_vendor = ["WorkOS", "Orgvue"].contains(&passing.call.service.as_str());
            let (_, damage) = rest.next_if_vendor(is_vendor)?;
            counts.fetch_add(1, Ordering::Relaxed);
            Some(Storm::Changed(Arc::new(move |body| damage.of(body))))
        });
        endured(&stage, |stage| Box::pin(one_more(stage)), Times::For(9 * 60_000), weather).await;
    }
    eprintln!("{} damaged answers", n_damaged.load(Ordering::Relaxed));
}

trait NextIf {
    fn next_if_vendor(&mut self, is_vendor: bool) -> Option<(bool, Damage)>;
}

impl<I: Iterator<Item = (bool, Damage)>> NextIf for I {
    fn next_if_vendor(&mut self, is_vendor: bool) -> Option<(bool, Damage)> {
        if is_vendor { self.next().filter(|(is_damaged, _)| *is_damaged) } else { None }
    }
}

/// Somebody comes, and nobody goes.
async fn one_more(stage: &Stage) {
    let rows = stage.rows().remove("ACME").unwrap();
    let name = format!("q{:03}", rows.len());
    stage.add(User::new(&name).in_group("user"));
    stage.tells();
    let mut desired = rows;
    desired.push(format!("{name} user"));
    desired.sort();
    stage.desire("ACME", &desired.iter().map(String::as_str).collect::<Vec<_>>());
}

async fn the_queue_holds_anything() {
    let mut runner = TestRunner::deterministic();
    let stage = Stage::start().await;
    stage.begin();
    in_step(&stage, Pages::One).await;
    let rows = stage.rows();
    let good = json!({"v": 1, "directory": stage.directory(), "generation": 1, "reason": "webhook"}).to_string();
    let mut n_dead = 0;
    for n in 0..MESSAGES {
        let (noise, damage) = (any::<String>(), damage()).new_tree(&mut runner).unwrap().current();
        let damaged = String::from_utf8_lossy(&damage.of(good.as_bytes())).into_owned();
        let body: String = if n % 2 == 0 { damaged } else { noise };
        // SQS takes no other characters, and no message without one.
        let body: String = body.chars().filter(|c| !c.is_control() && !('\u{fffe}'..='\u{ffff}').contains(c)).collect();
        let body = if body.is_empty() { "{".to_owned() } else { body };
        let event = batch_of_one(Some("m"), Some("r"), Some(&body));
        // The event itself is noise, too.
        let _ = Invocation::parse(serde_json::from_slice(&damage.of(event.to_string().as_bytes())).unwrap_or_default());
        let Ok(Invocation::Batch(event)) = Invocation::parse(event) else { unreachable!("it is the form of an SQS event") };
        n_dead += usize::from(domain::message::SyncMessage::from_json(&body).is_err());
        let handled = sync::handle_batch(&stage.sync.deps, *event, Deadline::after(Duration::from_secs(60)));
        let answer = clock::ahead(stage.clock.ahead_ms(), handled).await;
        assert!(answer.batch_item_failures.is_empty(), "it does not come again: {body:?}");
    }
    assert_eq!(stage.rows(), rows);
    assert_eq!((stage.sqs.bodies(DEAD_LETTERS).len(), stage.sqs.depth(QUEUE)), (n_dead, Depth::default()), "each goes where people look");
    assert!(n_dead > MESSAGES / 2);
}
