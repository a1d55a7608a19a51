//! What people and programs are shown.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use comfy_table::presets::UTF8_BORDERS_ONLY;
use comfy_table::{ContentArrangement, Table};
use domain::finding::Finding;
use domain::ids::IntegrationId;
use domain::run::{RunRecord, TenantRecord};
use serde::Serialize;
use serde_json::Value;

use crate::operator;

/// Columns of a table that no terminal shows.
const WIDTH: u16 = 140;

/// Where everything listens: one line of JSON when the system is ready. A secret that was given is not in it.
#[derive(Debug, Clone, Serialize)]
pub struct Ready {
    /// Where webhooks go.
    pub webhook_url: String,
    /// What they are signed with, if it is the default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook_secret: Option<String>,
    /// WorkOS, or its stand-in.
    pub workos_url: String,
    /// The key of the stand-in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workos_key: Option<String>,
    /// Orgvue, or its stand-in.
    pub orgvue_url: String,
    /// The token of the stand-in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub orgvue_token: Option<String>,
    /// DynamoDB.
    pub aws_endpoint_url_dynamodb: String,
    /// SQS.
    pub aws_endpoint_url_sqs: String,
    /// EventBridge Scheduler.
    pub aws_endpoint_url_scheduler: String,
    /// The table.
    pub table: String,
    /// The sync queue.
    pub sync_queue_url: String,
    /// STS.
    pub aws_endpoint_url_sts: String,
    /// The file of the operators' variables.
    pub operator_env: String,
    /// SNS.
    pub aws_endpoint_url_sns: String,
}

impl Ready {
    /// The same for people.
    pub fn to_text(&self) -> String {
        let told = |secret: &Option<String>| secret.clone().unwrap_or_else(|| "as given".to_owned());
        format!(
            "everything listens on this machine only:\n  \
             webhook    {}   secret {}\n  \
             WorkOS     {}   key {}\n  \
             Orgvue     {}   token {}\n  \
             DynamoDB   {}   table {}\n  \
             SQS        {}\n  \
             Scheduler  {}\n  \
             STS        {}\n  \
             SNS        {}\n\
             as an operator, in another terminal: {}, then cargo run -p cli -- status\n",
            self.webhook_url,
            told(&self.webhook_secret),
            self.workos_url,
            told(&self.workos_key),
            self.orgvue_url,
            told(&self.orgvue_token),
            self.aws_endpoint_url_dynamodb,
            self.table,
            self.aws_endpoint_url_sqs,
            self.aws_endpoint_url_scheduler,
            self.aws_endpoint_url_sts,
            self.aws_endpoint_url_sns,
            operator::source_line(Path::new(&self.operator_env)),
        )
    }
}

/// What `--once` found and did, as JSON.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Every integration.
    pub integrations: Vec<IntegrationReport>,
}

/// One integration's runs.
#[derive(Debug, Clone, Serialize)]
pub struct IntegrationReport {
    /// Which.
    pub id: IntegrationId,
    /// Its runs, oldest first.
    pub runs: Vec<RunRecord>,
}

impl Report {
    /// Whether every tenant is as its own last run wanted it: nothing held, nothing failing.
    pub fn is_as_desired(&self) -> bool {
        self.integrations.iter().all(|integration| {
            let unread = integration.runs.last().is_some_and(|run| run.error.is_some());
            let latest: BTreeMap<_, _> =
                integration.runs.iter().flat_map(|run| &run.tenants).map(|tenant| (&tenant.tenant, tenant)).collect();
            !unread && latest.values().all(|tenant| tenant.held.is_empty() && !tenant.wants_retry())
        })
    }
}

/// One run for people: what was asked, the plan, and who could not be synced and why.
pub fn run_text(run: &RunRecord) -> String {
    let mut text = format!("{}: {}, run {}, asked for by {}\n", run.integration, word(&run.status), run.id, word(&run.reason));
    text.push_str(&fault_text("  ", run.code.as_deref(), run.error.as_deref()));
    for tenant in &run.tenants {
        text.push_str(&tenant_text(tenant));
    }
    if !run.findings.is_empty() {
        let _ = writeln!(text, "  could not be synced:\n{}", indent(&findings_table(&run.findings)));
    }
    let _ = writeln!(text, "  calls to WorkOS: {}, to Orgvue: {}; {:.1} s", run.workos_calls, run.orgvue_calls, run.seconds);
    text
}

fn tenant_text(tenant: &TenantRecord) -> String {
    let mut text = format!("  {} ({}): {}\n", tenant.tenant, word(&tenant.mode), word(&tenant.status));
    text.push_str(&fault_text("    ", tenant.code.as_deref(), tenant.error.as_deref()));
    if !tenant.plan.is_empty() {
        let _ = writeln!(text, "    plan for {}", tenant.plan.trim_end().replace('\n', "\n    "));
    }
    for held in &tenant.held {
        let _ = writeln!(text, "    held: {} {}: {}: {}", word(&held.action), held.login, word(&held.why), held.message);
    }
    text
}

/// What stood in the way, with its code.
fn fault_text(indent: &str, code: Option<&str>, error: Option<&str>) -> String {
    error.map(|error| format!("{indent}{}: {error}\n", code.unwrap_or("fault"))).unwrap_or_default()
}

fn findings_table(findings: &[Finding]) -> String {
    let mut table = new_table(&["account or group", "tenant", "code", "why, and what to do"]);
    for finding in findings {
        let subject = finding.login.as_ref().map(|login| login.to_string());
        let subject = subject.or_else(|| finding.group.clone()).or_else(|| finding.user.as_ref().map(ToString::to_string));
        let tenant = finding.tenant.as_ref().map(ToString::to_string).unwrap_or_default();
        table.add_row([subject.unwrap_or_default(), tenant, finding.code.to_string(), finding.message.clone()]);
    }
    table.to_string()
}

/// A Users dataset for people.
pub fn dataset_text(tenant: &str, rows: &[Value]) -> String {
    let mut keys: Vec<&String> =
        rows.iter().filter_map(Value::as_object).flat_map(|row| row.keys()).filter(|key| !key.starts_with('_')).collect();
    keys.sort();
    keys.dedup();
    let mut table = new_table(&keys);
    for row in rows {
        table.add_row(keys.iter().map(|key| cell(&row[key.as_str()])));
    }
    format!("Users dataset of {tenant}\n{}", indent(&table.to_string()))
}

fn new_table(header: &[impl ToString]) -> Table {
    let mut table = Table::new();
    table
        .load_style(UTF8_BORDERS_ONLY)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(header.iter().map(ToString::to_string));
    if table.width().is_none() {
        table.set_width(WIDTH);
    }
    table
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn indent(text: &str) -> String {
    text.lines().map(|line| format!("  {line}\n")).collect()
}

/// A code as it is in JSON.
fn word(code: &impl Serialize) -> String {
    serde_json::to_value(code).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ready() -> Ready {
        let word = || "x".to_owned();
        Ready {
            webhook_url: word(),
            webhook_secret: Some(word()),
            workos_url: word(),
            workos_key: None,
            orgvue_url: word(),
            orgvue_token: None,
            aws_endpoint_url_dynamodb: word(),
            aws_endpoint_url_sqs: word(),
            aws_endpoint_url_scheduler: word(),
            table: word(),
            sync_queue_url: word(),
            aws_endpoint_url_sts: "http://127.0.0.1:9404".to_owned(),
            aws_endpoint_url_sns: "http://127.0.0.1:9407".to_owned(),
            operator_env: "/tmp/a folder/operator.env".to_owned(),
        }
    }

    #[test]
    fn people_are_told_in_one_line_how_to_be_an_operator() {
        let text = ready().to_text();
        assert!(text.contains("STS        http://127.0.0.1:9404\n"), "{text}");
        assert!(text.contains("set -a; . '/tmp/a folder/operator.env'; set +a, then cargo run -p cli -- status\n"), "{text}");
    }

    #[test]
    fn people_are_told_that_a_secret_is_as_given_and_programs_nothing() {
        let (text, json) = (ready().to_text(), serde_json::to_value(ready()).unwrap());
        assert!(text.contains("WorkOS     x   key as given\n") && text.contains("Orgvue     x   token as given\n"), "{text}");
        assert_eq!((json.get("workos_key"), json.get("orgvue_token"), &json["webhook_secret"]), (None, None, &Value::from("x")));
    }
}
