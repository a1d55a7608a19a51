//! What is counted of runs and sweeps: a line for each invocation, and one more for each vendor that failed.

use std::time::Duration;

use adapters::clock::now_ms;
use adapters::http::Deadline;
use adapters::secrets::Ages;
use adapters::store::AfterApply;
use adapters::tls::Tls;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::delays::Delays;
use domain::held::Verdict;
use domain::ids::IntegrationId;
use domain::integration::Integration;
use domain::message::{Reason, SyncMessage};
use local::aws::Sns;
use secrecy::SecretString;
use serde_json::{Value, json};
use standins::orgvue::{self, Orgvue};
use standins::workos::{self, UserSpec, WorkOs};
use standins::{Fault, FaultKind, Matcher, Nth};
use sync::{Config, Deps, Invocation, Operator, TokenSource, Tokens, handle_batch, sweep};

use super::bench::emf::{measured, metrics};
use super::bench::{self, Bench, DIRECTORY, TABLE, directory};
use super::{batch, message};

const DATASET: &str = "0B533DE6-7107-9FCD-48FC-31C0856745CC";

/// The function between a WorkOS and an Orgvue that know a customer.
struct Served {
    bench: Bench,
    workos: WorkOs,
    orgvue: Orgvue,
    name: &'static str,
}

impl Served {
    /// With `acme` in force in this mode. In its directory is `ada`, who has no account, and `bob`, whose account has another role.
    async fn start(name: &'static str, mode: &str) -> Self {
        let bench = Bench::empty().await;
        let workos = WorkOs::start(workos::Options::default()).await.unwrap();
        let orgvue = Orgvue::start(orgvue::Options::default()).await.unwrap();
        workos.add_directory(DIRECTORY);
        let rows = [("sync", "admin"), ("bob", "admin"), ("root", "admin")].map(|(login, role)| account(login, role));
        orgvue.add_tenant("ACME", DATASET, rows.to_vec());
        for (user, role) in [("ada", "user"), ("bob", "user"), ("root", "admin")] {
            workos.put_user(DIRECTORY, UserSpec::new(user, &email(user)));
            workos.add_member(DIRECTORY, &format!("ORG_{role}"), user);
        }
        let file = format!(
            "id = 'acme'\ndirectory = '{DIRECTORY}'\nmode = '{mode}'\ntenancy = 'single'\nprefix = 'ORG_'\n\
             [[tenants]]\nid = 'ACME'\ndataset = '{DATASET}'\napi_account = '{}'\n",
            email("sync")
        );
        let integration = Integration::parse(&file).unwrap();
        bench.store.apply(&integration, &file, AfterApply::Wait, "operator", now_ms(), &Delays::default()).await.unwrap();
        Self { bench, workos, orgvue, name }
    }

    fn deps(&self, change: impl FnOnce(&mut Config)) -> Deps {
        let mut config = Config {
            table: TABLE.to_owned(),
            queue_url: self.bench.queue_url.clone(),
            dead_letter_queue_url: self.bench.dead_letter_queue_url.clone(),
            workos_url: self.workos.url().parse().unwrap(),
            workos_key: SecretString::from(self.workos.key()).into(),
            workos_users_per_second: 1_000,
            orgvue_url: self.orgvue.url().parse().unwrap(),
            orgvue_tokens: TokenSource::Given(Tokens { shared: Some(SecretString::from(self.orgvue.token())), ..Tokens::default() }),
            secret_ages: Ages::default(),
            http_timeout: Duration::from_secs(5),
            tenants_at_once: 4,
            delays: Delays::default(),
            notice_topic_arn: None,
            metrics: metrics(self.name),
            tls: Tls::default(),
        };
        change(&mut config);
        Deps::new(config, &self.bench.aws).unwrap()
    }

    fn operator(&self) -> Operator<'_> {
        Operator { store: &self.bench.store, queue: &self.bench.queue, by: "operator" }
    }

    /// A person asks, and the function handles the message. What it measured.
    async fn run(&self, deps: &Deps) -> Vec<String> {
        let generation = self.bench.store.ask(&directory(), now_ms()).await.unwrap().unwrap();
        let message = SyncMessage::new(directory(), generation, Reason::OnDemand);
        self.handle(deps, &[&message.to_json()]).await
    }

    async fn handle(&self, deps: &Deps, bodies: &[&str]) -> Vec<String> {
        let Ok(Invocation::Batch(batch)) = Invocation::parse(batch(bodies)) else { panic!("this is a batch") };
        handle_batch(deps, *batch, Deadline::after(Duration::from_secs(60))).await;
        measured(self.name)
    }

    async fn swept(&self, deps: &Deps) -> Vec<String> {
        let _ = sweep(deps).await;
        measured(self.name)
    }
}

fn email(name: &str) -> String {
    format!("{name}@acme.com")
}

fn account(name: &str, role: &str) -> Value {
    json!({"Login": email(name), "Role": role, "Enabled": true})
}

fn acme() -> IntegrationId {
    IntegrationId::parse("acme").unwrap()
}

#[tokio::test]
async fn a_run_counts_its_end_and_the_accounts_that_it_wrote_or_held() {
    let served = Served::start("accounts", "enforce").await;
    let deps = served.deps(|_| {});
    served.orgvue.insert_row("ACME", account("old", "user"));
    let first = ["AccountsCreated=1 AccountsHeld=1 AccountsUpdated=1 RunSeconds=s RunsPartlyHeld=1"];
    assert_eq!(served.run(&deps).await, first, "the first run that writes holds its removals");
    assert_eq!(served.swept(&deps).await, ["HeldTenants=1 Integrations=1 OldestOwedSeconds=s"]);

    let states = served.bench.store.tenant_states(&acme()).await.unwrap();
    let hash = states.values().next().unwrap().held.clone().unwrap().hash;
    served.operator().decide(&acme(), None, hash.as_str(), Verdict::Approved).await.unwrap();
    assert_eq!(served.run(&deps).await, ["AccountsRemoved=1 RunSeconds=s RunsApplied=1"]);
    assert_eq!(served.swept(&deps).await, ["Integrations=1 OldestOwedSeconds=s"]);
}

#[tokio::test]
async fn what_is_rejected_is_held_and_asks_nobody() {
    let served = Served::start("rejected", "enforce").await;
    let deps = served.deps(|_| {});
    served.orgvue.insert_row("ACME", account("old", "user"));
    served.run(&deps).await;
    let states = served.bench.store.tenant_states(&acme()).await.unwrap();
    let hash = states.values().next().unwrap().held.clone().unwrap().hash;
    served.operator().decide(&acme(), None, hash.as_str(), Verdict::Rejected).await.unwrap();
    assert_eq!(served.run(&deps).await, ["AccountsHeld=1 RunSeconds=s RunsPartlyHeld=1"]);
    assert_eq!(served.swept(&deps).await, ["Integrations=1 OldestOwedSeconds=s"]);
}

#[tokio::test]
async fn a_run_that_writes_nothing_counts_no_account_but_its_findings_are_open() {
    let served = Served::start("simulated", "simulate").await;
    let deps = served.deps(|_| {});
    served.workos.put_user(DIRECTORY, UserSpec { email: None, ..UserSpec::new("eve", "") });
    served.workos.add_member(DIRECTORY, "ORG_user", "eve");
    assert_eq!(served.run(&deps).await, ["RunSeconds=s RunsSimulated=1"]);
    assert_eq!(served.swept(&deps).await, ["FailingAccounts=1 Integrations=1 OldestOwedSeconds=s"]);
}

#[tokio::test]
async fn a_vendors_fault_is_counted_for_the_vendor() {
    let served = Served::start("vendors", "enforce").await;
    let refused = served.deps(|config| config.workos_key = SecretString::from("sk_wrong").into());
    assert_eq!(served.run(&refused).await, ["RunSeconds=s RunsRefused=1", "VendorFaults{workos}=1"]);
    let deps = served.deps(|_| {});
    served.workos.fault(Fault::new(Matcher::any(), Nth::From(1), FaultKind::Html(200)));
    assert_eq!(
        served.run(&deps).await,
        ["RunSeconds=s RunsFailed=1", "VendorFaults{workos}=1"],
        "pages of a proxy are no directory's fault"
    );
    served.workos.clear_faults();
    // A server that asks for so long a wait is left alone at once.
    served.orgvue.fault(Fault::new(Matcher::any(), Nth::From(1), FaultKind::TooMany { retry_after: Some("3600".to_owned()) }));
    assert_eq!(served.run(&deps).await, ["RunSeconds=s RunsFailed=1", "VendorFaults{orgvue}=1"]);
    served.orgvue.clear_faults();
    served.orgvue.refuse_token(served.orgvue.token(), "40302");
    let own = ["QuarantinesBegun=1", "RunSeconds=s RunsRefused=1"];
    assert_eq!(served.run(&deps).await, own, "a token that has expired is the tenant's own");
    assert_eq!(served.swept(&deps).await, ["Integrations=1 OldestOwedSeconds=s QuarantinedTenants=1"]);
}

#[tokio::test]
async fn each_directory_that_goes_is_counted_once_whether_others_are_gone_or_not() {
    let served = Served::start("gone", "enforce").await;
    let deps = served.deps(|_| {});
    served.bench.apply("other", "directory_02").await;
    served.set("directory_02", "switch", AttributeValue::S("suspended".to_owned())).await;
    served.workos.set_directory_state(DIRECTORY, "unlinked");
    assert_eq!(served.run(&deps).await, ["SuspensionsBegun=1", "RunSeconds=s RunsRefused=1"]);
    assert_eq!(served.swept(&deps).await, ["Integrations=2 OldestOwedSeconds=s SuspendedIntegrations=2"]);
    assert!(served.run(&deps).await.is_empty(), "it is suspended");
}

#[tokio::test]
async fn a_run_that_is_stopped_is_counted_too() {
    let served = Served::start("stopped", "enforce").await;
    let deps = served.deps(|config| config.delays.heartbeat_ms = 50);
    let slow = FaultKind::Slow(Duration::from_millis(1_500));
    served.orgvue.fault(Fault::new(Matcher::path("/items").method("GET"), Nth::First(1), slow));
    let pause = async {
        while served.orgvue.calls().total() == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        served.operator().pause(&acme()).await.unwrap();
    };
    let (counted, ()) = tokio::join!(served.run(&deps), pause);
    assert_eq!(counted, ["RunSeconds=s RunsSuperseded=1"]);
}

#[tokio::test]
async fn a_message_that_nobody_can_read_is_counted_and_one_that_leads_to_no_run_is_not() {
    let served = Served::start("messages", "enforce").await;
    let deps = served.deps(|_| {});
    assert_eq!(served.handle(&deps, &["not JSON", "{}"]).await, ["MalformedMessages=2"]);
    assert!(served.handle(&deps, &[&message(0)]).await.is_empty());
}

#[tokio::test]
async fn a_sweep_tells_how_all_stand_also_while_everything_is_paused() {
    let served = Served::start("sweeps", "enforce").await;
    let deps = served.deps(|_| {});
    for n in 2..=5 {
        served.bench.apply(&format!("other{n}"), &format!("directory_0{n}")).await;
    }
    for (n, name, value) in [
        (2, "switch", AttributeValue::S("paused".to_owned())),
        (3, "switch", AttributeValue::S("suspended".to_owned())),
        (4, "own_faults", AttributeValue::N("6".to_owned())),
        (5, "quiet_since_ms", AttributeValue::N((now_ms() - 13 * 3_600_000).to_string())),
    ] {
        served.set(&format!("directory_0{n}"), name, value).await;
    }
    let stand =
        "Integrations=5 OldestOwedSeconds=s PausedIntegrations=1 QuarantinedDirectories=1 StaleIntegrations=1 SuspendedIntegrations=1";
    assert_eq!(served.swept(&deps).await, [stand]);

    served.operator().pause_all().await.unwrap();
    served.bench.store.ask(&directory(), now_ms()).await.unwrap();
    assert_eq!(served.swept(&deps).await, [stand]);
    let late = (now_ms() - 31 * 60_000).to_string();
    served.set(DIRECTORY, "owed_since_ms", AttributeValue::N(late)).await;
    assert_eq!(served.swept(&deps).await, [stand.replace("StaleIntegrations=1", "StaleIntegrations=2")], "it was noted that it is owed");
}

#[tokio::test]
async fn a_sweep_that_fails_is_counted_and_tells_nothing_else() {
    let served = Served::start("failures", "enforce").await;
    let deps = served.deps(|_| {});
    served.bench.dynamodb.refuse("BatchGetItem", "");
    assert_eq!(served.swept(&deps).await, ["SweepFailures=1"]);
    served.bench.dynamodb.refuse_nothing();
    served.bench.queues.refuse("SendMessage", "");
    served.bench.store.ask(&directory(), now_ms() - Delays::default().nudge_ms).await.unwrap();
    assert_eq!(served.swept(&deps).await, ["Integrations=1 OldestOwedSeconds=s SweepFailures=1"]);
}

#[tokio::test]
async fn the_sweep_reads_nothing_more_for_what_it_counts_and_notes_each_change_once() {
    let served = Served::start("calls", "enforce").await;
    let deps = served.deps(|_| {});
    let reads = || ["GetItem", "Query", "BatchGetItem"].map(|operation| served.bench.dynamodb.calls(operation).len());
    let writes = || served.bench.dynamodb.calls("UpdateItem").len();
    let (reads_before, writes_before) = (reads(), writes());
    sweep(&deps).await.unwrap();
    assert_eq!((reads(), writes()), (reads_before.map(|n| n + 1), writes_before), "the switch, the integrations, their pending items");
    served.bench.store.ask(&directory(), now_ms()).await.unwrap();
    let writes_before = writes();
    sweep(&deps).await.unwrap();
    sweep(&deps).await.unwrap();
    assert_eq!(writes(), writes_before + 1, "the note that it is owed");
}

#[tokio::test]
async fn an_integration_without_a_pending_item_counts_as_not_swept() {
    let served = Served::start("missing", "enforce").await;
    let deps = served.deps(|_| {});
    served.bench.delete(&format!("PENDING#{DIRECTORY}")).await;
    assert_eq!(served.swept(&deps).await, ["Integrations=1 OldestOwedSeconds=s SweepFailures=1"]);
}

#[tokio::test]
async fn a_notice_that_is_not_sent_is_counted() {
    let mut served = Served::start("notices", "enforce").await;
    let sns = Sns::start(0).await.unwrap();
    let urls = [("DynamoDB", served.bench.dynamodb.url.as_str()), ("SQS", served.bench.queues.url.as_str()), ("SNS", sns.url())];
    served.bench.aws = bench::aws(urls);
    let deps = served.deps(|config| config.notice_topic_arn = Some("arn:aws:sns:us-east-1:000000000000:not-there".to_owned()));
    served.workos.put_user(DIRECTORY, UserSpec { email: None, ..UserSpec::new("eve", "") });
    served.workos.add_member(DIRECTORY, "ORG_user", "eve");
    assert!(served.run(&deps).await.contains(&"NoticesLost=1".to_owned()));
}

impl Served {
    /// Changes an attribute of a pending item behind the system's back.
    async fn set(&self, directory: &str, name: &str, value: AttributeValue) {
        let is_it = |item: &bench::Item| item["pk"].as_s().is_ok_and(|pk| *pk == format!("PENDING#{directory}"));
        let mut item = self.bench.items().await.into_iter().find(is_it).unwrap();
        item.insert(name.to_owned(), value);
        self.bench.put(item).await;
    }
}
