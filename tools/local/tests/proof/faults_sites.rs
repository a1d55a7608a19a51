//! The names of call sites: who calls whom for what. Ids and names are left out, so that a site is called alike in every play.

use std::collections::BTreeMap;

use crate::stage::SECRETS;
use crate::weather::Passing;

pub(crate) const NEXT_PAGE: &str = "next page";

/// Names call sites as they come.
#[derive(Default)]
pub(crate) struct Sites(BTreeMap<(usize, String), usize>);

impl Sites {
    /// The name of a call's site, without and with whether it is a later one of the same invocation.
    pub(crate) fn of(&mut self, passing: &Passing<'_>) -> (String, String) {
        let base = site(passing);
        let n = self.0.entry((passing.call.invocation, base.clone())).or_default();
        *n += 1;
        let is_told_apart = ["WorkOS", "Orgvue", "SecretsManager"].contains(&passing.call.service.as_str()) && *n > 1;
        let told = if is_told_apart { format!("{base} again") } else { base.clone() };
        (base, told)
    }
}

fn site(passing: &Passing<'_>) -> String {
    let Passing { call, method, path, body, authorization: _ } = passing;
    let text = String::from_utf8_lossy(body);
    let (route, query) = path.split_once('?').unwrap_or((path, ""));
    let words = match call.service.as_str() {
        "WorkOS" => {
            let list = [("directory=", "of directory"), ("group=", "of group"), ("user=", "of user")];
            let of = list.iter().find(|(part, _)| query.starts_with(part)).map_or("", |(_, words)| words);
            let of = if query.contains("email=") { "of address" } else { of };
            let page = if query.contains("after=") { NEXT_PAGE } else { "" };
            let route = route.trim_start_matches('/').split('/').next().unwrap_or_default();
            format!("{method} {route} {of} {page}")
        }
        "Orgvue" => {
            let last = route.rsplit('/').next().unwrap_or_default();
            let of = if ["items", "export", "ticket", "result"].contains(&last) { last } else { "dataset" };
            format!("{method} {of} {}", if text.contains("\"delete\"") { "to remove" } else { "" })
        }
        "DynamoDB" => {
            let operation: Vec<&str> = call.operation.split('#').next().unwrap_or_default().split(' ').collect();
            let update =
                text.split_once("\"UpdateExpression\":\"").map(|(_, rest)| rest.split([' ', ',']).take(2).collect::<Vec<_>>().join(" "));
            format!("{} {}", operation.join(" "), update.unwrap_or_default())
        }
        "SecretsManager" => {
            let which = SECRETS.iter().find(|name| text.contains(**name)).map_or("", |name| name.trim_end_matches('/'));
            format!("{} {which}", call.operation)
        }
        _ => call.operation.split(' ').next().unwrap_or_default().to_owned(),
    };
    format!("{} {} {words}", call.what, call.service).split_whitespace().collect::<Vec<_>>().join(" ")
}

pub(crate) fn service_of(site: &str) -> &str {
    site.split(' ').nth(1).unwrap_or_default()
}
