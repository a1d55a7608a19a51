//! Measures what the functions decide, without anything around it: `cargo bench -p domain`, or `cargo bench -p domain -- 1000 10000` for other
//! numbers of accounts.
//!
//! Prints a table, and writes the same to `target/bench/domain.json`. See [`measure`] for what is counted, and [`world`] for what it is
//! counted with.

mod measure;
mod world;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use domain::current::Current;
use domain::desired::{Decision, Desired, desired};
use domain::directory::Directory;
use domain::event;
use domain::group_name;
use domain::guard::{Approved, Completeness, Facts, Held, Scope, guard};
use domain::harm::Harmed;
use domain::held::HeldSet;
use domain::ids::UserId;
use domain::integration::Integration;
use domain::notice::FindingNews;
use domain::plan::{Plan, Users, plan, restore};
use domain::signature;
use domain::snapshot::{FormerLogins, Snapshot};
use hmac::{Hmac, KeyInit, Mac};
use measure::{Cost, cost, kept};
use serde_json::{Value, json};
use sha2::Sha256;
use world::{Scenario, Tenants};

const SIZES: [usize; 4] = [1_000, 10_000, 100_000, 500_000];
const SIGNED_AT_MS: i64 = 1_795_000_000_000;

fn main() {
    let asked: Vec<usize> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    let sizes = if asked.is_empty() { SIZES.to_vec() } else { asked };
    let mut report = Report::default();
    webhooks(&mut report);
    grammar(&mut report);
    for tenants in [Tenants::One, Tenants::Fifty] {
        for n in &sizes {
            for scenario in Scenario::ALL {
                decisions(&mut report, tenants, scenario, *n);
            }
        }
    }
    report.write();
}

/// Verifying beside nothing but the hash of the same bytes under as many secrets, and parsing.
fn webhooks(report: &mut Report) {
    for bytes in [1_000, 100_000] {
        let body = world::event(bytes);
        let time = SIGNED_AT_MS.to_string();
        let secrets: [&[u8]; 2] = [b"wh_secret_of_today_0123456789", b"wh_secret_of_yesterday_0123456"];
        let hash = |secret: &[u8]| {
            let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes keys of any length");
            [time.as_bytes(), b".", &body].into_iter().for_each(|part| mac.update(part));
            mac.finalize().into_bytes()
        };
        let header = format!("t={time}, v1={}", hex::encode(hash(secrets[0])));
        let headers = [header.as_bytes()];
        let verify = |body: Vec<u8>, secrets: &[&[u8]]| signature::verify(&headers, body, secrets, SIGNED_AT_MS, 0).expect("it is signed");
        for secrets in [&secrets[..1], &secrets] {
            let alone = cost(|| (), |()| secrets.iter().map(|secret| hash(secret)).fold(0, |all, hash| all ^ hash[0]));
            let verified = cost(|| body.clone(), |body| verify(body, secrets));
            let what = match secrets.len() {
                1 => "one secret",
                _ => "two secrets",
            };
            report.line("HMAC-SHA-256 alone", what, body.len(), alone);
            report.line_beside("signature::verify", what, body.len(), verified, alone);
        }
        let webhook = verify(body.clone(), &secrets);
        report.line("event::parse", "", body.len(), cost(|| (), |()| event::parse(&webhook).expect("it is an event")));
    }
}

/// All groups of a directory.
fn grammar(report: &mut Report) {
    for (tenants, what) in [(Tenants::One, "one tenant"), (Tenants::Fifty, "50 tenants")] {
        let integration = tenants.integration();
        let names = world::group_names(tenants);
        let parse = |()| names.iter().filter(|name| matches!(group_name::parse(name, &integration), Some(Ok(_)))).count();
        report.line("group_name::parse", what, names.len(), cost(|| (), parse));
    }
}

/// What every run does with a directory and datasets of `n` accounts in all.
fn decisions(report: &mut Report, tenants: Tenants, scenario: Scenario, n: usize) {
    let integration = tenants.integration();
    let what = match tenants {
        Tenants::One => scenario.name().to_owned(),
        Tenants::Fifty => format!("{}, 50 tenants", scenario.name()),
    };
    let (directory_bytes, directory) = kept(|| world::directory(tenants, scenario, n));
    let rows = world::rows(tenants, scenario, n);
    let is_plain = tenants == Tenants::One && scenario == Scenario::Nothing;
    if is_plain {
        let lists = world::lists(tenants, scenario, n);
        report.line("Directory::new", &what, n, cost(|| lists.clone(), world::Lists::directory));
        report.line("Current::read", &what, n, cost(|| rows.clone(), |rows| world::current(rows, &integration)));
    }
    let (current_bytes, current) = kept(|| world::current(rows.clone(), &integration));
    drop(rows);
    report.memory("the directory, as read", &what, n, directory_bytes);
    report.memory("the datasets, as read", &what, n, current_bytes);
    let before = world::snapshot(&world::directory(tenants, Scenario::Nothing, n), &integration, None);
    let former = before.former_logins(&directory);
    let run = Run { integration: &integration, directory: &directory, current: &current, former: &former };

    let decision = run.decide();
    let confirmed: BTreeSet<UserId> = directory.users().iter().filter(|user| user.active).map(|user| user.id.clone()).collect();
    let plans = run.plans(&decision);
    report.line("desired", &what, n, cost(|| (), |()| run.decide()));
    report.line("plan", &what, n, cost(|| (), |()| run.plans(&decision)));
    report.line("guard", &what, n, cost(|| plans.clone(), |plans| run.guard(plans, &decision, &confirmed)));
    let all = cost(
        || (),
        |()| {
            let decision = run.decide();
            let plans = run.plans(&decision);
            (run.guard(plans, &decision, &confirmed), decision)
        },
    );
    report.line("desired + plan + guard", &what, n, all);

    if scenario == Scenario::Leave {
        let held: Vec<Held> = run.guard(plans, &decision, &confirmed).into_iter().flat_map(|(_, held)| held).collect();
        let tenant = &integration.tenants[0].id;
        report.line("HeldSet::of, hash", &what, n, cost(|| (), |()| HeldSet::of(tenant, &held).hash()));
    }
    if scenario == Scenario::OnePercent {
        let look_back = |()| {
            let mut snapshot = world::snapshot(&directory, &integration, Some(&before));
            snapshot.findings = Snapshot::carried(Some(&before), decision.findings.clone(), &BTreeSet::new(), 1);
            (FindingNews::between(&before.findings, &snapshot.findings), before.renamed_groups(&directory, &integration), snapshot)
        };
        report.line("Snapshot::former_logins", &what, n, cost(|| (), |()| before.former_logins(&directory)));
        report.line("Snapshot::take, carried", &what, n, cost(|| (), look_back));
    }
    if is_plain {
        restoring(report, &run);
    }
}

/// Every account is put back as it was with one role less, and a person agreed to all of it: what takes longest to be looked up.
fn restoring(report: &mut Report, run: &Run<'_>) {
    let current = &run.current[0];
    let mut saved = current.clone();
    saved.accounts.values_mut().for_each(|account| drop(Arc::make_mut(&mut account.roles).pop_last()));
    let (tenant, nobody) = (&run.integration.tenants[0], BTreeSet::new());
    let wanted = Desired::default();
    let put_back = |agreed: &HeldSet| {
        let facts = run.facts(0, &wanted, &nobody, agreed);
        guard(restore(&saved, current, tenant, run.integration, &BTreeSet::new()), facts)
    };
    let agreed = HeldSet::of(&tenant.id, &put_back(&HeldSet::default()).1);
    assert!(agreed.len() > saved.accounts.len() / 10 * 9, "all of it is held, but for administrators, who need not be users");
    report.line("restore + guard", "all agreed to", saved.accounts.len(), cost(|| (), |()| put_back(&agreed)));
}

/// What a run has before it decides.
struct Run<'a> {
    integration: &'a Integration,
    directory: &'a Directory,
    /// Of each tenant.
    current: &'a [Current],
    former: &'a FormerLogins,
}

impl<'a> Run<'a> {
    fn decide(&self) -> Decision {
        desired(self.directory, self.integration)
    }

    fn plans(&self, decision: &Decision) -> Vec<Plan> {
        let users = Users { directory: self.directory, former: self.former };
        let tenants = self.integration.tenants.iter().zip(self.current);
        tenants.map(|(tenant, current)| plan(&decision.tenants[&tenant.id], current, tenant, self.integration, users)).collect()
    }

    fn guard(&self, plans: Vec<Plan>, decision: &Decision, confirmed: &BTreeSet<UserId>) -> Vec<(Approved, Vec<Held>)> {
        let nothing = HeldSet::default();
        let judge = |(at, plan): (usize, Plan)| {
            guard(plan, self.facts(at, &decision.tenants[&self.integration.tenants[at].id], confirmed, &nothing))
        };
        plans.into_iter().enumerate().map(judge).collect()
    }

    /// What is known of one tenant, of which earlier runs left nothing to tell.
    fn facts<'f>(&self, at: usize, desired: &'f Desired, confirmed: &'f BTreeSet<UserId>, approved: &'f HeldSet) -> Facts<'f>
    where
        'a: 'f,
    {
        Facts {
            desired,
            current: &self.current[at],
            tenant: &self.integration.tenants[at],
            integration: self.integration,
            scope: Scope::Settled,
            confirmed,
            former: self.former,
            approved,
            // What was approved is what was held.
            waiting: approved,
            lately: Harmed::default(),
            completeness: Completeness::Plausible,
        }
    }
}

/// The table and the file.
#[derive(Default)]
struct Report {
    lines: Vec<Value>,
}

impl Report {
    fn line(&mut self, case: &str, what: &str, n: usize, cost: Cost) {
        self.add(case, what, n, Some(cost), cost.peak_bytes, None);
    }

    /// How much longer a step takes than what it cannot do without.
    fn line_beside(&mut self, case: &str, what: &str, n: usize, cost: Cost, alone: Cost) {
        let ratio = cost.best.as_secs_f64() / alone.best.as_secs_f64();
        self.add(case, what, n, Some(cost), cost.peak_bytes, Some(ratio));
    }

    /// What is there before anything is decided.
    fn memory(&mut self, case: &str, what: &str, n: usize, bytes: u64) {
        self.add(case, what, n, None, bytes, None);
    }

    fn add(&mut self, case: &str, what: &str, n: usize, cost: Option<Cost>, peak_bytes: u64, ratio: Option<f64>) {
        if self.lines.is_empty() {
            println!(
                "{:<24} {:<30} {:>8} {:>12} {:>12} {:>12} {:>10} {:>6}",
                "case", "", "n", "median ms", "best ms", "allocations", "peak MB", "ratio"
            );
        }
        let ms = |time: fn(&Cost) -> std::time::Duration| cost.as_ref().map(|cost| time(cost).as_secs_f64() * 1e3);
        let (median, best) = (ms(|cost| cost.median), ms(|cost| cost.best));
        let shown = |number: Option<f64>, digits: usize| number.map_or_else(String::new, |number| format!("{number:.digits$}"));
        println!(
            "{case:<24} {what:<30} {n:>8} {:>12} {:>12} {:>12} {:>10.3} {:>6}",
            shown(median, 4),
            shown(best, 4),
            cost.map_or_else(String::new, |cost| cost.allocations.to_string()),
            peak_bytes as f64 / 1e6,
            shown(ratio, 2),
        );
        self.lines.push(json!({
            "case": case,
            "scenario": what,
            "n": n,
            "median_ms": median,
            "best_ms": best,
            "allocations": cost.map(|cost| cost.allocations),
            "allocated_bytes": cost.map(|cost| cost.allocated_bytes),
            "peak_bytes": peak_bytes,
            "ratio": ratio,
        }));
    }

    fn write(&self) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/bench");
        std::fs::create_dir_all(&folder).expect("the folder of what is built can be written");
        let lines: Vec<String> = self.lines.iter().map(|line| format!("  {line}")).collect();
        std::fs::write(folder.join("domain.json"), format!("[\n{}\n]\n", lines.join(",\n"))).expect("it can be written there");
    }
}
