//! The checklist for people: each step with what to do, and what every group that looks like ours gives.

use domain::onboarding::{CheckStep, GroupReport, Outcome};

use super::Checked;
use crate::output::{Page, Tone, lines};

/// The whole answer.
pub(super) fn of(checked: &Checked, page: &Page) -> String {
    let mut text: String = checked.steps.steps.iter().map(|step| self::step(page, step)).collect();
    if let Some(groups) = &checked.groups {
        text += &group_table(page, groups);
    }
    text + &format!("\nnext: {}\n", page.paint(Tone::Plain, &checked.next))
}

fn step(page: &Page, step: &CheckStep) -> String {
    let outcome = format!("{:<8}", step.outcome);
    let whole = step.to_string();
    let rest = whole.strip_prefix(&outcome).unwrap_or(&whole);
    format!("{}{}\n", page.paint(tone(step.outcome), &outcome), page.paint(Tone::Plain, rest))
}

fn tone(outcome: Outcome) -> Tone {
    match outcome {
        Outcome::Ok => Tone::Good,
        Outcome::Warning => Tone::Warn,
        Outcome::Failed => Tone::Bad,
    }
}

/// Groups that have the prefix, or nearly have it.
fn group_table(page: &Page, groups: &GroupReport) -> String {
    let mut table = page.table(&["group", "gives"]);
    for group in &groups.matching {
        table.add_row([page.plain(&group.name), page.plain(&group.gives)]);
    }
    for group in &groups.near {
        let meant = group.meant.as_ref().map(|meant| format!("; with it, {meant}")).unwrap_or_default();
        table.add_row([page.plain(&group.name), page.cell(Tone::Warn, format!("nothing: it only nearly has the prefix{meant}"))]);
    }
    for group in &groups.unparsed {
        table.add_row([page.plain(&group.name), page.cell(Tone::Warn, format!("nothing: {}", group.message))]);
    }
    if table.is_empty() { String::new() } else { format!("\n{}", lines(&table)) }
}
