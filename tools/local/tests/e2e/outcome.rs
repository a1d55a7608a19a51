//! What came of it: waiting until nothing moves any more, the runs, and the table as it stands.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::AttributeValue;
use domain::held::Verdict;
use domain::ids::TenantId;
use domain::pending::{Pending, Switch};
use domain::tenant_state::TenantState;
use local::aws::Depth;
use sync::{DecidedOn, OperateError};

use crate::world::{Customer, LIMIT, PUT_ITEMS, Run, World};

impl World {
    /// Waits until nothing is owed, under way or waiting for another try.
    pub(crate) async fn settled(&self) {
        let began = Instant::now();
        while let Some(why) = self.unsettled().await {
            assert!(began.elapsed() < LIMIT, "it does not settle: {why}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    async fn unsettled(&self) -> Option<String> {
        if let Some(why) = self.undrained().await {
            return Some(why);
        }
        self.all_pending().await.into_iter().find(|pending| pending.switch == Switch::Live && !is_idle(pending)).map(|p| format!("{p:?}"))
    }

    async fn undrained(&self) -> Option<String> {
        // In this order: at the end of a window the message is in the queue before the schedule is gone.
        let windows = self.home().windows().await;
        if !windows.is_empty() {
            return Some(format!("a schedule waits: {windows:?}"));
        }
        let depth = self.home().depth().await;
        (depth != Depth::default()).then(|| format!("the queue has {depth:?}"))
    }

    /// Waits until no message is on its way or being handled, whatever is owed.
    pub(crate) async fn drained(&self) {
        let began = Instant::now();
        while let Some(why) = self.undrained().await {
            assert!(began.elapsed() < LIMIT, "it does not drain: {why}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Pokes, waits, and returns the last run of the first customer.
    pub(crate) async fn synced(&self) -> Run {
        self.poke().await;
        self.settled().await;
        self.last_run().await
    }

    /// Asks, waits, and returns the last run of the first customer.
    pub(crate) async fn asked(&self) -> Run {
        self.ask().await;
        self.settled().await;
        self.last_run().await
    }

    pub(crate) async fn pending(&self) -> Pending {
        self.all_pending().await.remove(0)
    }

    /// Changes the mark of the first customer behind the system's back.
    pub(crate) async fn set_pending(&self, attribute: &str, value: AttributeValue) {
        self.set_item(&format!("PENDING#{}", self.directory()), "PENDING", attribute, value).await;
    }

    /// Changes an item of the table behind the system's back.
    pub(crate) async fn set_item(&self, pk: &str, sk: &str, attribute: &str, value: AttributeValue) {
        let (client, table) = self.home().dynamodb();
        client
            .update_item()
            .table_name(table)
            .key("pk", AttributeValue::S(pk.to_owned()))
            .key("sk", AttributeValue::S(sk.to_owned()))
            .update_expression("SET #attribute = :value")
            .expression_attribute_names("#attribute", attribute)
            .expression_attribute_values(":value", value)
            .send()
            .await
            .unwrap();
    }

    /// Deletes an item of the table behind the system's back, as its time to live does.
    pub(crate) async fn delete_item(&self, mut item: HashMap<String, AttributeValue>) {
        item.retain(|name, _| name == "pk" || name == "sk");
        let (client, table) = self.home().dynamodb();
        client.delete_item().table_name(table).set_key(Some(item)).send().await.unwrap();
    }

    /// Every item of the table, in no order.
    pub(crate) async fn items(&self) -> Vec<HashMap<String, AttributeValue>> {
        let (client, table) = self.home().dynamodb();
        let pages = client.scan().table_name(table).into_paginator().items().send();
        pages.collect::<Result<_, _>>().await.unwrap()
    }

    /// What outlives the runs of a tenant of the first customer.
    pub(crate) async fn state(&self, tenant: &str) -> TenantState {
        self.state_of(&self.customers[0], tenant).await
    }

    pub(crate) async fn state_of(&self, customer: &Customer, tenant: &str) -> TenantState {
        let mut states = self.store().tenant_states(&customer.integration_id()).await.unwrap();
        states.remove(&TenantId::parse(tenant).unwrap()).unwrap_or_default()
    }

    /// A person decides about what a tenant of the first customer holds.
    pub(crate) async fn decide(&self, tenant: &str, verdict: Verdict) -> Result<DecidedOn, OperateError> {
        let held = self.state(tenant).await.held.unwrap();
        self.operator().decide(&self.id(), None, held.hash.as_str(), verdict).await
    }

    /// A person approves what a tenant of the first customer holds; waits, and returns the last run.
    pub(crate) async fn approved(&self, tenant: &str) -> Run {
        self.decide(tenant, Verdict::Approved).await.unwrap();
        self.settled().await;
        self.last_run().await
    }

    async fn all_pending(&self) -> Vec<Pending> {
        let mut all = Vec::new();
        for customer in &self.customers {
            all.extend(self.store().pending(&[customer.directory_id()]).await.unwrap());
        }
        all
    }

    /// The runs of the first customer that told their end, oldest first.
    pub(crate) async fn runs(&self) -> Vec<Run> {
        self.runs_of(&self.customers[0]).await
    }

    pub(crate) async fn runs_of(&self, customer: &Customer) -> Vec<Run> {
        self.all_runs_of(customer).await.into_iter().filter(|run| !run.is_interrupted()).collect()
    }

    /// The runs of the first customer that began to write and have not told their end.
    pub(crate) async fn interrupted_runs(&self) -> Vec<Run> {
        self.all_runs_of(&self.customers[0]).await.into_iter().filter(Run::is_interrupted).collect()
    }

    async fn all_runs_of(&self, customer: &Customer) -> Vec<Run> {
        let mut runs = Vec::new();
        for head in self.store().runs(&customer.integration_id()).await.unwrap() {
            runs.push(Run(self.store().run(&head.id).await.unwrap().unwrap()));
        }
        runs
    }

    pub(crate) async fn last_run(&self) -> Run {
        self.runs().await.pop().unwrap()
    }

    /// Waits for a run of the first customer that is like this.
    pub(crate) async fn run_where(&self, what: &str, is_it: impl Fn(&Run) -> bool) -> Run {
        let began = Instant::now();
        loop {
            let runs = self.runs().await;
            if let Some(at) = runs.iter().position(&is_it) {
                return runs.into_iter().nth(at).unwrap();
            }
            assert!(began.elapsed() < LIMIT, "no run {what}: {runs:?}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// How many writes Orgvue was sent.
    pub(crate) fn puts(&self) -> u64 {
        self.orgvue.calls().of(PUT_ITEMS)
    }

    /// What must hold at the end of every story: nothing is left behind, and a second run changes nothing.
    pub(crate) async fn end(self) {
        self.end_with_dead_letters(&[]).await;
    }

    pub(crate) async fn end_with_dead_letters(self, dead_letters: &[&str]) {
        self.settled().await;
        assert_eq!(self.home().dead_letters().await, dead_letters);
        let puts = self.puts();
        let mut before = Vec::new();
        for customer in &self.customers {
            let is_live = self.store().pending(&[customer.directory_id()]).await.unwrap()[0].switch == Switch::Live;
            before.push((customer, is_live, self.runs_of(customer).await.len()));
            self.ask_of(customer).await;
        }
        self.settled().await;
        for (customer, is_live, n_runs) in before {
            let runs = self.runs_of(customer).await;
            assert_eq!(runs.len() > n_runs, is_live, "whether a run was made of {}", customer.id);
            if is_live {
                runs.last().unwrap().assert_nothing_was_done();
            }
        }
        assert_eq!(self.puts(), puts, "a second run writes nothing");
        self.close().await;
    }
}

fn is_idle(pending: &Pending) -> bool {
    !pending.is_owed() && pending.window_due_ms.is_none() && pending.lease.is_none() && pending.retry_at_ms.is_none()
}
