//! The faults, and what becomes of each at each call site.

use standins::FaultKind;

use crate::weather::Storm;

/// A fault: played by a vendor's stand-in or on the wire.
#[derive(Clone)]
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    /// What the stand-in does.
    pub(crate) vendors: Option<FaultKind>,
    storm: Option<Storm>,
    aws: Option<(&'static str, u16)>,
}

impl Kind {
    fn of(name: &'static str) -> Self {
        Self { name, vendors: None, storm: None, aws: None }
    }

    fn vendor(name: &'static str, kind: FaultKind) -> Self {
        Self { vendors: Some(kind), ..Self::of(name) }
    }

    fn wire(name: &'static str, storm: Storm) -> Self {
        Self { storm: Some(storm), ..Self::of(name) }
    }

    fn aws(name: &'static str, code: &'static str, status: u16) -> Self {
        Self { aws: Some((code, status)), ..Self::of(name) }
    }

    /// What happens on the wire to a call of this service.
    pub(crate) fn storm(&self, service: &str) -> Option<Storm> {
        let Some((code, status)) = self.aws else { return self.storm.clone() };
        let body = match service {
            "SNS" => format!("<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>no</Message></Error></ErrorResponse>"),
            _ => format!(r#"{{"__type":"{code}","message":"no"}}"#),
        };
        let status = if ["DynamoDB", "SecretsManager"].contains(&service) && status < 500 { 400 } else { status };
        Some(Storm::Answered(status, vec![("x-amzn-errortype", code.to_owned())], body))
    }

    /// Whether a site can have it.
    pub(crate) fn may_be(&self, site: &str, always: bool) -> bool {
        let is_page = site.contains("next page");
        let is_cursor = self.name.starts_with("cursor");
        let is_of_list = self.name != "foreign" || (site.contains(" of ") && !site.contains("again"));
        (!is_cursor || is_page) && is_of_list && !(always && IS_LIKE_ANOTHER.contains(&self.name))
    }
}

/// What lasts no differently from another one, or costs seconds of waiting for each try.
const IS_LIKE_ANOTHER: [&str; 12] =
    ["slow", "reset", "cut", "truncated", "empty", "307", "409", "429", "429-1s", "429-absurd", "502-html", "throttle"];

/// The faults of a service.
pub(crate) fn columns(service: &str) -> Vec<Kind> {
    let on_the_way = [
        Kind::wire("slow", Storm::Slow),
        Kind::wire("reset", Storm::Reset),
        Kind::wire("lost", Storm::CutAfterCommit),
        Kind::wire("cut", Storm::CutBody),
    ];
    if !["WorkOS", "Orgvue"].contains(&service) {
        let own = [
            Kind::aws("500", "InternalServerError", 500),
            Kind::aws("throttle", "ThrottlingException", 429),
            Kind::aws("denied", "AccessDeniedException", 403),
        ];
        return on_the_way.into_iter().chain(own).collect();
    }
    let too_many = |retry_after: Option<&str>| FaultKind::TooMany { retry_after: retry_after.map(str::to_owned) };
    let vendors = [
        Kind::wire("truncated", Storm::Truncated),
        Kind::wire("empty", Storm::Covered(200, String::new())),
        Kind::vendor("{}", FaultKind::WrongShape),
        Kind::vendor("[]", FaultKind::EmptyList),
        Kind::wire("307", Storm::Answered(307, vec![("location", "http://127.0.0.1:9/".to_owned())], String::new())),
        Kind::vendor("400", FaultKind::Status(400)),
        Kind::vendor("401", FaultKind::Status(401)),
        Kind::vendor("403", FaultKind::Status(403)),
        Kind::vendor("404", FaultKind::Status(404)),
        Kind::vendor("409", FaultKind::Status(409)),
        Kind::vendor("413", FaultKind::Status(413)),
        Kind::vendor("429", too_many(None)),
        Kind::vendor("429-1s", too_many(Some("1"))),
        Kind::vendor("429-61s", too_many(Some("61"))),
        Kind::vendor("429-absurd", too_many(Some("99999999999999999999999"))),
        Kind::vendor("500", FaultKind::Status(500)),
        Kind::vendor("502-html", FaultKind::Html(502)),
        Kind::vendor("503", FaultKind::Status(503)),
        Kind::vendor("200-html", FaultKind::Html(200)),
    ];
    let own = match service {
        "WorkOS" => vec![
            Kind::vendor("cursor-twice", FaultKind::RepeatedCursor),
            Kind::vendor("cursor-422", FaultKind::CursorError),
            Kind::vendor("cursor-empty", FaultKind::CursorEmpty),
            Kind::vendor("cursor-restart", FaultKind::CursorRestart),
            Kind::vendor("foreign", FaultKind::ForeignDirectoryRow),
        ],
        _ => vec![Kind::wire("quota", coded("42902", 429)), Kind::wire("expired", coded("40302", 403))],
    };
    on_the_way.into_iter().chain(vendors).chain(own).collect()
}

fn coded(code: &str, status: u16) -> Storm {
    Storm::Answered(status, Vec::new(), format!(r#"{{"errors":[{{"name":"Standin","code":"{code}","message":"ada@acme.com"}}]}}"#))
}

/// Each call site with what becomes of each fault, in the order of the columns: played once, and for a while.
///
/// `.` nothing of it shows, but perhaps a warning; `l` everything comes later than usual, from a message that comes again, the sweep or the next
/// look for drift; `w` the webhook is answered with 503 and comes again; `r` a run fails and is tried again; `R` it is refused and tried again;
/// `q` the tenant or directory is quarantined; `s` the integration is suspended; a space is not played.
pub(crate) const EXPECTED: &[(&str, &str, &str)] = &[
    ("webhook DynamoDB UpdateItem PENDING SET window_due_ms", "......w", "  w w w"),
    ("webhook Scheduler POST", ".......", "  . . ."),
    ("webhook DynamoDB UpdateItem PENDING SET scheduled_due_ms", ".......", "  . . ."),
    ("webhook DynamoDB PutItem EVENT", ".......", "  . . ."),
    ("webhook SecretsManager GetSecretValue workos-webhooks", "......w", "  w w w"),
    ("sync DynamoDB GetItem DEPLOYMENT", "......l", "  l l l"),
    ("sync DynamoDB UpdateItem PENDING SET lease_run", "......l", "  l l l"),
    ("sync DynamoDB GetItem INTEGRATIONS", "......l", "  l l l"),
    ("sync DynamoDB Query", "......l", "  l l l"),
    ("sync DynamoDB PutItem RUN", "......r", "  l l l"),
    ("sync DynamoDB PutItem RUNS", "......r", "  r l l"),
    ("sync DynamoDB PutItem TENANTS", "......r", "  r r r"),
    ("sync DynamoDB PutItem SNAPSHOT", ".......", "  . . ."),
    ("sync DynamoDB UpdateItem PENDING SET n_held", ".......", "  . . ."),
    ("sync DynamoDB UpdateItem PENDING SET last_run", "......l", "  l l l"),
    ("sync SNS Publish", ".......", "  . . ."),
    ("sync SecretsManager GetSecretValue workos-api-key", "......R", "  r r R"),
    ("sync SecretsManager GetSecretValue workos-api-key again", "......R", "  r r R"),
    ("sync SecretsManager GetSecretValue tokens", "......q", "  r r q"),
    ("sync SecretsManager GetSecretValue tokens again", "......q", "  r r q"),
    ("sweep DynamoDB GetItem DEPLOYMENT", ".......", "  l l l"),
    ("sweep DynamoDB Query", ".......", "  l l l"),
    ("sweep DynamoDB BatchGetItem", ".......", "  l l l"),
    ("sweep DynamoDB UpdateItem PENDING SET nudged_at_ms", ".......", "  . l l"),
    ("sweep SQS SendMessage", ".......", "  . l l"),
    ("sweep DynamoDB UpdateItem PENDING SET owed_generation", "lllllll", "  l l l"),
    ("sync WorkOS GET directories", "........rrRRRrr..r.....     ", "  r   rr rRRs r  r r rr     "),
    ("sync WorkOS GET directory_users of directory", "........rrRRrrr..r.....    r", "  r   r. rRRr r  r r rr    r"),
    ("sync WorkOS GET directory_users of directory next page", "........r.RR.rr..r.........r", "  r   r. rRRr r  r r rrrr.rr"),
    ("sync WorkOS GET directory_users of address", "........rrRRrrr..r.....    r", "  r   r. rRRr r  r r rr    r"),
    ("sync WorkOS GET directory_groups of directory", ".......rrrRRrrr..r.....    r", "  r   rr rRRr r  r r rr    r"),
    ("sync WorkOS GET directory_groups of directory again", "........rrRRrrr..r.....    r", "  r   r. rRRr r  r r rr    r"),
    ("sync WorkOS GET directory_users of group", "........rrRRrrr..r.....    r", "  r   rr rRRr r  r r rr    r"),
    ("sync WorkOS GET directory_users of group again", ".......lrrRRrrr..r.....     ", "  r   rl rRRr r  r r rr     "),
    ("sync WorkOS GET directories again", "........rrRRRrr..r.....     ", "  r   rr rRRs r  r r rr     "),
    ("sync WorkOS GET directory_groups of user", "........rrrr.rr..r.....    .", "  r   r. rrr. r  r r rr    ."),
    ("sync Orgvue GET dataset", "....rrrrrRqqqRR..r....r.q", "  r   rr Rqqq R  r r rrrq"),
    ("sync Orgvue GET items", "....rrrqrRqqqR...r....r.q", "  r   rq Rqqq .  r r rrrq"),
    ("sync Orgvue GET dataset again", "....rrrrrRqqqRR..r....r.q", "  r   rr Rqqq R  r r rrrq"),
    ("sync Orgvue GET items again", "....rrrqrRqqqR...r....r.q", "  r   rq Rqqq .  r r rrrq"),
    ("sync Orgvue PUT items", "..........qqq....r......q", "  .   rr lqqq l  r r rrrq"),
    ("sync Orgvue PUT items to remove", "..........qqq....r......q", "  .   rr rqqq r  r r rrrq"),
    ("sync Orgvue POST export", "....rrrrrRqqqRR..r....r.q", "  r   rr Rqqq R  r r rrrq"),
    ("sync Orgvue GET ticket", "....rrrrr........r....r..", "  r   rr RRRR R  r r rrrR"),
    ("sync Orgvue GET ticket again", "....rrrrr........r....r..", "  r   rr RRRR R  r r rrrR"),
    ("sync Orgvue GET result", "....rrrqr........r....r..", "  r   rq RRRR R  r r rrrR"),
    ("sync Orgvue POST export again", "....rrrrrRqqqRR..r....r.q", "  r   rr Rqqq R  r r rrrq"),
    ("sync Orgvue GET result again", "....rrrqr........r....r..", "  r   rq RRRR R  r r rrrR"),
];
