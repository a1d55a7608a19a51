//! The operators' variables: as a shell takes them from the file, and as the functions' configuration reads them.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test may stop at what it did not expect")]

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::time::Duration;

use adapters::secrets::Source;
use adapters::settings::Settings;
use adapters::tls::Tls;
use domain::ids::TenantId;
use local::operator;
use local::system::{Options, System, TABLE, short_delays};
use secrecy::{ExposeSecret, SecretString};
use sync::{Config, TokenSource, Tokens};

/// All that a shell could take for more than a letter.
const AWKWARD: &str = " it's \"$HOME\" `id` $(id) \\ # & ; * ~ !\n\tset";

/// A system whose vendors' secrets are these; nothing in it calls them.
async fn start(secret: &str) -> System {
    let acme = TenantId::parse("ACME").unwrap();
    let options = Options {
        port: 0,
        database: None,
        workos_url: "http://127.0.0.1:9".to_owned(),
        workos_key: secret.to_owned(),
        workos_users_per_second: 4,
        orgvue_url: "http://127.0.0.1:9/orgvue".to_owned(),
        orgvue_tokens: Tokens { by_tenant: BTreeMap::from([(acme, "own".into())]), shared: Some(SecretString::from(secret)) },
        http_timeout: Duration::from_secs(10),
        webhook_secrets: Vec::new(),
        delays: short_delays(Duration::from_secs(3)),
        sweep: Duration::from_secs(60),
        tls: Tls::default(),
    };
    System::start(options).await.unwrap()
}

#[tokio::test]
async fn a_shell_takes_every_variable_from_the_file() {
    // No vendor's client takes a key like this one.
    let mut variables = start("sk_local").await.operator_env();
    variables.push(("AWKWARD".to_owned(), AWKWARD.to_owned()));
    let folder = tempfile::Builder::new().prefix("it's $HOME ").tempdir().unwrap();
    operator::write(folder.path(), &[("OLD".to_owned(), "old".to_owned())]).unwrap();
    let path = operator::write(folder.path(), &variables).unwrap();
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(folder.path().read_dir().unwrap().count(), 1, "no temporary file stays");

    let script = format!("{} && env -0", operator::source_line(&path));
    let output = Command::new("sh").args(["-c", &script]).env_clear().env("PATH", std::env::var("PATH").unwrap()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let taken: BTreeMap<&str, &str> = text.split_terminator('\0').filter_map(|variable| variable.split_once('=')).collect();
    for (name, value) in &variables {
        assert_eq!(taken.get(name.as_str()), Some(&value.as_str()), "{name}");
    }
    assert!(!taken.contains_key("OLD"));
}

#[tokio::test]
async fn the_variables_are_the_sync_functions_configuration() {
    let system = start(r#"sk_"l'ocal"#).await;
    let variables: BTreeMap<String, String> = system.operator_env().into_iter().collect();
    let config = Config::read(&Settings::new(|name: &str| variables.get(name).cloned())).unwrap();

    assert_eq!((config.table.as_str(), &config.queue_url), (TABLE, &system.queue_url));
    assert_eq!(config.dead_letter_queue_url, system.dead_letter_queue_url);
    assert_eq!((config.workos_url.as_str(), config.workos_users_per_second), ("http://127.0.0.1:9/", 4));
    assert!(matches!(&config.workos_key, Source::Given(key) if key.expose_secret() == r#"sk_"l'ocal"#));
    assert_eq!(config.orgvue_url.as_str(), "http://127.0.0.1:9/orgvue");
    let TokenSource::Given(tokens) = &config.orgvue_tokens else { panic!("an operator here is given the tokens") };
    let token = |tenant| tokens.of(&TenantId::parse(tenant).unwrap()).map(ExposeSecret::expose_secret);
    assert_eq!((token("ACME"), token("OTHER")), (Some("own"), Some(r#"sk_"l'ocal"#)));
    assert_eq!((config.http_timeout, config.delays), (Duration::from_secs(10), short_delays(Duration::from_secs(3))));
}
