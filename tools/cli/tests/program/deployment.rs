//! A deployment with customers, and the program at an operator's command line.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use adapters::tls::Tls;
use assert_cmd::Command;
use assert_cmd::cargo::cargo_bin_cmd;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_dynamodb::types::AttributeValue;
use local::aws::REGION;
use local::system::{Options, System, TABLE, short_delays};
use secrecy::SecretString;
use serde_json::{Value, json};
use standins::orgvue::{self, Orgvue};
use standins::workos::{self, UserSpec, WorkOs};
use sync::Tokens;
use tempfile::TempDir;

/// The program with nothing of this machine's environment, and no way to ask AWS.
pub(crate) fn program(arguments: &[&str]) -> Command {
    let mut command = cargo_bin_cmd!("orgvue-scim");
    command.env_clear().env("HOME", "/nonexistent").env("AWS_EC2_METADATA_DISABLED", "true").args(arguments);
    command
}

/// How the program ended.
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    pub(crate) fn of(mut command: Command) -> Self {
        let output = command.output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code().unwrap(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {} {}", self.stdout, self.stderr))
    }
}

/// The file of the customer `id`, in single tenancy with one tenant of that name.
pub(crate) fn file(id: &str, mode: &str) -> String {
    format!(
        "id = \"{id}\"\ndirectory = \"{}\"\nmode = \"{mode}\"\ntenancy = \"single\"\nprefix = \"SCIM_\"\n\n\
         [[tenants]]\nid = \"{}\"\ndataset = \"{}\"\napi_account = \"sync@orgvue.com\"\n",
        directory(id),
        id.to_uppercase(),
        dataset(id)
    )
}

pub(crate) fn directory(id: &str) -> String {
    format!("directory_01{}", id.to_uppercase())
}

/// The file of the customer `acme` in multi tenancy: one tenant of this mode, and the tenant EU without one of its own.
pub(crate) fn two_tenants(mode: &str, own: &str) -> String {
    let eu = format!("\n[[tenants]]\nid = \"EU\"\ndataset = \"{}\"\napi_account = \"sync@orgvue.com\"\n", dataset("eu"));
    file("acme", mode).replace("\"single\"", "\"multi\"") + &format!("mode = \"{own}\"\n") + &eu
}

/// A dataset of its own for each customer.
pub(crate) fn dataset(id: &str) -> String {
    let digits: String = id.bytes().map(|byte| format!("{byte:02X}")).collect();
    format!("0B533DE6-7107-9FCD-48FC-{digits:0>12.12}")
}

/// A deployment, its vendors, and a folder for files.
pub(crate) struct Deployment {
    pub(crate) system: System,
    pub(crate) workos: WorkOs,
    pub(crate) orgvue: Orgvue,
    folder: TempDir,
}

impl Deployment {
    pub(crate) async fn start() -> Self {
        let workos = WorkOs::start(workos::Options::default()).await.unwrap();
        let orgvue = Orgvue::start(orgvue::Options::default()).await.unwrap();
        let options = Options {
            port: 0,
            database: None,
            workos_url: workos.url(),
            workos_key: workos.key().to_owned(),
            workos_users_per_second: 100,
            orgvue_url: orgvue.url(),
            orgvue_tokens: Tokens { shared: Some(SecretString::from(orgvue.token())), ..Tokens::default() },
            http_timeout: Duration::from_secs(4),
            webhook_secrets: vec![workos.webhook_secret().to_owned()],
            delays: short_delays(Duration::from_secs(1)),
            sweep: Duration::from_millis(500),
            tls: Tls::default(),
        };
        Self { system: System::start(options).await.unwrap(), workos, orgvue, folder: tempfile::tempdir().unwrap() }
    }

    /// The same with the customer `acme`, who has these users, each as `name role`; its file is in force.
    pub(crate) async fn with_acme(mode: &str, users: &[&str]) -> Self {
        let deployment = Self::start().await;
        deployment.customer("acme", users);
        deployment.put_in_force("acme", mode).await;
        deployment
    }

    /// Applies the customer's file, and waits for its run.
    pub(crate) async fn put_in_force(&self, id: &str, mode: &str) {
        let path = self.write(&format!("{id}.toml"), &file(id, mode));
        let ended = self.run(&["integration", "apply", &path, "--wait"]).await;
        assert!(ended.code == 0 || ended.code == 2, "{}", ended.stderr);
    }

    /// The same with the customer `acme`, of whom six accounts are held: as many are to be removed as the limit does not let through.
    pub(crate) async fn holding() -> Self {
        let deployment = Self::with_acme("enforce", &["ada user", "grace admin"]).await;
        for name in ["kay", "lee", "max", "ned", "oto", "pia"] {
            deployment.account(name);
        }
        let synced = deployment.run(&["sync", "acme", "--wait"]).await;
        assert_eq!(synced.code, 2, "{} {}", synced.stdout, synced.stderr);
        deployment
    }

    /// The hash of what is held of `acme`.
    pub(crate) async fn hash(&self) -> String {
        let held = self.json(&["held", "acme"]).await;
        held["integrations"][0]["tenants"][0]["hash"].as_str().unwrap().to_owned()
    }

    /// The accounts in the tenant of `acme`, but for the one that syncs.
    pub(crate) fn accounts(&self) -> Vec<String> {
        let logins = self.orgvue.rows("ACME").into_iter().map(|row| row["Login"].as_str().unwrap().to_owned());
        let mut logins: Vec<_> = logins.filter(|login| login != "sync@orgvue.com").collect();
        logins.sort();
        logins
    }

    /// Writes an item as no version of ours would.
    pub(crate) async fn spoil(&self, pk: &str, sk: &str) {
        let put = self.table().put_item().table_name(TABLE).set_item(Some(key(pk, sk)));
        put.send().await.unwrap();
    }

    /// Deletes an item behind everybody's back.
    pub(crate) async fn lose(&self, pk: &str, sk: &str) {
        self.table().delete_item().table_name(TABLE).set_key(Some(key(pk, sk))).send().await.unwrap();
    }

    /// Sets an attribute of an item.
    pub(crate) async fn set(&self, (pk, sk): (&str, &str), name: &str, value: AttributeValue) {
        let update = self.table().update_item().table_name(TABLE).set_key(Some(key(pk, sk))).update_expression("SET #name = :value");
        update.expression_attribute_names("#name", name).expression_attribute_values(":value", value).send().await.unwrap();
    }

    fn table(&self) -> aws_sdk_dynamodb::Client {
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static(REGION))
            .credentials_provider(Credentials::new("local", "local", None, None, "test"))
            .endpoint_url(self.system.dynamodb.url())
            .build();
        aws_sdk_dynamodb::Client::from_conf(config)
    }

    /// A customer in WorkOS and Orgvue.
    pub(crate) fn customer(&self, id: &str, users: &[&str]) {
        self.workos.add_directory(&directory(id));
        self.orgvue.add_tenant(&id.to_uppercase(), &dataset(id), vec![account("sync@orgvue.com", "admin")]);
        self.workos.edit(|model| {
            for user in users {
                let (name, role) = user.split_once(' ').unwrap_or((user, ""));
                model.put_user(&directory(id), UserSpec::new(name, &format!("{name}@acme.com")));
                if !role.is_empty() {
                    model.add_member(&directory(id), &format!("SCIM_{role}"), name);
                }
            }
        });
    }

    /// Adds the tenant EU of `two_tenants` to Orgvue.
    pub(crate) fn second_tenant(&self) {
        self.orgvue.add_tenant("EU", &dataset("eu"), vec![account("sync@orgvue.com", "admin")]);
    }

    /// Adds an account to the tenant of `acme` by hand.
    pub(crate) fn account(&self, name: &str) {
        self.orgvue.insert_row("ACME", account(&format!("{name}@acme.com"), "user"));
    }

    /// Writes a file, and returns its path.
    pub(crate) fn write(&self, name: &str, text: &str) -> String {
        let path: PathBuf = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// The program as an operator of this deployment has it.
    pub(crate) fn program(&self, arguments: &[&str]) -> Command {
        let mut command = program(arguments);
        command.envs(self.system.operator_env());
        command
    }

    /// Runs the program to its end; the system goes on meanwhile.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Ended {
        end(self.program(arguments)).await
    }

    /// The same as another operator.
    pub(crate) async fn run_as(&self, access_key: &str, arguments: &[&str]) -> Ended {
        let mut command = self.program(arguments);
        command.env("AWS_ACCESS_KEY_ID", access_key);
        end(command).await
    }

    /// The same with `--output json`.
    pub(crate) async fn json(&self, arguments: &[&str]) -> Value {
        self.run(&[arguments, &["--output", "json"]].concat()).await.json()
    }
}

fn key(pk: &str, sk: &str) -> HashMap<String, AttributeValue> {
    [("pk", pk), ("sk", sk)].map(|(name, text)| (name.to_owned(), AttributeValue::S(text.to_owned()))).into()
}

/// Runs a program to its end.
pub(crate) async fn end(command: Command) -> Ended {
    tokio::task::spawn_blocking(|| Ended::of(command)).await.unwrap()
}

fn account(login: &str, role: &str) -> Value {
    json!({ "Login": login, "Role": role, "Enabled": true })
}
