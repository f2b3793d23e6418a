//! The output of `info` and `log`.

mod support;

use serde_json::Value;
use support::Session;

fn info(session: &Session, words: &str) -> (i32, Value) {
    let ran = session.run(&format!("{words} info --json"));
    let facts: Value = serde_json::from_str(ran.text()).expect("JSON");
    let facts = facts.as_array().map_or(facts.clone(), |all| all[0].clone());
    (ran.code, facts)
}

#[test]
fn info_says_where_a_store_is_that_cannot_be_read_and_why() {
    let session = Session::new();
    std::fs::write(session.path("foreign"), vec![7; 5000]).expect("a file");
    for (store, code, why) in [
        ("foreign", 5, "is not an ecache store"),
        if cfg!(feature = "mongodb") {
            ("mongodb://127.0.0.1:1/none", 3, "127.0.0.1:1")
        } else {
            ("mongodb://127.0.0.1:1/none", 2, "cannot open mongodb://")
        },
        (".", 5, "is a folder"),
    ] {
        let words = format!("--db {store}");
        let (ended, facts) = info(&session, &words);
        assert_eq!(facts["path"], store);
        assert_eq!(facts["path_from"], "--db");
        assert_eq!(facts["entries"], Value::Null);
        let problem = facts["problem"].as_str().expect("a problem");
        assert!(problem.contains(why), "{problem}");
        assert_eq!(ended, code, "{problem}");
        let shown = session.shell_on_columns(80, &format!("ecache {words} info"));
        let shown = String::from_utf8_lossy(&shown.bytes).into_owned();
        assert!(
            shown.contains("error:") && shown.contains("version"),
            "{shown}"
        );
        // Settings that have their defaults are details.
        assert!(!shown.contains("run.ttl"), "{shown}");
        let shown = session.shell_on_columns(80, &format!("ecache {words} info -v"));
        assert!(String::from_utf8_lossy(&shown.bytes).contains("run.ttl"));
    }
}

#[test]
fn info_and_config_say_where_each_setting_came_from() {
    let session = Session::new().with("NO_COLOR", "1");
    session.run("config set run.ttl 5m").succeeds();
    session.run("config set color always").succeeds();
    let from = |words: &str, key: &str| {
        let (_, facts) = info(&session, words);
        let setting = &facts["settings"][key];
        let text = |name: &str| setting[name].as_str().unwrap_or("nothing").to_owned();
        [text("value"), text("from")]
    };
    assert_eq!(from("", "run.ttl"), ["5m", "config.toml"]);
    assert_eq!(from("", "color"), ["always", "config.toml"]);
    assert_eq!(from("--color auto", "color"), ["auto", "--color"]);
    assert_eq!(from("--no-config", "color"), ["never", "NO_COLOR"]);
    assert_eq!(from("--no-config", "run.ttl"), ["none", "default"]);
    assert_eq!(from("--time utc", "time"), ["utc", "--time"]);
    assert_eq!(from("--db a.db", "db"), ["a.db", "--db"]);
    assert_eq!(
        from("--all-collections", "collection"),
        ["all", "--all-collections"]
    );
    assert_eq!(from("", "warm.rate"), ["nothing", "default"]);
    let listed = session.run("--time iso config ls --json").succeeds();
    let listed: Vec<Value> = serde_json::from_str(listed.text()).expect("JSON");
    let (_, facts) = info(&session, "--time iso");
    let settings = facts["settings"].as_object().expect("settings");
    assert_eq!(listed.len(), settings.len());
    for setting in listed {
        let key = setting["setting"].as_str().expect("a key");
        assert_eq!(setting["from"], settings[key]["from"], "{key}");
        assert_eq!(setting["value"], settings[key]["value"], "{key}");
    }
}

#[test]
fn the_log_of_a_store_has_the_operations_that_changed_it() {
    let session = Session::new();
    for store in ["a", "b", "c"] {
        for key in ["1", "2"] {
            let set = format!("set {store} {key} --ttl 1h");
            session.run_with_input(&set, b"x").succeeds();
        }
    }
    session.run("rm a 1").succeeds();
    session.run("clear b").succeeds();
    session.run("touch --all --ttl 2h").succeeds();
    session.run("stores rename c d").succeeds();
    session.run("undo 2").succeeds();
    session.run("clear a --no-undo").succeeds();
    let log = |words: &str| -> Vec<u64> {
        let ran = session
            .run(&format!("log {words} --format jsonl"))
            .succeeds();
        let number = |line| serde_json::from_str::<Value>(line).expect("JSON")["op"].as_u64();
        ran.text()
            .lines()
            .map(|line| number(line).expect("op"))
            .collect()
    };
    let all = log("");
    assert_eq!(all.len(), 6);
    let number = |index: usize| all[all.len() - index];
    let [rm, clear, touch, rename, undo, shred] = [1, 2, 3, 4, 5, 6].map(number);
    assert_eq!(log("a"), [shred, touch, rm]);
    assert_eq!(log("--store b"), [undo, clear]);
    // Entries that moved are known by the store that they are in.
    assert_eq!(log("d"), [rename, touch]);
    assert_eq!(log("c"), [rename]);
    assert_eq!(log("a b"), [shred, undo, touch, clear, rm]);
    assert_eq!(log("absent"), [0u64; 0]);
    let warned = "warning: there is no store \"absent\"\n";
    assert_eq!(session.run("log absent a c").succeeds().stderr, warned);
    session.run("set thumbnails k v").succeeds();
    session.run("log thumbnials").ends(
        0,
        "warning: there is no store \"thumbnials\"\n  tip: did you mean thumbnails?\n",
    );
    session.run("log thumbnails").ends(0, "");
    let plain = session.run("log --format table").succeeds();
    let more = session.run("log --format table -v").succeeds();
    let count = |text: &str| text.matches("\n    by ").count();
    assert_eq!((count(plain.text()), count(more.text())), (0, all.len()));
    assert!(
        more.text().contains(": --store b --policy evict\n"),
        "{}",
        more.text()
    );
    let wide = session.run("log --format table --wide").succeeds();
    for column in ["USER", "HOST", "FILTER"] {
        assert!(wide.text().contains(column), "{}", wide.text());
    }
}

#[test]
fn an_undo_is_in_the_log_of_the_stores_that_its_operation_changed() {
    let session = Session::new();
    session.run("set a k v --user ann").succeeds();
    session.run("set b k v").succeeds();
    let log = |store: &str| {
        let listed = session.run(&format!("log {store}")).succeeds();
        let number = |line: &str| line.split('\t').next().map(str::to_owned);
        listed.text().lines().filter_map(number).collect::<Vec<_>>()
    };
    session.run("clear --user ann").succeeds();
    session.run("undo").succeeds();
    assert_eq!(log("a"), ["2", "1"]);
    // Its entries are in another store then.
    session.run("stores rename a c").succeeds();
    assert_eq!(log("a"), ["3", "2", "1"]);
    session.run("undo 2").succeeds();
    session.run("undo 1").succeeds();
    assert_eq!(log("a"), ["5", "4", "3", "2", "1"]);
    session.run("touch b k --ttl 1h").succeeds();
    session.run("undo").succeeds();
    assert_eq!(log("b"), ["7", "6"]);
    // After nothing is kept, too.
    session.run("clear b").succeeds();
    session.run("undo").succeeds();
    session.run("prune --retired").succeeds();
    assert_eq!(log("b"), ["9", "8", "7", "6"]);
}

#[test]
fn a_store_counts_once_whatever_its_datasets() {
    let session = Session::new();
    session.run("set s k v").succeeds();
    session
        .run("set s k v --dataset 6b03de1228195dbc2df5c505")
        .succeeds();
    session.run("set t k v").succeeds();
    let info = session.run("info --format json").succeeds();
    assert!(info.text().contains(r#""stores":2"#), "{}", info.text());
    let doctor = session.run("doctor --format table").succeeds();
    assert!(
        doctor.text().contains(" match, 2 stores"),
        "{}",
        doctor.text()
    );
}

#[test]
fn the_summary_has_the_numbers_of_info_and_stats() {
    let session = Session::new();
    for _ in 0..3 {
        session.shell("ecache run -- true < /dev/null").succeeds();
    }
    session.run("set t gone 1").notes("");
    session.run("get t gone").prints("1");
    session.run("rm t gone -q").notes("");
    session.run("stores create empty -q").notes("");
    session.run("set t here 1 --dataset d").notes("");
    session.run("set u there 1 --collection other").notes("");
    let object = |line: &str| {
        let ran = session.run(line).succeeds();
        serde_json::from_str::<Value>(ran.text()).expect("JSON")
    };
    let info = object("info --format jsonl");
    let stats = object("stats --all-collections --format json");
    let sum = |figure: &str| {
        let groups = stats.as_array().expect("groups").iter();
        groups
            .filter_map(|group| group[figure].as_u64())
            .sum::<u64>()
    };
    let shown = session.shell_on_terminal("ecache");
    let shown = String::from_utf8_lossy(&shown.bytes).into_owned();
    let begin = format!(
        "{} entries in {} stores, {} B",
        info["entries"],
        info["stores"],
        sum("bytes")
    );
    assert!(shown.starts_with(&begin), "{begin}: {shown}");
    let (hits, misses) = (sum("hits"), sum("misses"));
    assert!(hits > 2 && misses > 0, "{stats}");
    let calls = format!("{hits} hits, {misses} miss");
    assert!(shown.contains(&calls), "{calls}: {shown}");
    assert!(!shown.contains(" 0ms"), "{shown}");
}

#[test]
fn the_log_names_the_options_that_selected() {
    let session = Session::new();
    session.run("set s k v").succeeds();
    session
        .run("touch s --if-policy evict --ttl 1d --all-collections")
        .succeeds();
    session.run("touch s --policy persist").succeeds();
    session
        .run("clear s --policy any --all-collections")
        .succeeds();
    let log = session.run("log --format jsonl");
    let filters: Vec<String> = log
        .text()
        .lines()
        .map(|line| {
            let operation: Value = serde_json::from_str(line).expect("JSON");
            operation["filter"].as_str().expect("a text").to_owned()
        })
        .collect();
    assert_eq!(
        filters,
        [
            "--all-collections --store s",
            "--store s",
            "--all-collections --store s --if-policy evict",
        ]
    );
}

#[test]
fn a_dry_run_says_once_whether_undo_could_keep_all_of_it() {
    let session = Session::new();
    let entry = |number: u32| {
        // Two are old.
        let created_at = match number {
            0 | 1 => "\"created_at\": \"2020-01-01T00:00:00Z\", ",
            _ => "",
        };
        format!(
            "{{\"store_name\": \"s\", \"key\": \"{number}\", \"policy\": \"evict\", \
              {created_at}\"value\": 1}}\n"
        )
    };
    let entries: String = (0..100_003).map(entry).collect();
    session
        .run_with_input("import - --quiet", entries.as_bytes())
        .succeeds();
    let too_many = "these are too many to keep for undo";
    let part =
        "100,001 entries (98 KiB) of them would go for good; undo would bring the others back";
    for (words, expected) in [
        ("--older-than 1d --max-entries 0", Some(part)),
        ("--older-than 1d --max-entries 1", None),
        ("--max-entries 0", Some(too_many)),
        ("--max-entries 0 --max-size 0", None),
        ("--max-entries 0 --no-undo", None),
    ] {
        let ran = session.run(&*format!("prune -n {words}"));
        for line in [too_many, part] {
            let said = ran.stderr.matches(line).count();
            let is_expected = expected == Some(line);
            assert_eq!(said, usize::from(is_expected), "{words}: {}", ran.stderr);
        }
    }
}
