//! A stand-in with one directory, and readers of it.

use std::time::Duration;

use adapters::http::Deadline;
use adapters::workos::{DirectoryReader, Options, WorkOs};
use domain::directory::{Directory, Group};
use domain::ids::DirectoryId;
use secrecy::SecretString;
use standins::workos::{self, UserSpec};

pub(crate) const DIRECTORY: &str = "directory_01TEST";

/// A stand-in with one empty directory and without limits of calls.
pub(crate) async fn standin() -> workos::WorkOs {
    let workos = workos::WorkOs::start(workos::Options::default()).await.expect("a free port");
    workos.switches(|switches| switches.directory_rate = None);
    workos.add_directory(DIRECTORY);
    workos
}

/// Users `0`, `1`, … with the addresses `0@example.com`, …
pub(crate) fn fill(workos: &workos::WorkOs, n_users: usize) {
    workos.edit(|model| {
        for n in 0..n_users {
            model.put_user(DIRECTORY, UserSpec::new(&n.to_string(), &format!("{n}@example.com")));
        }
    });
}

/// A reader in no hurry and without throttle.
pub(crate) fn reader(workos: &workos::WorkOs) -> DirectoryReader {
    reader_with(workos, Duration::ZERO, Deadline::after(Duration::from_secs(30)))
}

pub(crate) fn reader_with(workos: &workos::WorkOs, users_interval: Duration, deadline: Deadline) -> DirectoryReader {
    reader_at(&workos.url(), workos.key(), users_interval, deadline)
}

pub(crate) fn reader_at(url: &str, key: &str, users_interval: Duration, deadline: Deadline) -> DirectoryReader {
    let options =
        Options { users_interval, timeout: Duration::from_secs(1), ..Options::new(url.parse().expect("a url"), SecretString::from(key)) };
    let directory = DirectoryId::parse(DIRECTORY).expect("a directory id");
    WorkOs::new(options).expect("options that work").reader(directory, deadline)
}

pub(crate) fn ours(group: &str) -> bool {
    group.starts_with("ORG_")
}

pub(crate) fn all(_: &str) -> bool {
    true
}

pub(crate) fn none(_: &str) -> bool {
    false
}

pub(crate) fn group_names<'a>(groups: impl IntoIterator<Item = &'a Group>) -> Vec<String> {
    let mut names: Vec<_> = groups.into_iter().map(|group| group.name.clone()).collect();
    names.sort();
    names
}

/// The addresses of a group's members.
pub(crate) fn members(directory: &Directory, group: &str) -> Vec<String> {
    let group = directory.groups.values().find(|known| known.name == group).expect("no such group");
    let mut emails: Vec<_> =
        directory.members(&group.id).into_iter().flatten().map(|user| user.email.clone().unwrap_or_default()).collect();
    emails.sort();
    emails
}
