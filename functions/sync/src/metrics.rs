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
    let codes = record.tenants.iter().map(|tenant| &tenant.code).chain([&record.code]);
    metrics.extend(codes.flatten().filter_map(|code| vendor_of(code)).map(|vendor| Metric::count("VendorFaults", 1).of(vendor)));
    metrics
}

/// The vendor whose fault a code stands for: one that concerns every customer, and no tenant's or directory's own.
fn vendor_of(code: &str) -> Option<Vendor> {
    match code {
        "workos_unavailable" | "workos_key_refused" | "workos_key_missing" | "workos_key_denied" | "workos_key_unusable" => {
            Some(Vendor::WorkOs)
        }
        "orgvue_unavailable" | "orgvue_answer_malformed" => Some(Vendor::Orgvue),
        _ => None,
    }
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
