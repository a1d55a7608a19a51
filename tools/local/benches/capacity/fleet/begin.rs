//! How a day begins: the customers, and everything that comes to them from outside.

use std::collections::{BinaryHeap, HashMap, VecDeque};

use domain::backoff::Backoff;
use domain::delays::Delays;
use domain::ids::{DirectoryId, IntegrationId};
use domain::pending::Pending;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, LogNormal};

use super::runs::{Costs, Effect, Extent};
use super::world::{
    BEGIN, BURST, CHANGED_IN_A_DAY, END, EVENTS_PER_CHANGE, HOUR, LARGEST, LIMITED_SECONDS_MAX, MINUTE, MONDAY_AT, MONDAY_CHANGED,
    MONDAY_CUSTOMERS, OUTAGE, RESYNC_AT, RESYNCED_USERS, SECOND, SEED, TENANTS, USERS_MEDIAN, USERS_SIGMA, World,
};
use super::{Customer, Day, Event, Fleet};
use crate::prices::USERS_INTERVAL;
use crate::scenes::Figures;

impl<'a> Fleet<'a> {
    pub(super) fn new(world: World, figures: &'a Figures) -> Self {
        let mut rng = StdRng::seed_from_u64(SEED);
        let sizes = LogNormal::new(USERS_MEDIAN.ln(), USERS_SIGMA).expect("the spread is above zero");
        let delays = Delays { nudge_ms: world.nudge_ms, ..Delays::default() };
        let customers = (0..world.n_customers)
            .map(|at| {
                let users = match at % 1_000 {
                    place if place < LARGEST.0 => LARGEST.1,
                    place if place == LARGEST.0 => RESYNCED_USERS,
                    _ => (sizes.sample(&mut rng) as usize).clamp(10, LARGEST.1),
                };
                let mut share: f64 = rng.random();
                let tenants = TENANTS
                    .iter()
                    .find(|(_, part)| {
                        share -= part;
                        share < 0.0
                    })
                    .map_or(1, |(tenants, _)| *tenants);
                let drift = BEGIN + rng.random_range(0..delays.drift_ms);
                let directory = DirectoryId::parse(&format!("directory_{at}")).expect("the id is one");
                let integration = IntegrationId::parse(&format!("customer-{at}")).expect("the id is one");
                Customer {
                    users,
                    tenants,
                    pending: Pending::new(directory, integration, drift),
                    owed: None,
                    backoff: Backoff::default(),
                    retry_at_ms: None,
                    waiting: Vec::new(),
                    claimed: Vec::new(),
                    whole_ms: None,
                }
            })
            .collect::<Vec<_>>();
        let users = customers.iter().map(|customer| customer.users).sum();
        let too_large = customers.iter().filter(|customer| customer.calls(Extent::Whole) * USERS_INTERVAL > LIMITED_SECONDS_MAX).count();
        Self {
            world,
            costs: Costs { figures },
            delays,
            rng,
            now: BEGIN,
            customers,
            events: BinaryHeap::new(),
            n_events: 0,
            queue: VecDeque::new(),
            busy: 0,
            reading: Vec::new(),
            run_number: 0,
            delays_ms: Vec::new(),
            busy_ms: 0,
            busy_by_hour: [0; 24],
            workos_by_minute: vec![0.0; ((END - BEGIN) / MINUTE) as usize + 1],
            webhooks_by_second: HashMap::new(),
            last_of_outage: OUTAGE.1,
            day: Day { too_large, users, ..Day::default() },
        }
    }

    fn effect(&mut self) -> Effect {
        Effect::thrown(self.rng.random(), self.world.taking)
    }

    /// Everything that comes from outside.
    pub(super) fn plan(&mut self) {
        for customer in 0..self.customers.len() {
            let users = self.customers[customer].users as f64;
            let add = |fleet: &mut Self, n: f64, from: i64, to: i64, effect: fn(&mut Self) -> Effect| {
                let n = n.floor() + f64::from(u8::from(fleet.rng.random_bool(n.fract())));
                for _ in 0..n as usize {
                    let at = fleet.rng.random_range(from..to);
                    let effect = effect(fleet);
                    fleet.at(at, Event::Change { customer, effect });
                    // The other events tell of the same.
                    for event in 1..EVENTS_PER_CHANGE as i64 {
                        fleet.at(at + event * SECOND, Event::Change { customer, effect: Effect::Nothing });
                    }
                }
            };
            add(self, users * CHANGED_IN_A_DAY, 8 * HOUR, 18 * HOUR, Self::effect);
            if self.rng.random_bool(MONDAY_CUSTOMERS) {
                add(self, users * MONDAY_CHANGED, MONDAY_AT, MONDAY_AT + BURST, Self::effect);
            }
            if customer == LARGEST.0 {
                add(self, users / EVENTS_PER_CHANGE as f64, RESYNC_AT, RESYNC_AT + BURST, |_| Effect::Nothing);
            }
        }
        for minute in 0..(END - BEGIN) / MINUTE {
            self.at(BEGIN + minute * MINUTE, Event::Sweep);
        }
    }
}
