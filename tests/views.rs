//! `docs/views.sql`: the views say what the command says.

mod support;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};
use serde_json::{Map, Value};
use support::Session;

type Rows = Vec<Map<String, Value>>;

/// Returns the rows of a view, through a connection that can only read.
fn view(session: &Session, name: &str) -> Rows {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
    let connection = Connection::open_with_flags(session.store(), flags).expect("a store");
    let views = include_str!("../docs/views.sql");
    connection.execute_batch(views).expect("the views");
    let sql = format!("SELECT * FROM {name}");
    let mut statement = connection.prepare(&sql).expect("a view");
    let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let rows = statement.query_map((), |row| {
        let cell = |(place, name): (usize, &String)| {
            let value = match row.get_ref(place)? {
                ValueRef::Null => Value::Null,
                ValueRef::Integer(number) => number.into(),
                ValueRef::Real(number) => number.into(),
                ValueRef::Text(text) => String::from_utf8_lossy(text).into(),
                ValueRef::Blob(bytes) => bytes.into(),
            };
            Ok((name.clone(), value))
        };
        names.iter().enumerate().map(cell).collect()
    });
    rows.expect("a view")
        .collect::<Result<_, _>>()
        .expect("all rows")
}

/// Returns the objects that a verb prints.
fn printed(session: &Session, words: &str) -> Rows {
    let ran = session.run(&format!("{words} --format jsonl")).succeeds();
    let object = |line| serde_json::from_str(line).expect("an object");
    ran.text().lines().map(object).collect()
}

/// Puts rows in an order of their own.
fn sorted(mut rows: Rows) -> Rows {
    rows.sort_by_key(|row| format!("{row:?}"));
    rows
}

/// Leaves these columns of each row.
fn only(rows: &Rows, names: &[&str]) -> Rows {
    let cells = |row: &Map<String, Value>| {
        let cell = |name: &&str| (name.to_string(), row[*name].clone());
        names.iter().map(cell).collect()
    };
    rows.iter().map(cells).collect()
}

/// Compares a view with what a verb prints, column by column.
#[track_caller]
fn compare(session: &Session, name: &str, words: &str, but: &[&str]) -> Rows {
    let (found, expected) = (view(session, name), printed(session, words));
    assert!(!found.is_empty(), "{name} has rows");
    let names: Vec<&str> = found[0]
        .keys()
        .map(String::as_str)
        .filter(|name| !but.contains(name))
        .collect();
    assert_eq!(
        sorted(only(&found, &names)),
        sorted(only(&expected, &names)),
        "{name}"
    );
    found
}

/// Returns a store with something of everything.
fn session() -> Session {
    let session = Session::new();
    let dump = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/data/fiftyone/execution_store.bson"
    );
    session.run(["import", dump]).succeeds();
    let lines = "
        echo one | ecache set words 1 --ttl 1h --user ann --dataset 6b03de1228195dbc2df5c505
        echo two | ecache set words 2 --ttl 1s --operator @acme/count --user 'b b'
        echo three | ecache set words 3 --policy persist
        ecache set words empty --type bytes </dev/null
        echo 4 | ecache set words -j '[1, {\"a\": \"東京\"}]' --prompt p
        head -c 3000000 /dev/zero | ecache set long 1 --type bytes
        echo x | ecache set other 1 --collection mine
        ecache run --ttl 1h -- sh -c 'echo hi; echo ho >&2; exit 3'
        ecache run --ttl 1h -- sh -c 'echo hi; echo ho >&2; exit 3'
        ecache get words 1; ecache get words 9 --user ann; ecache has other 1 --collection mine
        ecache touch words 3 --ttl 9d
        ecache rm words empty
        echo gone | ecache set gone 1; ecache clear gone
        echo back | ecache set back 1; ecache clear back; ecache undo; ecache undo
        echo twice | ecache set twice 1; ecache clear twice; ecache undo; ecache undo 5
        ecache limit set --max-size 1GiB --max-entries 100000 --min-free 1%
        ecache limit set --user '*' --glob --each --max-entries 2
        echo 5 | ecache set words 5 --user 'b b'; echo 6 | ecache set words 6 --user 'b b'
        ecache limit set back --max-size 1MiB; ecache limit rm back
        ecache stores rename back front";
    for line in lines.lines().filter(|line| !line.trim().is_empty()) {
        let ran = session.shell(line);
        assert!(matches!(ran.code, 0 | 1 | 3), "{line}: {ran:?}");
    }
    // Folds the calls.
    session.run("stats").succeeds();
    session
}

#[test]
fn views_say_what_the_command_says() {
    let session = session();
    let names = "store_name,key,dataset_id,collection,policy,created_at,updated_at,expires_at,\
                 last_used_at,hits,saved_ms,size,kind,user_id,operator_uri,prompt_id,jwt_sha256,\
                 function,cost_ms";
    let ls = format!("ls --all-collections --reveal --fields {names}");
    let entries = compare(&session, "v_entries", &ls, &["args", "value"]);
    // JSON as Python writes it has numbers that other parsers refuse: compared as text.
    let texts = |name: &str, is_meant: &dyn Fn(&Map<String, Value>) -> bool| -> Vec<String> {
        let meant = entries.iter().filter(|row| is_meant(row));
        let text = |row: &Map<String, Value>| row[name].as_str().unwrap_or_default().to_owned();
        let mut texts: Vec<String> = meant.map(text).collect();
        texts.sort();
        texts
    };
    let listed = |words: &str| -> Vec<String> {
        let ran = session.run(&format!("ls --all-collections --reveal -0 {words}"));
        let ran = ran.succeeds();
        let mut texts: Vec<String> = ran
            .text()
            .split_terminator('\0')
            .map(str::to_owned)
            .collect();
        texts.sort();
        texts
    };
    let args = texts("args", &|_| true);
    assert_eq!(args, listed("--fields args"));
    assert!(args.iter().any(|args| args.starts_with('[')), "{args:?}");
    let json = texts("value", &|row| row["kind"] == "json");
    assert_eq!(json, listed("--kind json --fields value"));
    assert!(!json.is_empty());
    let mut text = listed("--kind text --fields value");
    for text in &mut text {
        *text = serde_json::from_str(text).expect("a JSON string");
    }
    text.sort();
    assert_eq!(texts("value", &|row| row["kind"] == "text"), text);
    for row in entries.iter().filter(|row| row["kind"] == "bytes") {
        let length = row["value"].as_array().map(Vec::len);
        let is_long = row["size"] == 3_000_000;
        let expected = (!is_long).then(|| row["size"].clone());
        assert_eq!(length.map(Value::from), expected);
    }
    compare(&session, "v_stores", "stores", &["metadata"]);
    compare(&session, "v_limits", "limit ls", &[]);
    compare(&session, "v_operations", "log", &["undoable"]);
    for (row, logged) in view(&session, "v_operations")
        .iter()
        .zip(printed(&session, "log").iter().rev())
    {
        assert_eq!(row["op"], logged["op"]);
        assert_eq!(row["undoable"] == 1, logged["undoable"] == true, "{row:?}");
    }
}

#[test]
fn calls_are_those_of_stats() {
    let session = session();
    let by = "collection store dataset user operator";
    let by: String = by.split(' ').map(|by| format!(" --by {by}")).collect();
    // Without the groups that have entries and no calls.
    let stats = printed(&session, &format!("stats --all-collections --since 1h{by}"));
    let calls = view(&session, "v_usage");
    let names: Vec<&str> = calls[0]
        .keys()
        .map(String::as_str)
        .filter(|name| *name != "begins_at")
        .collect();
    assert!(calls.iter().any(|row| row["user_id"] == "ann"), "{calls:?}");
    assert!(calls.iter().any(|row| row["evictions"] == 1), "{calls:?}");
    assert_eq!(sorted(only(&calls, &names)), sorted(only(&stats, &names)));
    assert!(
        calls
            .iter()
            .all(|row| row["begins_at"] == "2026-11-23T06:00:00Z"),
        "{calls:?}"
    );
}

#[test]
fn an_operation_that_can_no_longer_be_undone_is_shown_so() {
    let session = session();
    session.set_clock("2026-11-26T06:32:51.000Z");
    session.shell("echo 1 | ecache set later 1").succeeds();
    session.run("rm later 1").succeeds();
    // A view does not know the time, which the command compares with it.
    let not = ["undoable", "undo_until"];
    compare(&session, "v_operations", "log", &not);
    let logged = printed(&session, "log");
    for (row, logged) in view(&session, "v_operations")
        .iter()
        .zip(logged.iter().rev())
    {
        let until = row["undo_until"].as_str();
        let is_left = until.is_some_and(|until| until > "2026-11-26T06:32:51.000Z");
        assert_eq!(is_left, logged["undoable"] == true, "{row:?}");
    }
}
