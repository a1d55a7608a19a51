//! Whatever fault meets whatever call, once or for a while: it becomes what the [table](crate::faults_table) says, and everything comes right.
//!
//! A story is played once to learn its call sites, and then once for each site, fault and [`Times`]. Behind each play: every code is
//! documented, every error says something and nothing private, nobody was removed or disabled but those who should be, and when the fault has
//! ended everything is as desired within a [bounded time](MENDED_MAX_MS).

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use domain::pending::Switch;
use domain::run::{RunRecord, Status};
use futures::FutureExt;
use futures::future::join_all;
use standins::workos::Deprovisioning;
use standins::{Fault, Matcher, Nth};

use crate::customer::single;
use crate::faults_sites::{NEXT_PAGE, Sites, service_of};
use crate::faults_table::{EXPECTED, Kind, columns};
use crate::oracle::judge_the_way;
use crate::stage::{Secrets, Stage};
use crate::weather::Weather;
use crate::words::{User, group};

crate::tests![faults_of_workos, faults_of_orgvue, faults_of_aws];

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
/// How long a fault lasts that is no single one: the window, a run at its end, and two that try again.
const LASTS_MS: i64 = 9 * MINUTE_MS;
/// A directory that is not found counts as gone at the third time.
const NOT_FOUND_LASTS_MS: i64 = 12 * MINUTE_MS;
/// Within this everything is as desired again, from the beginning of the fault.
const MENDED_MAX_MS: i64 = 9 * HOUR_MS;
/// While one stage waits for a timeout, the others work.
const STAGES: usize = 3;
/// Which part of the cells is played: all of them take minutes.
const EVERY: usize = 11;
const DOCUMENTED: &str = include_str!("../../../../docs/reason-codes.md");

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Times {
    Once,
    /// For so many milliseconds.
    For(i64),
}

/// One fault at one call site.
#[derive(Clone, Debug)]
struct Cell {
    story: usize,
    site: String,
    n_column: usize,
    times: Times,
}

pub(crate) type Act = for<'a> fn(&'a Stage) -> Pin<Box<dyn Future<Output = ()> + 'a>>;

/// What happens, and whose calls are of interest in it.
const STORIES: [(&[&str], Act); 4] = [
    (&["webhook", "sync"], |stage| Box::pin(changes(stage))),
    (&["sync"], |stage| Box::pin(changes_of_a_large_dataset(stage))),
    (&["sweep"], |stage| Box::pin(drifts(stage))),
    (&["sweep"], |stage| Box::pin(schedule_is_lost(stage))),
];

/// How long the lists of users are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pages {
    One,
    Two,
}

/// A directory of whom three people have accounts.
pub(crate) async fn in_step(stage: &Stage, pages: Pages) {
    stage.workos.switches(|switches| switches.deprovisioning = Deprovisioning::Custom);
    stage.orgvue.switches(|switches| switches.sync_read_bytes_max = None);
    stage.onboard(single("ACME")).await;
    let directory = stage.directory();
    stage.workos.edit(|model| {
        for n in 0..if pages == Pages::Two { 100 } else { 0 } {
            let name = format!("gone{n}");
            model.put_user(&directory, standins::workos::UserSpec::new(&name, &crate::words::email(&name)));
            model.deactivate_user(&directory, &name);
        }
    });
    stage.add(User::new("root").in_group("admin"));
    stage.add(User::new("old").in_group("user"));
    stage.add(User::new("mid").in_group("user"));
    stage.desire("ACME", &["mid user", "old user", "root admin"]);
    stage.ask().await;
    stage.settles().await;
}

/// One comes, one goes, one changes, and one who is still active loses the account.
async fn changes(stage: &Stage) {
    stage.leaves("old");
    stage.add(User::new("new").in_group("user"));
    stage.joins("root", "Tech");
    stage.workos.remove_member(&stage.directory(), &group("user"), "mid");
    stage.tells();
    stage.desire("ACME", &["new user", "root Tech,admin"]);
}

/// The same where a synchronous read does not return the dataset.
async fn changes_of_a_large_dataset(stage: &Stage) {
    stage.orgvue.switches(|switches| switches.sync_read_bytes_max = Some(100));
    changes(stage).await;
}

async fn drifts(stage: &Stage) {
    stage.later(6 * HOUR_MS);
    stage.add(User::new("new").in_group("user"));
    stage.desire("ACME", &["mid user", "new user", "old user", "root admin"]);
}

async fn schedule_is_lost(stage: &Stage) {
    stage.add(User::new("new").in_group("user"));
    stage.tells();
    while stage.scheduler.schedules().is_empty() {
        stage.step().await;
    }
    stage.scheduler.lose_all();
    stage.desire("ACME", &["mid user", "new user", "old user", "root admin"]);
}

async fn faults_of_workos() {
    at_every_site(&["WorkOS"]).await;
}

async fn faults_of_orgvue() {
    at_every_site(&["Orgvue"]).await;
}

async fn faults_of_aws() {
    at_every_site(&["DynamoDB", "SQS", "Scheduler", "SNS", "SecretsManager"]).await;
}

async fn at_every_site(services: &[&str]) {
    let began = Instant::now();
    let learnt = new_stage().await;
    let mut sites: Vec<(usize, String)> = Vec::new();
    for story in 0..STORIES.len() {
        for site in sites_of(&learnt, story).await {
            if services.contains(&service_of(&site)) && sites.iter().all(|(_, known)| *known != site) {
                sites.push((story, site));
            }
        }
    }
    let columns = columns(services[0]);
    let mut cells = Vec::new();
    for (n_column, column) in columns.iter().enumerate() {
        for (n_site, (story, site)) in sites.iter().enumerate() {
            let lasts = Times::For(if column.name == "404" { NOT_FOUND_LASTS_MS } else { LASTS_MS });
            for (n_times, times) in [Times::Once, lasts].into_iter().enumerate() {
                if column.may_be(site, times != Times::Once) && (n_site * 3 + n_column * 5 + n_times * 2) % every() == part() {
                    cells.push(Cell { story: *story, site: site.clone(), n_column, times });
                }
            }
        }
    }
    let (left, seen) = (RefCell::new(cells.iter()), RefCell::new(BTreeMap::new()));
    let failures = RefCell::new(Vec::new());
    let work = (0..STAGES).map(async |_| {
        let mut stage = new_stage().await;
        loop {
            let Some(cell) = left.borrow_mut().next() else { break };
            let kind = &columns[cell.n_column];
            match AssertUnwindSafe(play(&stage, cell, kind)).catch_unwind().await {
                Ok(letter) => drop(seen.borrow_mut().insert((cell.site.clone(), cell.times != Times::Once, cell.n_column), letter)),
                Err(_) => {
                    eprintln!("that was {} {} {:?}", cell.site, kind.name, cell.times);
                    failures.borrow_mut().push(format!("{} {} {:?}", cell.site, kind.name, cell.times));
                    seen.borrow_mut().insert((cell.site.clone(), cell.times != Times::Once, cell.n_column), 'X');
                    stage = new_stage().await;
                }
            }
        }
    });
    join_all(work).await;
    let seen = seen.into_inner();
    let row = |site: &str, always: bool| -> String {
        (0..columns.len()).map(|n| seen.get(&(site.to_owned(), always, n)).copied().unwrap_or(' ')).collect()
    };
    let names: Vec<&str> = columns.iter().map(|column| column.name).collect();
    eprintln!("{} cells, {:.1} s; the columns: {}", cells.len(), began.elapsed().as_secs_f64(), names.join(" "));
    let mut differ = Vec::new();
    for (_, site) in &sites {
        let is = (row(site, false), row(site, true));
        eprintln!("    (\"{site}\", \"{}\", \"{}\"),", is.0, is.1);
        let expected = EXPECTED.iter().find(|(name, ..)| name == site).map_or(("", ""), |(_, once, always)| (once, always));
        let fits = |is: &str, expected: &str| {
            is.len() == expected.len() && is.chars().zip(expected.chars()).all(|(is, one)| is == ' ' || is == one)
        };
        if !fits(&is.0, expected.0) || !fits(&is.1, expected.1) {
            differ.push(format!("{site}: {is:?} and not {expected:?}"));
        }
    }
    assert!(failures.borrow().is_empty(), "{:#?}", failures.borrow());
    assert!(differ.is_empty(), "{differ:#?}");
}

/// `PROOF_EVERY=1` plays all cells; without it a part of them is, in which each site and each fault is several times.
fn every() -> usize {
    std::env::var("PROOF_EVERY").ok().and_then(|value| value.parse().ok()).unwrap_or(EVERY)
}

/// `PROOF_PART=3` plays another part than the first one, which is 0.
fn part() -> usize {
    std::env::var("PROOF_PART").ok().and_then(|value| value.parse().ok()).unwrap_or(0)
}

async fn new_stage() -> Stage {
    Stage::start_with(Secrets::Kept, &[("HTTP_TIMEOUT_SECONDS", "2")]).await
}

/// The sites of a story, in the order of their first calls.
async fn sites_of(stage: &Stage, story: usize) -> Vec<String> {
    let (whose, act) = STORIES[story];
    stage.begin();
    in_step(stage, Pages::Two).await;
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let (keeps, mut sites) = (seen.clone(), Sites::default());
    stage.wire.begin(None);
    stage.wire.weather(Some(Box::new(move |passing| {
        let (_, site) = sites.of(passing);
        let mut seen = keeps.lock().unwrap();
        if whose.contains(&passing.call.what) && !seen.contains(&site) {
            seen.push(site);
        }
        None
    })));
    act(stage).await;
    stage.settles().await;
    stage.wire.weather(None);
    Arc::into_inner(seen).unwrap().into_inner().unwrap()
}

/// Plays a story with a fault; what became of it.
async fn play(stage: &Stage, cell: &Cell, kind: &Kind) -> char {
    stage.wire.weather(None);
    stage.begin();
    in_step(stage, if cell.site.contains(NEXT_PAGE) { Pages::Two } else { Pages::One }).await;
    let n_met = Arc::new(AtomicUsize::new(0));
    let letter = endured(stage, STORIES[cell.story].1, cell.times, brewed(stage, cell, kind, n_met.clone())).await;
    assert!(n_met.load(Ordering::Relaxed) > 0, "nothing met the fault");
    letter
}

/// What becomes of a part of a story in this weather, and all that must hold in any.
pub(crate) async fn endured(stage: &Stage, act: Act, times: Times, weather: Weather) -> char {
    stage.wire.begin(None);
    stage.wire.weather(Some(weather));
    let was = stage.rows();
    stage.seen.clear();
    act(stage).await;
    let (began_ms, desired) = (stage.now_ms(), stage.play().oracle.desired());
    match times {
        Times::Once => stage.run_until_quiet().await,
        Times::For(ms) => while stage.now_ms() < began_ms + ms && stage.step().await {},
    }
    let letter = letter(stage, began_ms, &desired).await;
    stage.wire.weather(None);
    mended(stage, began_ms, &desired).await;
    judge_the_way(&was, &desired, &stage.seen.take_after());
    stage.settles().await;
    for record in records(stage).await {
        judge_record(&record);
    }
    letter
}

type Desired = BTreeMap<String, Vec<Vec<String>>>;

fn brewed(stage: &Stage, cell: &Cell, kind: &Kind, n_met: Arc<AtomicUsize>) -> Weather {
    let (workos, orgvue) = (stage.workos.clone(), stage.orgvue.clone());
    let (site, times, storm, vendors) = (cell.site.clone(), cell.times, kind.storm(service_of(&cell.site)), kind.vendors.clone());
    let mut sites = Sites::default();
    Box::new(move |passing| {
        let (base, told) = sites.of(passing);
        let meets = match times {
            Times::Once => told == site && n_met.load(Ordering::Relaxed) == 0,
            Times::For(_) => told == site || base == site,
        };
        if !meets {
            return None;
        }
        n_met.fetch_add(1, Ordering::Relaxed);
        if let Some(fault) = &vendors {
            let (path, query) = passing.path.split_once('?').unwrap_or((passing.path, ""));
            let fault = Fault::new(Matcher::path(path).query(query).method(passing.method), Nth::At(1), fault.clone());
            let tell: &dyn Fn(Fault) =
                if passing.call.service == "WorkOS" { &|fault| workos.fault(fault) } else { &|fault| orgvue.fault(fault) };
            tell(fault);
        }
        storm.clone()
    })
}

/// What became of a fault: suspended, quarantined, refused, failed, a webhook that was not taken, held, later than usual, or nothing at all.
async fn letter(stage: &Stage, began_ms: i64, desired: &Desired) -> char {
    let pending = stage.pending().await.remove(0);
    let state = stage.state("ACME").await;
    let records = records(stage).await;
    let has = |status: Status| records.iter().any(|run| run.status == status);
    let is_desired = desired.iter().all(|(tenant, rows)| stage.rows()[tenant] == rows[rows.len() - 1]);
    let n_webhooks =
        stage.wire.calls().iter().filter(|call| call.what == "webhook").map(|call| call.invocation).collect::<BTreeSet<_>>().len();
    if pending.switch == Switch::Suspended {
        's'
    } else if pending.backoff.is_quarantined() || state.backoff.is_quarantined() {
        'q'
    } else if has(Status::Refused) {
        'R'
    } else if has(Status::Failed) {
        'r'
    } else if has(Status::PartlyHeld) {
        'h'
    } else if n_webhooks > 1 || !stage.play().outbox.is_empty() {
        'w'
    } else if !is_desired || stage.now_ms() > began_ms + 7 * MINUTE_MS {
        'l'
    } else {
        '.'
    }
}

/// The fault has ended: time passes, and a person resumes what was suspended, until everything is as desired.
async fn mended(stage: &Stage, began_ms: i64, desired: &Desired) {
    if stage.pending().await.iter().any(|pending| pending.switch == Switch::Suspended) {
        stage.resume().await;
    }
    loop {
        stage.run_until_quiet().await;
        let pending = stage.pending().await.remove(0);
        if let Some(at_ms) = pending.retry_at_ms {
            stage.later((at_ms - stage.now_ms()).max(0));
        } else if desired.iter().all(|(tenant, rows)| stage.rows()[tenant] == rows[rows.len() - 1]) {
            return;
        } else {
            stage.later((pending.next_drift_ms - stage.now_ms()).max(0));
        }
        assert!(stage.now_ms() < began_ms + MENDED_MAX_MS, "it is not mended: {pending:#?} {:?}", stage.rows());
    }
}

async fn records(stage: &Stage) -> Vec<RunRecord> {
    let id = stage.customers()[0].integration_id();
    let mut records = Vec::new();
    for head in stage.store.latest_runs(&id, 100).await.unwrap() {
        records.extend(stage.store.run(&head.id).await.unwrap());
    }
    records
}

/// What stood in the way has a documented code, and words that tell a person something and nothing about anybody.
fn judge_record(record: &RunRecord) {
    let of_run = (record.status, &record.code, &record.error);
    let of_tenants = record.tenants.iter().map(|tenant| (tenant.status, &tenant.code, &tenant.error));
    for (status, code, error) in std::iter::once(of_run).chain(of_tenants) {
        let Some(code) = code else { continue };
        let words = error.as_deref().unwrap_or_default();
        let is_documented = DOCUMENTED.contains(&format!("`{code}`")) || code.starts_with("orgvue_4");
        assert!(is_documented, "{code} is not documented");
        assert!(!matches!(status, Status::Applied), "{code} of a run that is well");
        let says_what_to_do = words.split_once([';', ':']).is_some_and(|(_, rest)| rest.len() > 10);
        assert!(says_what_to_do, "{code} does not say what to do: {words}");
        assert!(!crate::logs::is_leak(words) && !words.contains("acme.com"), "{code} says too much: {words}");
    }
}
