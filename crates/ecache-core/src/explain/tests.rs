//! Explanations of calls on a store in memory.

use super::*;
use crate::backend::memory::MemoryBackend;
use crate::backend::{Condition, Content};
use crate::key::{CallScopes, Key};
use crate::scope::StoreAddress;

const NOW: Timestamp = Timestamp::from_millis(1_795_415_570_948);

fn question(arguments: &str) -> Question {
    let Ok(Json::Array(arguments)) = Json::parse(arguments.as_bytes()) else {
        panic!("arguments are a list");
    };
    Question {
        address: StoreAddress::new("s").entry(Key::of_call(&arguments, &CallScopes::default())),
        scopes: Scopes::default(),
        function: None,
        arguments: Some(arguments),
        kind: None,
        outputs: None,
        beside: None,
        failures: Failures::KeepAlike,
    }
}

fn entry(question: &Question) -> Entry {
    Entry {
        scopes: question.scopes.clone(),
        args: question
            .arguments
            .clone()
            .map(|arguments| Json::Array(arguments).dumps_sorted()),
        ..Entry::new(question.address.clone(), Kind::Text, NOW)
    }
}

fn put(backend: &dyn Backend, entry: &Entry) {
    let content = Content::Inline(b"value".to_vec());
    backend
        .put(entry, &content, &Condition::Always.into(), NOW)
        .expect("an entry");
}

fn parts(asked: &str, recorded: &str) -> Vec<String> {
    let differences = differences(&question(asked), &entry(&question(recorded)));
    differences
        .into_iter()
        .map(|difference| difference.part.to_string())
        .collect()
}

#[test]
fn a_difference_says_which_part_it_is() {
    let command = |rest: &str| {
        format!(r#"["a", {{"program": {{"path": "/bin/x", "size": 1, "mtime_ns": 2}}{rest}}}]"#)
    };
    assert_eq!(parts(r#"["a", 1]"#, r#"["a", 2]"#), ["argument 2"]);
    assert_eq!(parts(r#"["a"]"#, r#"["a", {"b": 1}]"#), ["argument 2"]);
    assert_eq!(parts("[]", "[]"), [""; 0]);
    assert_eq!(parts(&command(""), &command(r#", "cwd": "/""#)), ["folder"]);
    assert_eq!(
        parts(&command(r#", "stdin": "00""#), &command("")),
        ["standard input"]
    );
    assert_eq!(
        parts(
            &command(r#", "env": {"A": "1", "B": null}, "files": {"f": "1"}"#),
            &command(r#", "env": {"A": "2", "B": null}, "files": {"g": "1"}"#)
        ),
        ["variable A", "file f", "file g"]
    );
    let upgraded = command("").replace("\"size\": 1", "\"size\": 3");
    assert_eq!(parts(&command(""), &upgraded), ["size of the program"]);
    let other = upgraded.replace("/bin/x", "/usr/bin/x");
    assert_eq!(parts(&command(""), &other), ["program"]);
}

#[test]
fn the_nearest_come_first_and_no_more_is_read_than_there_is_to_be() {
    let backend = MemoryBackend::default();
    for number in 0..CANDIDATES + 10 {
        put(
            &backend,
            &entry(&question(&format!("[{number}, {number}]"))),
        );
    }
    put(&backend, &entry(&question(r#"["a", 1]"#)));
    let Ok(Explanation::Missing(missing)) = explain(&backend, &question(r#"["a", 2]"#), NOW) else {
        panic!("it is not there");
    };
    assert_eq!(missing.read, CANDIDATES);
    let counts: Vec<usize> = missing
        .nearest
        .iter()
        .map(|near| near.differences.len())
        .collect();
    assert_eq!(counts, [1, 2, 2]);
    assert!(missing.elsewhere.is_empty());
}

#[test]
fn the_key_is_found_in_other_stores() {
    let backend = MemoryBackend::default();
    let asked = question("[1]");
    let other = StoreAddress::new("s").with_dataset("d");
    let elsewhere = Entry {
        address: other.entry(asked.address.key.clone()),
        ..entry(&asked)
    };
    put(&backend, &elsewhere);
    let Ok(Explanation::Missing(missing)) = explain(&backend, &asked, NOW) else {
        panic!("it is not there");
    };
    assert_eq!(missing.elsewhere.len(), 1);
    assert_eq!(*missing.elsewhere[0].address.store, other);
    assert!(missing.nearest.is_empty());
}

#[test]
fn hits_and_near_misses_are_told_apart() {
    let backend = MemoryBackend::default();
    let asked = question("[1]");
    put(&backend, &entry(&asked));
    assert!(matches!(
        explain(&backend, &asked, NOW),
        Ok(Explanation::Hit(_))
    ));
    let user = Some("ann".into());
    let of_another = Question {
        scopes: Scopes {
            user_id: user.clone(),
            ..Scopes::default()
        },
        ..asked.clone()
    };
    // A missing record contradicts nothing.
    assert!(matches!(
        explain(&backend, &of_another, NOW),
        Ok(Explanation::Hit(_))
    ));
    let recorded = Scopes {
        user_id: Some("bob".into()),
        ..Scopes::default()
    };
    put(
        &backend,
        &Entry {
            scopes: recorded,
            ..entry(&asked)
        },
    );
    let explained = explain(&backend, &of_another, NOW).expect("it can be read");
    let Explanation::Another(_, differences) = explained else {
        panic!("{explained:?}");
    };
    assert_eq!(differences[0].part, IdentityPart::User);
    let expired = Entry {
        expires_at: Some(NOW),
        ..entry(&asked)
    };
    put(&backend, &expired);
    assert!(matches!(
        explain(&backend, &asked, NOW),
        Ok(Explanation::Stale(_))
    ));
}
