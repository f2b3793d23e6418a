//! Names that break code which takes names for text, patterns or SQL.

use super::*;
use crate::backend::{
    Commit, Dimension, Lookup, OnConflict, Record, fail_at_refused, no_progress, read_value,
};
use crate::error::Error;
use crate::filter::{DatasetPattern, Pattern};
use crate::scope::{MAX_NAME_LENGTH, Scopes};
use crate::value::CHUNK_SIZE;

pub(super) const BEHAVIOURS: &[Behaviour] = &[
    (
        "keys mean themselves, whatever they look like",
        keys_are_data,
    ),
    (
        "names mean themselves, whatever they look like",
        names_are_data,
    ),
    (
        "names that no import would take are not written either",
        names_have_a_length,
    ),
    ("recorded arguments mean themselves", arguments_are_data),
];

/// Behaviours of backends in which any text can be a dataset or a collection.
pub(super) const ANY: &[Behaviour] = &[
    (
        "datasets mean themselves, whatever they look like",
        datasets_are_data,
    ),
    ("the longest names are written", longest_names),
];

const HASH: &str = "ad1e85b9ddae68414f8527434b5e44d4a88bf484c85c05bd622d01f23d6a8a88";

/// Some are prefixes, spellings or patterns of others; one is as long as can be.
fn hostile(longest: usize) -> Vec<String> {
    let names = [
        "a",
        "A",
        "a\0b",
        "a\0",
        "ab",
        "%",
        "_",
        "*",
        "?",
        "[ab]",
        "[",
        "\\",
        "'",
        "\"",
        "`",
        "');DROP TABLE entries;--",
        "?1",
        "👩‍👩‍👧",
        "é",
        "e\u{301}",
        "\u{202e}abc",
        "-n",
        "--",
        "..//",
        " a",
        "\n",
        "\x1b[2J",
        "1",
        "01",
        "1e400",
        "true",
        "null",
        "a'",
        "x",
        "$ne",
        "$",
        "a.b",
        ".",
        "__proto__",
        // Names of values that are not strings, and strings that look alike.
        "bson:0",
        "bson:1.5",
        "bson:true",
        "bson:null",
        r#"bson:[17, "z"]"#,
        r#"bson:{"a": 1}"#,
        r#"bson:{"$bson": {"$oid": "6b03de1228195dbc2df5c505"}}"#,
        r#"bson:"bson:0""#,
        r#"bson:"0""#,
        "bson:00",
        "bson:",
    ];
    let mut names: Vec<String> = names.into_iter().map(String::from).collect();
    names.push(HASH.into());
    names.push(HASH.to_uppercase());
    names.push(HASH[1..].into());
    names.push("k".repeat(longest));
    names
}

fn exactly(name: &str) -> Vec<Pattern> {
    vec![Pattern::exact(name)]
}

/// Checks that among entries that differ in `name` alone, each filter matches its own.
fn each_means_its_own(
    backend: &dyn Backend,
    longest: usize,
    make: impl Fn(&str) -> Entry,
    filter: impl Fn(&str) -> Filter,
) {
    let names = hostile(longest);
    for (size, name) in names.iter().enumerate() {
        let value = inline(vec![0; size]);
        let put = backend.put(&make(name), &value, &Condition::Always.into(), NOW);
        assert_eq!(put.expect("an entry is written"), Put::Created, "{name:?}");
    }
    for (size, name) in names.iter().enumerate() {
        let expected = make(name).address;
        let found = scan(backend, &Scan::new(filter(name)));
        assert_eq!(found.len(), 1, "{name:?}");
        assert_eq!(found[0].0.address, expected, "{name:?}");
        let lookup = backend.lookup(&expected, NOW).expect("a look-up");
        assert!(matches!(lookup, Lookup::Hit(entry, _) if entry.size == size as u64));
    }
    for name in &names {
        let removed = backend.remove(&filter(name).into(), NOW, &mut no_progress);
        assert_eq!(removed.expect("a removal").entries, 1, "{name:?}");
    }
}

/// Checks that a filter matches an entry with an empty name, and not its neighbour.
fn the_empty_one_is_told_apart(backend: &dyn Backend, empty: Entry, filter: &Filter) {
    for entry in [&empty, &entry("s", "k")] {
        let put = backend.put(entry, &inline("1"), &Condition::Always.into(), NOW);
        put.expect("an entry is written");
    }
    let found = scan(backend, &Scan::new(filter.clone()));
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].0.address, empty.address);
    let removed = backend.remove(&filter.clone().into(), NOW, &mut no_progress);
    assert_eq!(removed.expect("a removal").entries, 1);
    let neighbour = Filter::store(&entry("s", "k").address.store);
    let removed = backend.remove(&neighbour.into(), NOW, &mut no_progress);
    assert_eq!(removed.expect("a removal").entries, 1);
}

/// Makes an entry in which one field is that text.
type Make = fn(&str) -> Entry;

fn makes() -> [(&'static str, Make); 7] {
    [
        ("collection", |text| {
            let collection = text.into();
            let store = StoreAddress {
                collection,
                ..StoreAddress::new("s")
            };
            Entry {
                address: store.entry(address("s", "k").key),
                ..entry("s", "k")
            }
        }),
        ("store_name", |text| entry(text, "k")),
        ("dataset_id", |text| Entry {
            address: StoreAddress::new("s")
                .with_dataset(text)
                .entry(address("s", "k").key),
            ..entry("s", "k")
        }),
        ("user_id", |text| {
            let user_id = name(text);
            let scopes = Scopes {
                user_id,
                ..Scopes::default()
            };
            Entry {
                scopes,
                ..entry("s", "k")
            }
        }),
        ("operator_uri", |text| {
            let operator_uri = name(text);
            let scopes = Scopes {
                operator_uri,
                ..Scopes::default()
            };
            Entry {
                scopes,
                ..entry("s", "k")
            }
        }),
        ("prompt_id", |text| {
            let prompt_id = name(text);
            let scopes = Scopes {
                prompt_id,
                ..Scopes::default()
            };
            Entry {
                scopes,
                ..entry("s", "k")
            }
        }),
        ("function", |text| Entry {
            function: name(text),
            ..entry("s", "k")
        }),
    ]
}

fn longest_names(backend: &dyn Backend) {
    for (_, make) in makes() {
        put(backend, &make(&"n".repeat(MAX_NAME_LENGTH)));
    }
}

fn names_have_a_length(backend: &dyn Backend) {
    let is_refused = |field: &str, error: Error| match error {
        Error::Name(name) => assert_eq!(name.field, field),
        // An import may name the entry as well.
        Error::Entry { cause, .. } => {
            assert!(matches!(*cause, Error::Name(name) if name.field == field));
        }
        error => panic!("{field}: {error}"),
    };
    let large = vec![0; CHUNK_SIZE + 1];
    for (field, make) in makes() {
        let empty = String::new();
        // FiftyOne has stores without a name.
        let empty = (field != "store_name").then_some(empty);
        for text in empty.into_iter().chain(["n".repeat(MAX_NAME_LENGTH + 1)]) {
            let entry = make(&text);
            let staged = backend.stage(&mut &*large, NOW).expect("staged");
            let put = backend.put(&entry, &staged, &Condition::Always.into(), NOW);
            is_refused(field, put.expect_err("it is not a name"));
            if matches!(staged, Content::Chunked(_)) {
                let value = read_value(backend, Kind::Bytes, staged);
                assert!(matches!(value, Err(Error::Replaced)), "it is dropped");
            }
            let address = entry.address.store.clone();
            let mut records = [Ok(Record::Entry(Box::new(entry), Vec::new()))].into_iter();
            let (replace, whole) = (OnConflict::Replace, Commit::Whole);
            let imported = backend.import(
                &mut records,
                replace,
                whole,
                &mut fail_at_refused,
                &mut no_progress,
            );
            is_refused(field, imported.expect_err("it is not a name"));
            if address.check().is_err() {
                let set = backend.set_metadata(&address, None);
                is_refused(field, set.expect_err("it is not a name"));
            }
        }
    }
}

fn keys_are_data(backend: &dyn Backend) {
    let filter = |key: &str| Filter {
        keys: exactly(key),
        ..Filter::default()
    };
    each_means_its_own(backend, Key::MAX_LENGTH, |key| entry("s", key), filter);
    the_empty_one_is_told_apart(backend, entry("s", ""), &filter(""));
}

fn names_are_data(backend: &dyn Backend) {
    let store = |name: &str| Filter {
        stores: exactly(name),
        ..Filter::default()
    };
    each_means_its_own(backend, MAX_NAME_LENGTH, |name| entry(name, "k"), store);
    the_empty_one_is_told_apart(backend, entry("", "k"), &store(""));
    let scoped = |name: &str| Entry {
        scopes: Scopes {
            user_id: Some(name.into()),
            operator_uri: Some(name.into()),
            prompt_id: Some(name.into()),
            jwt_sha256: None,
        },
        ..entry("s", name)
    };
    let scopes = |name: &str| Filter {
        users: exactly(name),
        operators: exactly(name),
        prompts: exactly(name),
        ..Filter::default()
    };
    each_means_its_own(backend, MAX_NAME_LENGTH, scoped, scopes);
    for by in [Dimension::User, Dimension::Operator, Dimension::Prompt] {
        let groups = backend.groups(&Filter::default(), by, NOW);
        assert_eq!(groups.expect("groups"), []);
    }
}

fn datasets_are_data(backend: &dyn Backend) {
    let dataset = |name: &str| Filter {
        datasets: vec![DatasetPattern::Id(Pattern::exact(name))],
        ..Filter::default()
    };
    let linked = |name: &str| {
        let store = StoreAddress::new("s").with_dataset(name);
        Entry::new(
            store.entry(Key::new("k").expect("a valid key")),
            Kind::Text,
            NOW,
        )
    };
    each_means_its_own(backend, MAX_NAME_LENGTH, linked, dataset);
}

fn arguments_are_data(backend: &dyn Backend) {
    let spelled = |argument: &str| serde_json::to_string(&[argument]).expect("JSON");
    let made = |argument: &str| Entry {
        args: Some(spelled(argument)),
        ..entry("s", argument)
    };
    let filter = |argument: &str| Filter {
        arguments: exactly(argument),
        ..Filter::default()
    };
    each_means_its_own(backend, MAX_NAME_LENGTH, made, filter);
}
