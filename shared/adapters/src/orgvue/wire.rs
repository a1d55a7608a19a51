//! What goes over the wire, spelled as Orgvue spells it.
//!
//! Readers are tolerant: unknown fields are ignored, and an error may come as Orgvue's `errors` list, as the
//! `{"message": …}` of the API gateway in front of it, or as a page of HTML.

use std::borrow::Cow;
use std::collections::BTreeMap;

use domain::current::{spell_account, spell_enabled};
use domain::ids::ItemId;
use domain::integration::DatasetSpelling;
use domain::plan::{Action, Change};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::OrgvueError;

/// Longest vendor's message that a report shows.
const MESSAGE_CHARS_MAX: usize = 300;
/// Longest status word, code or name that is taken for one.
const WORD_BYTES_MAX: usize = 64;

/// The one status of an item that was written. Whatever else stands there was not applied.
/// <https://orgvue.eu-west-1.concentra.io/app/docs/1.0.0/items/usage-examples/>
pub(super) const SUCCESS: &str = "success";

/// A dataset's metadata, as far as we need it.
#[derive(Debug, Deserialize)]
pub(super) struct Metadata {
    pub(super) properties: Vec<Property>,
}

/// One property of a dataset.
#[derive(Debug, Deserialize)]
pub(super) struct Property {
    pub(super) key: String,
}

/// The ticket of a job, as far as we need it. No `Debug`: whoever has a link of it may read what is there.
#[derive(Deserialize)]
pub(super) struct Ticket {
    #[serde(rename = "_links")]
    links: BTreeMap<String, Link>,
    #[serde(rename = "jobStatus")]
    pub(super) job_status: String,
    #[serde(rename = "X-Amzn-Trace-Id")]
    pub(super) trace_id: Option<String>,
}

/// A presigned link.
#[derive(Clone, Deserialize)]
pub(super) struct Link {
    pub(super) url: String,
}

impl Ticket {
    pub(super) fn read(body: &[u8]) -> Result<Self, OrgvueError> {
        serde_json::from_slice(body).map_err(|error| OrgvueError::malformed("a job ticket", &error))
    }

    pub(super) fn link(&self, name: &str) -> Result<&Link, OrgvueError> {
        self.links.get(name).ok_or(OrgvueError::Malformed { expected: "a job ticket with its link", at: None })
    }
}

/// The answer to one item action. What it says beside its status is read where that is no success.
#[derive(Debug)]
pub(super) struct ItemAnswer<'a> {
    pub(super) status: Cow<'a, str>,
    /// The item that the answer is about, where it says so.
    pub(super) item_id: Option<ItemId>,
    json: &'a RawValue,
}

#[derive(Deserialize)]
struct ItemAnswerHead<'a> {
    #[serde(rename = "_status", borrow)]
    status: Cow<'a, str>,
    #[serde(default, rename = "_id", borrow)]
    id: Option<&'a RawValue>,
}

impl<'a> ItemAnswer<'a> {
    /// Reads the answers to a write.
    pub(super) fn list(body: &'a [u8]) -> Result<Vec<Self>, serde_json::Error> {
        let answers: Vec<&RawValue> = serde_json::from_slice(body)?;
        answers.into_iter().map(Self::read).collect()
    }

    fn read(json: &'a RawValue) -> Result<Self, serde_json::Error> {
        let ItemAnswerHead { status, id } = serde_json::from_str(json.get())?;
        Ok(Self { status, item_id: id.and_then(|id| ItemId::deserialize(id).ok()), json })
    }
}

/// What Orgvue says is wrong. Code and name may be logged; the message may hold personal data.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct VendorError {
    pub(super) code: Option<String>,
    pub(super) name: Option<String>,
    pub(super) message: Option<String>,
    /// Whether it is about the path of the request and not about its items.
    pub(super) is_about_path: bool,
}

impl VendorError {
    /// Reads the body of an error; a body that is no JSON says nothing.
    pub(super) fn read(body: &[u8]) -> Self {
        serde_json::from_slice(body).map(|value: Value| Self::find(&value)).unwrap_or_default()
    }

    /// Reads what an item's answer says beside its status. Orgvue does not document where, so every plausible place is tried.
    pub(super) fn of_item(answer: &ItemAnswer<'_>) -> Self {
        Self::read(answer.json.get().as_bytes())
    }

    /// Whether the code is one of the six-digit ones. Those about the token, the account and the tenant have five.
    /// <https://orgvue.eu-west-1.concentra.io/app/docs/1.0.0/errors/list/>
    pub(super) fn is_about_items(&self) -> bool {
        self.code.as_ref().is_some_and(|code| code.len() == 6)
    }

    fn find(value: &Value) -> Self {
        let inner = ["errors", "_errors", "error", "_error"].into_iter().find_map(|key| value.get(key));
        match inner.unwrap_or(value) {
            Value::Array(errors) => {
                let first = errors.first().map(Self::one).unwrap_or_default();
                Self { is_about_path: errors.iter().any(|error| error.get("pathParameter").is_some()), ..first }
            }
            one => Self::one(one),
        }
    }

    fn one(value: &Value) -> Self {
        let text = |keys: [&str; 2]| {
            keys.into_iter().find_map(|key| value.get(key)).and_then(|value| match value {
                Value::String(text) => Some(text.clone()),
                Value::Number(number) => Some(number.to_string()),
                _ => None,
            })
        };
        let message = value.as_str().map(str::to_owned).or_else(|| text(["message", "_message"]));
        Self {
            code: text(["code", "_code"]).filter(|code| is_word(code)),
            name: text(["name", "_name"]).filter(|name| is_word(name)),
            message: message.map(|message| message.chars().take(MESSAGE_CHARS_MAX).collect()),
            is_about_path: value.get("pathParameter").is_some(),
        }
    }
}

/// Whether a text from outside can only be a code or a name: such a text can be logged and says nothing about anybody.
pub(super) fn is_word(text: &str) -> bool {
    (1..=WORD_BYTES_MAX).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

/// An action as the items endpoint takes it. Only the configured keys of the login, the roles and the switch are written,
/// and the login only where an account is created: rewriting its case would make another account of it. A restore of an account that was deleted
/// writes its other properties too.
pub(super) fn item_action(action: &Action, spelling: &DatasetSpelling) -> String {
    let (verb, id, mut values) = match &action.change {
        Change::Create { roles } => {
            let mut values = spell_account(roles, true, spelling);
            values.insert(spelling.login.clone(), Value::from(action.login.as_str()));
            ("create", None, values)
        }
        Change::Update { before, roles } => ("update", Some(&before.id), spell_account(roles, true, spelling)),
        Change::Disable { before } | Change::Block { before } => {
            let switch = (spelling.enabled.clone(), spell_enabled(false, spelling.enabled_form));
            ("update", Some(&before.id), Map::from_iter([switch]))
        }
        Change::Remove { before } => ("delete", Some(&before.id), Map::new()),
        Change::Restore { before, to, properties } => {
            let mut values = (**properties).clone();
            values.extend(spell_account(&to.roles, to.enabled, spelling));
            match before {
                Some(before) => ("update", Some(&before.id), values),
                None => {
                    values.insert(spelling.login.clone(), Value::from(to.login.as_str()));
                    ("create", None, values)
                }
            }
        }
    };
    values.insert("_action".to_owned(), Value::from(verb));
    if let Some(id) = id {
        values.insert("_id".to_owned(), Value::from(id.as_str()));
    }
    Value::Object(values).to_string()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use domain::current::Account;
    use domain::group_name::Role;
    use domain::login::Login;
    use serde_json::json;

    use super::*;

    fn account(id: &str, roles: &[&str], enabled: bool) -> Account {
        Account {
            id: ItemId::new(id),
            login: Login::as_found("Ada@acme.com"),
            roles: roles.iter().map(|role| Role::as_found(role)).collect::<BTreeSet<_>>().into(),
            enabled,
            expired: false,
            row: Map::new().into(),
        }
    }

    fn sent(change: Change) -> Value {
        let action = Action::new(Login::as_found("ada@acme.com"), None, change);
        serde_json::from_str(&item_action(&action, &DatasetSpelling::default())).unwrap()
    }

    #[test]
    fn an_account_that_is_there_is_put_back_without_its_login() {
        let (before, to) = (account("9", &["user"], true), account("1", &["HR", "user"], false));
        let properties = Box::new(Map::from_iter([("Level".to_owned(), 3.5.into())]));
        let sent = sent(Change::Restore { before: Some(before), to, properties });
        assert_eq!(sent, json!({"_action": "update", "_id": "9", "Role": "HR,user", "Enabled": false, "Level": 3.5}));
    }

    #[test]
    fn an_account_that_is_gone_is_made_anew_with_all_that_was_its_own() {
        let properties = Box::new(Map::from_iter([("Level".to_owned(), 3.5.into())]));
        let sent = sent(Change::Restore { before: None, to: account("1", &["HR"], true), properties });
        assert_eq!(sent, json!({"_action": "create", "Login": "Ada@acme.com", "Role": "HR", "Enabled": true, "Level": 3.5}));
    }

    #[test]
    fn a_blocked_account_is_switched_off_like_any_other() {
        let before = account("9", &["user"], true);
        let blocked = sent(Change::Block { before: before.clone() });
        assert_eq!(blocked, json!({"_action": "update", "_id": "9", "Enabled": false}));
        assert_eq!(blocked, sent(Change::Disable { before }));
    }

    #[test]
    fn errors_are_read_in_every_form() {
        let orgvue = VendorError::read(br#"{"errors":[{"name":"ApiTokenExpired","code":"40302","message":"no","extra":1}]}"#);
        assert_eq!((orgvue.code.as_deref(), orgvue.name.as_deref()), (Some("40302"), Some("ApiTokenExpired")));
        let gateway = VendorError::read(br#"{"message":"Endpoint request timed out"}"#);
        assert_eq!((gateway.code, gateway.message.as_deref()), (None, Some("Endpoint request timed out")));
        for nothing in ["<html>ada@example.com</html>", "", "[]", "7", r#"{"errors":[]}"#] {
            assert_eq!(VendorError::read(nothing.as_bytes()), VendorError::default(), "{nothing}");
        }
    }

    #[test]
    fn a_code_or_name_that_could_hold_personal_data_is_dropped() {
        let error = VendorError::read(br#"{"errors":[{"name":"ada@example.com","code":40001}]}"#);
        assert_eq!((error.code.as_deref(), error.name), (Some("40001"), None));
    }

    #[test]
    fn an_error_about_the_path_is_known_behind_others() {
        assert!(VendorError::read(br#"{"errors":[{"code":"415001"},{"code":"400603","pathParameter":"{datasetId}"}]}"#).is_about_path);
    }
}
