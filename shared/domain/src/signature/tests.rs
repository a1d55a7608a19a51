use proptest::prelude::{any, prop_assert, proptest};

use super::*;

const NOW_MS: i64 = 1_700_000_000_000;
const TOLERANCE_MS: i64 = 180_000;
/// The hash of the body `body`, at [`NOW_MS`], with the secret `secret`.
const HASH: &str = "32850522003ebbce01a416e5d5df8ec8354a96e921cac7d0ebbaeef5732bdaea";
const OTHER_HASH: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// What comes of the body `body` under the secret `secret`, at the time of the signature.
fn check(header: &str) -> Result<VerifiedWebhook, SignatureError> {
    verify(&[header.as_bytes()], *b"body", &[b"secret"], NOW_MS, TOLERANCE_MS)
}

fn check_at(now_ms: i64) -> Result<VerifiedWebhook, SignatureError> {
    verify(&[good().as_bytes()], *b"body", &[b"secret"], now_ms, TOLERANCE_MS)
}

fn check_with(secrets: &[&[u8]]) -> Result<VerifiedWebhook, SignatureError> {
    verify(&[good().as_bytes()], *b"body", secrets, NOW_MS, TOLERANCE_MS)
}

fn good() -> String {
    format!("t={NOW_MS}, v1={HASH}")
}

fn sign(signed_at: &str, body: &[u8], secret: &[u8]) -> String {
    let header = Header { signed_at, signed_at_ms: 0, hashes: Vec::new() };
    format!("t={signed_at}, v1={}", hex::encode(header.mac(secret, body).finalize().into_bytes()))
}

#[track_caller]
fn malformed(header: &str) {
    assert!(matches!(check(header), Err(SignatureError::Malformed(_))), "{header:?}: {:?}", check(header));
}

#[test]
fn takes_what_workos_signed() {
    assert_eq!(check(&good()).unwrap().body(), b"body");
    assert_eq!(sign("1700000000000", b"body", b"secret"), good());
}

#[test]
fn refuses_another_secret_or_body() {
    assert_eq!(check_with(&[b"Secret"]), Err(SignatureError::Mismatch));
    assert_eq!(verify(&[good().as_bytes()], *b"Body", &[b"secret"], NOW_MS, TOLERANCE_MS), Err(SignatureError::Mismatch));
}

#[test]
fn takes_any_of_several_secrets() {
    assert!(check_with(&[b"old", b"secret"]).is_ok());
    assert!(check_with(&[b"secret", b"new"]).is_ok());
    assert!(check_with(&[b"", b"secret"]).is_ok());
}

#[test]
fn without_a_secret_nothing_is_taken() {
    for secrets in [&[][..], &[b"".as_slice()], &[b" ", b"\n"]] {
        assert_eq!(check_with(secrets), Err(SignatureError::NoSecret));
    }
    let by_nobody = sign("1700000000000", b"body", b"");
    assert_eq!(verify(&[by_nobody.as_bytes()], *b"body", &[b""], NOW_MS, TOLERANCE_MS), Err(SignatureError::NoSecret));
}

#[test]
fn takes_any_of_several_hashes_and_passes_over_unknown_schemes() {
    assert!(check(&format!("t={NOW_MS}, v1={OTHER_HASH}, v1={HASH}")).is_ok());
    assert!(check(&format!("t={NOW_MS}, v1={HASH}, v1={OTHER_HASH}")).is_ok());
    assert!(check(&format!("v0=, t={NOW_MS}, v1={HASH}, v2=what=ever")).is_ok());
    assert_eq!(check(&format!("t={NOW_MS}, v1={OTHER_HASH}, v2={HASH}")), Err(SignatureError::Mismatch));
}

#[test]
fn takes_any_order_spacing_and_case_of_the_hash() {
    let upper = HASH.to_uppercase();
    for header in [
        format!("v1={HASH}, t={NOW_MS}"),
        format!("t={NOW_MS},v1={HASH}"),
        format!("  t={NOW_MS} ,\t v1={HASH}  "),
        format!("t={NOW_MS}, v1={upper}"),
    ] {
        assert!(check(&header).is_ok(), "{header}");
    }
}

#[test]
fn the_tolerance_holds_for_both_directions_and_includes_its_end() {
    assert!(check_at(NOW_MS + TOLERANCE_MS).is_ok());
    assert!(check_at(NOW_MS - TOLERANCE_MS).is_ok());
    assert_eq!(check_at(NOW_MS + TOLERANCE_MS + 1), Err(SignatureError::Stale { age_ms: TOLERANCE_MS + 1 }));
    assert_eq!(check_at(NOW_MS - TOLERANCE_MS - 1), Err(SignatureError::Stale { age_ms: -TOLERANCE_MS - 1 }));
}

#[test]
fn stale_means_that_the_hash_was_right() {
    let header = format!("t={NOW_MS}, v1={OTHER_HASH}");
    assert_eq!(verify(&[header.as_bytes()], *b"body", &[b"secret"], NOW_MS * 2, TOLERANCE_MS), Err(SignatureError::Mismatch));
}

#[test]
fn extreme_times_are_stale_and_no_overflow() {
    assert_eq!(check_at(i64::MAX), Err(SignatureError::Stale { age_ms: i64::MAX - NOW_MS }));
    assert_eq!(check_at(i64::MIN), Err(SignatureError::Stale { age_ms: i64::MIN }));
    let header = sign(&i64::MAX.to_string(), b"body", b"secret");
    let checked = verify(&[header.as_bytes()], *b"body", &[b"secret"], i64::MIN, i64::MAX - 1);
    assert_eq!(checked, Err(SignatureError::Stale { age_ms: i64::MIN }));
}

#[test]
fn seconds_are_taken_for_milliseconds_and_are_stale() {
    let header = sign("1700000000", b"body", b"secret");
    assert_eq!(check(&header), Err(SignatureError::Stale { age_ms: NOW_MS - 1_700_000_000 }));
}

#[test]
fn the_literal_text_of_the_time_is_what_is_signed() {
    assert!(check(&sign("0001700000000000", b"body", b"secret")).is_ok());
    assert_eq!(check(&format!("t=0001700000000000, v1={HASH}")), Err(SignatureError::Mismatch));
}

#[test]
fn refuses_a_missing_or_doubled_header() {
    let good = good();
    let good = good.as_bytes();
    assert_eq!(verify(&[], *b"body", &[b"secret"], NOW_MS, TOLERANCE_MS), Err(SignatureError::Missing));
    assert_eq!(verify(&[good, good], *b"body", &[b"secret"], NOW_MS, TOLERANCE_MS), Err(SignatureError::Duplicate));
    malformed(&format!("{0}, {0}", self::good()));
}

#[test]
fn refuses_malformed_headers() {
    for header in [
        "",
        " ",
        ",",
        "t",
        &format!("t={NOW_MS}"),
        &format!("v1={HASH}"),
        &format!("t=, v1={HASH}"),
        &format!("t= {NOW_MS}, v1={HASH}"),
        &format!("t=+{NOW_MS}, v1={HASH}"),
        &format!("t=-{NOW_MS}, v1={HASH}"),
        &format!("t=1.7e12, v1={HASH}"),
        &format!("t=١٧٠٠, v1={HASH}"),
        &format!("t={}, v1={HASH}", "9".repeat(40)),
        &format!("T={NOW_MS}, V1={HASH}"),
        &format!("t={NOW_MS}, v1="),
        &format!("t={NOW_MS}, v1={}", &HASH[1..]),
        &format!("t={NOW_MS}, v1={HASH}00"),
        &format!("t={NOW_MS}, v1={}", HASH.replace('3', "g")),
        &format!("t={NOW_MS}, v1={HASH},"),
        &format!("t={NOW_MS}; v1={HASH}"),
        &format!("t={NOW_MS}{}", format!(", v1={HASH}").repeat(HASHES_MAX + 1)),
    ] {
        malformed(header);
    }
    let not_utf8 = [good().as_bytes(), b", v2=\xff"].concat();
    let checked = verify(&[&not_utf8], *b"body", &[b"secret"], NOW_MS, TOLERANCE_MS);
    assert_eq!(checked, Err(SignatureError::Malformed("it is not UTF-8")));
}

#[test]
fn every_byte_of_the_body_is_signed() {
    for body in [&b"body\n"[..], b"\xef\xbb\xbf{}", b"\xff\xfe\x00", b""] {
        let header = sign("1700000000000", body, b"secret");
        assert_eq!(verify(&[header.as_bytes()], body, &[b"secret"], NOW_MS, TOLERANCE_MS).unwrap().body(), body);
        let trimmed = [body, b" "].concat();
        assert_eq!(verify(&[header.as_bytes()], trimmed, &[b"secret"], NOW_MS, TOLERANCE_MS), Err(SignatureError::Mismatch));
    }
}

#[test]
fn nothing_shows_a_hash_or_a_body() {
    let shown = format!("{:?} {:?}", check(&good()), check(&format!("t={NOW_MS}, v1={OTHER_HASH}")));
    insta::assert_snapshot!(shown, @"Ok(VerifiedWebhook { body_bytes: 4, .. }) Err(Mismatch)");
    insta::assert_snapshot!(check(&format!("t={NOW_MS}, v1=abc")).unwrap_err(), @"the signature header is malformed: v1 is not 64 hexadecimal digits");
}

proptest! {
    #[test]
    fn no_header_panics_or_is_taken_by_luck(header: Vec<u8>, now_ms: i64, tolerance_ms: i64) {
        prop_assert!(verify(&[&header], *b"body", &[b"secret"], now_ms, tolerance_ms).is_err());
    }

    #[test]
    fn no_header_of_the_right_form_is_taken_by_luck(t in "[0-9]{1,40}", hash in "[0-9a-fA-F]{64}", extra in any::<String>(), now_ms: i64) {
        let header = format!("t={t}, v1={hash}, {extra}");
        prop_assert!(verify(&[header.as_bytes()], *b"body", &[b"secret"], now_ms, i64::MAX).is_err());
    }

    #[test]
    fn what_is_signed_is_taken(body: Vec<u8>, secret in proptest::collection::vec(33_u8..127, 1..80), age_ms in -TOLERANCE_MS..=TOLERANCE_MS) {
        let header = sign("1700000000000", &body, &secret);
        prop_assert!(verify(&[header.as_bytes()], body, &[&secret], NOW_MS + age_ms, TOLERANCE_MS).is_ok());
    }
}
