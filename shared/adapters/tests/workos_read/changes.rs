//! Directories that change while they are read.

use std::time::Duration;

use adapters::http::Deadline;
use adapters::workos::{Distrust, ReadError};
use domain::ids::UserId;
use standins::workos::{DeletedCursor, UserSpec};
use standins::{Fault, FaultKind, Matcher, Nth};

use crate::support::{DIRECTORY, all, fill, group_names, members, none, ours, reader, reader_with, standin};

fn behind_a_cursor() -> Matcher {
    Matcher::path("/directory_users").query("after=")
}

#[tokio::test]
async fn a_member_who_is_not_in_the_user_list_counts() {
    let workos = standin().await;
    workos.put_group(DIRECTORY, "ORG_user");
    workos.before_call(Matcher::any().query("group="), 1, |model| {
        model.put_user(DIRECTORY, UserSpec::new("new", "new@example.com"));
        model.add_member(DIRECTORY, "ORG_user", "new");
    });
    let directory = reader(&workos).read(ours).await.unwrap();
    assert_eq!(members(&directory, "ORG_user"), ["new@example.com"]);
    assert!(directory.users().iter().all(|user| user.active));
}

#[tokio::test]
async fn members_of_a_group_that_is_renamed_meanwhile_are_not_given_what_its_old_name_gave() {
    let workos = standin().await;
    fill(&workos, 1);
    workos.put_group(DIRECTORY, "ORG_admin");
    workos.before_call(Matcher::any().query("group="), 1, |model| {
        model.rename_group(DIRECTORY, "ORG_admin", "Everyone");
        model.add_member(DIRECTORY, "Everyone", "0");
    });
    let reader = reader(&workos);
    assert!(matches!(reader.read(ours).await, Err(ReadError::Untrusted { why: Distrust::Renamed, .. })));
    assert_eq!(reader.read(ours).await.unwrap().groups.len(), 1);
}

#[tokio::test]
async fn of_two_rows_of_one_user_the_later_one_is_right() {
    let workos = standin().await;
    fill(&workos, 1);
    workos.add_member(DIRECTORY, "ORG_user", "0");
    workos.before_call(Matcher::any().query("group="), 1, |model| {
        model.put_user(DIRECTORY, UserSpec { state: "inactive".to_owned(), ..UserSpec::new("0", "changed@example.com") });
    });
    let directory = reader(&workos).read(ours).await.unwrap();
    assert_eq!(members(&directory, "ORG_user"), ["changed@example.com"]);
    assert!(directory.users().iter().all(|user| !user.active));
    assert_eq!(directory.active_users_counted, Some(0));
}

#[tokio::test]
async fn a_user_who_moves_to_a_group_that_was_read_is_seen_in_their_own_groups() {
    let workos = standin().await;
    fill(&workos, 1);
    workos.put_group(DIRECTORY, "ORG_user");
    workos.add_member(DIRECTORY, "ORG_admin", "0");
    let admin = workos.put_group(DIRECTORY, "ORG_admin");
    workos.before_call(Matcher::any().query(&admin), 1, |model| {
        model.remove_member(DIRECTORY, "ORG_admin", "0");
        model.add_member(DIRECTORY, "ORG_user", "0");
    });
    let user = UserId::new(workos.put_user(DIRECTORY, UserSpec::new("0", "0@example.com")));
    // The interval keeps the two lists of members apart.
    let reader = reader_with(&workos, Duration::from_millis(200), Deadline::after(Duration::from_secs(30)));

    let mut directory = reader.read(ours).await.unwrap();
    assert!(directory.groups_of(&user).is_empty());
    let groups = reader.groups_of(&user).await.unwrap();
    assert_eq!(group_names(&groups), ["ORG_user"]);
    directory.correct_memberships(&user, groups);
    assert_eq!(members(&directory, "ORG_user"), ["0@example.com"]);
}

#[tokio::test]
async fn deleting_the_row_of_a_cursor_loses_nobody_else() {
    for deleted_cursor in [DeletedCursor::Keyset, DeletedCursor::Error, DeletedCursor::Empty, DeletedCursor::Restart] {
        let workos = standin().await;
        workos.switches(|switches| switches.deleted_cursor = deleted_cursor);
        fill(&workos, 250);
        workos.before_call(behind_a_cursor(), 1, |model| model.remove_user(DIRECTORY, "99"));
        let directory = reader(&workos).read(none).await.unwrap();
        for n in (0..250).filter(|n| *n != 99) {
            let email = format!("{n}@example.com");
            assert!(directory.users().iter().any(|user| user.email.as_ref() == Some(&email)), "{deleted_cursor:?} lost {email}");
        }
    }
}

#[tokio::test]
async fn a_list_that_begins_anew_begins_from_nothing() {
    let workos = standin().await;
    workos.switches(|switches| switches.deleted_cursor = DeletedCursor::Error);
    fill(&workos, 150);
    workos.before_call(behind_a_cursor(), 1, |model| model.remove_user(DIRECTORY, "99"));
    assert_eq!(reader(&workos).read(none).await.unwrap().users().len(), 149);
    assert_eq!(workos.calls().of("GET /directory_users"), 2 + 2);
}

#[tokio::test]
async fn a_list_of_members_begins_anew_too() {
    let workos = standin().await;
    workos.switches(|switches| switches.deleted_cursor = DeletedCursor::Empty);
    fill(&workos, 150);
    for n in 0..150 {
        workos.add_member(DIRECTORY, "ORG_user", &n.to_string());
    }
    workos.before_call(Matcher::any().query("group=").query("after="), 2, |model| model.remove_user(DIRECTORY, "99"));
    let directory = reader(&workos).read(ours).await.unwrap();
    assert_eq!(members(&directory, "ORG_user").len(), 149);
}

#[tokio::test]
async fn one_repeated_cursor_is_got_over() {
    let workos = standin().await;
    fill(&workos, 250);
    workos.fault(Fault::new(behind_a_cursor(), Nth::At(1), FaultKind::RepeatedCursor));
    assert_eq!(reader(&workos).read(none).await.unwrap().users().len(), 250);
    assert_eq!(workos.calls().of("GET /directory_users"), 2 + 3);
}

#[tokio::test]
async fn a_list_that_does_not_end_is_not_trusted() {
    for (fault, expected) in [
        (FaultKind::RepeatedCursor, Distrust::RepeatedCursor),
        (FaultKind::CursorRestart, Distrust::RepeatedRows),
        (FaultKind::CursorError, Distrust::RefusedCursor),
    ] {
        let workos = standin().await;
        fill(&workos, 250);
        workos.fault(Fault::new(behind_a_cursor(), Nth::From(1), fault));
        let Err(ReadError::Untrusted { why, .. }) = reader(&workos).read(none).await else { panic!("it was trusted") };
        assert_eq!(why, expected);
        assert_eq!(workos.calls().of("GET /directory_users"), 3 * 2, "{expected:?}");
    }
}

#[tokio::test]
async fn a_row_of_another_directory_ends_the_read() {
    for list in ["/directory_users?directory", "/directory_groups?directory", "/directory_users?group"] {
        let workos = standin().await;
        fill(&workos, 1);
        workos.add_member(DIRECTORY, "ORG_user", "0");
        let (path, query) = list.split_once('?').unwrap();
        workos.fault(Fault::new(Matcher::path(path).query(query), Nth::At(1), FaultKind::ForeignDirectoryRow));
        assert!(matches!(reader(&workos).read(ours).await, Err(ReadError::Untrusted { why: Distrust::Foreign, .. })), "{list}");
    }
}

#[tokio::test]
async fn a_directory_that_is_gone_before_is_not_read() {
    for state in ["unlinked", "deleting", "inactive"] {
        let workos = standin().await;
        workos.set_directory_state(DIRECTORY, state);
        assert!(matches!(reader(&workos).read(all).await, Err(ReadError::Gone { state: found }) if found == state));
        assert_eq!(workos.calls().total(), 1);
    }
}

#[tokio::test]
async fn a_directory_that_is_gone_after_is_not_trusted() {
    for keeps_rows in [true, false] {
        let workos = standin().await;
        workos.switches(|switches| switches.unlinked_keeps_rows = keeps_rows);
        fill(&workos, 150);
        workos.before_call(behind_a_cursor(), 1, |model| model.set_directory_state(DIRECTORY, "unlinked"));
        assert!(matches!(reader(&workos).read(all).await, Err(ReadError::Gone { state }) if state == "unlinked"));
    }
}

#[tokio::test]
async fn a_directory_that_is_deleted_meanwhile_is_gone() {
    use standins::workos::UnknownFilter::{Empty, NotFound};
    for unknown in [Empty, NotFound] {
        let workos = standin().await;
        workos.switches(|switches| switches.unknown_filter = unknown);
        fill(&workos, 150);
        workos.before_call(behind_a_cursor(), 1, |model| model.delete_directory(DIRECTORY));
        assert!(matches!(reader(&workos).read(all).await, Err(ReadError::NotFound)));
    }
}

#[tokio::test]
async fn a_directory_that_is_unsettled_is_read_later() {
    for state in ["validating", "invalid_credentials", "hibernating"] {
        let workos = standin().await;
        workos.set_directory_state(DIRECTORY, state);
        assert!(matches!(reader(&workos).read(all).await, Err(ReadError::Unsettled { state: found }) if found == state));
    }
}
