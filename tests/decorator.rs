//! The command administers the cached results of a running program: a session with
//! `examples/operator.rs`.

use std::io::{BufRead, BufReader, Lines, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use ecache_core::execution_cache::DEFAULT_COHERENCE;
use ecache_core::{Cache, ExecutionContext};

const TABLE: &str = "city,country\nPorto,Portugal\nLisbon,Portugal\nRome,Italy\n";

/// The example, running.
struct Operator {
    process: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Operator {
    fn start(folder: &Path, scopes: [&str; 4]) -> Self {
        let [user, operator, prompt, dataset] = scopes;
        let mut process = Command::new(example())
            .arg(folder.join("store.db"))
            .arg(folder.join("cities.csv"))
            .args(["--user", user, "--operator", operator])
            .args(["--prompt", prompt, "--dataset", dataset])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the example");
        let input = process.stdin.take().expect("a pipe");
        let output = BufReader::new(process.stdout.take().expect("a pipe")).lines();
        Self {
            process,
            input,
            output,
        }
    }

    /// Asks for a column, and returns the answer.
    fn ask(&mut self, column: &str) -> String {
        writeln!(self.input, "{column}").expect("it listens");
        let line = self.output.next().expect("it answers");
        line.expect("text")
    }

    /// Returns the origin of its two results: computed, or a tier of the cache.
    fn origin(&mut self) -> String {
        let answer = self.ask("country");
        assert!(
            answer.starts_with("2 values, longest \"Portugal\" ("),
            "{answer}"
        );
        answer
            .split_once('(')
            .expect("an origin")
            .1
            .trim_end_matches(')')
            .to_owned()
    }

    fn end(self) {
        let Self {
            mut process, input, ..
        } = self;
        drop(input);
        assert!(process.wait().expect("an end").success());
    }
}

/// Returns the path of the program; builds it, since `cargo test --test decorator` alone does not.
fn example() -> PathBuf {
    let folder = Path::new(env!("CARGO_BIN_EXE_ecache"))
        .parent()
        .expect("a folder");
    let program = folder.join("examples/operator");
    if !program.exists() {
        let built = Command::new(env!("CARGO"))
            .args(["build", "--example", "operator"])
            .status();
        assert!(built.expect("cargo").success());
    }
    program
}

/// Runs the command; returns its standard output and standard error.
fn ecache(folder: &Path, arguments: &[&str]) -> (String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_ecache"))
        .env_clear()
        .env("ECACHE_DB", folder.join("store.db"))
        .args(arguments)
        .output()
        .expect("the command");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    let (out, err) = (text(output.stdout), text(output.stderr));
    assert!(output.status.success(), "{arguments:?}: {err}");
    (out, err)
}

#[test]
fn the_command_lists_shows_and_clears_what_running_functions_cached() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    std::fs::write(folder.join("cities.csv"), TABLE).expect("a table");
    let mut operators = [
        ["ann", "@acme/count", "p1", "d1"],
        ["bob", "@acme/count", "p2", "d1"],
        ["ann", "@acme/other", "p3", "d2"],
    ]
    .map(|scopes| Operator::start(folder, scopes));
    for operator in &mut operators {
        assert_eq!(operator.origin(), "computed, computed");
        assert_eq!(operator.origin(), "cached, cached");
    }

    let (listed, _) = ecache(folder, &["ls", "--user", "bob", "--format", "json"]);
    let listed: serde_json::Value = serde_json::from_str(&listed).expect("JSON");
    let [entry] = &listed.as_array().expect("a list")[..] else {
        panic!("one entry: {listed}")
    };
    assert_eq!(
        entry["function"],
        "operator::count_values in binary operator of package ecache"
    );
    assert_eq!(entry["store_name"], "operator::count_values");
    assert_eq!(entry["args"][1], "country");
    assert_eq!(entry["operator_uri"], "@acme/count");
    assert_eq!(entry["prompt_id"], serde_json::Value::Null);
    assert_eq!(entry["dataset_id"], "d1");
    assert!(entry["cost_ms"].is_u64() && !entry["expires_at"].is_null());

    let key = entry["key"].as_str().expect("a key");
    let (shown, _) = ecache(
        folder,
        &[
            "show",
            "operator::count_values",
            key,
            "--dataset",
            "d1",
            "--format",
            "json",
        ],
    );
    assert!(shown.contains("\"Portugal\""), "{shown}");

    for (filter, removed, expected) in [
        (
            ["--user", "ann"],
            2,
            ["computed, cached", "cached, cached", "computed, cached"],
        ),
        (
            ["--operator", "@acme/count"],
            2,
            ["computed, cached", "computed, cached", "cached, cached"],
        ),
        (
            ["--prompt", "p2"],
            1,
            ["cached, cached", "cached, computed", "cached, cached"],
        ),
        (
            ["--dataset", "d2"],
            2,
            ["cached, cached", "cached, cached", "computed, computed"],
        ),
    ] {
        let rehearsed = ecache(folder, &["clear", "-n", filter[0], filter[1]]).1;
        assert!(
            rehearsed.contains(&format!("would remove {removed} entr")),
            "{rehearsed}"
        );
        let cleared = ecache(folder, &["clear", filter[0], filter[1]]).1;
        assert!(
            cleared.contains(&format!("removed {removed} entr")),
            "{cleared}"
        );
        // The promise: gone from every memory within that time.
        std::thread::sleep(DEFAULT_COHERENCE + Duration::from_millis(10));
        let origins = operators.each_mut().map(Operator::origin);
        assert_eq!(origins, expected, "{filter:?}");
    }
    operators.into_iter().for_each(Operator::end);

    // The hits of processes that have ended are in the store.
    let (groups, _) = ecache(folder, &["stats", "--by", "user", "--format", "json"]);
    let groups: serde_json::Value = serde_json::from_str(&groups).expect("JSON");
    let hits = groups
        .as_array()
        .expect("a list")
        .iter()
        .map(|group| group["hits"].as_u64());
    assert!(hits.flatten().sum::<u64>() > 0, "{groups}");

    // And so are their calls: eighteen of each function, of which these were computed.
    let (calls, _) = ecache(folder, &["stats", "--format", "json"]);
    let calls: serde_json::Value = serde_json::from_str(&calls).expect("JSON");
    for (name, computed, percent) in [
        ("operator::count_values", 8, 55.56),
        ("operator::longest_value", 5, 72.22),
    ] {
        let groups = calls.as_array().expect("a list");
        let group = groups.iter().find(|group| group["store_name"] == name);
        let group = group.expect("the function's store");
        assert_eq!(group["calls"], 18);
        assert_eq!(group["misses"], computed);
        assert_eq!(group["hit_percent"], percent);
        let hits = ["hits", "followers"].map(|kind| group[kind].as_u64());
        assert_eq!(hits.into_iter().flatten().sum::<u64>(), 18 - computed);
        assert_eq!(group["errors"], 0);
    }
    let by_dataset = [
        "stats",
        "--by",
        "dataset",
        "--dataset",
        "d2",
        "--format",
        "json",
    ];
    let (calls, _) = ecache(folder, &by_dataset);
    let calls: serde_json::Value = serde_json::from_str(&calls).expect("JSON");
    assert_eq!(calls[0]["dataset_id"], "d2");
    assert_eq!(calls[0]["calls"], 12);
}

mod one {
    use ecache_core::{ExecutionContext, execution_cache};

    #[execution_cache(store_name = "shared")]
    pub fn weigh(_ctx: &ExecutionContext, path: &str) -> usize {
        path.len()
    }
}

mod two {
    use ecache_core::{ExecutionContext, execution_cache};

    #[execution_cache(store_name = "shared")]
    pub fn weigh(_ctx: &ExecutionContext, path: &str) -> usize {
        path.len() * 100
    }
}

#[test]
fn get_names_the_functions_that_share_a_key() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let ctx = ExecutionContext::new(Cache::at(folder.join("store.db")));
    assert_eq!((one::weigh(&ctx, "abc"), two::weigh(&ctx, "abc")), (3, 300));
    assert_eq!((one::weigh(&ctx, "abc"), two::weigh(&ctx, "abc")), (3, 300));
    let (listed, _) = ecache(folder, &["ls", "--store", "shared", "--format", "json"]);
    let listed: serde_json::Value = serde_json::from_str(&listed).expect("JSON");
    assert_eq!(listed.as_array().map(Vec::len), Some(2), "{listed}");

    let (value, note) = ecache(folder, &["get", "shared", "--arg", "abc"]);
    assert_eq!(value, "3\n");
    for name in ["decorator::one::weigh", "decorator::two::weigh"] {
        assert!(note.contains(name), "{note}");
    }
    let key = note.rsplit(' ').next().expect("a key").trim();
    let (value, note) = ecache(folder, &["get", "shared", key]);
    assert_eq!((&*value, &*note), ("300\n", ""));
}
