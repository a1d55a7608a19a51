//! The notice to a customer's IAM administrator: that something newly waits for a person, or that the open findings have changed.
//!
//! It leaves the system by e-mail and chat, so it holds ids, codes and counts; who is meant is for the commands that it names.

use std::collections::{BTreeMap, BTreeSet};

use crate::finding::{Finding, FindingCode};
use crate::guard::HoldReason;
use crate::held::{HeldHead, Verdict};
use crate::ids::TenantId;
use crate::run::{RunRecord, TenantRecord};

/// Most lines of one notice that count something: more than anybody reads, and far below the 256 KB of a message.
const LINES_MAX: usize = 100;

/// What is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Below 100 ASCII characters, as [Publish](https://docs.aws.amazon.com/sns/latest/api/API_Publish.html) wants it.
    pub subject: String,
    /// What happened, how often, what to do, and where the names are.
    pub text: String,
}

/// What has come to the open findings and gone from them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FindingNews {
    added: Counts,
    gone: Counts,
    n_open: usize,
}

/// How many findings of a kind; without a tenant, those of the directory.
type Counts = BTreeMap<(Option<TenantId>, FindingCode), usize>;

impl FindingNews {
    /// What differs between two runs' open findings.
    pub fn between(before: &[Finding], now: &[Finding]) -> Self {
        Self { added: beyond(now, before), gone: beyond(before, now), n_open: now.len() }
    }

    fn is_none(&self) -> bool {
        self.added.is_empty() && self.gone.is_empty()
    }
}

/// Whether a run holds something of the tenant that the run before did not, and that no person turned down.
pub fn is_newly_held(before: Option<&HeldHead>, record: &TenantRecord) -> bool {
    let is_new = record.held_hash.as_ref().is_some_and(|hash| before.is_none_or(|before| before.hash != *hash));
    is_new && record.verdict != Some(Verdict::Rejected)
}

impl Notice {
    /// What a run has to tell; `None` if nothing is new.
    pub fn of(record: &RunRecord, newly_held: &BTreeSet<TenantId>, findings: &FindingNews) -> Option<Self> {
        let held: Vec<&TenantRecord> = record.tenants.iter().filter(|tenant| newly_held.contains(&tenant.tenant)).collect();
        if held.is_empty() && findings.is_none() {
            return None;
        }
        Some(Self { subject: subject(record, &held, findings), text: text(record, &held, findings) })
    }
}

fn subject(record: &RunRecord, held: &[&TenantRecord], findings: &FindingNews) -> String {
    let mut parts = Vec::new();
    if !held.is_empty() {
        parts.push(format!("{} held", accounts(held.iter().map(|tenant| reasons(tenant).values().sum::<usize>()).sum())));
    }
    if !findings.is_none() {
        parts.push(format!("findings {} new, {} gone", total(&findings.added), total(&findings.gone)));
    }
    format!("Orgvue {}: {}", record.integration, parts.join("; "))
}

fn text(record: &RunRecord, held: &[&TenantRecord], findings: &FindingNews) -> String {
    let id = &record.integration;
    let mut lines = Lines { text: format!("Integration {id}, directory {}, run {}.\n", record.directory, record.id), n_left: LINES_MAX };
    for tenant in held {
        let reasons = reasons(tenant);
        let n_held = accounts(reasons.values().sum());
        lines.say(&format!("\nTenant {}: {n_held} would be removed or lose access, and wait for a person.", tenant.tenant));
        lines.list(reasons.iter().map(|(why, n)| format!("{n} x {}: {}", code(*why), why.explain())));
        let hash = tenant.held_hash.as_ref().map_or("HASH", |hash| hash.short());
        lines.say("Nothing happens to them until it is decided, or the cause is mended. If it is not meant, correct the directory, and it goes by itself.");
        lines.say(&format!("Who they are: orgvue-scim held {id}"));
        lines.say(&format!("If it is meant: orgvue-scim approve {id} {hash}"));
        lines.say(&format!("If it is not: orgvue-scim reject {id} {hash}"));
    }
    if !findings.is_none() {
        lines.say(&format!("\nAccounts and groups that cannot be synced: {} open now.", findings.n_open));
        let named = |tenant: &Option<TenantId>| tenant.as_ref().map_or_else(|| "directory".to_owned(), |tenant| format!("tenant {tenant}"));
        lines.list(findings.added.iter().map(|((tenant, code), n)| format!("new, {}: {n} x {code}: {}", named(tenant), code.remedy())));
        lines.list(findings.gone.iter().map(|((tenant, code), n)| format!("gone, {}: {n} x {code}", named(tenant))));
        lines.say(&format!("Who they are: orgvue-scim findings {id}"));
    }
    lines.text
}

/// A text that does not grow without end.
struct Lines {
    text: String,
    n_left: usize,
}

impl Lines {
    fn say(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn list(&mut self, lines: impl Iterator<Item = String>) {
        let mut n_more = 0_usize;
        for line in lines {
            match self.n_left.checked_sub(1) {
                Some(left) => {
                    self.n_left = left;
                    self.say(&format!("- {line}"));
                }
                None => n_more += 1,
            }
        }
        if n_more > 0 {
            self.say(&format!("- and {n_more} more of the kind"));
        }
    }
}

/// Why what a decision would be about is held. Users who could not be read again are tried again, and nobody is asked.
fn reasons(tenant: &TenantRecord) -> BTreeMap<HoldReason, usize> {
    let mut reasons = BTreeMap::new();
    for held in tenant.held.iter().filter(|held| held.why != HoldReason::Unconfirmed) {
        *reasons.entry(held.why).or_default() += 1;
    }
    reasons
}

fn beyond(these: &[Finding], those: &[Finding]) -> Counts {
    let known: BTreeSet<_> = those.iter().map(Finding::matter).collect();
    let mut counts = Counts::new();
    for finding in these.iter().filter(|finding| !known.contains(&finding.matter())) {
        *counts.entry((finding.tenant.clone(), finding.code)).or_default() += 1;
    }
    counts
}

fn total(counts: &Counts) -> usize {
    counts.values().sum()
}

fn accounts(n: usize) -> String {
    if n == 1 { "1 account".to_owned() } else { format!("{n} accounts") }
}

fn code(why: HoldReason) -> String {
    serde_json::to_value(why).ok().and_then(|value| value.as_str().map(str::to_owned)).expect("a reason is a text in JSON")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::held::HeldHash;
    use crate::ids::{DirectoryId, IntegrationId, RunId};
    use crate::integration::Mode;
    use crate::login::Login;
    use crate::message::Reason;
    use crate::plan::Verb;
    use crate::run::{HeldRecord, Status};

    const HASH: &str = "1a2b3c4d5e6f7a8b";

    fn tenant(id: &str) -> TenantId {
        TenantId::parse(id).unwrap()
    }

    fn holding(id: &str, why: &[HoldReason]) -> TenantRecord {
        let held = |why: &HoldReason| HeldRecord {
            login: Login::as_found("ada@acme.com"),
            action: Verb::Remove,
            lost_roles: Vec::new(),
            why: *why,
            renamed_to: None,
            message: "ada@acme.com".to_owned(),
        };
        let held = why.iter().map(held).collect();
        TenantRecord { held, held_hash: Some(HeldHash::new(HASH)), ..TenantRecord::new(tenant(id), Mode::Enforce, Status::PartlyHeld) }
    }

    fn record(tenants: Vec<TenantRecord>) -> RunRecord {
        RunRecord {
            v: 1,
            id: RunId::new("r1"),
            integration: IntegrationId::parse("acme").unwrap(),
            directory: DirectoryId::parse("directory_1").unwrap(),
            reason: Reason::Webhook,
            generation: 1,
            restores: None,
            status: Status::PartlyHeld,
            code: None,
            error: None,
            started_at_ms: 0,
            tenants,
            findings: Vec::new(),
            workos_calls: 0,
            orgvue_calls: 0,
            seconds: 0.0,
        }
    }

    fn finding(code: FindingCode, login: &str, id: Option<&str>) -> Finding {
        let finding = Finding::new(code, format!("{login} is wrong")).login(&Login::as_found(login));
        Finding { tenant: id.map(tenant), ..finding }
    }

    #[test]
    fn a_notice_says_what_how_many_what_to_do_and_where_the_names_are() {
        let record = record(vec![holding("ACME", &[HoldReason::OverLimit, HoldReason::Unconfirmed, HoldReason::OverLimit])]);
        let before = [finding(FindingCode::NoEmail, "eve@acme.com", None)];
        let now = ["bob@acme.com", "joe@acme.com"].map(|login| finding(FindingCode::BlankLogin, login, Some("ACME")));
        let notice = Notice::of(&record, &BTreeSet::from([tenant("ACME")]), &FindingNews::between(&before, &now)).unwrap();
        assert_eq!(notice.subject, "Orgvue acme: 2 accounts held; findings 2 new, 1 gone");
        insta::assert_snapshot!(notice.text, @"
        Integration acme, directory directory_1, run r1.

        Tenant ACME: 2 accounts would be removed or lose access, and wait for a person.
        - 2 x over_limit: more accounts would be removed or lose access than the limit of one run and the 24 hours before it
        Nothing happens to them until it is decided, or the cause is mended. If it is not meant, correct the directory, and it goes by itself.
        Who they are: orgvue-scim held acme
        If it is meant: orgvue-scim approve acme 1a2b3c4d5e6f
        If it is not: orgvue-scim reject acme 1a2b3c4d5e6f

        Accounts and groups that cannot be synced: 2 open now.
        - new, tenant ACME: 2 x blank_login: give the row a login or delete it from Orgvue's user list
        - gone, directory: 1 x no_email
        Who they are: orgvue-scim findings acme
        ");
    }

    #[test]
    fn nothing_new_is_no_notice() {
        let same = [finding(FindingCode::NoEmail, "eve@acme.com", None)];
        let dated = [Finding { since_ms: Some(7), message: "in other words".to_owned(), ..same[0].clone() }];
        let held = record(vec![holding("ACME", &[HoldReason::OverLimit])]);
        assert_eq!(Notice::of(&held, &BTreeSet::new(), &FindingNews::between(&same, &dated)), None);
    }

    #[test]
    fn what_was_held_before_or_was_rejected_is_not_newly_held() {
        let head = |hash| HeldHead { hash: HeldHash::new(hash), n_actions: 1, run: RunId::new("r0"), since_ms: 0, rejected: false };
        let held = holding("ACME", &[HoldReason::OverLimit]);
        assert!(is_newly_held(None, &held) && is_newly_held(Some(&head("other")), &held));
        assert!(!is_newly_held(Some(&head(HASH)), &held));
        assert!(!is_newly_held(None, &TenantRecord { verdict: Some(Verdict::Rejected), ..held.clone() }));
        assert!(!is_newly_held(Some(&head(HASH)), &TenantRecord { held_hash: None, ..held }));
    }

    #[test]
    fn the_longest_subject_is_one_that_is_taken_and_a_long_text_ends() {
        let tenants: Vec<TenantRecord> = (0..120).map(|n| holding(&format!("T{n}"), HoldReason::ALL)).collect();
        let newly_held = tenants.iter().map(|record| record.tenant.clone()).collect();
        let many = || Counts::from([((None, FindingCode::NoTenant), 9_999_999)]);
        let findings = FindingNews { added: many(), gone: many(), n_open: 9_999_999 };
        let integration = IntegrationId::parse(&"a".repeat(32)).unwrap();
        let notice = Notice::of(&RunRecord { integration, ..record(tenants) }, &newly_held, &findings).unwrap();
        assert!(notice.subject.len() < 100 && notice.subject.is_ascii(), "{}", notice.subject);
        assert!(notice.text.len() < 256 * 1024, "{}", notice.text.len());
    }
}
