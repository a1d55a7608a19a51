//! What the webhook answers, and what it makes of an answer of 200.

use std::time::{Duration, Instant};

use futures::future::join_all;
use local::aws::Depth;
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use standins::workos::webhook::{SIGNATURE_HEADER, Stamp, sign};
use standins::workos::{Delivery, UserSpec};

use crate::home::Home;
use crate::world::{Setup, User, World, email, group, second_secret, single, start_workos};

crate::tests![
    #[both]
    what_is_not_ours_is_accepted_and_forgotten,
    #[both]
    what_is_not_signed_is_turned_away,
    every_kind_of_event_leads_to_a_sync,
    #[both]
    both_secrets_are_accepted_while_one_replaces_the_other,
    #[both]
    duplicate_reordered_and_old_events_are_one_sync,
    fifty_events_at_once_are_one_schedule_and_one_run,
];

/// Long enough for many deliveries, unless the machine is very busy.
const WINDOW: Duration = Duration::from_secs(5);

fn long_window() -> Setup {
    Setup { window_ms: 5_000, ..Setup::from(single("ACME")) }
}

impl World {
    async fn deliver(&self, event: &Value, delivery: Delivery) -> StatusCode {
        self.workos.deliver(self.home().webhook_url(), event, delivery).await.unwrap()
    }

    async fn send(&self, method: Method, body: Vec<u8>, signature: Option<String>) -> StatusCode {
        let client = Client::builder().no_proxy().build().unwrap();
        let request = client.request(method, self.home().webhook_url()).body(body);
        let request = signature.into_iter().fold(request, |request, signature| request.header(SIGNATURE_HEADER, signature));
        request.send().await.unwrap().status()
    }

    async fn assert_nothing_happened(&self) {
        assert_eq!((self.home().windows().await, self.home().depth().await), (vec![], Depth::default()));
        if let Home::InProcess(here) = self.home() {
            assert_eq!((here.system().scheduler.created_count(), here.system().sqs.calls("SendMessage")), (0, 0));
        }
        assert_eq!((self.runs().await.len(), self.pending().await.generation), (0, 0));
    }
}

fn now_ms() -> i64 {
    adapters::clock::now_ms()
}

async fn what_is_not_ours_is_accepted_and_forgotten() {
    let world = World::start(single("ACME")).await;
    world.workos.add_directory("directory_01UNKNOWN");
    let dashboard_test = json!({
        "id": "event_01FKJ843CVE8F7BXQSPFH0M53V",
        "event": "dsync.user.created",
        "data": { "id": "directory_user_01E1JG7J09H96KYP8HM9B0G5SJ", "directory_id": "directory_01ECAZ4NV9QMV47GW873HDCX74" },
        "created_at": "2021-06-25T19:07:33.155Z",
    });
    for event in [
        world.workos.sample_event("directory_01UNKNOWN"),
        dashboard_test,
        json!({ "id": "event_1", "event": "user.created", "data": { "id": "user_1", "email": "ada@acme.com" } }),
        json!({ "id": "event_2", "event": "dsync.of.next.year", "data": {} }),
        json!({ "id": "event_3", "event": "dsync.user.created", "data": { "directory_id": "nonsense" } }),
        json!(["ada@acme.com"]),
        json!({}),
    ] {
        assert_eq!(world.deliver(&event, Delivery::default()).await, 200, "{event}");
    }
    for garbage in ["", "{", "ada@acme.com", "\0\u{feff}", "\n"] {
        let signature = sign(world.workos.webhook_secret(), now_ms(), garbage.as_bytes());
        assert_eq!(world.send(Method::POST, garbage.into(), Some(signature)).await, 200, "{garbage:?}");
    }
    let bytes = vec![0xff, 0xfe, 0x00];
    let signature = sign(world.workos.webhook_secret(), now_ms(), &bytes);
    assert_eq!(world.send(Method::POST, bytes, Some(signature)).await, 200);
    world.assert_nothing_happened().await;
    world.end().await;
}

async fn what_is_not_signed_is_turned_away() {
    let world = World::start(single("ACME")).await;
    let event = world.workos.sample_event(&world.directory());
    let body = || event.to_string().into_bytes();
    let signed = |t_ms: i64| Some(sign(world.workos.webhook_secret(), t_ms, &body()));
    let minutes = |n: i64| now_ms() + n * 60_000;

    assert_eq!(world.send(Method::POST, body(), None).await, 401);
    assert_eq!(world.send(Method::POST, body(), Some(String::new())).await, 401);
    assert_eq!(world.send(Method::POST, body(), Some("t=1, v1=00".to_owned())).await, 401);
    assert_eq!(world.send(Method::POST, body(), Some(sign("another secret", now_ms(), &body()))).await, 401);
    assert_eq!(world.send(Method::POST, body(), Some(sign("", now_ms(), &body()))).await, 401);
    assert_eq!(world.send(Method::POST, body(), signed(minutes(-4))).await, 401);
    assert_eq!(world.send(Method::POST, body(), signed(minutes(4))).await, 401);
    assert_eq!(world.send(Method::POST, body(), signed(now_ms() / 1_000)).await, 401, "seconds");
    assert_eq!(world.send(Method::POST, [body(), b"\n".to_vec()].concat(), signed(now_ms())).await, 401, "not one byte more");
    for method in [Method::GET, Method::PUT, Method::DELETE, Method::HEAD, Method::OPTIONS] {
        assert_eq!(world.send(method.clone(), body(), signed(now_ms())).await, 405, "{method}");
    }
    for bytes in [1024 * 1024 + 1, 7 * 1024 * 1024] {
        let large = vec![b' '; bytes];
        let signature = sign(world.workos.webhook_secret(), now_ms(), &large);
        assert_eq!(world.send(Method::POST, large, Some(signature)).await, 413);
    }
    world.assert_nothing_happened().await;
    assert_eq!(world.send(Method::POST, body(), signed(minutes(-2))).await, 200, "within the tolerance");
    world.end().await;
}

async fn every_kind_of_event_leads_to_a_sync() {
    let elsewhere = start_workos().await;
    let directory = single("ACME").directory();
    elsewhere.add_directory(&directory);
    elsewhere.put_user(&directory, UserSpec::new("ada", &email("ada")));
    elsewhere.put_user(&directory, UserSpec::new("ada", &email("lovelace")));
    elsewhere.add_member(&directory, &group("user"), "ada");
    elsewhere.rename_group(&directory, &group("user"), &group("admin"));
    elsewhere.remove_member(&directory, &group("admin"), "ada");
    elsewhere.remove_group(&directory, &group("admin"));
    elsewhere.remove_user(&directory, "ada");
    elsewhere.delete_directory(&directory);
    let events = elsewhere.emitted();
    let mut kinds: Vec<&str> = events.iter().filter_map(|event| event["event"].as_str()).collect();
    kinds.sort_unstable();
    kinds.dedup();
    assert_eq!(kinds.len(), 10, "{kinds:?}");

    let world = World::start(single("ACME")).await;
    world.add(User::new("bob").in_group("user"));
    for (at, event) in (1..).zip(&events) {
        assert_eq!(world.deliver(event, Delivery::default()).await, 200);
        assert_eq!(world.pending().await.generation, at, "{}", event["event"]);
    }
    world.settled().await;
    assert_eq!(world.rows("ACME"), ["bob user"], "an event says where to look, never what to do");
    world.end().await;
}

async fn both_secrets_are_accepted_while_one_replaces_the_other() {
    let world = World::start(single("ACME")).await;
    world.add(User::new("ada").in_group("user"));
    let event = world.workos.sample_event(&world.directory());
    assert_eq!(world.deliver(&event, Delivery { secret: Some(second_secret()), ..Delivery::default() }).await, 200);
    assert_eq!(world.deliver(&event, Delivery { secret: Some("whsec_third".to_owned()), ..Delivery::default() }).await, 401);
    world.settled().await;

    assert_eq!(world.rows("ACME"), ["ada user"]);
    world.end().await;
}

async fn duplicate_reordered_and_old_events_are_one_sync() {
    let world = World::start(long_window()).await;
    world.add(User::new("ada").in_group("user"));
    world.add(User::new("bob").in_group("user"));
    world.leaves("bob");
    let three_days_ago = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(72);
    let mut events = world.workos.emitted();
    events.reverse();
    for event in &mut events {
        event["created_at"] = three_days_ago.to_string().into();
    }
    let twice = || Delivery { copies: 2, stamp: Stamp::EachAttempt, ..Delivery::default() };
    for round in 1..=2 {
        let began = Instant::now();
        for event in &events {
            assert_eq!(world.deliver(event, twice()).await, 200);
        }
        let (n_windows, took) = (world.home().windows().await.len(), began.elapsed());
        world.settled().await;
        assert_eq!(world.puts(), 1, "the second time is in vain");
        if took < WINDOW {
            assert_eq!((n_windows, world.runs().await.len()), (1, round));
        }
    }
    assert_eq!(world.rows("ACME"), ["ada user"]);
    world.end().await;
}

async fn fifty_events_at_once_are_one_schedule_and_one_run() {
    let world = World::start(long_window()).await;
    world.add(User::new("ada").in_group("user"));
    let event = world.workos.sample_event(&world.directory());
    let began = Instant::now();
    let patient = || Delivery { timeout: Duration::from_secs(20), ..Delivery::persistent() };
    let answers = join_all((0..50).map(|_| world.deliver(&event, patient()))).await;
    let took = began.elapsed();
    assert!(answers.iter().all(|status| *status == 200), "{answers:?}");
    world.settled().await;

    let runs = world.runs().await;
    // On a slow machine there are several windows, and one run may cover two of them.
    assert!(runs.len() <= world.system().scheduler.created_count());
    assert!(runs.last().unwrap().generation >= 50, "each of them counts, and what had to be sent again counts twice");
    if took < WINDOW {
        assert_eq!(runs.len(), 1);
    }
    world.end().await;
}
