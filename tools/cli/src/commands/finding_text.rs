//! Findings, as they are shown.

use domain::finding::Finding;
use domain::ids::IntegrationId;

use crate::output::{At, Page, lines, utc};

/// The columns; the first one is for findings of several integrations.
pub(crate) const COLUMNS: [&str; 8] =
    ["integration", "account or group", "user", "tenant", "groups as seen", "code", "why, and what to do", "since"];

/// A table of findings, each with its integration where they are of several.
pub(crate) fn findings_table<'a>(page: &Page, findings: impl IntoIterator<Item = (Option<&'a IntegrationId>, &'a Finding)>) -> String {
    let mut findings = findings.into_iter().peekable();
    let are_of_several = findings.peek().is_some_and(|(integration, _)| integration.is_some());
    let mut table = page.table(if are_of_several { &COLUMNS } else { &COLUMNS[1..] });
    for (integration, finding) in findings {
        let since = finding.since_ms.map(utc).unwrap_or_default();
        let cells = cells(finding).into_iter().chain([since]);
        table.add_row(integration.map(ToString::to_string).into_iter().chain(cells).map(|text| page.plain(text)));
    }
    lines(&table)
}

/// A row for a spreadsheet.
pub(crate) fn row(integration: &IntegrationId, finding: &Finding) -> [String; COLUMNS.len()] {
    let [subject, user, tenant, groups, code, message] = cells(finding);
    let since = finding.since_ms.map(|ms| At(ms).to_string()).unwrap_or_default();
    [integration.to_string(), subject, user, tenant, groups, code, message, since]
}

/// What a finding is about, an account or a group, or the identity provider's id of who has no account; the directory's user; the tenant, unless
/// it is about all of them; and so on.
fn cells(finding: &Finding) -> [String; 6] {
    let Finding { code, login, user, idp_id, group, group_id: _, tenant, groups, since_ms: _, message } = finding;
    let text = |value: Option<String>| value.unwrap_or_default();
    [
        text(login.as_ref().map(ToString::to_string).or_else(|| group.clone()).or_else(|| idp_id.clone())),
        text(user.as_ref().map(ToString::to_string)),
        text(tenant.as_ref().map(ToString::to_string)),
        groups.join("; "),
        code.to_string(),
        message.clone(),
    ]
}
