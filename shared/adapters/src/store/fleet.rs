//! What the sweep counts: attributes of the pending items, which it reads anyway.
//!
//! The sweep of 1,000 integrations costs no read more for them. A run writes its tally once; what is owed is noted when the sweep first sees it,
//! and again when it is owed no longer. An attribute that cannot be read counts as missing: what is counted must never stop what is done.

use std::str::FromStr;

use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use domain::fleet::{Owed, Standing, Tally};
use domain::ids::DirectoryId;

use super::item::Item;
use super::pending::{conditional, pending_keys, read};
use super::{Attributes, Claim, Store, StoreError, n, s};

impl Store {
    /// The pending items of these directories with what is counted of them, read consistently, for those who can go on without an item that is
    /// corrupt. In no order.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn each_standing(&self, directories: &[DirectoryId]) -> Result<Vec<Result<Standing, StoreError>>, StoreError> {
        let keys = pending_keys(directories);
        Ok(self.batch_get("dynamodb:BatchGetItem of pending items", keys).await?.iter().map(standing).collect())
    }

    /// Stores what a run leaves to be counted, while it holds the lease.
    ///
    /// # Errors
    /// [`StoreError`]: the next run stores its own.
    pub async fn put_tally(&self, claim: &Claim, tally: &Tally) -> Result<(), StoreError> {
        let Tally { n_held, n_quarantined, quiet_since_ms, n_findings } = tally;
        let mut set = vec!["n_held = :held", "n_quarantined = :quarantined"];
        let mut update = self
            .update_pending(claim.directory())
            .condition_expression("lease_run = :run")
            .expression_attribute_values(":run", s(claim.run().as_str()))
            .expression_attribute_values(":held", n(n_held))
            .expression_attribute_values(":quarantined", n(n_quarantined));
        if let Some(since_ms) = quiet_since_ms {
            set.push("quiet_since_ms = :quiet");
            update = update.expression_attribute_values(":quiet", n(since_ms));
        }
        if let Some(n_findings) = n_findings {
            set.push("n_findings = :findings");
            update = update.expression_attribute_values(":findings", n(n_findings));
        }
        let remove = if quiet_since_ms.is_none() { " REMOVE quiet_since_ms" } else { "" };
        self.count(update.update_expression(format!("SET {}{remove}", set.join(", "))), "dynamodb:UpdateItem to count").await
    }

    /// Notes since when work is owed, or that none is.
    ///
    /// # Errors
    /// [`StoreError`]: the next sweep notes it.
    pub async fn note_owed(&self, directory: &DirectoryId, owed: Option<Owed>) -> Result<(), StoreError> {
        let update = self.update_pending(directory).condition_expression("attribute_exists(pk)");
        let update = match owed {
            None => update.update_expression("REMOVE owed_generation, owed_since_ms"),
            Some(Owed { generation, since_ms }) => update
                .update_expression("SET owed_generation = :generation, owed_since_ms = :since")
                .expression_attribute_values(":generation", n(generation))
                .expression_attribute_values(":since", n(since_ms)),
        };
        self.count(update, "dynamodb:UpdateItem to note what is owed").await
    }

    /// An item that is gone, or another run's, is not to be counted by this one.
    async fn count(&self, update: UpdateItemFluentBuilder, operation: &'static str) -> Result<(), StoreError> {
        conditional(update, operation).await?;
        Ok(())
    }
}

fn standing(item: &Attributes) -> Result<Standing, StoreError> {
    let pending = read(item)?;
    let generation = counted(item, "owed_generation");
    let owed = generation.zip(counted(item, "owed_since_ms")).map(|(generation, since_ms)| Owed { generation, since_ms });
    let tally = Tally {
        n_held: counted(item, "n_held").unwrap_or(0),
        n_quarantined: counted(item, "n_quarantined").unwrap_or(0),
        quiet_since_ms: counted(item, "quiet_since_ms"),
        n_findings: counted(item, "n_findings"),
    };
    Ok(Standing { pending, owed, tally })
}

fn counted<T: FromStr>(item: &Attributes, name: &'static str) -> Option<T> {
    Item(item).opt_number(name).ok().flatten()
}
