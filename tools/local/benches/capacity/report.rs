//! The tables, as Markdown, so that they can be put on the page as they are.

use comfy_table::Table;
use comfy_table::presets::ASCII_MARKDOWN;
use domain::delays::Delays;
use serde_json::{Value, json};

use crate::fleet::{self, Bill, Day, World};
use crate::prices::{self, ALARMS, DASHBOARDS, LAMBDA_TIME, METRICS, SECRETS, SQS, STORAGE, SYNC_GB, USERS_INTERVAL, WEBHOOK_GB, WRITES};
use crate::rig::Measured;
use crate::scenes::{Figures, Kind, SWEEP_IDLE, SWEEP_ONE, WEBHOOK_FIRST, WEBHOOK_LATER, thousands};
use crate::thousand::{Pass, Thousand};

/// Of a month: days, those on which people work, minutes, and looks for drift.
const DAYS: f64 = 30.0;
const WORKING_DAYS: f64 = 22.0;
const MINUTES: f64 = DAYS * 24.0 * 60.0;
const DRIFTS: f64 = DAYS * 4.0;
/// Windows of a working day in which something changed, at most.
const WINDOWS_A_DAY: f64 = 8.0;
/// Of the runs that take nothing, those that find the list of users read lately enough: half of the time between two looks for drift it is, and
/// what other runs read of it is left out.
const LIST_IS_KNOWN: f64 = 0.5;
/// What the stack has, whoever its customers are: own metrics, alarms, the two secrets of WorkOS.
const N_METRICS: f64 = 36.0;
const N_ALARMS: f64 = 26.0;
/// Five pollers of the event source mapping wait for 20 s each.
const POLLS_A_MINUTE: f64 = 15.0;
/// How long records are kept, in months.
const KEPT_MONTHS: f64 = 3.0;

fn print<const N: usize>(title: &str, head: [&str; N], rows: Vec<[String; N]>) {
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN).set_header(head).add_rows(rows);
    println!("\n{title}\n\n{table}");
}

pub(crate) fn prices() {
    let row = |price: &prices::Price| {
        let per = if price.per == 1.0 { price.unit.to_owned() } else { format!("{} {}", thousands(price.per as usize), price.unit) };
        [price.what.to_owned(), per, format!("{}", price.usd)]
    };
    print("Prices", ["service", "for", "USD"], prices::ALL.iter().map(row).collect());
}

fn micro(usd: f64) -> String {
    format!("{:.2}", usd * 1e6)
}

pub(crate) fn scenes(figures: &Figures) {
    let row = |scene: &crate::scenes::Scene| {
        let measured = &scene.measured;
        let gb = if scene.kind == Kind::Webhook { WEBHOOK_GB } else { SYNC_GB };
        let has_message = !matches!(scene.kind, Kind::Webhook | Kind::Sweep);
        let aws = &measured.aws;
        [
            scene.what.clone(),
            aws.of("DynamoDB").to_string(),
            format!("{}", aws.wcu),
            format!("{}", aws.rcu),
            ["SQS", "Scheduler", "Secrets", "SNS"].map(|service| aws.of(service).to_string()).join(" / "),
            format!("{} + {}", measured.workos_limited, measured.workos_other),
            format!("{} + {}", measured.orgvue_reads, measured.orgvue_writes),
            format!("{:.3}", measured.cpu_seconds),
            format!("{:.1}", measured.limited_seconds()),
            format!("{:.1}", measured.seconds(gb, scene.n_tenants)),
            format!("{:.1}", measured.log_bytes as f64 / 1e3),
            micro(measured.usd(gb, scene.n_tenants, has_message)),
        ]
    };
    let head = [
        "invocation",
        "DynamoDB calls",
        "write units",
        "read units",
        "SQS / Scheduler / Secrets / SNS",
        "WorkOS limited + other",
        "Orgvue reads + writes",
        "processor s",
        "WorkOS's limit s",
        "on Lambda s",
        "log KB",
        "millionths of USD",
    ];
    print("Single invocations", head, figures.scenes.iter().map(row).collect());
    println!();
    for scene in &figures.scenes {
        let calls: Vec<String> = scene.measured.aws.calls.iter().map(|(call, n)| format!("{call} {n}")).collect();
        let aws = &scene.measured.aws;
        println!(
            "{}: {}; largest item put {} B, put in all {} B, pending item {} B",
            scene.what,
            calls.join(", "),
            aws.item_bytes_max,
            aws.put_bytes,
            aws.mark_bytes_max
        );
    }
}

/// What a customer costs in a month, by what.
struct Month {
    drift: f64,
    changes: f64,
    webhooks: f64,
    sweep: f64,
    stored: f64,
    secrets: f64,
    /// Write and read units.
    units: [f64; 2],
}

impl Month {
    fn of(figures: &Figures, n_users: usize, n_tenants: usize) -> Self {
        let run = |kind| figures.run(kind, n_users, n_tenants);
        let (unchanged, joined, changed) = (run(Kind::Unchanged), run(Kind::Joined), run(Kind::Changed));
        let changes = n_users as f64 * fleet::CHANGED_IN_A_DAY;
        let events = changes * fleet::EVENTS_PER_CHANGE as f64 * WORKING_DAYS;
        let windows = changes.min(WINDOWS_A_DAY) * WORKING_DAYS;
        let takes = 1.0 - (1.0 - fleet::TAKING).powf((changes / WINDOWS_A_DAY).max(1.0));
        let brief = windows * (1.0 - takes) * LIST_IS_KNOWN;
        // What is read whole counts as if it took something, and what is not as if it gave something.
        let behind_events = |of: &dyn Fn(&Measured) -> f64| (windows - brief) * of(changed) + brief * of(joined);
        let webhook = |what: &str| figures.of(what).usd(WEBHOOK_GB, 1, false);
        let (idle, one) = (figures.of(SWEEP_IDLE), figures.of(SWEEP_ONE));
        let each = |of: &dyn Fn(&Measured) -> f64| (of(idle) - of(one)) / 999.0 * MINUTES;
        let n_runs = DRIFTS + windows;
        // The sweep notes that a run is owed, and that it is no longer; and it asks for each look for drift.
        let notes = WRITES.of(n_runs * 2.0) + WRITES.of(DRIFTS) + SQS.of(DRIFTS);
        let stored = DRIFTS * unchanged.aws.put_bytes as f64 + behind_events(&|measured| measured.aws.put_bytes as f64);
        let (wcu, rcu) = (behind_events(&|measured| measured.aws.wcu), behind_events(&|measured| measured.aws.rcu));
        let wcu = DRIFTS * unchanged.aws.wcu + wcu + events * figures.of(WEBHOOK_LATER).aws.wcu + n_runs * 3.0;
        let rcu = DRIFTS * unchanged.aws.rcu + rcu + each(&|measured| measured.aws.rcu);
        Self {
            drift: DRIFTS * unchanged.usd(SYNC_GB, n_tenants, true),
            changes: behind_events(&|measured| measured.usd(SYNC_GB, n_tenants, true)),
            webhooks: windows * webhook(WEBHOOK_FIRST) + (events - windows).max(0.0) * webhook(WEBHOOK_LATER),
            sweep: each(&|measured| measured.usd(SYNC_GB, 1, false)) + notes,
            stored: STORAGE.of(stored / 1e9 * KEPT_MONTHS),
            secrets: SECRETS.of(n_tenants as f64),
            units: [wcu, rcu],
        }
    }

    fn sum(&self) -> f64 {
        let Self { drift, changes, webhooks, sweep, stored, secrets, units: _ } = self;
        drift + changes + webhooks + sweep + stored + secrets
    }
}

fn per_stack(figures: &Figures) -> f64 {
    let sweep = figures.of(SWEEP_ONE).usd(SYNC_GB, 1, false) * MINUTES;
    METRICS.of(N_METRICS) + ALARMS.of(N_ALARMS) + DASHBOARDS.of(1.0) + SECRETS.of(2.0) + SQS.of(POLLS_A_MINUTE * MINUTES) + sweep
}

pub(crate) fn month(figures: &Figures) {
    let row = |(n_users, n_tenants): (usize, usize)| {
        let month = Month::of(figures, n_users, n_tenants);
        let (own, sum) = (month.sum() - month.secrets, month.sum());
        [
            format!("{}, {n_tenants}", thousands(n_users)),
            format!("{:.4}", month.drift),
            format!("{:.4}", month.changes),
            format!("{:.4}", month.webhooks),
            format!("{:.4}", month.sweep),
            format!("{:.4}", month.stored),
            format!("{:.2}", month.secrets),
            format!("{sum:.2}"),
            format!("{:.3}", own * 10_000.0 / n_users as f64),
            thousands(month.units[0] as usize),
            thousands(month.units[1] as usize),
        ]
    };
    let head = [
        "users, tenants",
        "drift",
        "changes",
        "webhooks",
        "sweep",
        "stored",
        "secrets",
        "USD a month",
        "without secrets, for 10,000 users",
        "write units",
        "read units",
    ];
    let rows = [(100, 1), (1_000, 1), (10_000, 1), (1_000, 10), (10_000, 10)].map(row).into();
    print("A customer's month", head, rows);
    println!("\nA stack without customers: {:.2} USD a month", per_stack(figures));
}

pub(crate) fn fleet(figures: &Figures) -> Value {
    let nudge_ms = Delays::default().nudge_ms;
    let usual = World { n_customers: 1_000, concurrency: 20, taking: fleet::TAKING, nudge_ms, has_outage: false, has_pause: false };
    let mut told = Vec::new();
    let mut table = |title: &str, worlds: Vec<(String, World)>| {
        let days: Vec<(String, World, Day)> = worlds.into_iter().map(|(what, world)| (what, world, fleet::play(world, figures))).collect();
        print(title, HEAD, days.iter().map(|(what, world, day)| row(what, world, day)).collect());
        print(&format!("{title}: what it takes"), TAKES, days.iter().map(|(what, _, day)| takes(what, day)).collect());
        told.extend(days.into_iter().map(|(what, _, day)| json!({"table": title, "what": what, "day": day})));
    };
    let each = |of: &[usize], world: fn(usize, World) -> World| of.iter().map(|n| (thousands(*n), world(*n, usual))).collect();
    const CONCURRENCY: [usize; 5] = [2, 10, 20, 25, 50];
    table("A usual Monday of 1,000 customers, by SyncMaximumConcurrency", each(&CONCURRENCY, |n, world| World { concurrency: n, ..world }));
    let outage = |n, world| World { concurrency: n, has_outage: true, ..world };
    table("The same with Orgvue out from 13:00 to 15:00", each(&CONCURRENCY, outage));
    let pause = |n, world| World { concurrency: n, has_pause: true, ..world };
    table("A usual Monday behind a pause of everything from 20:00 to 3:00", each(&CONCURRENCY, pause));
    let customers = |n, world| World { n_customers: n, ..world };
    table("A usual Monday at 20, by customers", each(&[100, 300, 1_000, 2_000, 3_000, 5_000, 10_000], customers));
    let large = [
        (3_000, 20, 300),
        (3_000, 20, 1_800),
        (3_000, 25, 300),
        (3_000, 40, 300),
        (10_000, 20, 1_800),
        (10_000, 25, 300),
        (10_000, 50, 300),
    ]
    .map(|(n_customers, concurrency, nudge_s)| {
        let what = format!("{} at {concurrency}, {nudge_s} s", thousands(n_customers));
        (what, World { n_customers, concurrency, nudge_ms: nudge_s * 1_000, ..usual })
    });
    table("A usual Monday of many customers, by SyncMaximumConcurrency and NUDGE_SECONDS", large.into());
    let taking = [0.0, 0.1, fleet::TAKING, 0.5, 1.0];
    let taking = taking.map(|taking| (format!("{:.0} %", taking * 100.0), World { taking, ..usual })).into();
    table("A usual Monday of 1,000 customers at 20, by the share of changes that take something", taking);
    println!("\nA limited call each {USERS_INTERVAL} s; waiting for WorkOS at 0.5 GB costs {:.6} USD a second", LAMBDA_TIME.of(SYNC_GB));
    json!(told)
}

const HEAD: [&str; 14] = [
    "",
    "users",
    "delay p50, min",
    "p95",
    "p99",
    "max",
    "p99 below 10,000 users",
    "busy, mean",
    "busy, peak hour",
    "WorkOS calls/min, peak",
    "queue, most",
    "runs (failed) + refused messages",
    "last of the outage behind it, min",
    "USD a day (sweep, waiting, refused)",
];

fn row(what: &str, world: &World, day: &Day) -> [String; 14] {
    let [p50, p95, p99, max] = day.delay_minutes.map(|minutes| format!("{minutes:.1}"));
    [
        what.to_owned(),
        thousands(day.users),
        p50,
        p95,
        p99,
        max,
        format!("{:.1}", day.small_p99_minutes),
        format!("{:.1}", day.busy_mean),
        format!("{:.1}", day.busy_at_peak_hour),
        thousands(day.workos_per_minute_max as usize),
        thousands(day.queue_max),
        format!("{} ({}) + {}", thousands(day.runs), thousands(day.runs_failed), thousands(day.messages_refused)),
        if world.has_outage { format!("{:.1}", day.recovery_minutes) } else { "-".to_owned() },
        format!("{:.2} ({:.2}, {:.2}, {:.2})", day.usd, day.usd_sweep, day.usd_waiting, day.usd_refused),
    ]
}

const TAKES: [&str; 10] = [
    "",
    "runs",
    "of them brief",
    "WorkOS calls a day",
    "a second, mean",
    "runs at once, mean",
    "GB-seconds",
    "write units",
    "read units",
    "USD a day",
];

fn takes(what: &str, day: &Day) -> [String; 10] {
    let Bill { gb_seconds, write_units, read_units, .. } = day.bill;
    [
        what.to_owned(),
        thousands(day.runs),
        format!("{:.0} %", 100.0 * day.runs_brief as f64 / day.runs as f64),
        thousands(day.workos_calls as usize),
        format!("{:.1}", day.workos_calls / 86_400.0),
        format!("{:.1}", day.busy_mean),
        thousands(gb_seconds as usize),
        thousands(write_units as usize),
        thousands(read_units as usize),
        format!("{:.2}", day.usd),
    ]
}

pub(crate) fn thousand(thousand: &Thousand) {
    let Thousand { n, as_desired, owed, dead_letters, messages_left, first, brief } = thousand;
    println!(
        "\n{n} integrations through the system: {as_desired} as desired, {owed} owed, {dead_letters} dead letters, {messages_left} messages left"
    );
    for (what, pass) in [("For the first time", first), ("Behind events that change nothing", brief)] {
        let Pass { webhooks, schedules, runs, workos_limited, workos_other, orgvue_reads, orgvue_writes, seconds } = pass;
        println!(
            "{what}, in {seconds:.0} s: {webhooks} webhooks, {schedules} schedules, {runs} runs; \
             WorkOS {workos_limited} + {workos_other}, Orgvue {orgvue_reads} + {orgvue_writes}"
        );
    }
    assert_eq!((*as_desired, *owed, *dead_letters), (*n, 0, 0), "every integration must reach what is desired");
}
