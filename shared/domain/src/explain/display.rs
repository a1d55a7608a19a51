//! An explanation as five numbered steps.

use std::fmt;

use super::{
    AccountSeen, ActionSeen, Answer, AnswerOutcome, Explanation, FaultSeen, FindingSeen, Found, HeldSeen, NowSeen, Reading, Source,
    TenantExplanation, UserSeen,
};
use crate::held::Verdict;
use crate::integration::Mode;
use crate::plan::Verb;
use crate::plan::role_list;

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            Source::Snapshot { run, at_ms, unchanged_since } => {
                write!(f, "{} as run {run} read it at {}", self.login, utc(*at_ms))?;
                unchanged_since.iter().try_for_each(|since| write!(f, ", unchanged since run {since}"))?;
                writeln!(f)
            }
            Source::Live => writeln!(f, "{} as it is now", self.login),
        }?;
        writeln!(f, "1. Found in the directory: {}", found(self.found))?;
        self.users.iter().try_for_each(|user| writeln!(f, "   {user}"))?;
        self.write_groups(f)?;
        self.write_readings(f)?;
        writeln!(f, "4. Decided:")?;
        self.findings.iter().try_for_each(|finding| writeln!(f, "   {finding}"))?;
        write_tenants(f, self.tenants.iter().map(|tenant| (tenant, tenant.decision_text())))?;
        writeln!(f, "5. Orgvue's last answer:")?;
        write_tenants(f, self.tenants.iter().map(|tenant| (tenant, tenant.answer_text())))
    }
}

impl Explanation {
    fn write_groups(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.users.iter().flat_map(|user| &user.groups).map(|group| group.name.as_str()).collect();
        let names = match (names.is_empty(), &self.source) {
            (false, _) => names.join(", "),
            (true, Source::Snapshot { .. }) => "none that is stored; only groups that give something are".to_owned(),
            (true, Source::Live) => "none of those that were read".to_owned(),
        };
        writeln!(f, "2. In groups: {names}")?;
        match self.groups_not_read.is_empty() {
            true => Ok(()),
            false => writeln!(f, "   members not known of {}", self.groups_not_read.join(", ")),
        }
    }

    fn write_readings(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let groups: Vec<_> = self.users.iter().flat_map(|user| &user.groups).collect();
        writeln!(f, "3. What these give:{}", if groups.is_empty() { " nothing" } else { "" })?;
        groups.into_iter().try_for_each(|group| writeln!(f, "   {}: {}", group.name, group.reading))
    }
}

fn found(found: Found) -> &'static str {
    match found {
        Found::One => "yes",
        Found::Several => "more than one user",
        Found::Absent => "no",
        Found::NotStored => "not among the users in groups of ours; others are not known from what is stored: ask with --live",
    }
}

/// Tenants of which one and the same is to be told share their lines.
fn write_tenants<'a>(f: &mut fmt::Formatter<'_>, told: impl Iterator<Item = (&'a TenantExplanation, String)>) -> fmt::Result {
    let mut by_text: Vec<(String, Vec<&str>)> = Vec::new();
    for (tenant, text) in told {
        match by_text.iter_mut().find(|(other, _)| *other == text) {
            Some((_, tenants)) => tenants.push(tenant.tenant.as_str()),
            None => by_text.push((text, vec![tenant.tenant.as_str()])),
        }
    }
    by_text.iter().try_for_each(|(text, tenants)| writeln!(f, "   {}: {text}", tenants.join(", ")))
}

impl TenantExplanation {
    fn decision_text(&self) -> String {
        let mode = match self.mode {
            Mode::Enforce => "",
            Mode::Simulate => " (runs write nothing here)",
            Mode::Paused => " (paused: no runs here)",
        };
        let findings = self.findings.iter().map(ToString::to_string);
        let held = self.held.iter().map(ToString::to_string);
        lines([format!("{}{mode}", self.message)].into_iter().chain(findings).chain(held))
    }

    fn answer_text(&self) -> String {
        let now = self.now.iter().map(ToString::to_string);
        let fault = self.fault.iter().map(ToString::to_string);
        match lines(now.chain(self.answers.iter().map(ToString::to_string)).chain(fault)) {
            nothing if nothing.is_empty() => "none among the runs that were looked at".to_owned(),
            text => text,
        }
    }
}

/// The first behind the tenant's name, the others below it.
fn lines(texts: impl Iterator<Item = String>) -> String {
    texts.collect::<Vec<_>>().join("\n     ")
}

impl fmt::Display for UserSeen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let active = if self.active { "active" } else { "not active" };
        write!(f, "user {}, {active}, {}", self.id, self.email.as_deref().unwrap_or("without an e-mail address"))
    }
}

impl fmt::Display for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gives(grant) => write!(f, "{grant}"),
            Self::GivesNothing { code, message, remedy } => write!(f, "nothing ({code}): {message}; {remedy}"),
            Self::NearMiss { distance: _, meant: Some(meant) } => write!(f, "nothing, for it only nearly has the prefix; with it, {meant}"),
            Self::NearMiss { distance: _, meant: None } => write!(f, "nothing, for it only nearly has the prefix"),
            Self::NotOurs => write!(f, "nothing, for it has not the prefix"),
        }
    }
}

impl fmt::Display for FindingSeen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)?;
        if let Some(since) = self.since_ms {
            write!(f, ", since {}", utc(since))?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "; {hint}")?;
        }
        write!(f, "; to do: {}", self.remedy)
    }
}

impl fmt::Display for HeldSeen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "held: {}", verb(self.action))?;
        if !self.lost_roles.is_empty() {
            write!(f, ", losing {}", role_list(&self.lost_roles))?;
        }
        if let Some(login) = &self.renamed_to {
            write!(f, ", renamed to {login}")?;
        }
        write!(f, ": {}", self.message)?;
        if let Some(hash) = &self.hash {
            write!(f, "; hash {}", hash.short())?;
        }
        match self.verdict {
            Some(Verdict::Approved) => write!(f, "; approved: the next run does it"),
            Some(Verdict::Rejected) => write!(f, "; rejected by a person"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} by run {} at {}",
            match self.outcome {
                AnswerOutcome::Created => "created",
                AnswerOutcome::Updated => "updated",
                AnswerOutcome::Removed => "removed or disabled",
                AnswerOutcome::WouldCreate => "to be created, had it written,",
                AnswerOutcome::WouldUpdate => "to be updated, had it written,",
                AnswerOutcome::WouldRemove => "to be removed or disabled, had it written,",
                AnswerOutcome::RightAlready => "found right already",
                AnswerOutcome::NothingToDo => "not touched",
                AnswerOutcome::Held => "held",
                AnswerOutcome::Refused => "refused",
                AnswerOutcome::Failed => "not brought about, or not for certain,",
            },
            self.run,
            utc(self.at_ms)
        )?;
        match &self.message {
            Some(message) => write!(f, ": {message}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for FaultSeen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "could not be worked on")?;
        if let (Some(run), Some(at)) = (&self.run, self.at_ms) {
            write!(f, " by run {run} at {}", utc(at))?;
        }
        for text in [&self.code, &self.error].into_iter().flatten() {
            write!(f, ": {text}")?;
        }
        Ok(())
    }
}

impl fmt::Display for NowSeen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.account {
            Some(account) => write!(f, "now {account}"),
            None => write!(f, "now no account"),
        }?;
        match &self.next {
            Some(action) => write!(f, "; planned: {action}"),
            None => write!(f, "; nothing planned"),
        }
    }
}

impl fmt::Display for AccountSeen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let enabled = if self.enabled { "enabled" } else { "disabled" };
        let expired = if self.expired { ", expired" } else { "" };
        write!(f, "{enabled}{expired} with {}", role_list(&self.roles))
    }
}

impl fmt::Display for ActionSeen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", verb(self.action))?;
        if !self.roles.is_empty() {
            write!(f, " with {}", role_list(&self.roles))?;
        }
        if !self.lost_roles.is_empty() {
            write!(f, ", losing {}", role_list(&self.lost_roles))?;
        }
        match &self.renamed_to {
            Some(login) => write!(f, ", renamed to {login}"),
            None => Ok(()),
        }
    }
}

fn verb(verb: Verb) -> &'static str {
    match verb {
        Verb::Create => "create",
        Verb::Update => "update",
        Verb::Disable => "disable",
        Verb::Remove => "remove",
        Verb::Restore => "restore",
    }
}

/// A time for people.
fn utc(ms: i64) -> String {
    match jiff::Timestamp::from_millisecond(ms) {
        Ok(time) => time.strftime("%Y-%m-%d %H:%M:%SZ").to_string(),
        Err(_) => format!("{ms} ms"),
    }
}
