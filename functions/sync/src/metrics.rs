//! What is counted of runs and sweeps.

use adapters::metrics::{Metric, Vendor};
use domain::fleet::Gauges;
use domain::integration::Mode;
use domain::run::{RunRecord, Status, TenantRecord};

use crate::Swept;

/// A message that nobody can read.
pub(crate) const MALFORMED: Metric = Metric::count("MalformedMessages", 1);
/// A sweep that could not look.
pub(crate) const NOT_SWEPT: Metric = Metric::count("SweepFailures", 1);

/// A notice that nobody got.
pub(crate) const NOTICE_LOST: Metric = Metric::count("NoticesLost", 1);
/// A tenant or directory that was not in quarantine and now is.
pub(crate) const QUARANTINE_BEGUN: Metric = Metric::count("QuarantinesBegun", 1);
/// An integration that is suspended from now on.
pub(crate) const SUSPENSION_BEGUN: Metric = Metric::count("SuspensionsBegun", 1);

/// The metrics of a run. Accounts are counted that were written, not those that would be.
pub(crate) fn of_run(record: &RunRecord) -> Vec<Metric> {
    let enforced = || record.tenants.iter().filter(|tenant| tenant.mode == Mode::Enforce);
    let count = |name, list: fn(&TenantRecord) -> usize| Metric::count(name, enforced().map(list).sum());
    let status = match record.status {
        Status::Applied => "RunsApplied",
        Status::Simulated => "RunsSimulated",
        Status::PartlyHeld => "RunsPartlyHeld",
        Status::Superseded => "RunsSuperseded",
        Status::Failed => "RunsFailed",
        Status::Refused => "RunsRefused",
    };
    let mut metrics = vec![
        Metric::count(status, 1),
        Metric::seconds("RunSeconds", record.seconds),
        count("AccountsCreated", |tenant| tenant.created.len()),
        count("AccountsUpdated", |tenant| tenant.updated.len()),
        count("AccountsRemoved", |tenant| tenant.removed.len()),
        count("AccountsHeld", |tenant| tenant.held.len()),
    ];
    let workos = record.code.as_deref().filter(|code| is_fault_of_workos(code)).map(|_| Vendor::WorkOs);
    let codes = record.tenants.iter().filter_map(|tenant| tenant.code.as_deref());
    let orgvue = codes.filter(|code| is_fault_of_orgvue(code)).map(|_| Vendor::Orgvue);
    metrics.extend(workos.into_iter().chain(orgvue).map(|vendor| Metric::count("VendorFaults", 1).of(vendor)));
    metrics
}

/// Whether a run's code stands for a fault of WorkOS, or of our key for it: one that concerns every customer, and no directory's own.
fn is_fault_of_workos(code: &str) -> bool {
    matches!(
        code,
        "workos_unavailable"
            | "workos_answer_malformed"
            | "out_of_time"
            | "directory_not_found"
            | "workos_key_refused"
            | "workos_key_missing"
            | "workos_key_denied"
            | "workos_key_unusable"
    )
}

/// Whether a tenant's code stands for a fault of Orgvue, and none of the tenant's own.
fn is_fault_of_orgvue(code: &str) -> bool {
    matches!(code, "orgvue_unavailable" | "orgvue_answer_malformed" | "out_of_time")
}

/// The metrics of a sweep: all of them each time, for a gauge that is silent says nothing.
pub(crate) fn of_sweep(swept: Swept, gauges: &Gauges) -> Vec<Metric> {
    let Gauges {
        n_stale,
        oldest_owed_ms,
        n_quarantined_tenants,
        n_quarantined_directories,
        n_suspended,
        n_paused,
        n_held_tenants,
        n_findings,
    } = *gauges;
    vec![
        Metric::count("Integrations", swept.n_integrations),
        Metric::count("SweepFailures", swept.n_failed),
        Metric::count("StaleIntegrations", n_stale),
        Metric::seconds("OldestOwedSeconds", (oldest_owed_ms / 1_000) as f64),
        Metric::count("QuarantinedTenants", n_quarantined_tenants),
        Metric::count("QuarantinedDirectories", n_quarantined_directories),
        Metric::count("SuspendedIntegrations", n_suspended),
        Metric::count("PausedIntegrations", n_paused),
        Metric::count("HeldTenants", n_held_tenants),
        Metric::count("FailingAccounts", n_findings),
    ]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The vendors that fail in a run with these codes of its own and of its tenant.
    fn failing(run: Option<&str>, tenant: Option<&str>) -> Vec<Vendor> {
        let tenant = json!({
            "tenant": "ACME", "status": "failed", "code": tenant, "mode": "enforce", "created": [], "updated": [], "removed": [],
            "unchanged": 0, "held": []
        });
        let record = json!({
            "v": 1, "id": "0199c0de-0000-7000-8000-000000000000", "integration": "acme", "directory": "directory_1", "reason": "drift",
            "generation": 1, "status": "failed", "code": run, "started_at_ms": 0, "tenants": [tenant], "findings": [],
            "workos_calls": 0, "orgvue_calls": 0, "seconds": 0.0
        });
        let measured = of_run(&serde_json::from_value(record).unwrap());
        let vendors = [Vendor::WorkOs, Vendor::Orgvue].into_iter();
        vendors.filter(|vendor| measured.contains(&Metric::count("VendorFaults", 1).of(*vendor))).collect()
    }

    #[test]
    fn who_took_too_long_is_told_by_where_the_time_ended() {
        assert_eq!(failing(Some("out_of_time"), None), [Vendor::WorkOs]);
        assert_eq!(failing(None, Some("out_of_time")), [Vendor::Orgvue]);
    }

    #[test]
    fn a_key_that_finds_nobody_concerns_every_customer() {
        assert_eq!(failing(Some("directory_not_found"), None), [Vendor::WorkOs]);
    }

    #[test]
    fn a_fault_of_one_customer_is_no_vendors() {
        for code in ["directory_not_trusted", "directory_not_settled", "directory_too_large", "secrets_unavailable"] {
            assert_eq!(failing(Some(code), None), [], "{code}");
        }
        for code in ["orgvue_quota_exceeded", "orgvue_40302", "accounts_not_settled", "secrets_unavailable"] {
            assert_eq!(failing(None, Some(code)), [], "{code}");
        }
    }
}
