//! `integration validate`: files alone, without AWS.

use std::path::Path;

use crate::deployment::{Ended, file, program};

fn validate(folder: &Path, arguments: &[&str]) -> Ended {
    let mut command = program(&[&["integration", "validate"], arguments].concat());
    command.current_dir(folder);
    Ended::of(command)
}

#[test]
fn every_mistake_of_every_file_is_told_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let wrong = file("acme", "enforced").replace("tenancy", "tenency");
    std::fs::write(folder.path().join("acme.toml"), wrong).unwrap();
    std::fs::write(folder.path().join("other.toml"), file("other", "simulate")).unwrap();
    let ended = validate(folder.path(), &["acme.toml", "other.toml"]);
    assert_eq!(ended.code, 1);
    assert!(ended.stdout.contains("acme.toml:3: ") && ended.stdout.contains("acme.toml:4: "), "{}", ended.stdout);
    assert!(ended.stdout.ends_with("other.toml: ok, integration other\n"), "{}", ended.stdout);
    assert!(ended.stderr.ends_with("mistakes in 1 of 2 files: correct them\n"), "{}", ended.stderr);
}

#[test]
fn two_files_may_not_be_about_one_integration() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a.toml", "b.toml"] {
        std::fs::write(folder.path().join(name), file("acme", "simulate")).unwrap();
    }
    let ended = validate(folder.path(), &["a.toml", "b.toml", "--output", "json"]);
    let problems = &ended.json()["files"][1]["problems"];
    assert_eq!((ended.code, problems.as_array().unwrap().len()), (1, 4));
    assert_eq!(problems[0]["message"], "integration acme is also in a.toml; keep one of them");
    assert_eq!(problems[2]["message"], "tenant ACME is also in a.toml; keep one of them");
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let ended = validate(folder.path(), &["none.toml"]);
    assert!(ended.code == 1 && ended.stderr.starts_with("error: none.toml cannot be read: "), "{}", ended.stderr);
}

#[test]
fn colours_are_for_terminals_and_those_who_ask() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("acme.toml"), file("acme", "simulate")).unwrap();
    let colored = |color| validate(folder.path(), &["acme.toml", "--color", color]).stdout.contains('\u{1b}');
    assert_eq!((colored("auto"), colored("never"), colored("always")), (false, false, true));
}
