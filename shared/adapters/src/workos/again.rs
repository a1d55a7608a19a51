//! The second look: the groups of single users, read again before something is taken from somebody who is still active.
//!
//! A mistake in one group that many share may make thousands of active users lose something, in every tenant at once, and the same people
//! time and again until a person decides. WorkOS allows [6,000 calls a minute for a key](https://workos.com/docs/reference/rate-limits), which
//! is that of all customers. So a run asks about each user once, for all its tenants, and at its own pace.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::directory::Group;
use domain::ids::UserId;
use futures::{StreamExt, stream};
use tokio::sync::{OnceCell, Semaphore};

use super::ReadError;
use super::pace::Throttle;
use super::read::DirectoryReader;

/// Most users who are asked about in one run, which takes 100 s. What is beyond is held.
const USERS_MAX: usize = 2_000;
/// The first users of each tenant are asked about however many the others took: the masses of one are not to keep another from its few.
const USERS_OF_EACH_TENANT: usize = 100;
/// How many of those reads are under way at once, should the answers be slow.
const AT_ONCE: usize = 8;
/// As many calls in the time of one of `/directory_users`: 20 a second, a fifth of what the key allows to all runs together.
const CALLS_PER_USERS_CALL: u32 = 5;

/// Who was asked about in a run, and who may still be.
#[derive(Debug)]
pub(super) struct Again {
    pub(super) throttle: Throttle,
    left: AtomicUsize,
    turns: Semaphore,
    answers: Mutex<HashMap<UserId, Arc<OnceCell<Vec<Group>>>>>,
}

impl Again {
    pub(super) fn new(users_interval: Duration) -> Self {
        Self {
            throttle: Throttle::new(users_interval / CALLS_PER_USERS_CALL),
            left: AtomicUsize::new(USERS_MAX),
            turns: Semaphore::new(AT_ONCE),
            answers: Mutex::default(),
        }
    }

    fn answer(&self, user: &UserId) -> Arc<OnceCell<Vec<Group>>> {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(answers.entry(user.clone()).or_default())
    }

    /// Whether one more user may be asked about, the tenant's `nth`.
    fn may_ask(&self, nth: usize) -> bool {
        let is_left = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok();
        is_left || nth < USERS_OF_EACH_TENANT
    }
}

impl DirectoryReader {
    /// The groups of each of a tenant's users as [`groups_of`](Self::groups_of) reads them, once in a run for each user. Users whom the run may
    /// not ask about any more are left out.
    pub async fn groups_of_each(&self, users: impl IntoIterator<Item = UserId>) -> Vec<(UserId, Result<Vec<Group>, ReadError>)> {
        stream::iter(users.into_iter().enumerate())
            .map(|(nth, user)| async move { self.groups_once(&user, nth).await.transpose().map(|groups| (user, groups)) })
            .buffer_unordered(AT_ONCE)
            .filter_map(std::future::ready)
            .collect()
            .await
    }

    /// None where the run may not ask any more. What could not be read is asked for again by whoever else wants to know.
    async fn groups_once(&self, user: &UserId, nth: usize) -> Result<Option<Vec<Group>>, ReadError> {
        let answer = self.again.answer(user);
        let asked = answer.get_or_try_init(|| async {
            if !self.again.may_ask(nth) {
                return Err(None);
            }
            let _turn = self.again.turns.acquire().await.expect("nobody closes the semaphore");
            if self.calls.deadline().remaining().is_zero() {
                return Err(None);
            }
            self.groups_of(user).await.map_err(Some)
        });
        match asked.await {
            Ok(groups) => Ok(Some(groups.clone())),
            Err(None) => Ok(None),
            Err(Some(error)) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_masses_of_one_tenant_leave_another_its_few() {
        let again = Again::new(Duration::ZERO);
        assert_eq!((0..3_000).filter(|nth| again.may_ask(*nth)).count(), USERS_MAX);
        assert_eq!((0..3_000).filter(|nth| again.may_ask(*nth)).count(), USERS_OF_EACH_TENANT);
    }
}
