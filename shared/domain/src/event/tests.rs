use hmac::{Hmac, KeyInit, Mac};
use proptest::prelude::proptest;
use sha2::Sha256;

use super::*;
use crate::signature;

const DIRECTORY: &str = "directory_01ECAZ4NV9QMV47GW873HDCX74";

fn webhook(body: &[u8]) -> VerifiedWebhook {
    let mut mac = Hmac::<Sha256>::new_from_slice(b"secret").unwrap();
    mac.update(b"1700000000000.");
    mac.update(body);
    let header = format!("t=1700000000000, v1={}", hex::encode(mac.finalize().into_bytes()));
    signature::verify(&[header.as_bytes()], body, &[b"secret"], 1_700_000_000_000, 0).unwrap()
}

fn read(body: &str) -> Result<Event, UnparseableEvent> {
    parse(&webhook(body.as_bytes()))
}

#[track_caller]
fn pokes(body: &str) -> DirectoryEvent {
    match read(body) {
        Ok(Event::Directory(event)) => {
            assert_eq!(event.directory.as_str(), DIRECTORY, "{body}");
            event
        }
        other => panic!("{body}: {other:?}"),
    }
}

#[track_caller]
fn ignored(body: &str) {
    assert!(matches!(read(body), Ok(Event::Ignored { .. })), "{body}: {:?}", read(body));
}

#[test]
fn every_documented_kind_pokes_its_directory() {
    for kind in ABOUT_THE_DIRECTORY {
        let event = pokes(&format!(r#"{{"event":"{kind}","id":"event_01","data":{{"id":"{DIRECTORY}","state":"deleting"}}}}"#));
        assert_eq!((event.kind.as_str(), event.id), (*kind, Some(EventId::new("event_01"))));
    }
    for kind in WITHIN_A_DIRECTORY {
        pokes(&format!(r#"{{"event":"{kind}","id":"event_01","data":{{"id":"directory_user_01","directory_id":"{DIRECTORY}"}}}}"#));
    }
}

#[test]
fn the_documented_samples_are_read() {
    pokes(
        r#"{"event":"dsync.activated","id":"event_01FKJ843CVE8F7BXQSPFH0M53V","data":{"object":"directory","external_key":"UWuccu6o1E0GqkYs",
        "name":"Foo Corp's Directory","organization_id":"org_01EZTR6WYX1A0DSE2CYMGXQ24Y","id":"directory_01ECAZ4NV9QMV47GW873HDCX74",
        "state":"active","type":"generic scim v2.0","created_at":"2021-06-25T19:07:33.155Z","domains":[{"object":"organization_domain",
        "id":"org_domain_01","domain":"foo-corp.com"}]},"created_at":"2021-06-25T19:07:33.155Z","context":{}}"#,
    );
    pokes(
        r#"{"object":"event","created_at":"2023-04-28 20:05:31.093","id":"event_04","event":"dsync.user.updated","data":{
        "id":"directory_user_01E1X56GH84T3FB41SD6PZGDBX","directory_id":"directory_01ECAZ4NV9QMV47GW873HDCX74","idp_id":"2936",
        "email":null,"state":"inactive","custom_attributes":{"department":"Engineering"},"raw_attributes":{},
        "previous_attributes":{"state":"active"}},"context":{"actor":{"id":"x","source":"api"}}}"#,
    );
}

#[test]
fn memberships_may_name_the_directory_in_the_user_or_the_group_only() {
    for part in ["user", "group"] {
        let kind = "dsync.group.user_added";
        pokes(&format!(r#"{{"event":"{kind}","data":{{"{part}":{{"id":"x","directory_id":"{DIRECTORY}"}}}}}}"#));
    }
    let data = format!(r#"{{"directory_id":"{DIRECTORY}","user":{{"directory_id":"directory_other"}}}}"#);
    pokes(&format!(r#"{{"event":"dsync.group.user_removed","data":{data}}}"#));
}

#[test]
fn old_missing_and_odd_ids_do_not_matter() {
    let body = |id| format!(r#"{{{id}"event":"dsync.deleted","data":{{"id":"{DIRECTORY}"}}}}"#);
    assert_eq!(pokes(&body(r#""id":"wh_07FKJ843CVE8F7BXQSPFH0M53V","#)).id, Some(EventId::new("wh_07FKJ843CVE8F7BXQSPFH0M53V")));
    for none in ["", r#""id":null,"#, r#""id":7,"#] {
        assert_eq!(pokes(&body(none)).id, None);
    }
}

#[test]
fn an_unknown_directory_kind_pokes_if_it_names_a_directory() {
    pokes(&format!(r#"{{"event":"dsync.user.reborn","data":{{"directory_id":"{DIRECTORY}"}}}}"#));
    ignored(&format!(r#"{{"event":"dsync.paused","data":{{"id":"{DIRECTORY}"}}}}"#));
    ignored(r#"{"event":"dsync.paused"}"#);
}

#[test]
fn other_kinds_are_ignored_whatever_they_hold() {
    let body = r#"{"event":"user.created","id":"event_02","data":{"directory_id":"directory_01"}}"#;
    assert_eq!(read(body), Ok(Event::Ignored { kind: "user.created".to_owned(), id: Some(EventId::new("event_02")) }));
    ignored(r#"{"event":"connection.activated","data":null}"#);
    ignored(r#"{"event":"dsync"}"#);
}

#[test]
fn a_broken_name_does_not_hide_the_poke() {
    let data = format!(r#"{{"first_name":"\ud83d","directory_id":"{DIRECTORY}"}}"#);
    pokes(&format!(r#"{{"event":"dsync.user.created","created_at":"\udead","data":{data}}}"#));
}

#[test]
fn says_what_is_missing_without_quoting_the_body() {
    let error = |body: &str| read(body).unwrap_err().to_string();
    insta::assert_snapshot!(error("ada@example.com"), @"the body is not a JSON object");
    insta::assert_snapshot!(error(r#"["dsync.deleted"]"#), @"the body is not a JSON object");
    insta::assert_snapshot!(error(r#"{"event":7}"#), @"the body has no text at event");
    insta::assert_snapshot!(error(r#"{"event":"dsync.deleted","data":[]}"#), @"the body has no directory id at data.id");
    insta::assert_snapshot!(error(r#"{"event":"dsync.user.created"}"#), @"the body has no directory id at data.directory_id");
    insta::assert_snapshot!(error(r#"{"event":"dsync.deleted","data":{"id":"ada"}}"#), @"the text at data.id is not a directory id");
    let in_the_group = r#"{"event":"dsync.group.user_added","data":{"group":{"directory_id":"ada"}}}"#;
    insta::assert_snapshot!(error(in_the_group), @"the text at data.group.directory_id is not a directory id");
}

proptest! {
    #[test]
    fn no_body_panics(body: Vec<u8>, text: String) {
        let _ = parse(&webhook(&body));
        let _ = read(&format!(r#"{{"event":"dsync.{text}","data":{text}}}"#));
    }
}
