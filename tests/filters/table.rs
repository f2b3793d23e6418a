//! Every verb, every option that filters, and the entries that both mean.

use std::time::Duration;

use ecache_core::backend::Record;
use ecache_core::entry::{Entry, Policy};
use ecache_core::filter::{DatasetPattern, Filter, Freshness, Pattern, Usage};
use ecache_core::interchange::Reader;
use ecache_core::scope::DEFAULT_COLLECTION;
use ecache_core::time::Timestamp;
use ecache_core::value::Kind;

use crate::support::Session;

/// [`NOW`] as a number.
pub(crate) const NOW_MS: i64 = 1_795_415_571_000;

pub(crate) const fn now() -> Timestamp {
    Timestamp::from_millis(NOW_MS)
}

pub(crate) fn after(seconds: i64) -> Timestamp {
    Timestamp::from_millis(NOW_MS + seconds * 1000)
}

/// Entries that differ in every property that a filter tests.
pub(crate) const LINES: &str = r#"
{"store_name": "s", "key": "k1", "created_at": "2026-11-23T06:00:00Z", "policy": "evict", "kind": "json", "value": [1, 2]}
{"store_name": "s", "key": "k2", "created_at": "2026-11-23T02:00:00Z", "policy": "persist", "kind": "text", "value": "large enough"}
{"store_name": "s", "key": "k3", "created_at": "2026-11-23T02:00:00Z", "last_used_at": "2026-11-23T06:30:00Z", "hits": 1, "policy": "evict", "expires_at": "2026-11-23T07:00:00Z", "kind": "text", "value": "t"}
{"store_name": "s", "key": "k4", "created_at": "2026-11-23T02:00:00Z", "policy": "evict", "expires_at": "2026-11-23T06:30:00Z", "kind": "bytes", "value": {"_cls": "bytes", "value": "AAEC"}}
{"store_name": "s2", "key": "k1", "created_at": "2026-11-23T06:20:00Z", "policy": "evict", "kind": "json", "user_id": "ann", "operator_uri": "@a/b", "prompt_id": "p1", "args": ["x", 1], "cost_ms": 9, "value": 12345}
{"store_name": "s2", "key": "k5", "dataset_id": "6b03de1228195dbc2df5c501", "created_at": "2026-11-23T06:25:00Z", "policy": "evict", "expires_at": "2026-12-23T06:30:00Z", "kind": "json", "user_id": "bob", "cost_ms": 3, "value": null}
{"store_name": "echo", "key": "k6", "created_at": "2026-11-23T06:25:00Z", "policy": "evict", "kind": "command", "function": "/usr/bin/echo", "args": ["x", {"stdin": "/dev/null"}], "cost_ms": 33, "user_id": "ann", "value": {"_cls": "bytes", "value": "AgEBAAAAA2hpCgAA"}}
{"store_name": "echo", "key": "k7", "dataset_id": "6b03de1228195dbc2df5c501", "created_at": "2026-11-23T02:00:00Z", "policy": "evict", "expires_at": "2026-11-23T09:00:00Z", "kind": "command", "function": "/usr/bin/echo", "args": ["y", {"stdin": "/dev/null"}], "cost_ms": 2, "value": {"_cls": "bytes", "value": "AgEBAAAAA2hpCgAA"}}
{"collection": "other", "store_name": "s", "key": "k1", "created_at": "2026-11-23T06:25:00Z", "policy": "evict", "kind": "text", "value": "one"}
{"collection": "other", "store_name": "echo", "key": "k8", "dataset_id": "6b03de1228195dbc2df5c501", "created_at": "2026-11-23T06:25:00Z", "policy": "evict", "kind": "command", "function": "/usr/bin/echo", "args": ["z", {"stdin": "/dev/null"}], "operator_uri": "@a/b", "value": {"_cls": "bytes", "value": "AgEBAAAAA2hpCgAA"}}
"#;

pub(crate) fn entries() -> Vec<Entry> {
    let records = Reader::new(LINES.trim_start().as_bytes(), DEFAULT_COLLECTION, now());
    let records = records.expect("these are lines");
    let entry = |record| match record {
        Ok((_, Record::Entry(entry, _))) => *entry,
        other => panic!("no entry: {other:?}"),
    };
    records.map(entry).collect()
}

/// Returns a session with these entries in its store and in `lines.jsonl`.
pub(crate) fn filled() -> Session {
    filled_by(Session::new())
}

/// Puts these entries into the store of a session, and into `lines.jsonl`.
pub(crate) fn filled_by(session: Session) -> Session {
    std::fs::write(session.path("lines.jsonl"), LINES.trim_start()).expect("a file");
    session
        .run("import lines.jsonl")
        .notes("imported 10 entries (10 new, 0 replaced)\n");
    session.run("set s k v --db empty.db").notes("");
    session.run("rm s k --no-undo -q --db empty.db").notes("");
    session
}

/// The change of a filter that an option makes.
pub(crate) type Change = fn(Filter) -> Filter;

/// Each option that filters, and its meaning. A verb that leaves one out fails.
pub(crate) const OPTIONS: &[(&str, Change)] = &[
    ("--store s", |f| Filter {
        stores: exact(&["s"]),
        ..f
    }),
    ("--store s --store echo", |f| Filter {
        stores: exact(&["s", "echo"]),
        ..f
    }),
    ("--glob --store s*", |f| Filter {
        stores: vec![glob("s*")],
        ..f
    }),
    ("--dataset 6b03de1228195dbc2df5c501", |f| Filter {
        datasets: vec![DatasetPattern::exact(Some("6b03de1228195dbc2df5c501"))],
        ..f
    }),
    ("--no-dataset", |f| Filter {
        datasets: vec![DatasetPattern::Unlinked],
        ..f
    }),
    ("--user ann", |f| Filter {
        users: exact(&["ann"]),
        ..f
    }),
    ("--operator @a/b", |f| Filter {
        operators: exact(&["@a/b"]),
        ..f
    }),
    ("--prompt p1", |f| Filter {
        prompts: exact(&["p1"]),
        ..f
    }),
    ("--key k1", |f| Filter {
        keys: exact(&["k1"]),
        ..f
    }),
    ("--arg x", |f| Filter {
        arguments: exact(&["x"]),
        ..f
    }),
    ("--kind text", |f| Filter {
        kinds: vec![Kind::Text],
        ..f
    }),
    ("--kind command", |f| Filter {
        kinds: vec![Kind::Command],
        ..f
    }),
    ("--expired", |f| Filter {
        freshness: Some(Freshness::Expired),
        ..f
    }),
    ("--fresh", |f| Filter {
        freshness: Some(Freshness::Fresh),
        ..f
    }),
    ("--no-expiry", |f| Filter {
        freshness: Some(Freshness::Endless),
        ..f
    }),
    ("--older-than 1h", |f| Filter {
        written_before: Some(after(-3600)),
        ..f
    }),
    ("--newer-than 20m", |f| Filter {
        written_after: Some(after(-1200)),
        ..f
    }),
    ("--min-hits 1", |f| Filter {
        min_hits: Some(1),
        ..f
    }),
    ("--never-used", |f| Filter {
        never_used: true,
        ..f
    }),
    ("--unused-for 1h", |f| Filter {
        unused_since: Some(after(-3600)),
        ..f
    }),
    ("--expiring-within 6h", |f| Filter {
        expires_by: Some(after(6 * 3600)),
        ..f
    }),
    ("--larger-than 5", |f| Filter {
        larger_than: Some(5),
        ..f
    }),
    ("--smaller-than 5", |f| Filter {
        smaller_than: Some(5),
        ..f
    }),
    ("--cost-above 3ms", |f| Filter {
        cost_above: Some(Duration::from_millis(3)),
        ..f
    }),
    ("--policy evict", |f| Filter {
        policy: Some(Policy::Evict),
        ..f
    }),
    ("--policy persist", |f| Filter {
        policy: Some(Policy::Persist),
        ..f
    }),
    ("--policy any", |f| Filter { policy: None, ..f }),
    ("--collection other", |f| Filter {
        collections: exact(&["other"]),
        ..f
    }),
    ("--collection other --collection execution_store", |f| {
        Filter {
            collections: exact(&["other", DEFAULT_COLLECTION]),
            ..f
        }
    }),
    ("--all-collections", |f| Filter {
        collections: Vec::new(),
        ..f
    }),
];

pub(crate) fn exact(names: &[&str]) -> Vec<Pattern> {
    names.iter().copied().map(Pattern::exact).collect()
}

pub(crate) fn glob(pattern: &str) -> Pattern {
    Pattern::glob(pattern).expect("a well-formed pattern")
}

/// The form in which a verb reports its selection.
pub(crate) enum Tells {
    /// Keys, one a line
    Keys,
    /// Keys in JSON lines
    Lines,
    /// The sum of a field of JSON lines
    Sum,
    /// `would … 3 entries (12 B)`
    Usage,
    /// `would … 3 entries (…`
    Count,
}

pub(crate) struct Verb {
    words: &'static str,
    tells: Tells,
    /// The filter of the verb without options
    means: Change,
    /// Options that the verb refuses, or that mean something else to it
    without: &'static [&'static str],
}

const ONLY_FRESH: Change = |f| Filter {
    freshness: Some(Freshness::Fresh),
    ..f
};
const ONLY_EVICT: Change = |f| Filter {
    policy: Some(Policy::Evict),
    ..f
};
const EVERYWHERE: Change = |f| Filter {
    collections: Vec::new(),
    ..f
};
const AS_IT_IS: Change = |f| f;

pub(crate) const VERBS: &[Verb] = &[
    Verb {
        words: "ls --fields key",
        tells: Tells::Keys,
        means: AS_IT_IS,
        without: &[],
    },
    Verb {
        words: "top -L 0 --format jsonl",
        tells: Tells::Lines,
        means: AS_IT_IS,
        without: &[],
    },
    Verb {
        words: "diff empty.db @ --format jsonl",
        tells: Tells::Lines,
        means: AS_IT_IS,
        without: &[],
    },
    Verb {
        words: "export",
        tells: Tells::Lines,
        means: AS_IT_IS,
        without: &[],
    },
    Verb {
        words: "stats --format jsonl",
        tells: Tells::Sum,
        means: AS_IT_IS,
        without: &[],
    },
    Verb {
        words: "stores --format jsonl",
        tells: Tells::Sum,
        means: EVERYWHERE,
        without: &[],
    },
    Verb {
        words: "copy @ -",
        tells: Tells::Lines,
        means: AS_IT_IS,
        without: &[],
    },
    Verb {
        words: "copy @ other.db -n",
        tells: Tells::Count,
        means: AS_IT_IS,
        without: &[],
    },
    Verb {
        words: "copy lines.jsonl -",
        tells: Tells::Lines,
        means: EVERYWHERE,
        without: &[],
    },
    Verb {
        words: "import lines.jsonl -n",
        tells: Tells::Count,
        means: EVERYWHERE,
        without: &[],
    },
    // Its limits are conditions elsewhere, and each is a reason to go by itself.
    Verb {
        words: "prune -n --older-than 1ms",
        tells: Tells::Usage,
        means: ONLY_EVICT,
        without: &["--older-than", "--unused-for", "--expired"],
    },
    Verb {
        words: "clear -n",
        tells: Tells::Usage,
        means: ONLY_EVICT,
        without: &[],
    },
    Verb {
        words: "touch -n --ttl 1d",
        tells: Tells::Usage,
        means: ONLY_FRESH,
        without: &[],
    },
    Verb {
        words: "warm --refresh -n --format jsonl",
        tells: Tells::Lines,
        means: |f| Filter {
            kinds: vec![Kind::Command],
            policy: Some(Policy::Evict),
            ..f
        },
        without: &["--kind text"],
    },
    Verb {
        words: "doctor --format jsonl",
        tells: Tells::Sum,
        means: EVERYWHERE,
        without: &[],
    },
];

impl Verb {
    /// Reports whether its entries come from a file, whose names are not known before it is read.
    pub(crate) fn reads_a_file(&self) -> bool {
        self.words.contains("lines.jsonl")
    }

    /// Returns the words of one option for this verb, or `None` if the verb does not have it.
    pub(crate) fn spells(&self, option: &str) -> Option<String> {
        if self
            .without
            .iter()
            .any(|without| option.starts_with(without))
        {
            return None;
        }
        // Without any other filter these verbs ask for --all.
        let needs_all = ["clear", "touch", "warm"].contains(&self.name());
        let is_no_filter = ["--policy", "--collection", "--all-"];
        let all = if needs_all && is_no_filter.iter().any(|word| option.starts_with(word)) {
            " --all"
        } else {
            ""
        };
        let option = match self.name() {
            "touch" => option.replace("--policy", "--if-policy"),
            _ => option.to_owned(),
        };
        Some(format!("{}{all} {option}", self.words))
    }

    pub(crate) fn name(&self) -> &str {
        self.words.split(' ').next().expect("a verb")
    }
}

/// Checks that each verb selects the entries that its filter means, in the store of a session.
pub(crate) fn every_verb_selects(session: &Session) {
    let entries = entries();
    for verb in VERBS {
        for (option, change) in OPTIONS {
            let Some(words) = verb.spells(option) else {
                continue;
            };
            let filter = change((verb.means)(Filter::default()));
            let meant: Vec<&Entry> = entries
                .iter()
                .filter(|e| filter.matches(e, now()))
                .collect();
            let usage = Usage {
                entries: meant.len() as u64,
                bytes: meant.iter().map(|entry| entry.size).sum(),
            };
            let ran = session.run(&words);
            assert!(
                ran.code == 0 || ["doctor", "diff"].contains(&verb.name()) && ran.code == 1,
                "{words}: {ran:?}"
            );
            let amount = match usage.entries {
                1 => "1 entry (".to_owned(),
                entries => format!("{entries} entries ("),
            };
            let is_right = match verb.tells {
                Tells::Keys => {
                    let mut found: Vec<&str> = ran.text().lines().collect();
                    let mut keys: Vec<&str> = meant
                        .iter()
                        .map(|entry| entry.address.key.as_str())
                        .collect();
                    found.sort_unstable();
                    keys.sort_unstable();
                    found == keys
                }
                Tells::Lines => ran.text().lines().count() as u64 == usage.entries,
                Tells::Sum => sum(ran.text()) == usage.entries,
                Tells::Usage => {
                    let stake: u64 = meant.iter().filter_map(|entry| entry.cost_ms).sum();
                    let told = format!(" {amount}{} B)", usage.bytes);
                    let ends = [format!("{told}\n"), format!("{told}: {stake}ms at stake\n")];
                    ran.stderr.starts_with("would ")
                        && ends.iter().any(|end| ran.stderr.contains(end))
                }
                Tells::Count => ran.stderr.starts_with("would ") && ran.stderr.contains(&amount),
            };
            assert!(is_right, "{words}: {usage:?}, and not {ran:?}");
        }
    }
}

/// Adds up the numbers of entries in JSON lines; of the doctor's lines, only those of growth count.
fn sum(lines: &str) -> u64 {
    let rows = lines.lines().map(|line| {
        let row: serde_json::Value = serde_json::from_str(line).expect("a line of JSON");
        match row["check"].as_str() {
            None | Some("growth") => row["entries"].as_u64().expect("a number"),
            Some(_) => 0,
        }
    });
    rows.sum()
}
