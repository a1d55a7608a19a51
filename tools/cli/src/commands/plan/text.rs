//! A plan for people: one coloured line an account, what is held and why, and the counts.

use domain::ids::TenantId;
use domain::plan::Plan;

use super::{Planned, TenantPlan};
use crate::commands::finding_text::findings_table;
use crate::commands::run_text::held_table;
use crate::output::{Page, Tone, lines, word};

/// The whole answer.
pub(super) fn of(planned: &Planned, page: &Page) -> String {
    let mut text = String::new();
    for tenant in &planned.tenants {
        let Some(plan) = &tenant.plan else { continue };
        text += &format!("{}\n", painted(page, plan));
        if !tenant.held.is_empty() {
            text += &format!("held in {}:\n{}\n", tenant.tenant, held_table(page, &tenant.held));
        }
    }
    if !planned.findings.is_empty() {
        let findings = planned.findings.iter().map(|finding| (None, finding));
        text += &format!("could not be synced:\n{}\n", findings_table(page, findings));
    }
    text + &counts(page, &planned.tenants)
}

fn counts(page: &Page, tenants: &[TenantPlan]) -> String {
    let mut table = page.table(&["tenant", "mode", "create", "update", "disable", "remove", "held", "right already", "in the way"]);
    for tenant in tenants {
        let TenantPlan { tenant, mode, created, updated, disabled, removed, held, unchanged, code, error: _, plan: _ } = tenant;
        let lists = [created.len(), updated.len(), disabled.len(), removed.len(), held.len(), unchanged.len()];
        let numbers = lists.map(|n| page.plain(if code.is_some() { String::new() } else { n.to_string() }));
        let ends = [page.cell(Tone::Bad, code.as_deref().unwrap_or_default())];
        table.add_row([page.plain(tenant), page.plain(word(mode))].into_iter().chain(numbers).chain(ends));
    }
    lines(&table)
}

/// A plan with its lines in the colours of their signs.
pub(in crate::commands) fn painted(page: &Page, plan: &Plan) -> String {
    let tone = |line: &str| match line.strip_prefix("  ").and_then(|action| action.chars().next()) {
        Some('+' | '^') => Tone::Good,
        Some('~') => Tone::Warn,
        Some('-' | 'o') => Tone::Bad,
        Some(_) | None => Tone::Plain,
    };
    plan.to_string().lines().map(|line| format!("{}\n", page.paint(tone(line), line))).collect()
}

/// One line for each tenant that something stands in the way of.
pub(in crate::commands) fn obstacles<'a>(
    tenants: impl Iterator<Item = (&'a TenantId, Option<&'a str>, Option<&'a str>)>,
) -> Option<String> {
    let told = tenants.filter_map(|(tenant, code, error)| Some(format!("error: {tenant}: {}: {}", code.unwrap_or("fault"), error?)));
    Some(told.collect::<Vec<_>>().join("\n")).filter(|told| !told.is_empty())
}
