//! What both sides work on: emulated AWS with one integration in force, stand-ins for the vendors, and a customer of ten thousand.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use adapters::aws::http_client;
use adapters::clock::now_ms;
use adapters::store::{AfterApply, Marked, Store, create_table};
use adapters::tls::Tls;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
use aws_sdk_dynamodb::types::AttributeValue;
use domain::delays::Delays;
use domain::ids::DirectoryId;
use domain::integration::Integration;
use domain::message::{Reason, SyncMessage};
use domain::pending::Pending;
use local::aws::{Dynamodb, QueueSettings, REGION, Scheduler, Sqs};
use serde_json::{Value, json};
use standins::orgvue::{self, Orgvue};
use standins::workos::webhook::{BodyEncoding, Gateway, lambda_event, sign};
use standins::workos::{self, WorkOs};

const TABLE: &str = "orgvue-scim";
const QUEUE: &str = "sync";
const DEAD_LETTERS: &str = "sync-dead-letters";
const SCHEDULE_GROUP: &str = "windows";
const SECRET: &str = "whsec_0FWAiVGkEfGBqqsJH4aNAGBJ4";
const DIRECTORY: &str = "directory_01ACME";
const TENANT: &str = "ACME";
const DATASET: &str = "0B533DE6-7107-9FCD-48FC-31C0856745CC";
const API_ACCOUNT: &str = "sync@orgvue.com";
const PREFIX: &str = "IAMAPP_Orgvue_SCIM_";

/// How many people the customer has.
pub(crate) const USERS: usize = 10_000;
/// How many of them leave, and how many others come, between the first reconcile and the next.
const MOVERS: usize = 100;
/// Calls of `/directory_users` a second: with WorkOS's 4 the sides would sleep for minutes, and use no more time or memory.
const USERS_PER_SECOND: &str = "1000";

/// Accounts by login: their roles, and whether they are enabled.
pub(crate) type Accounts = BTreeMap<String, (BTreeSet<String>, bool)>;

/// One side's own table, queue, schedules, directory and dataset.
pub(crate) struct World {
    dynamodb: Dynamodb,
    sqs: Sqs,
    scheduler: Scheduler,
    queue_url: String,
    dead_letter_queue_url: String,
    client: Client,
    store: Store,
    workos: WorkOs,
    orgvue: Orgvue,
    event: Value,
    n_events: usize,
}

impl World {
    pub(crate) async fn start() -> Self {
        let dynamodb = Dynamodb::start(0, None).await.expect("the emulator starts");
        let sqs = Sqs::start(0).await.expect("the emulator starts");
        let queue_url = sqs.create_queue(QUEUE, QueueSettings::default()).into();
        let dead_letter_queue_url = sqs.create_queue(DEAD_LETTERS, QueueSettings::default()).into();
        let scheduler = Scheduler::start(0, &sqs).await.expect("the emulator starts");
        scheduler.create_group(SCHEDULE_GROUP);
        let client = Client::new(&aws(dynamodb.url()));
        create_table(&client, TABLE).await.expect("the emulator makes a table");
        let store = Store::new(client.clone(), TABLE);
        let file = format!(
            "id = \"acme\"\ndirectory = \"{DIRECTORY}\"\nmode = \"enforce\"\ntenancy = \"single\"\nprefix = \"{PREFIX}\"\n\
             [[tenants]]\nid = \"{TENANT}\"\ndataset = \"{DATASET}\"\napi_account = \"{API_ACCOUNT}\"\n"
        );
        let integration = Integration::parse(&file).expect("the file has no mistakes");
        store.apply(&integration, &file, AfterApply::Wait, "bench", now_ms(), &Delays::default()).await.expect("it can be put in force");

        let workos = WorkOs::start(workos::Options::default()).await.expect("the stand-in starts");
        workos.switches(|switches| (switches.directory_rate, switches.key_rate) = (None, None));
        workos.add_directory(DIRECTORY);
        workos.put_user(DIRECTORY, workos::UserSpec { idp_id: "first".to_owned(), email: Some(email(0)), ..Default::default() });
        let event = workos.emitted().into_iter().find(|event| event["event"] == "dsync.user.created").expect("it tells of its users");
        let orgvue = Orgvue::start(orgvue::Options::default()).await.expect("the stand-in starts");
        // Node's fetch lower-cases the names of headers; whether Orgvue minds is not known.
        orgvue.switches(|switches| (switches.strict_header_names, switches.tenant_rate) = (false, None));
        orgvue.add_tenant(TENANT, DATASET, vec![json!({ "Login": API_ACCOUNT, "Role": "admin", "Enabled": true, "TokenAccess": true })]);
        Self { dynamodb, sqs, scheduler, queue_url, dead_letter_queue_url, client, store, workos, orgvue, event, n_events: 0 }
    }

    /// What tells both sides where everything is.
    pub(crate) fn environment(&self) -> Vec<(&'static str, String)> {
        let integration = json!({
            "id": "acme", "directory": DIRECTORY, "tenant": TENANT, "dataset": DATASET, "prefix": PREFIX, "apiAccount": API_ACCOUNT,
        });
        vec![
            ("AWS_ENDPOINT_URL_DYNAMODB", self.dynamodb.url().to_owned()),
            ("AWS_ENDPOINT_URL_SQS", self.sqs.url().to_owned()),
            ("AWS_ENDPOINT_URL_SCHEDULER", self.scheduler.url().to_owned()),
            ("TABLE_NAME", TABLE.to_owned()),
            ("SYNC_QUEUE_URL", self.queue_url.clone()),
            ("SYNC_QUEUE_ARN", self.sqs.arn(QUEUE)),
            ("DEAD_LETTER_QUEUE_URL", self.dead_letter_queue_url.clone()),
            ("SCHEDULE_GROUP", SCHEDULE_GROUP.to_owned()),
            ("SCHEDULE_ROLE_ARN", "arn:aws:iam::000000000000:role/scheduler".to_owned()),
            ("WORKOS_WEBHOOK_SECRETS", SECRET.to_owned()),
            ("WORKOS_URL", self.workos.url()),
            ("WORKOS_API_KEY", self.workos.key().to_owned()),
            ("WORKOS_USERS_PER_SECOND", USERS_PER_SECOND.to_owned()),
            ("ORGVUE_URL", self.orgvue.url()),
            ("ORGVUE_TOKENS", json!({ "*": self.orgvue.token() }).to_string()),
            // The reference knows its customer from here; ours are in the table.
            ("INTEGRATION", integration.to_string()),
        ]
    }

    /// The invocation for one more webhook.
    pub(crate) fn webhook(&mut self) -> String {
        self.n_events += 1;
        self.event["id"] = json!(format!("event_{:026}", self.n_events));
        let body = self.event.to_string();
        lambda_event(Gateway::Http, BodyEncoding::Plain, &sign(SECRET, now_ms(), body.as_bytes()), &body).to_string()
    }

    /// That every webhook was marked and recorded, and that there is one schedule for their window.
    ///
    /// # Panics
    ///
    /// If not.
    pub(crate) async fn check_webhooks(&self) {
        let pending = self.pending().await;
        assert_eq!(pending.generation, self.n_events as u64, "every webhook is marked");
        assert!(
            pending.window_due_ms.is_some() && pending.window_due_ms == pending.scheduled_due_ms,
            "the window is scheduled: {pending:?}"
        );
        let schedules = self.scheduler.schedules();
        assert_eq!((schedules.len(), self.scheduler.created_count()), (1, 1), "there is one schedule: {schedules:?}");
        assert_eq!(schedules[0].name, format!("acme.{}", pending.window_due_ms.expect("it is open")));
        let message = SyncMessage::new(directory(), 1, Reason::Webhook).to_json();
        assert_eq!(serde_json::from_str::<Value>(&schedules[0].input).ok(), serde_json::from_str(&message).ok(), "it sends the message");
        let items: Vec<HashMap<String, AttributeValue>> =
            self.client.scan().table_name(TABLE).into_paginator().items().send().try_collect().await.expect("the emulator can be read");
        let events: BTreeSet<&String> = items.iter().filter_map(|item| item.get("event")?.as_s().ok()).collect();
        assert_eq!(events.len(), self.n_events, "every webhook is recorded");
    }

    /// The customer as it is at first, or once some have moved.
    pub(crate) fn load(&self, moved: bool) -> Accounts {
        let mut users = Vec::new();
        let mut expected = Accounts::from([(API_ACCOUNT.to_owned(), (BTreeSet::from(["admin".to_owned()]), true))]);
        for at in people(moved) {
            let roles = roles(at, moved);
            let mut groups: Vec<String> = roles.iter().map(|role| format!("{PREFIX}{role}")).collect();
            groups.push("Everybody".to_owned());
            users.push(json!({ "idp_id": format!("idp-{at}"), "email": email(at), "state": "active",
                "first_name": "Ada", "last_name": format!("Number {at}"), "groups": groups }));
            expected.insert(email(at), (roles, true));
        }
        self.workos.load_directory(&json!({ "id": DIRECTORY, "state": "linked", "users": users })).expect("this is a directory");
        expected
    }

    /// The invocation that asks for a reconcile.
    pub(crate) async fn sync(&self) -> String {
        let marked = self.store.mark(&directory(), Delays::default().window_due(now_ms())).await.expect("the emulator takes writes");
        let Marked::Pending(pending) = marked else { panic!("the integration is in force") };
        let body = SyncMessage::new(directory(), pending.generation, Reason::Webhook).to_json();
        let message = json!({
            "messageId": "059f36b4-87a3-44ab-83d2-661975830a7d", "receiptHandle": "receipt", "body": body,
            "eventSource": "aws:sqs", "eventSourceARN": self.sqs.arn(QUEUE), "awsRegion": REGION,
            "attributes": {}, "messageAttributes": {},
        });
        json!({ "Records": [message] }).to_string()
    }

    /// That the dataset is as it should be, and nothing is owed any more.
    ///
    /// # Panics
    ///
    /// If not.
    pub(crate) async fn check_accounts(&self, expected: &Accounts) {
        let pending = self.pending().await;
        assert_eq!(pending.reconciled_generation, pending.generation, "nothing is owed: {pending:?}");
        let rows = self.orgvue.rows(TENANT);
        assert_eq!(rows.len(), expected.len());
        let accounts: Accounts = rows.iter().map(account).collect();
        let wrong = accounts.iter().find(|(login, account)| expected.get(*login) != Some(account));
        assert!(accounts.len() == expected.len() && wrong.is_none(), "the dataset is as it should be: {wrong:?}");
    }

    async fn pending(&self) -> Pending {
        self.store.pending(&[directory()]).await.expect("the emulator can be read").pop().expect("the integration is in force")
    }
}

fn account(row: &Value) -> (String, (BTreeSet<String>, bool)) {
    let roles = row["Role"].as_str().unwrap_or_default().split(',').map(str::to_owned).collect();
    (row["Login"].as_str().unwrap_or_default().to_owned(), (roles, row["Enabled"] == json!(true)))
}

/// Who is there: the first leave, and as many come behind the last.
fn people(moved: bool) -> std::ops::Range<usize> {
    if moved { MOVERS..USERS + MOVERS } else { 0..USERS }
}

/// One in a hundred is an administrator; some have other roles too, of which a few come and go with the move.
fn roles(at: usize, moved: bool) -> BTreeSet<String> {
    let mut roles = BTreeSet::from([if at.is_multiple_of(100) { "admin" } else { "user" }.to_owned()]);
    let also = [
        ("Retail", at.is_multiple_of(5) && !(moved && (300..400).contains(&at))),
        ("ManagerRetail", at.is_multiple_of(7)),
        ("EuropeFinance", moved && (400..600).contains(&at)),
    ];
    roles.extend(also.into_iter().filter(|(_, has)| *has).map(|(role, _)| role.to_owned()));
    roles
}

fn email(at: usize) -> String {
    format!("person.number{at:05}@acme.com")
}

fn directory() -> DirectoryId {
    DirectoryId::parse(DIRECTORY).expect("it is one")
}

fn aws(dynamodb_url: &str) -> SdkConfig {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(http_client(&Tls::default()))
        .region(Region::from_static(REGION))
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new("bench", "bench", None, None, "bench")))
        .endpoint_url(dynamodb_url)
        .build()
}
