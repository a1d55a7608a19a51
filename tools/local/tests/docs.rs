//! The documents say what the code does.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::process::Command;
use std::sync::Arc;

use adapters::aws::AwsError;
use adapters::orgvue::OrgvueError;
use adapters::secrets::SecretError;
use adapters::settings::Settings;
use adapters::workos::ReadError;
use domain::backoff::FaultClass;
use domain::current::DatasetRefusal;
use domain::finding::FindingCode;
use domain::guard::HoldReason;
use domain::integration::Integration;
use domain::onboarding::{GroupReport, Outcome};

const REASON_CODES: &str = include_str!("../../../docs/reason-codes.md");
const CONFIGURATION: &str = include_str!("../../../docs/configuration.md");
const RUNBOOK: &str = include_str!("../../../docs/runbook.md");
const ONBOARDING: &str = include_str!("../../../docs/onboarding.md");
const LOCAL: &str = include_str!("../../../docs/local.md");
const CAPACITY: &str = include_str!("../../../docs/capacity.md");

#[test]
fn every_finding_is_documented_with_its_remedy() {
    for code in FindingCode::ALL {
        let row = REASON_CODES.lines().find(|line| line.starts_with(&format!("| `{code}` |")));
        assert!(row.is_some_and(|row| row.contains(code.remedy())), "{code}");
    }
}

#[test]
fn every_hold_reason_is_documented_in_its_own_words() {
    for reason in HoldReason::ALL {
        let code = serde_json::to_value(reason).unwrap();
        let row = format!("| `{}` | {} |", code.as_str().unwrap(), reason.explain());
        assert!(REASON_CODES.contains(&row), "{row}");
    }
}

#[test]
fn every_fault_of_a_directory_or_dataset_is_documented() {
    let dataset = [DatasetRefusal::MissingItemId, DatasetRefusal::ApiAccountMissing].map(|refusal| refusal.code());
    let directory = [ReadError::NotFound, ReadError::OutOfTime, ReadError::Gone { state: String::new() }].map(|error| error.code());
    for code in dataset.into_iter().chain(directory) {
        assert!(REASON_CODES.contains(&format!("`{code}`")), "{code}");
    }
}

#[test]
fn every_fault_of_a_secret_is_documented_with_its_class() {
    let (id, source) = ("id".to_owned(), Arc::new(AwsError::of("secretsmanager:GetSecretValue")(std::io::Error::other("cause"))));
    for error in [
        SecretError::NotFound { id: id.clone(), source: source.clone() },
        SecretError::Denied { id: id.clone(), source: source.clone() },
        SecretError::Unusable { id: id.clone(), why: "is blank" },
        SecretError::Unavailable { id, source },
    ] {
        let class = if error.is_passing() { FaultClass::Vendor } else { FaultClass::Configuration };
        let (run, tenant) = (ReadError::Key(error.clone()), OrgvueError::Token(error));
        assert_eq!((run.class(), tenant.class()), (FaultClass::Vendor, class));
        let word = if class == FaultClass::Vendor { "vendor" } else { "configuration" };
        for row in [format!("| `{}` | vendor |", run.code()), format!("| `{}` | {word} |", tenant.code())] {
            assert!(REASON_CODES.contains(&row), "{row}");
        }
    }
}

/// Reads a configuration with every variable at hand, and returns the names that were asked for.
fn asked_for(read: impl Fn(&dyn Fn(&str) -> Option<String>)) -> BTreeSet<String> {
    let asked = RefCell::new(BTreeSet::new());
    read(&|name: &str| {
        asked.borrow_mut().insert(name.to_owned());
        match name {
            "ORGVUE_TOKENS" => Some("{}".to_owned()),
            // Of two variables for one secret, only one may be there.
            "WORKOS_WEBHOOK_SECRETS_ARN" | "WORKOS_API_KEY_ARN" | "ORGVUE_TOKEN_PREFIX" => None,
            // There must be certificates where they point.
            "SSL_CERT_FILE" | "SSL_CERT_DIR" => None,
            "ORGVUE_URL" => Some("https://orgvue.invalid".to_owned()),
            "WEBHOOK_SOURCES" => Some("192.0.2.1".to_owned()),
            required if !required.ends_with("_SECONDS") && !required.contains("_SECOND") && required != "TENANTS_AT_ONCE" => {
                (required != "WORKOS_URL").then(|| "x".to_owned())
            }
            _ => None,
        }
    });
    asked.into_inner()
}

#[test]
fn every_variable_is_documented_and_no_other() {
    let mut asked = asked_for(|lookup| drop(webhook::Config::read(&Settings::new(lookup)).unwrap()));
    asked.extend(asked_for(|lookup| drop(sync::Config::read(&Settings::new(lookup)).unwrap())));
    asked.insert("RUST_LOG".to_owned());
    let documented: BTreeSet<String> =
        CONFIGURATION.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`')).map(|(name, _)| name.to_owned()).collect();
    assert_eq!(documented, asked);
}

#[test]
fn a_stack_is_billed_for_as_many_metrics_as_the_functions_write() {
    let sources = [include_str!("../../../functions/sync/src/metrics.rs"), include_str!("../../../functions/webhook/src/metrics.rs")];
    let code = sources.iter().filter_map(|source| source.split("#[cfg(test)]").next());
    let quoted = code.flat_map(|code| code.split('"').skip(1).step_by(2));
    let names: BTreeSet<_> = quoted.filter(|text| text.starts_with(char::is_uppercase)).collect();
    // `VendorFaults` is counted for each of the two vendors besides.
    let n = names.len() + 2;
    assert!(CAPACITY.contains(&format!(" {n} metrics for each stack")), "{n}: {names:?}");
    assert!(include_str!("../benches/capacity/report.rs").contains(&format!("const N_METRICS: f64 = {n}.0;")), "{n}");
}

#[test]
fn the_runbook_tells_what_to_do_about_every_fault_that_raises_a_vendors_alarm() {
    let source = include_str!("../../../functions/sync/src/metrics.rs");
    let functions = source.split("fn is_fault_of_").skip(1).filter_map(|rest| rest.split("\n}").next());
    let codes: BTreeSet<_> = functions.flat_map(|function| function.split('"').skip(1).step_by(2)).collect();
    let section = RUNBOOK.split("\n## ").find(|section| section.starts_with("Vendor outage\n")).unwrap();
    let untold: Vec<_> = codes.iter().filter(|code| !section.contains(&format!("`{code}`"))).collect();
    assert!(codes.contains("workos_unavailable") && untold.is_empty(), "{untold:?}");
}

#[test]
fn the_documented_integration_file_is_valid() {
    let file = CONFIGURATION.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    Integration::parse(&file.replace('…', "")).unwrap();
}

#[test]
fn a_slip_in_the_prefix_is_told_as_it_is_documented() {
    let file = include_str!("../example/single.toml").replace("IMAPP", "IAMAPP");
    let names = ["user", "admin", "Retail"].map(|role| format!("IMAPP_Orgvue_SCIM_{role}"));
    let report = GroupReport::of(names.iter().map(String::as_str), &Integration::parse(&file).unwrap());
    let report = GroupReport { n_users_left_out: Some(2), ..report };
    let step = report.steps().into_iter().find(|step| step.outcome == Outcome::Failed).unwrap();
    assert!(ONBOARDING.contains(&format!("```text\n{step}\n```")), "{step}");
}

#[test]
fn every_flag_is_documented() {
    let help = Command::new(env!("CARGO_BIN_EXE_local")).arg("--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let flags = help.split_whitespace().filter(|word| word.starts_with("--") && *word != "--help");
    for flag in flags.map(|flag| flag.trim_end_matches([',', ':', '.'])) {
        assert!(LOCAL.contains(&format!("`{flag}")) || LOCAL.contains(&format!(" {flag} ")), "{flag}");
    }
}
