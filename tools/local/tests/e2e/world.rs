//! The running world: the directories of one customer or several in WorkOS, their tenants in Orgvue, and the system between the two.

use std::ops::Range;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use adapters::http::Deadline;
use adapters::store::{AfterApply, Store};
use adapters::tls::Tls;
use domain::delays::Delays;
use domain::ids::{IntegrationId, TenantId};
use local::system::{Options, System};
use secrecy::SecretString;
use standins::orgvue::{self, Orgvue};
use standins::workos::{self, Delivery, WorkOs};
use sync::{Operator, Tokens};
use tempfile::TempDir;

use crate::home::{Home, InProcess};
use crate::logs::PRIVATE;
use crate::stack::{Description, Stack};
use crate::words::shown;

pub(crate) use crate::customer::{API_ACCOUNT, Customer, dataset, multi, single};
pub(crate) use crate::words::{Run, User, account, email, fault, group, people};

pub(crate) const GET_DATASET: &str = "GET /api/v1/{tenant}/datasets/{dataset}";
pub(crate) const GET_ITEMS: &str = "GET /api/v1/{tenant}/datasets/{dataset}/items";
pub(crate) const PUT_ITEMS: &str = "PUT /api/v1/{tenant}/datasets/{dataset}/items";

/// Longest wait for what must come about.
pub(crate) const LIMIT: Duration = Duration::from_secs(90);

/// How a world differs from the usual one. A deployed stack has its customers of it, and nothing else.
pub(crate) struct Setup {
    pub(crate) customers: Vec<Customer>,
    pub(crate) window_ms: i64,
    pub(crate) drift_ms: i64,
    /// How long a quarantine lasts.
    pub(crate) quarantine_ms: [i64; 3],
    /// WorkOS's limit, for a test that is about it; without one it is off.
    pub(crate) users_per_second: Option<u32>,
    /// Tenants with an API token of their own.
    pub(crate) own_tokens: Vec<&'static str>,
    pub(crate) on_disk: bool,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            customers: Vec::new(),
            window_ms: 1_000,
            drift_ms: 600_000,
            quarantine_ms: [1_000, 1_500, 2_000],
            users_per_second: None,
            own_tokens: Vec::new(),
            on_disk: false,
        }
    }
}

impl From<Customer> for Setup {
    fn from(customer: Customer) -> Self {
        Self { customers: vec![customer], ..Self::default() }
    }
}

/// Everything, running.
pub(crate) struct World {
    pub(crate) customers: Vec<Customer>,
    pub(crate) workos: WorkOs,
    pub(crate) orgvue: Orgvue,
    home: Home,
}

impl World {
    /// Starts the stand-ins and the system, or takes the deployed one, and puts the customers' integrations in force.
    pub(crate) async fn start(setup: impl Into<Setup>) -> Self {
        let setup = setup.into();
        let customers = setup.customers.clone();
        let tenants = || customers.iter().flat_map(Customer::tenants);
        // Before there are stand-ins: what an earlier story left under way is not to meet this one's.
        let stack = match Description::given() {
            None => None,
            Some(description) => Some(Stack::take(description, tenants()).await),
        };
        let workos = start_workos().await;
        if setup.users_per_second.is_none() {
            workos.switches(|switches| switches.directory_rate = None);
        }
        let orgvue = start_orgvue().await;
        for customer in &customers {
            workos.add_directory(&customer.directory());
            for tenant in customer.tenants() {
                orgvue.add_tenant(tenant, &dataset(tenant), vec![account(API_ACCOUNT, "admin")]);
            }
        }
        let home = match stack {
            None => Home::InProcess(Box::new(in_process(setup, &workos, &orgvue).await)),
            Some(stack) => {
                tenants().for_each(|tenant| orgvue.add_token(&own_token(tenant), tenant));
                Home::Deployed(Box::new(stack))
            }
        };
        let world = Self { customers, workos, orgvue, home };
        for customer in &world.customers {
            world.apply(customer).await;
        }
        world
    }

    /// Ends the system at once, as a crash would.
    pub(crate) async fn kill(&mut self) {
        self.in_process_mut().running = None;
        // The tasks of the system end when they are looked at next.
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
    }

    /// Starts the system, on what is left of an earlier one.
    pub(crate) async fn restart(&mut self) {
        let here = self.in_process_mut();
        here.running = Some(System::start(here.options.clone()).await.unwrap());
    }

    fn in_process_mut(&mut self) -> &mut InProcess {
        match &mut self.home {
            Home::InProcess(here) => here,
            Home::Deployed(_) => panic!("only a system in this process can be killed"),
        }
    }

    pub(crate) fn home(&self) -> &Home {
        &self.home
    }

    /// The system in this process: what a story that is also for the deployed stack does not look at.
    pub(crate) fn system(&self) -> &System {
        match &self.home {
            Home::InProcess(here) => here.system(),
            Home::Deployed(_) => panic!("nobody can look into the deployed system"),
        }
    }

    pub(crate) fn store(&self) -> &Store {
        self.operator().store
    }

    /// The person who operates it.
    pub(crate) fn operator(&self) -> Operator<'_> {
        self.home.operator()
    }

    /// The sync function's parts, as a person has them who asks the vendors.
    pub(crate) fn sync(&self) -> &sync::Deps {
        self.home.sync()
    }

    /// The first customer's integration.
    pub(crate) fn id(&self) -> IntegrationId {
        self.customers[0].integration_id()
    }

    /// Puts a customer's file in force. A new integration waits for its first webhook; a changed one asks for a sync.
    pub(crate) async fn apply(&self, customer: &Customer) {
        let is_new = self.store().integration_file(&customer.integration_id()).await.unwrap().is_none();
        let after = if is_new { AfterApply::Wait } else { AfterApply::Sync };
        self.operator().apply(&customer.integration(), &customer.toml(), after, &self.home.delays()).await.unwrap();
    }

    /// Adds a user to the first customer's directory, or changes the one of this name.
    pub(crate) fn add(&self, user: User) {
        self.add_to(&self.customers[0], user);
    }

    pub(crate) fn add_to(&self, customer: &Customer, user: User) {
        let directory = customer.directory();
        self.workos.edit(|model| {
            let idp_id = user.spec.idp_id.clone();
            model.put_user(&directory, user.spec);
            for group in user.groups {
                model.add_member(&directory, &group, &idp_id);
            }
        });
    }

    /// Single tenancy with so many users in step with Orgvue; see [`World::arrive`].
    pub(crate) async fn in_step(n: usize) -> Self {
        let world = Self::start(single("ACME")).await;
        world.arrive(0..n);
        world.asked().await;
        world
    }

    /// Adds users with the role `user` to the first customer's directory: `p00`, `p01` and so on.
    pub(crate) fn arrive(&self, numbers: Range<usize>) {
        people(numbers).iter().for_each(|name| self.add(User::new(name).in_group("user")));
    }

    /// Takes some of those out of it.
    pub(crate) fn depart(&self, numbers: Range<usize>) {
        people(numbers).iter().for_each(|name| self.leaves(name));
    }

    /// The first customer's directory.
    pub(crate) fn directory(&self) -> String {
        self.customers[0].directory()
    }

    /// Takes a user out of the first customer's directory.
    pub(crate) fn leaves(&self, name: &str) {
        self.workos.remove_user(&self.directory(), name);
    }

    /// Puts a user of the first customer into one of our groups.
    pub(crate) fn joins(&self, name: &str, role: &str) {
        self.workos.add_member(&self.directory(), &group(role), name);
    }

    /// Takes a user of the first customer out of one of our groups.
    pub(crate) fn quits(&self, name: &str, role: &str) {
        self.workos.remove_member(&self.directory(), &group(role), name);
    }

    /// Adds an account by hand.
    pub(crate) fn account(&self, tenant: &str, name: &str, roles: &str) {
        self.orgvue.insert_row(tenant, account(&email(name), roles));
    }

    /// The accounts of a tenant but for the API's own, each as `name roles`, with `off` behind one that cannot be used.
    pub(crate) fn rows(&self, tenant: &str) -> Vec<String> {
        self.orgvue.rows(tenant).iter().filter(|row| row["Login"] != API_ACCOUNT).map(shown).collect()
    }

    /// WorkOS tells of a change in the first customer's directory.
    pub(crate) async fn poke(&self) {
        self.poke_of(&self.customers[0]).await;
    }

    pub(crate) async fn poke_of(&self, customer: &Customer) {
        let event = self.workos.sample_event(&customer.directory());
        let status = self.workos.deliver(self.home.webhook_url(), &event, Delivery::persistent()).await.unwrap();
        assert_eq!(status, 200);
    }

    /// A person asks for a sync of the first customer; it does not wait for a window.
    pub(crate) async fn ask(&self) {
        self.ask_of(&self.customers[0]).await;
    }

    pub(crate) async fn ask_of(&self, customer: &Customer) {
        self.operator().sync(&customer.integration_id()).await.unwrap();
    }

    /// Ends the stand-ins; their addresses are free for the next ones.
    pub(crate) async fn close(self) {
        self.workos.stop().await;
        self.orgvue.stop().await;
    }
}

/// The system in this process, started.
async fn in_process(setup: Setup, workos: &WorkOs, orgvue: &Orgvue) -> InProcess {
    let Setup { customers: _, window_ms, drift_ms, quarantine_ms, users_per_second, own_tokens, on_disk } = setup;
    let mut tokens = Tokens { shared: Some(SecretString::from(orgvue.token())), ..Tokens::default() };
    for tenant in own_tokens {
        orgvue.add_token(&own_token(tenant), tenant);
        tokens.by_tenant.insert(TenantId::parse(tenant).unwrap(), SecretString::from(own_token(tenant)));
    }
    let folder = on_disk.then(|| tempfile::tempdir().unwrap());
    let delays = Delays {
        window_ms,
        lease_ms: 6_000,
        heartbeat_ms: 1_000,
        overdue_ms: 1_500,
        nudge_ms: 1_000,
        retry_first_ms: 600,
        retry_max_ms: 1_200,
        quarantine_ms,
        drift_ms,
    };
    let options = Options {
        port: 0,
        database: folder.as_ref().map(|folder| folder.path().join("dynamodb.sqlite")),
        workos_url: workos.url(),
        workos_key: workos.key().to_owned(),
        workos_users_per_second: users_per_second.unwrap_or(1_000),
        orgvue_url: orgvue.url(),
        orgvue_tokens: tokens,
        http_timeout: Duration::from_secs(4),
        webhook_secrets: vec![workos.webhook_secret().to_owned(), second_secret()],
        delays,
        sweep: Duration::from_millis(700),
        tls: Tls::default(),
    };
    let running = Some(System::start(options.clone()).await.unwrap());
    InProcess { options, running, _folder: folder }
}

/// WorkOS with secrets that are known when they leak.
pub(crate) async fn start_workos() -> WorkOs {
    let options = match Description::given() {
        None => workos::Options { key: format!("sk_{PRIVATE}"), webhook_secret: format!("whsec_{PRIVATE}"), ..workos::Options::default() },
        Some(stack) => workos::Options {
            port: stack.workos_port(),
            key: stack.workos_key().to_owned(),
            webhook_secret: stack.webhook_secret().to_owned(),
            ..workos::Options::default()
        },
    };
    WorkOs::start(options).await.unwrap()
}

/// Orgvue with a token that is known when it leaks.
pub(crate) async fn start_orgvue() -> Orgvue {
    let port = Description::given().map_or(0, Description::orgvue_port);
    Orgvue::start(orgvue::Options { port, token: format!("orgvue_{PRIVATE}"), ..orgvue::Options::default() }).await.unwrap()
}

/// A webhook secret that the system accepts beside WorkOS's own.
pub(crate) fn second_secret() -> String {
    Description::given().map_or_else(|| format!("whsec_second_{PRIVATE}"), |stack| stack.second_secret().to_owned())
}

/// The API token of a tenant that has its own.
pub(crate) fn own_token(tenant: &str) -> String {
    format!("orgvue_{tenant}_{PRIVATE}")
}

/// Long enough for whatever a person does by hand.
pub(crate) fn deadline() -> Deadline {
    Deadline::after(LIMIT)
}

/// Waits for a condition that must come about.
pub(crate) async fn until(what: &str, holds: impl Fn() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < LIMIT, "{what} does not come about");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A folder that goes with the test, and a file in it.
pub(crate) fn write(folder: &TempDir, name: &str, text: &str) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    path
}
