//! The reader of WorkOS directories, against the stand-in: what it reads. How it bears faults is in `workos_read/faults.rs`.

#[path = "workos_read/changes.rs"]
mod changes;
#[path = "workos_read/faults.rs"]
mod faults;
#[path = "workos_read/support.rs"]
mod support;

use std::time::{Duration, Instant};

use adapters::http::Deadline;
use adapters::workos::{ReadError, USERS_INTERVAL};
use domain::ids::UserId;
use standins::workos::{Order, Presence, Timestamps, UnknownFilter, UserGroups, UserSpec};
use standins::{Fault, FaultKind, Matcher, Nth};
use support::{DIRECTORY, all, fill, group_names, members, none, ours, reader, reader_with, standin};

#[tokio::test]
async fn reads_every_page_and_makes_no_call_too_many() {
    let workos = standin().await;
    fill(&workos, 1_234);
    workos.put_user(DIRECTORY, UserSpec { state: "inactive".to_owned(), ..UserSpec::new("leaver", "leaver@example.com") });
    for n in 0..150 {
        workos.add_member(DIRECTORY, "ORG_user", &n.to_string());
    }
    workos.add_member(DIRECTORY, "ORG_admin", "7");
    workos.add_member(DIRECTORY, "Everyone", "7");

    let reader = reader(&workos);
    let directory = reader.read(ours).await.unwrap();
    assert_eq!(directory.users().len(), 1_235);
    assert_eq!(directory.users().iter().filter(|user| user.active).count(), 1_234);
    assert_eq!(directory.active_users_counted, Some(1_234));
    assert_eq!(members(&directory, "ORG_user").len(), 150);
    assert_eq!(members(&directory, "ORG_admin"), ["7@example.com"]);
    assert_eq!(group_names(directory.groups.values()), ["Everyone", "ORG_admin", "ORG_user"]);

    let calls = workos.calls();
    assert_eq!(calls.of("GET /directories/{id}"), 2);
    assert_eq!(calls.of("GET /directory_groups"), 2);
    assert_eq!(calls.of("GET /directory_users"), 13 + 2 + 1);
    assert_eq!((calls.total(), reader.calls()), (20, 20));
    let lists = calls.lines().into_iter().filter(|line| !line.contains("/directories/"));
    assert!(lists.into_iter().all(|line| line.contains("order=asc&limit=100")));
}

#[tokio::test]
async fn the_members_alone_take_the_calls_of_their_lists() {
    let workos = standin().await;
    fill(&workos, 1_234);
    for n in 0..150 {
        workos.add_member(DIRECTORY, "ORG_user", &n.to_string());
    }
    workos.add_member(DIRECTORY, "Everyone", "1000");
    let reader = reader(&workos);
    let brief = reader.read_members(ours).await.unwrap();
    assert_eq!((brief.users().len(), workos.calls().of("GET /directory_users"), reader.calls()), (150, 2, 6));
    let whole = reader.complete(brief).await.unwrap();

    assert_eq!((workos.calls().of("GET /directory_users"), reader.calls()), (2 + 13, 6 + 2 + 13));
    assert_eq!(whole, reader.read(ours).await.unwrap());
}

#[tokio::test]
async fn of_a_member_the_later_row_is_right_and_who_is_no_user_any_more_stays() {
    let workos = standin().await;
    fill(&workos, 3);
    (0..3).for_each(|n| workos.add_member(DIRECTORY, "ORG_user", &n.to_string()));
    let reader = reader(&workos);
    let brief = reader.read_members(ours).await.unwrap();
    workos.put_user(DIRECTORY, UserSpec { state: "inactive".to_owned(), ..UserSpec::new("1", "1@example.com") });
    workos.remove_user(DIRECTORY, "2");
    let whole = reader.complete(brief).await.unwrap();

    let active: Vec<bool> = whole.users().iter().map(|user| user.active).collect();
    assert_eq!((active, members(&whole, "ORG_user").len()), (vec![true, false, true], 3));
}

#[tokio::test]
async fn whoever_shares_an_address_with_an_active_outsider_is_not_alone() {
    let workos = standin().await;
    fill(&workos, 150);
    (0..3).for_each(|n| workos.add_member(DIRECTORY, "ORG_user", &n.to_string()));
    workos.put_user(DIRECTORY, UserSpec::new("outsider", "1@example.com"));
    workos.put_user(DIRECTORY, UserSpec { state: "inactive".to_owned(), ..UserSpec::new("leaver", "2@example.com") });
    let reader = reader(&workos);
    let members = reader.read_members(ours).await.unwrap();
    let alone = async |n: usize| reader.are_alone(&[&members.users()[n]], &members).await.unwrap();

    assert_eq!((alone(0).await, alone(1).await, alone(2).await), (true, false, true));
    workos.calls().reset();
    let all: Vec<_> = members.users().iter().collect();
    assert!(!reader.are_alone(&all, &members).await.unwrap());
    assert_eq!(workos.calls().total(), 0, "the list of users has two pages");
    workos.fault(Fault::new(Matcher::any().query("email="), Nth::At(1), FaultKind::EmptyList));
    assert!(!alone(0).await, "an answer without the user is none");
}

#[tokio::test]
async fn what_takes_time_between_two_reads_does_not_make_a_directory_large() {
    let workos = standin().await;
    fill(&workos, 1_000);
    let reader = reader_with(&workos, USERS_INTERVAL, Deadline::after(Duration::from_secs(4)));
    let brief = reader.read_members(ours).await.unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let error = reader.complete(brief).await.unwrap_err();
    assert!(matches!(error, ReadError::OutOfTime), "{error:?}");
}

#[tokio::test]
async fn what_is_asked_about_newcomers_does_not_make_a_directory_large() {
    let workos = standin().await;
    fill(&workos, 1_000);
    (0..1_000).for_each(|n| workos.add_member(DIRECTORY, "ORG_user", &n.to_string()));
    // A whole read takes twenty calls, and twenty-seven fit.
    let reader = reader_with(&workos, Duration::from_millis(50), Deadline::after(Duration::from_millis(1_500)));
    let read = async {
        let brief = reader.read_members(ours).await?;
        let newcomers: Vec<_> = brief.users().iter().take(8).collect();
        reader.are_alone(&newcomers, &brief).await?;
        reader.complete(brief.clone()).await
    };
    let ended = read.await;
    assert!(matches!(ended, Ok(_) | Err(ReadError::OutOfTime)), "{ended:?}");
}

#[tokio::test]
async fn an_empty_directory_takes_five_calls() {
    let workos = standin().await;
    let directory = reader(&workos).read(all).await.unwrap();
    assert!(directory.users().is_empty() && directory.groups.is_empty());
    assert_eq!(workos.calls().total(), 5);
}

#[tokio::test]
async fn a_last_page_that_is_full_is_the_last() {
    let workos = standin().await;
    fill(&workos, 200);
    assert_eq!(reader(&workos).read(none).await.unwrap().users().len(), 200);
    assert_eq!(workos.calls().of("GET /directory_users"), 2);
}

#[tokio::test]
async fn memberships_do_not_come_from_the_groups_of_users() {
    for groups in [UserGroups::Empty, UserGroups::Filled, UserGroups::Absent] {
        let workos = standin().await;
        workos.switches(|switches| switches.user_groups = groups);
        fill(&workos, 2);
        workos.add_member(DIRECTORY, "ORG_user", "0");
        workos.add_member(DIRECTORY, "Everyone", "1");
        let directory = reader(&workos).read(ours).await.unwrap();
        assert_eq!(members(&directory, "ORG_user"), ["0@example.com"]);
        assert_eq!(directory.groups.keys().filter(|group| directory.members(group).is_some()).count(), 1);
    }
}

#[tokio::test]
async fn odd_bodies_are_read_all_the_same() {
    let workos = standin().await;
    workos.switches(|switches| {
        switches.raw_attributes = Presence::Null;
        switches.legacy_user_fields = Presence::Absent;
        switches.organization_id = Presence::Null;
        switches.object_field = Presence::Absent;
        switches.directory_metadata = false;
        switches.extra_fields = true;
        switches.timestamps = Timestamps::Spaced;
        switches.camel_case_metadata = true;
        switches.coarse_clock = true;
        switches.user_state = Some("suspended".to_owned());
        switches.order_without = Order::Normal;
    });
    fill(&workos, 101);
    workos.put_user(DIRECTORY, UserSpec { email: None, ..UserSpec::new("nobody", "") });
    workos.add_member(DIRECTORY, "ORG_user", "nobody");
    let directory = reader(&workos).read(ours).await.unwrap();
    assert_eq!(directory.users().len(), 102);
    assert!(directory.users().iter().all(|user| !user.active));
    assert_eq!(directory.active_users_counted, None);
    assert_eq!(members(&directory, "ORG_user"), [""]);
}

#[tokio::test]
async fn keeps_to_four_calls_a_second_over_all_lists() {
    let workos = standin().await;
    workos.switches(|switches| switches.directory_rate = standins::workos::Switches::default().directory_rate);
    fill(&workos, 201);
    for group in ["a", "b", "c", "d"] {
        workos.put_group(DIRECTORY, group);
    }
    let start = Instant::now();
    let reader = reader_with(&workos, USERS_INTERVAL, Deadline::after(Duration::from_secs(30)));
    reader.read(all).await.unwrap();
    assert_eq!(reader.calls(), 2 + 3 + 2 + 4, "no call was turned away");
    assert!(start.elapsed() >= 6 * USERS_INTERVAL);
}

#[tokio::test]
async fn groups_of_a_user_are_read_to_the_end_and_at_a_pace_of_their_own() {
    let workos = standin().await;
    fill(&workos, 1);
    for n in 0..101 {
        workos.add_member(DIRECTORY, &format!("group {n}"), "0");
    }
    workos.put_group(DIRECTORY, "other");
    let user = UserId::new(workos.put_user(DIRECTORY, UserSpec::new("0", "0@example.com")));
    let reader = reader_with(&workos, Duration::from_secs(1), Deadline::after(Duration::from_secs(30)));
    let start = Instant::now();
    assert_eq!(reader.groups_of(&user).await.unwrap().len(), 101);
    assert!(start.elapsed() >= Duration::from_millis(200));
    assert_eq!(reader.calls(), 2);
}

#[tokio::test]
async fn a_user_who_is_not_there_is_in_no_group() {
    for unknown in [UnknownFilter::Empty, UnknownFilter::NotFound] {
        let workos = standin().await;
        workos.switches(|switches| switches.unknown_filter = unknown);
        assert_eq!(reader(&workos).groups_of(&UserId::new("directory_user_01")).await.unwrap(), []);
    }
}

#[tokio::test]
async fn no_groups_are_not_believed_of_a_directory_that_is_not_linked() {
    let workos = standin().await;
    workos.switches(|switches| switches.unlinked_keeps_rows = false);
    fill(&workos, 1);
    workos.add_member(DIRECTORY, "ORG_user", "0");
    let user = UserId::new(workos.put_user(DIRECTORY, UserSpec::new("0", "0@example.com")));
    workos.set_directory_state(DIRECTORY, "unlinked");
    assert!(matches!(reader(&workos).groups_of(&user).await, Err(ReadError::Gone { .. })));
}

#[tokio::test]
async fn a_read_can_be_spawned() {
    let workos = standin().await;
    let reader = reader(&workos);
    let read = tokio::spawn(async move { reader.read(all).await });
    assert!(read.await.unwrap().is_ok());
}
