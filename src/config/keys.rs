//! The one table of settings, which checks their names and values.

use anyhow::Result;
use ecache_core::scope::{check_name, is_fiftyone_id};
use toml_edit::Value;

use crate::error::usage_tip;
use crate::output::own_command;
use crate::units::{parse_duration, parse_lifetime, parse_rate, parse_size, parse_ttl};

/// A setting: its name, the check of its value, its default, and its meaning.
pub(crate) struct Setting {
    /// Sections and name, as in `run.ttl`
    pub(crate) key: &'static str,
    pub(super) kind: SettingKind,
    /// Value where the file has none
    pub(crate) default: &'static str,
    /// One line of help
    pub(crate) about: &'static str,
}

impl Setting {
    /// Returns the words that are its values, if it has no others.
    pub(crate) fn words(&self) -> &'static [&'static str] {
        match self.kind {
            SettingKind::Word(words) => words,
            SettingKind::Bool => &["true", "false"],
            SettingKind::Text | SettingKind::Parsed(_) | SettingKind::Count | SettingKind::List => {
                &[]
            }
        }
    }
}

/// The form of a value.
#[derive(Clone, Copy)]
pub(super) enum SettingKind {
    Text,
    Bool,
    /// Text that an option would take as well
    Parsed(fn(&str) -> Result<(), String>),
    /// One of these words
    Word(&'static [&'static str]),
    /// A number that is not negative
    Count,
    /// Several texts
    List,
}

fn parsed<T, E: std::fmt::Display>(result: Result<T, E>) -> Result<(), String> {
    result.map(drop).map_err(|error| error.to_string())
}

const LIFETIME: SettingKind = SettingKind::Parsed(|text| parsed(parse_lifetime(text)));

const TTL: SettingKind = SettingKind::Parsed(|text| parsed(parse_ttl(text)));

const DURATION: SettingKind = SettingKind::Parsed(|text| parsed(parse_duration(text)));

const RATE: SettingKind = SettingKind::Parsed(|text| parsed(parse_rate(text)));
const SIZE: SettingKind = SettingKind::Parsed(|text| parsed(parse_size(text)));

const fn setting(
    key: &'static str,
    kind: SettingKind,
    default: &'static str,
    about: &'static str,
) -> Setting {
    Setting {
        key,
        kind,
        default,
        about,
    }
}

/// The settings of `[run]`, which `[stores."PATTERN"]` has as well.
pub(super) const RUN: &str = "run";

/// All settings that have a fixed name.
pub(crate) const KEYS: &[Setting] = &[
    setting(
        "db",
        SettingKind::Text,
        "",
        "location of the store, as --db takes it",
    ),
    setting(
        "db_file",
        SettingKind::Text,
        "",
        "file with the location of the store",
    ),
    setting(
        "collection",
        SettingKind::Text,
        "execution_store",
        "collection to work in, as --collection takes it",
    ),
    setting(
        "color",
        SettingKind::Word(&["auto", "always", "never"]),
        "auto",
        "colours on a terminal",
    ),
    setting(
        "time",
        SettingKind::Word(&["relative", "local", "utc", "iso"]),
        "relative",
        "how tables on a terminal show times",
    ),
    setting(
        "format",
        SettingKind::Word(&["table", "json", "jsonl", "csv", "tsv"]),
        "table",
        "format on a terminal",
    ),
    setting(
        "pager",
        SettingKind::Text,
        "",
        "program that shows what ls, show and log print on a terminal, as less -FRX does",
    ),
    setting("hints", SettingKind::Bool, "true", "tips after a success"),
    setting(
        "ls.limit",
        SettingKind::Count,
        "100",
        "maximum number of rows of a table that ls prints on a terminal; 0 for all",
    ),
    setting(
        "ls.sort",
        SettingKind::Word(&[
            "key", "created", "updated", "expires", "used", "size", "hits", "cost", "saved",
            "waste", "worth",
        ]),
        "updated",
        "order of the table that ls prints on a terminal",
    ),
    setting(
        "ls.fields",
        SettingKind::List,
        "",
        "fields of the table that ls prints on a terminal, instead of those that fit",
    ),
    setting(
        "browse.sort",
        SettingKind::Word(&[
            "updated", "key", "size", "hits", "saved", "waste", "cost", "worth", "expires",
        ]),
        "updated",
        "order in which browse begins",
    ),
    setting(
        "browse.live",
        SettingKind::Bool,
        "false",
        "browse begins with the changes and calls of all processes",
    ),
    setting("run.ttl", LIFETIME, "none", "keep a result this long"),
    setting("run.failure_ttl", TTL, "", "keep a failure this long"),
    setting(
        "run.no_failures",
        SettingKind::Bool,
        "false",
        "keep no failures",
    ),
    setting(
        "run.stale",
        DURATION,
        "",
        "print results this long after they expire, and refresh them",
    ),
    setting(
        "run.stale_if_error",
        SettingKind::Bool,
        "false",
        "print an expired result where the command fails",
    ),
    setting(
        "run.max_age",
        DURATION,
        "",
        "run again if the result is older",
    ),
    setting(
        "run.min_cost",
        DURATION,
        "",
        "do not keep results that took less time",
    ),
    setting("run.max_output", SIZE, "100MiB", "keep nothing larger"),
    setting(
        "run.wait_timeout",
        DURATION,
        "10m",
        "wait this long for another process that runs the same",
    ),
    setting(
        "run.on_busy",
        SettingKind::Word(&["wait", "run", "stale", "fail"]),
        "wait",
        "what to do while another process runs the same",
    ),
    setting(
        "run.record_args",
        SettingKind::Bool,
        "true",
        "record the arguments of commands",
    ),
    setting(
        "warm.jobs",
        SettingKind::Count,
        "",
        "commands that warm runs at a time; none for the number of processors",
    ),
    setting(
        "warm.rate",
        RATE,
        "",
        "commands that warm starts in a time, as in 5/s",
    ),
    setting(
        "warm.max_time",
        DURATION,
        "",
        "warm starts nothing after this long",
    ),
];

/// An error in a key or a value, and the tip to fix it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) message: String,
    pub(super) tip: String,
}

/// The tip that leads to all settings and their values.
const LIST: &str = "ecache config ls lists the settings and their values";

impl Fault {
    pub(super) fn new(message: impl Into<String>, tip: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            tip: tip.into(),
        }
    }

    /// Makes the fault of a value that the list of settings explains.
    pub(super) fn of_value(message: String) -> Self {
        Self::new(message, LIST)
    }
}

impl From<Fault> for anyhow::Error {
    fn from(fault: Fault) -> Self {
        usage_tip(fault.message, fault.tip)
    }
}

pub(super) fn is_section(name: &str) -> bool {
    KEYS.iter().any(|setting| {
        setting
            .key
            .split_once('.')
            .is_some_and(|(section, _)| section == name)
    })
}

/// Returns the setting that a key names; those of a store are those of `run`.
pub(super) fn find(key: &str) -> Option<&'static Setting> {
    let name = match key
        .strip_prefix("stores.")
        .and_then(|rest| rest.rsplit_once('.'))
    {
        Some((_, name)) => format!("{RUN}.{name}"),
        None => key.to_owned(),
    };
    KEYS.iter().find(|setting| setting.key == name)
}

/// Returns the setting of that name, or the error in the name.
fn named(key: &str) -> Result<&'static Setting, Fault> {
    find(key).ok_or_else(|| {
        let near = nearest(key).map(|near| format!("did you mean {near}?"));
        let message = format!("there is no setting {key:?}");
        Fault::new(message, near.unwrap_or_else(|| LIST.to_owned()))
    })
}

/// Checks the name of a setting.
///
/// # Errors
/// Fails if there is none of that name.
pub(crate) fn check_key(key: &str) -> Result<()> {
    if key.starts_with("datasets.") {
        return Ok(());
    }
    Ok(named(key).map(drop)?)
}

pub(super) fn check_value(key: &str, value: &Value) -> Result<(), Fault> {
    if let Some(name) = key.strip_prefix("datasets.") {
        return match value.as_str() {
            Some(id) if id.contains('…') || id.ends_with("...") => Err(Fault::new(
                format!("the id of dataset {name:?} is cut: {id}"),
                format!("{} shows ids in full", own_command("ls --wide")),
            )),
            Some(id) if is_fiftyone_id(id) => Ok(()),
            Some(id) if !id.is_empty() => Err(Fault::new(
                format!("{id:?} is not the id of a dataset"),
                format!(
                    "an id has 24 hexadecimal digits, as in 6b03de1228195dbc2df5c505; \
                     {} shows them",
                    own_command("ls --wide")
                ),
            )),
            _ => Err(Fault::of_value(format!(
                "the id of dataset {name:?} has to be a text in quotes"
            ))),
        };
    }
    let setting = named(key)?;
    let text = || {
        let text = value.as_str();
        text.ok_or_else(|| Fault::of_value(format!("{key} has to be a text in quotes")))
    };
    match setting.kind {
        SettingKind::Text => match text()? {
            "" if key == "db" => Err(Fault::new(
                "db cannot be empty",
                "ecache config unset db names the usual store",
            )),
            name if key == "collection" => check_name(name).map(drop).map_err(|error| {
                let tip = "ecache config unset collection names FiftyOne's own";
                Fault::new(format!("collection cannot be {name:.80?}: {error}"), tip)
            }),
            _ => Ok(()),
        },
        SettingKind::Bool => match value {
            Value::Boolean(_) => Ok(()),
            other => Err(Fault::new(
                format!("{key} cannot be {}", other.to_string().trim()),
                "it is one of true, false",
            )),
        },
        SettingKind::Parsed(parse) => {
            parse(text()?).map_err(|error| Fault::of_value(format!("{key}: {error}")))
        }
        SettingKind::Count => match value.as_integer() {
            Some(0) if key == "warm.jobs" => Err(Fault::new(
                "warm.jobs cannot be 0",
                "ecache config unset warm.jobs runs as many as there are processors",
            )),
            Some(0..) => Ok(()),
            _ => Err(Fault::of_value(format!("{key} has to be a number"))),
        },
        SettingKind::List => {
            if value.as_array().is_some_and(toml_edit::Array::is_empty) {
                let unset = format!("ecache config unset {key} drops it");
                return Err(Fault::new(format!("{key} cannot be empty"), unset));
            }
            let are_texts = |list: &toml_edit::Array| list.iter().all(Value::is_str);
            value
                .as_array()
                .filter(|list| are_texts(list))
                .map(drop)
                .ok_or_else(|| Fault::of_value(format!("{key} has to be a list of texts")))
        }
        SettingKind::Word(words) => match text()? {
            word if words.contains(&word) => Ok(()),
            word => Err(Fault::new(
                format!("{key} cannot be {word:?}"),
                format!("it is one of {}", words.join(", ")),
            )),
        },
    }
}

/// Returns the key that is spelt most like this one.
fn nearest(key: &str) -> Option<&'static str> {
    let last = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
    let scored = KEYS.iter().filter_map(|setting| {
        let (typed, name) = (last(key), last(setting.key));
        // A section alone says nothing about the setting.
        let is_alike = strsim::normalized_damerau_levenshtein(&typed, &name) >= 0.5;
        let whole = strsim::jaro_winkler(key, setting.key);
        let score = whole.max(strsim::jaro_winkler(&typed, &name));
        is_alike.then_some((score, setting.key))
    });
    let (score, key) = scored.max_by(|(one, _), (two, _)| one.total_cmp(two))?;
    (score > 0.8).then_some(key)
}
