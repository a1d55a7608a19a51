use std::collections::BTreeSet;

use domain::finding::{Finding, FindingCode};
use domain::ids::{GroupId, UserId};

use crate::words::{login, tenant};

#[test]
fn the_text_of_every_code_is_its_stored_form() {
    for code in FindingCode::ALL {
        assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
        assert_eq!(serde_json::from_value::<FindingCode>(code.as_str().into()).unwrap(), *code);
        assert_eq!(code.to_string(), code.as_str());
    }
}

#[test]
fn every_code_is_its_own_and_says_what_to_do() {
    let texts: BTreeSet<_> = FindingCode::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(texts.len(), FindingCode::ALL.len());
    assert!(FindingCode::ALL.iter().all(|code| !code.remedy().is_empty() && !code.remedy().ends_with('.')));
}

#[test]
fn the_codes_of_the_contract_stay() {
    let texts: BTreeSet<_> = FindingCode::ALL.iter().map(|code| code.as_str()).collect();
    let promised = "no_platform_role no_tenant domain_not_allowed duplicate_login duplicate_account no_email invalid_email protected_differs \
                    expired_in_orgvue empty_role unknown_tenant bad_role_name reserved_role";
    assert!(promised.split_whitespace().all(|code| texts.contains(code)));
}

#[test]
fn a_finding_says_what_is_wrong_and_what_to_do() {
    let finding = Finding::new(FindingCode::NoEmail, "the user has no e-mail address");
    assert_eq!(finding.message, "the user has no e-mail address; give the user an e-mail address in the identity provider");
    assert_eq!(serde_json::to_string(&finding).unwrap(), format!(r#"{{"code":"no_email","message":"{}"}}"#, finding.message));
}

#[test]
fn a_finding_names_what_it_is_about() {
    let finding = Finding::new(FindingCode::UnknownTenant, "x")
        .login(&login("ada"))
        .user(&UserId::new("user_1"))
        .group(&GroupId::new("group_1"), "G")
        .tenant(&tenant("ACME"));
    let stored = serde_json::to_value(&finding).unwrap();
    let named = ["login", "user", "group", "group_id", "tenant"].map(|key| stored[key].as_str().unwrap().to_owned());
    assert_eq!(named, ["ada@acme.com", "user_1", "G", "group_1", "ACME"]);
    assert_eq!(serde_json::from_value::<Finding>(stored).unwrap(), finding);
}
