//! The stage on which stories are played: AWS, both vendors and both functions in this process, with a clock that the harness moves.
//!
//! Everything that a function calls goes over one [`Wire`]. What a person or the harness itself does goes straight to the emulators, and is
//! neither counted nor killed. A stage is used for one story after the other, as building the functions' clients takes longer than a story;
//! a process that is killed comes back with the clients it had, for all that they keep are connections.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, OnceLock};
use std::time::Duration;

use adapters::clock;
use adapters::queue::Queue;
use adapters::secrets::Ages;
use adapters::settings::Settings;
use adapters::store::{AfterApply, Store, create_table};
use domain::delays::Delays;
use domain::held::Verdict;
use domain::ids::TenantId;
use domain::tenant_state::TenantState;
use local::aws::{Clock, Dynamodb, QueueSettings, Scheduler, SecretsManager, Sns, Sqs};
use local::system::{DEAD_LETTERS, QUEUE, TABLE};
use serde_json::Value;
use standins::orgvue::{self, Orgvue};
use standins::workos::{self, WorkOs};
use sync::Operator;

use crate::bench;
use crate::census::Steady;
use crate::consent::Consent;
use crate::customer::{API_ACCOUNT, Customer, dataset};
use crate::file::File;
use crate::kept::Kept;
use crate::logs::PRIVATE;
use crate::oracle::{Oracle, Rows, Seen};
use crate::wire::{Line, SYNC, Wire};
use crate::words::{User, account, email, group, shown};

const SCHEDULE_GROUP: &str = "windows";
const TOPIC: &str = "notices";
/// As in template.yaml: six times the longest invocation.
const VISIBILITY: Duration = Duration::from_secs(5_400);
/// As in template.yaml.
const RECEIVES_MAX: u32 = 3;

/// The names of the secrets that may be kept; the tenants' tokens begin with the last one.
pub(crate) const SECRETS: [&str; 3] = ["workos-api-key", "workos-webhooks", "tokens/"];
/// Each use of a kept secret reads it, whatever was read in the stories before.
const EACH_USE: Ages =
    Ages { fresh: Duration::ZERO, stale_max: Duration::ZERO, refresh_pause: Duration::ZERO, failure_pause: Duration::ZERO };

/// Where the functions have their secrets from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Secrets {
    Given,
    /// From Secrets Manager, where there is a token of the tenant `ACME`.
    Kept,
}

/// A function, and where it calls.
pub(crate) struct Function<D> {
    pub(crate) deps: D,
    pub(crate) line: Line,
}

pub(crate) struct Stage {
    pub(crate) clock: Clock,
    pub(crate) workos: WorkOs,
    pub(crate) orgvue: Orgvue,
    pub(crate) sqs: Sqs,
    pub(crate) scheduler: Scheduler,
    pub(crate) sync: Function<sync::Deps>,
    /// Another process of the same function, for what is handled at the same time.
    pub(crate) beside: Function<sync::Deps>,
    pub(crate) webhook: Function<webhook::Deps>,
    pub(crate) wire: Wire,
    /// The table, for whoever looks behind the functions' backs.
    pub(crate) store: Store,
    queue: Queue,
    play: Mutex<Play>,
    pub(crate) seen: Seen,
    pub(crate) dynamodb: Dynamodb,
    /// How it began.
    pub(crate) empty: OnceLock<Kept>,
    _sns: Sns,
    _secrets: SecretsManager,
}

/// What there is of one story.
#[derive(Default)]
pub(crate) struct Play {
    pub(crate) customers: Vec<Customer>,
    /// What WorkOS has to tell.
    pub(crate) outbox: Vec<Outgoing>,
    pub(crate) next_sweep_ms: i64,
    /// The invocation before was a sweep, and found nothing to do.
    pub(crate) swept_in_vain: bool,
    /// Since when the sweep has had something to do.
    pub(crate) restless_since_ms: Option<i64>,
    /// What happens at the next call that is held.
    pub(crate) meanwhile: Option<Happens>,
    pub(crate) oracle: Oracle,
    /// What was so all the time, while that is watched.
    pub(crate) steady: Option<Steady>,
    /// The file of the first customer, in a history.
    pub(crate) file: Option<File>,
    pub(crate) consent: Consent,
    /// How many processes are at work, one of them in the call of another.
    pub(crate) n_at_work: usize,
    /// Every address that somebody had, by name.
    pub(crate) had: BTreeMap<String, BTreeSet<String>>,
    /// What WorkOS had when the directory went away, while it is away.
    pub(crate) away: Option<String>,
    /// What is wrong has ended: the directory stays, and people leave the system alone.
    pub(crate) is_calm: bool,
    /// How many of WorkOS's events are in the outbox, or were.
    pub(crate) n_told: usize,
    /// How far the clock of the next invocation is ahead.
    pub(crate) skew_ms: i64,
    /// The process of the sync function waits in a call, and another one takes what comes.
    pub(crate) is_frozen: bool,
    /// How often a message was not done with.
    pub(crate) n_failed: usize,
    /// WorkOS may give up.
    pub(crate) may_be_lost: bool,
}

/// What a story has happen at some moment.
pub(crate) type Happens = Box<dyn for<'a> FnOnce(&'a Stage) -> Pin<Box<dyn Future<Output = ()> + 'a>>>;

/// An event on its way.
pub(crate) struct Outgoing {
    pub(crate) event: Value,
    pub(crate) due_ms: i64,
    pub(crate) n_sent: u32,
}

impl Stage {
    pub(crate) async fn start() -> Self {
        Self::start_with(Secrets::Given, &[]).await
    }

    /// A stage whose functions have their secrets from there, and these settings too.
    pub(crate) async fn start_with(secrets: Secrets, more: &[(&'static str, &str)]) -> Self {
        let clock = Clock::default();
        let own = workos::Options { key: format!("sk_{PRIVATE}"), webhook_secret: format!("whsec_{PRIVATE}"), ..Default::default() };
        let workos = WorkOs::start(own).await.unwrap();
        let orgvue = Orgvue::start(orgvue::Options { token: format!("token_{PRIVATE}"), ..Default::default() }).await.unwrap();
        let dynamodb = Dynamodb::start(0, None).await.unwrap();
        let sqs = Sqs::start_by(clock.clone(), 0).await.unwrap();
        let dead_letter_queue_url: String = sqs.create_queue(DEAD_LETTERS, QueueSettings::default()).into();
        let settings = QueueSettings { visibility: VISIBILITY, max_receive_count: Some((RECEIVES_MAX, DEAD_LETTERS.to_owned())) };
        let queue_url: String = sqs.create_queue(QUEUE, settings).into();
        let scheduler = Scheduler::start(0, &sqs).await.unwrap();
        scheduler.create_group(SCHEDULE_GROUP);
        let sns = Sns::start(0).await.unwrap();
        let topic = sns.create_topic(TOPIC);
        let manager = SecretsManager::start(0).await.unwrap();
        let [key, webhooks, tokens] = SECRETS;
        manager.put(&format!("{tokens}ACME"), orgvue.token());
        let secrets = match secrets {
            Secrets::Given => [
                ("WORKOS_API_KEY", workos.key().to_owned()),
                ("WORKOS_WEBHOOK_SECRETS", workos.webhook_secret().to_owned()),
                ("ORGVUE_TOKENS", format!(r#"{{"*": "{}"}}"#, orgvue.token())),
            ],
            Secrets::Kept => [
                ("WORKOS_API_KEY_ARN", manager.put(key, workos.key())),
                ("WORKOS_WEBHOOK_SECRETS_ARN", manager.put(webhooks, workos.webhook_secret())),
                ("ORGVUE_TOKEN_PREFIX", tokens.to_owned()),
            ],
        };

        let upstreams = BTreeMap::from([
            ("DynamoDB", dynamodb.url().to_owned()),
            ("SQS", sqs.url().to_owned()),
            ("Scheduler", scheduler.url().to_owned()),
            ("SNS", sns.url().to_owned()),
            ("SecretsManager", manager.url().to_owned()),
            ("WorkOS", workos.url()),
            ("Orgvue", orgvue.url()),
        ]);
        let seen = Seen::default();
        let (looks, looked) = (orgvue.clone(), seen.clone());
        let wire = Wire::start(upstreams, move |side| looked.add(side, rows_of(&looks))).await;
        let environment = |line: &Line| {
            let given = [
                ("TABLE_NAME", TABLE.to_owned()),
                ("SYNC_QUEUE_URL", queue_url.clone()),
                ("DEAD_LETTER_QUEUE_URL", dead_letter_queue_url.clone()),
                ("SYNC_QUEUE_ARN", sqs.arn(QUEUE)),
                ("SCHEDULE_GROUP", SCHEDULE_GROUP.to_owned()),
                ("SCHEDULE_ROLE_ARN", "arn:aws:iam::000000000000:role/scheduler".to_owned()),
                ("SCHEDULE_DEAD_LETTER_ARN", sqs.arn(DEAD_LETTERS)),
                ("NOTICE_TOPIC_ARN", topic.clone()),
                ("WORKOS_URL", line.url("WorkOS")),
                ("WORKOS_USERS_PER_SECOND", "1000".to_owned()),
                ("ORGVUE_URL", line.url("Orgvue")),
                // One after the other, so that call 17 is the same one in every play.
                ("TENANTS_AT_ONCE", "1".to_owned()),
            ];
            let more = more.iter().map(|(name, value)| (*name, (*value).to_owned()));
            let given: BTreeMap<_, _> = given.into_iter().chain(secrets.clone()).chain(more).collect();
            Settings::new(move |name: &str| given.get(name).cloned())
        };
        let aws = |line: &Line| {
            let urls = ["DynamoDB", "SQS", "Scheduler", "SNS", "Secrets Manager"];
            let urls = urls.map(|service| (service, line.url(&service.replace(' ', ""))));
            bench::aws(urls.iter().map(|(service, url)| (*service, url.as_str())))
        };
        let sync = |name| {
            let line = wire.line(name);
            let config = sync::Config { secret_ages: EACH_USE, ..sync::Config::read(&environment(&line)).unwrap() };
            Function { deps: sync::Deps::new(config, &aws(&line)).unwrap(), line }
        };
        let (sync, beside) = (sync(SYNC), sync("beside"));
        let line = wire.line("webhook");
        let config = webhook::Config { secret_ages: EACH_USE, ..webhook::Config::read(&environment(&line)).unwrap() };
        let webhook = Function { deps: webhook::Deps::new(config, &aws(&line)), line };

        let straight = bench::aws([("DynamoDB", dynamodb.url()), ("SQS", sqs.url())]);
        let table = aws_sdk_dynamodb::Client::new(&straight);
        create_table(&table, TABLE).await.unwrap();
        workos.switches(|switches| (switches.directory_rate, switches.key_rate) = (None, None));
        orgvue.switches(|switches| switches.tenant_rate = None);
        Self {
            store: Store::new(table, TABLE),
            queue: Queue::new(aws_sdk_sqs::Client::new(&straight), &queue_url),
            clock,
            workos,
            orgvue,
            sqs,
            scheduler,
            sync,
            beside,
            webhook,
            wire,
            play: Mutex::default(),
            seen,
            dynamodb,
            empty: OnceLock::new(),
            _sns: sns,
            _secrets: manager,
        }
    }

    /// Do not hold it over an `await`.
    pub(crate) fn play(&self) -> MutexGuard<'_, Play> {
        self.play.lock().unwrap()
    }

    pub(crate) fn now_ms(&self) -> i64 {
        self.clock.now().as_millisecond()
    }

    /// Time passes in which nobody does anything.
    pub(crate) fn later(&self, ms: i64) {
        self.clock.advance(Duration::from_millis(ms.unsigned_abs()));
    }

    /// Time passes until a tenant is due to be tried again.
    pub(crate) async fn until_retry(&self, tenant: &str) {
        let at_ms = self.state(tenant).await.retry_at_ms.expect("it is to be tried again");
        self.later((at_ms - self.now_ms()).max(0));
    }

    /// Puts a customer's integration in force; nothing asks for a run of it yet.
    pub(crate) async fn onboard(&self, customer: Customer) {
        self.workos.add_directory(&customer.directory());
        for tenant in customer.tenants() {
            self.orgvue.add_tenant(tenant, &dataset(tenant), vec![account(API_ACCOUNT, "admin")]);
        }
        let (integration, file) = (customer.integration(), customer.toml());
        let apply = async { self.operator().apply(&integration, &file, AfterApply::Wait, &Delays::default()).await };
        self.by_hand(apply).await.unwrap();
        self.play().customers.push(customer);
    }

    /// The person who operates it.
    pub(crate) fn operator(&self) -> Operator<'_> {
        Operator { store: &self.store, queue: &self.queue, by: "somebody" }
    }

    /// What a person does, at the time of the stage.
    pub(crate) async fn by_hand<T>(&self, work: impl Future<Output = T>) -> T {
        clock::ahead(self.clock.ahead_ms(), work).await
    }

    /// A person asks for a sync of every customer.
    pub(crate) async fn ask(&self) {
        let ids: Vec<_> = self.customers().iter().map(Customer::integration_id).collect();
        for id in ids {
            self.by_hand(self.operator().sync(&id)).await.unwrap();
        }
    }

    /// A person approves what a tenant holds.
    pub(crate) async fn approve(&self, tenant: &str) {
        let held = self.state(tenant).await.held.expect("something is held");
        let owner = self.customers().into_iter().find(|customer| customer.tenants().any(|one| one == tenant)).unwrap();
        self.by_hand(self.operator().decide(&owner.integration_id(), None, held.hash.as_str(), Verdict::Approved)).await.unwrap();
    }

    /// A person resumes what was suspended.
    pub(crate) async fn resume(&self) {
        let id = self.customers()[0].integration_id();
        self.by_hand(async { self.operator().resume(&id, async |_| Ok(())).await }).await.unwrap();
    }

    pub(crate) fn customers(&self) -> Vec<Customer> {
        self.play().customers.clone()
    }

    /// What outlives the runs of a tenant.
    pub(crate) async fn state(&self, tenant: &str) -> TenantState {
        let owner = self.customers().into_iter().find(|customer| customer.tenants().any(|one| one == tenant)).unwrap();
        let mut states = self.store.tenant_states(&owner.integration_id()).await.unwrap();
        states.remove(&TenantId::parse(tenant).unwrap()).unwrap_or_default()
    }

    /// The first customer's directory, which most stories are about.
    pub(crate) fn directory(&self) -> String {
        let play = self.play();
        play.file.as_ref().map_or_else(|| play.customers[0].directory(), File::directory)
    }

    /// Adds a user to the first customer's directory, or changes the one of this name.
    pub(crate) fn add(&self, user: User) {
        self.add_to(&self.directory(), user);
    }

    /// Adds a user to a directory, or changes the one of this name.
    pub(crate) fn add_to(&self, directory: &str, user: User) {
        self.workos.edit(|model| {
            let idp_id = user.spec.idp_id.clone();
            model.put_user(directory, user.spec);
            user.groups.iter().for_each(|group| model.add_member(directory, group, &idp_id));
        });
    }

    pub(crate) fn leaves(&self, name: &str) {
        self.workos.remove_user(&self.directory(), name);
    }

    pub(crate) fn joins(&self, name: &str, role: &str) {
        self.workos.add_member(&self.directory(), &group(role), name);
    }

    /// Adds an account by hand.
    pub(crate) fn account(&self, tenant: &str, name: &str, roles: &str) {
        self.orgvue.insert_row(tenant, account(&email(name), roles));
    }

    /// WorkOS has something to tell of a customer's directory.
    pub(crate) fn tells_of(&self, directory: &str) {
        let outgoing = Outgoing { event: self.workos.sample_event(directory), due_ms: self.now_ms(), n_sent: 0 };
        self.play().outbox.push(outgoing);
    }

    /// WorkOS has something to tell of the first customer's directory.
    pub(crate) fn tells(&self) {
        self.tells_of(&self.directory());
    }

    /// At the next call whose operation has this part, this happens, and WorkOS delivers what it then has to tell before the call goes on.
    pub(crate) fn at_the_call(&self, operation: &'static str, happens: impl FnOnce(&Stage) + 'static) {
        self.meanwhile_of(operation, Box::new(|stage| Box::pin(async move { happens(stage) })));
    }

    /// The same of what takes time.
    pub(crate) fn meanwhile_of(&self, operation: &'static str, happens: Happens) {
        self.play().meanwhile = Some(happens);
        self.wire.hold(operation);
    }

    /// The accounts of every tenant but for the API's own; see [`shown`].
    pub(crate) fn rows(&self) -> Rows {
        rows_of(&self.orgvue)
    }
}

fn rows_of(orgvue: &Orgvue) -> Rows {
    let tenants = orgvue.datasets().into_keys();
    let of = |tenant: &str| orgvue.rows(tenant).iter().filter(|row| row["Login"] != API_ACCOUNT).map(shown).collect();
    tenants.map(|tenant| (tenant.clone(), of(&tenant))).collect()
}
