//! Whatever happens, and in whatever order: when it ends, Orgvue becomes what the directory says, and stays so.
//!
//! Each seed is a [history](History) of some hours, of one of four kinds of customers. It begins with an episode that says itself what must be:
//! [a decision](crate::decision), [a restore](crate::undo) or [a move](crate::moving) to another directory. Then anything happens. Now and then
//! changes and faults stop, what was paused is resumed, the directory is back, and time goes on. Then, within [`LONGEST_MS`] of the stage:
//!
//! * Orgvue is what the directory says, by a [reckoning of its own](crate::census); where limits hold something back, behind an approval. Where
//!   events were lost or Orgvue was edited, this comes with the next look for drift, else before it.
//! * Nothing is owed, under way, or in the dead-letter queue but for messages whose process died each time. Another run writes nothing.
//! * Nobody who was to have an account all the time was removed or disabled by any write of a run, or lost a role that was to be had all the time.
//!
//! Behind every run: no write did what the file [forbids](crate::taboo), or took more than people and limits [let it](crate::consent). No run
//! that began while the directory was away wrote or held anything.
//!
//! `PROOF_SEED=17 cargo test -p local --test proof simulation` plays one of them again and tells of it, and `PROOF_SEEDS=100000` as many as one likes, from
//! `PROOF_SEED` on. The clock of the stage runs on with this machine's, so that a seed may differ by milliseconds from one play to the next.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Instant;

use adapters::store::AfterApply;
use domain::held::Verdict;
use domain::pending::Switch;
use futures::future::join_all;
use local::aws::Depth;
use local::system::{DEAD_LETTERS, QUEUE};

use crate::census::usable;
use crate::customer::{API_ACCOUNT, dataset};
use crate::dice::Dice;
use crate::file::{File, PARTNER};
use crate::history::History;
use crate::kept::Kept;
use crate::oracle::{End, is_quiet};
use crate::stage::Stage;
use crate::words::{User, account, email};

crate::tests![whatever_happens_it_ends_as_the_directory_says];

/// How many histories are played unless somebody says otherwise: what some three minutes of one processor are enough for.
const SEEDS: u64 = 200;
const STAGES: usize = 3;
/// How many of a hundred histories go on when they have come to rest.
const LONG: u64 = 35;
/// So much happens at most behind the episode with which a history begins, and before it comes to rest again.
const HAPPENINGS: u64 = 4;
const MINUTE_MS: i64 = 60_000;
/// Within so much time of the stage it comes to rest: a message whose process died comes again behind an hour and a half, twice, and a quarantine
/// takes an hour and then six.
const LONGEST_MS: i64 = 12 * 60 * MINUTE_MS;
/// Most times that something held is approved, or a quarantine waited for.
const ROUNDS_MAX: usize = 8;
/// As in template.yaml: behind so many failures a message is a dead letter.
const RECEIVES_MAX: usize = 3;

/// Who is in the directory at first, in the groups for these roles; the file protects or blocks the last of them.
const PEOPLE: [(&str, &[&str]); 11] = [
    ("root", &["admin"]),
    ("ada", &["user", "Retail"]),
    ("bob", &["user", "Retail"]),
    ("cy", &["user", "Retail"]),
    ("di", &["user"]),
    ("ed", &["user"]),
    ("flo", &["user"]),
    ("kim", &["user"]),
    ("lou", &["user"]),
    ("mal", &["user"]),
    ("oz", &["admin"]),
];

/// The customers, of whom each seed is about one.
fn files() -> [File; 4] {
    [
        File::single(false, None),
        // The limits hold some of it until it is approved.
        File::multi(Some(1)),
        File::single(true, Some(1)),
        File::single(false, Some(1)),
    ]
}

async fn whatever_happens_it_ends_as_the_directory_says() {
    let (began, first) = (Instant::now(), number("PROOF_SEED"));
    let n_seeds = number("PROOF_SEEDS").unwrap_or(if first.is_some() { 1 } else { SEEDS });
    let first = first.unwrap_or(1);
    let stages = join_all((0..n_seeds).take(STAGES).map(|_| Stage::start())).await;
    let (empty, files) = (stages[0].keep(), files());
    let file_of = |seed| usize::try_from(seed).unwrap() % files.len();
    let mut kept = BTreeMap::new();
    for at in (first..first + n_seeds).take(files.len()).map(file_of) {
        stages[0].set_back(&empty);
        kept.insert(at, (in_step(&stages[0], &files[at]).await, files[at].clone()));
    }
    let (seeds, told) = (RefCell::new(first..first + n_seeds), RefCell::new(false));
    let work = stages.iter().map(async |stage| {
        loop {
            let Some(seed) = seeds.borrow_mut().next() else { break };
            let log = play(stage, &kept[&file_of(seed)], seed, &told).await;
            if n_seeds == 1 {
                eprintln!("{log}");
            }
        }
    });
    join_all(work).await;
    eprintln!("{n_seeds} histories from seed {first} on, {:.1} s", began.elapsed().as_secs_f64());
}

/// A customer in step with Orgvue.
async fn in_step(stage: &Stage, file: &File) -> Kept {
    stage.onboard(file.customer()).await;
    let now_ms = stage.now_ms();
    stage.play().file = Some(file.clone());
    stage.play().consent.file_changes(now_ms, file);
    for absent in file.absent() {
        stage.orgvue.add_tenant(&absent, &dataset(&absent), vec![account(API_ACCOUNT, "admin"), account(&email("gia"), "user")]);
    }
    for (name, roles) in PEOPLE {
        stage.add(User::new(name));
        for group in roles.iter().flat_map(|role| file.groups_ever(role)) {
            stage.workos.add_member(&stage.directory(), &group, name);
        }
    }
    for tenant in file.tenants_ever() {
        for (name, roles) in [("vip", "admin"), ("kim", "admin,Retail"), (PARTNER, "user"), ("mal", "user"), ("nat", "Tech,user")] {
            stage.account(tenant, name, roles);
        }
        ["mal", "nat"].iter().for_each(|name| stage.orgvue.edit(tenant, &email(name), |row| row["Enabled"] = false.into()));
    }
    stage.seen.puts_in_force(file.taboo());
    stage.sync_until_quiet().await;
    file.tenants().for_each(|tenant| stage.adorns(tenant));
    assert_as_desired(stage);
    stage.keep()
}

async fn play(stage: &Stage, (kept, file): &(Kept, File), seed: u64, told: &RefCell<bool>) -> String {
    stage.set_back(kept);
    stage.seen.puts_in_force(file.taboo());
    let now_ms = stage.now_ms();
    stage.play().file = Some(file.clone());
    stage.play().consent.file_changes(now_ms, file);
    stage.workos.switches(|switches| switches.deprovisioning = standins::workos::Deprovisioning::Custom);
    let mut dice = Dice::new(seed);
    let mut history = Witness { seed, told, history: History::new(stage, dice.fork()) };
    history.history.an_episode(seed).await;
    for chapter in 0..=u64::from(dice.percent(LONG)) {
        for _ in 0..chapter + dice.below(HAPPENINGS) {
            history.history.goes_on().await;
        }
        comes_to_rest(stage).await;
        assert_nobody_was_harmed(stage);
        if !history.history.is_silent {
            assert_as_desired(stage);
        }
    }
    if history.history.is_silent {
        // What no event told of is found by a look for drift.
        let drift_ms = stage.pending().await[0].next_drift_ms;
        stage.later((drift_ms - stage.now_ms()).max(0));
        comes_to_rest(stage).await;
        assert_as_desired(stage);
        assert_nobody_was_harmed(stage);
    }
    assert_quiet(stage).await;
    stage.seen.clear();
    stage.ask().await;
    stage.run_until_quiet().await;
    assert_eq!(stage.seen.n_writes(), 0, "another run writes nothing: {:#?}", stage.rows());
    assert_quiet(stage).await;
    history.log()
}

/// All that goes wrong ends, and what waits for a person or for the end of a quarantine comes about.
async fn comes_to_rest(stage: &Stage) {
    stage.wire.calm();
    stage.play().is_calm = true;
    let ended_ms = stage.now_ms();
    if stage.is_away() {
        stage.directory_comes_back();
        stage.ask().await;
    }
    let file = stage.file().at_work();
    if file != stage.file() {
        assert!(stage.put_in_force(file, AfterApply::Sync).await);
    }
    if stage.pending().await[0].switch != Switch::Live {
        stage.resumes().await.unwrap();
    }
    stage.by_hand(stage.operator().resume_all()).await.unwrap();
    let customer = stage.customers().remove(0);
    for _ in 0..ROUNDS_MAX {
        stage.run_until_quiet().await;
        // What was to happen in a call has happened by now, if ever.
        stage.wire.hold_none();
        let mut waits = false;
        for tenant in customer.tenants() {
            if stage.state(tenant).await.held.is_some() {
                stage.says(tenant, Verdict::Approved).await.unwrap();
                waits = true;
            }
        }
        if let Some(at_ms) = stage.pending().await[0].retry_at_ms {
            stage.later((at_ms - stage.now_ms()).max(0));
            waits = true;
        }
        if !waits {
            let took_ms = stage.now_ms() - ended_ms;
            assert!(took_ms <= LONGEST_MS, "it took {} minutes", took_ms / MINUTE_MS);
            stage.play().consent.rests();
            return;
        }
    }
    panic!("it does not come to rest: {:#?}", stage.pending().await);
}

fn assert_as_desired(stage: &Stage) {
    let (rows, unsaid, file) = (stage.rows(), stage.unsaid(), stage.file());
    for (tenant, desired) in stage.desired() {
        let mut is = usable(&rows[&tenant]);
        is.retain(|login, _| !unsaid.contains(login) && !file.protected().contains(login));
        assert_eq!(is, desired, "the accounts of {tenant}");
    }
}

/// Of the accounts that were to be there all the time no write took anything that they had, but for what a person put back.
fn assert_nobody_was_harmed(stage: &Stage) {
    let now = stage.steady();
    let steady = stage.play().steady.replace(now).expect("it is watched");
    for write in stage.seen.take() {
        let Some(after) = &write.after else { continue };
        if write.is_by_a_person {
            continue;
        }
        for (tenant, steady) in &steady.desired {
            let (before, after) = (usable(&write.before[tenant]), usable(&after[tenant]));
            for (login, roles) in steady {
                let had = before.get(login).map(|had| had & roles).unwrap_or_default();
                let has = after.get(login).cloned().unwrap_or_default();
                let is_there = after.contains_key(login) || !before.contains_key(login);
                assert!(is_there && had.is_subset(&has), "{login} of {tenant} had {had:?} of {roles:?}, and has {has:?}");
            }
        }
    }
}

async fn assert_quiet(stage: &Stage) {
    assert_eq!(stage.sqs.depth(QUEUE), Depth::default(), "the queue: {:?}", stage.sqs.bodies(QUEUE));
    assert_eq!(stage.scheduler.schedules(), [], "schedules");
    let (n_letters, n_failed) = (stage.sqs.bodies(DEAD_LETTERS).len(), stage.play().n_failed);
    assert!(n_letters * RECEIVES_MAX <= n_failed, "{n_letters} dead letters, though a message failed only {n_failed} times");
    for pending in stage.pending().await {
        assert!(is_quiet(&pending, End::Idle), "{pending:#?}");
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Tells how to play it again if it fails.
struct Witness<'a> {
    seed: u64,
    history: History<'a>,
    /// The first to be dropped is the one that failed; the plays beside it are not to blame.
    told: &'a RefCell<bool>,
}

impl Witness<'_> {
    fn log(&self) -> String {
        let calls: Vec<String> = self.history.stage.wire.calls().iter().map(ToString::to_string).collect();
        format!("{}\n{}", calls.join("\n"), self.history.told.join("\n"))
    }
}

impl Drop for Witness<'_> {
    fn drop(&mut self) {
        if !std::thread::panicking() || self.told.replace(true) {
            return;
        }
        eprintln!("{}", self.log());
        eprintln!("PROOF_SEED={} cargo test -p local --test proof simulation", self.seed);
    }
}
