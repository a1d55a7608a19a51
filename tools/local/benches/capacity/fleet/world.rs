//! What is assumed of the world. Change it, and run `cargo bench -p local --bench capacity -- fleet` again.

pub(crate) const SEED: u64 = 2_026;
/// Users of a customer: log-normal.
pub(crate) const USERS_MEDIAN: f64 = 800.0;
pub(crate) const USERS_SIGMA: f64 = 1.2;
/// So many customers of each thousand are as large as this.
pub(crate) const LARGEST: (usize, usize) = (3, 100_000);
/// The customer whose whole directory is synced anew by its identity provider: an event for each user, which changes nobody's role.
pub(crate) const RESYNCED_USERS: usize = 50_000;
/// How many tenants a customer has, and the share of customers.
pub(crate) const TENANTS: [(usize, f64); 3] = [(1, 0.8), (3, 0.15), (10, 0.05)];
/// Groups of ours for each tenant, and how many of them a user is in on average.
pub(crate) const GROUPS_PER_TENANT: f64 = 3.0;
pub(crate) const GROUPS_PER_USER: f64 = 1.1;
/// Share of the users of whom something changes on a working day, between 8:00 and 18:00, and events for each change.
pub(crate) const CHANGED_IN_A_DAY: f64 = 0.005;
pub(crate) const EVENTS_PER_CHANGE: usize = 2;
/// The share of these changes that takes something from somebody, who leaves or moves, and the share that only gives: the others change no
/// role of ours. With 0.5 % of the users changed a day, some 19 % of them leave in a year, as many join, and some 12 % move.
pub(crate) const TAKING: f64 = 0.25;
pub(crate) const JOINING: f64 = 0.15;
/// On Monday at 9:00 so many customers' identity providers bring a change of so many users within ten minutes.
pub(crate) const MONDAY_CUSTOMERS: f64 = 0.5;
pub(crate) const MONDAY_CHANGED: f64 = 0.01;
/// Calls a minute that WorkOS allows for a key.
pub(crate) const KEY_PER_MINUTE: f64 = 6_000.0;
/// How long a run tries before it takes Orgvue's outage for one.
pub(crate) const OUTAGE_SECONDS: f64 = 20.0;
/// Longest that limited calls may take altogether: nine tenths of the invocation, less the time for the record.
pub(crate) const LIMITED_SECONDS_MAX: f64 = 0.9 * 890.0;

pub(crate) const SECOND: i64 = 1_000;
pub(crate) const MINUTE: i64 = 60 * SECOND;
pub(crate) const HOUR: i64 = 60 * MINUTE;
/// Sunday evening, so that Monday begins in the midst of things. Monday's midnight is 0.
pub(crate) const BEGIN: i64 = -12 * HOUR;
pub(crate) const END: i64 = 24 * HOUR;
pub(crate) const MONDAY_AT: i64 = 9 * HOUR;
pub(crate) const RESYNC_AT: i64 = 10 * HOUR;
pub(crate) const BURST: i64 = 10 * MINUTE;
pub(crate) const OUTAGE: (i64, i64) = (13 * HOUR, 15 * HOUR);
/// A drift interval before Monday's changes come.
pub(crate) const PAUSE: (i64, i64) = (-4 * HOUR, 3 * HOUR);

#[derive(Debug, Clone, Copy)]
pub(crate) struct World {
    pub(crate) n_customers: usize,
    pub(crate) concurrency: usize,
    /// The share of changes that takes something from somebody.
    pub(crate) taking: f64,
    pub(crate) has_outage: bool,
    /// How long the sweep waits before it sends for the same work again.
    pub(crate) nudge_ms: i64,
    /// Whether everything was paused in the night, so that every look for drift is due when it ends.
    pub(crate) has_pause: bool,
}
