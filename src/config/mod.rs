//! The user's settings, in `config.toml`.
//!
//! An option wins over a variable, that over the file, that over the default. The file is read when
//! a setting is first asked for: `get`, `has` and `key` ask for the store's location alone, which
//! costs one failed open where there is no file.
//!
//! [`KEYS`] is the one table of settings: it checks a file, and `ecache config` and the manual
//! print it. A key that identifies a call has no setting, since a key must mean the same to every
//! user of a store.
//!
//! Designs weighed: `serde` into a struct of options (it knows no line of an unknown key, and the
//! table of names, defaults and meanings would stand beside it), a layering crate such as figment
//! (larger than this file), and this one: a parsed document whose values are looked up by path, so
//! that `config set` changes one line and keeps the comments.

mod edit;
mod keys;
mod settings_file;

pub(crate) use edit::with_setting;
pub(crate) use keys::{KEYS, check_key};
pub(crate) use settings_file::SettingsFile;

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use anyhow::{Context as _, Result};
use ecache_core::glob::Glob;
use toml_edit::{Document, Item, Table, TableLike, TomlError, Value};

use self::keys::{Fault, RUN, check_value, is_section};
use self::settings_file::NONE;
use crate::error::usage_tip;
use crate::variables::CONFIG;

/// The settings of a user.
#[derive(Default)]
pub(crate) struct Config {
    document: Table,
    /// The patterns of `[stores]`, the most exact one first
    stores: Vec<(Glob, Table)>,
}

impl Config {
    /// Reads and checks the settings.
    ///
    /// # Errors
    /// Fails if the file cannot be read, is not TOML, or has an unknown key or value. A missing
    /// file is an error only if it was named.
    pub(crate) fn read(file: &SettingsFile) -> Result<Self> {
        let Some(path) = file.path() else {
            return Ok(Self::default());
        };
        let text = match std::fs::read_to_string(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => match file {
                SettingsFile::Named(_) => {
                    return Err(usage_tip(
                        format!("there is no {}, which {CONFIG} names", path.display()),
                        format!("{CONFIG}={NONE} reads no settings"),
                    ));
                }
                SettingsFile::Usual(_) | SettingsFile::None => return Ok(Self::default()),
            },
            text => {
                text.with_context(|| format!("cannot read the settings in {}", path.display()))?
            }
        };
        Self::parse(&text, path)
    }

    fn parse(text: &str, path: &Path) -> Result<Self> {
        let document = Document::parse(text).map_err(|error| not_toml(text, path, &error))?;
        check(document.as_table(), "", &mut |item, fault| {
            at_line(text, path, item, fault)
        })?;
        let document = document.into_mut().as_table().clone();
        let stores = patterns(&document);
        Ok(Self { document, stores })
    }

    /// Returns the value of a setting in the file, as it would be typed.
    pub(crate) fn text(&self, key: &str) -> Option<String> {
        let mut item: &Item = self.document.get(key.split('.').next()?)?;
        for part in key.split('.').skip(1) {
            item = item.get(part)?;
        }
        item.as_value().map(typed)
    }

    /// Returns a setting of `run` for a store: that of the most exact pattern that matches its
    /// name, or that of all stores.
    pub(crate) fn run(&self, store: &str, name: &str) -> Option<String> {
        let mut meant = self.stores.iter().filter(|(glob, _)| glob.matches(store));
        let value = meant.find_map(|(_, settings)| Some(typed(settings.get(name)?.as_value()?)));
        value.or_else(|| self.text(&format!("{RUN}.{name}")))
    }

    /// Returns the ids of datasets by the names that the file gives them.
    pub(crate) fn datasets(&self) -> BTreeMap<String, String> {
        let table = self.document.get("datasets").and_then(Item::as_table_like);
        let pairs = table.into_iter().flat_map(TableLike::iter);
        pairs
            .filter_map(|(name, id)| Some((name.to_owned(), id.as_str()?.to_owned())))
            .collect()
    }

    /// Returns every setting of the file, by its key.
    pub(crate) fn all(&self) -> Vec<(String, String)> {
        let mut all = Vec::new();
        list(&self.document, "", &mut all);
        all
    }
}

/// Returns the error for a text that is not TOML.
fn not_toml(text: &str, path: &Path, error: &TomlError) -> anyhow::Error {
    let fault = unquoted(text, error.span())
        .unwrap_or_else(|| Fault::new(error.message(), "--no-config reads no settings"));
    at_line(text, path, error.span(), fault)
}

/// Returns the fault of a value that is a word without quotes, which TOML reads as a number.
fn unquoted(text: &str, span: Span) -> Option<Fault> {
    let at = span?.start.min(text.len());
    let start = text[..at].rfind('\n').map_or(0, |end| end + 1);
    let (key, value) = text[start..].lines().next()?.split_once('=')?;
    let (key, value) = (key.trim(), value.split('#').next()?.trim());
    let is_word = |c: char| c.is_alphanumeric() || "-_./~".contains(c);
    let is_bare = value.starts_with(|c: char| c.is_alphabetic() || "~./".contains(c))
        && !["true", "false", "inf", "nan"].contains(&value);
    (is_bare && value.chars().all(is_word)).then(|| {
        Fault::new(
            format!("{value} is a text without quotes"),
            format!("write {key} = \"{value}\""),
        )
    })
}

/// Names the file and the line of a fault.
fn at_line(text: &str, path: &Path, span: Span, fault: Fault) -> anyhow::Error {
    let offset = span.map_or(0, |span| span.start);
    let before = &text[..offset.min(text.len())];
    let line = before.matches('\n').count() + 1;
    let message = format!("{}, line {line}: {}", path.display(), fault.message);
    usage_tip(message, fault.tip)
}

/// Returns the patterns of `[stores]` and their settings, the most exact one first: that which
/// fixes most letters, and of two the one without wildcards.
fn patterns(document: &Table) -> Vec<(Glob, Table)> {
    let stores = document.get("stores").and_then(Item::as_table_like);
    let pairs = stores.into_iter().flat_map(TableLike::iter);
    let mut patterns: Vec<((usize, bool), Glob, Table)> = pairs
        .filter_map(|(pattern, item)| {
            let settings = item.clone().into_table().ok()?;
            let wild = pattern.matches(['*', '?']).count();
            let exactness = (pattern.len() - wild, wild == 0);
            Some((exactness, Glob::new(pattern).ok()?, settings))
        })
        .collect();
    patterns.sort_by_key(|(exactness, ..)| std::cmp::Reverse(*exactness));
    let patterns = patterns.into_iter();
    patterns
        .map(|(_, glob, settings)| (glob, settings))
        .collect()
}

fn list(table: &dyn TableLike, prefix: &str, all: &mut Vec<(String, String)>) {
    for (name, item) in table.iter() {
        let key = join(prefix, name);
        match (item.as_value(), item.as_table_like()) {
            (_, Some(table)) => list(table, &key, all),
            (Some(value), None) => all.push((key, typed(value))),
            (None, None) => {}
        }
    }
}

fn join(prefix: &str, name: &str) -> String {
    if prefix.is_empty() {
        name.to_owned()
    } else {
        format!("{prefix}.{name}")
    }
}

/// Returns a value as it would be typed: a list with commas.
fn typed(value: &Value) -> String {
    match value {
        Value::String(text) => text.value().clone(),
        Value::Array(list) => Vec::from_iter(list.iter().map(typed)).join(","),
        other => other.to_string().trim().to_owned(),
    }
}

type Span = Option<std::ops::Range<usize>>;

/// Checks every key and value of a table.
fn check(
    table: &dyn TableLike,
    prefix: &str,
    refuse: &mut dyn FnMut(Span, Fault) -> anyhow::Error,
) -> Result<()> {
    for (name, item) in table.iter() {
        let key = join(prefix, name);
        let span = || {
            table
                .key(name)
                .and_then(toml_edit::Key::span)
                .or(item.span())
        };
        if let Some(section) = item.as_table_like() {
            let is_known = match prefix {
                "" => name == "stores" || name == "datasets" || is_section(name),
                "stores" => {
                    if let Err(error) = Glob::new(name) {
                        return Err(refuse(span(), Fault::of_value(error.to_string())));
                    }
                    true
                }
                _ => false,
            };
            if !is_known {
                let message = format!("there is no section {key:?}");
                return Err(refuse(span(), Fault::of_value(message)));
            }
            check(section, &key, refuse)?;
            continue;
        }
        let value = item
            .as_value()
            .expect("no table, and a document has no empty items");
        if let Err(error) = check_value(&key, value) {
            return Err(refuse(item.span().or_else(span), error));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;
    use ecache_core::backend::Sort;

    use super::keys::SettingKind;
    use super::*;

    const PATH: &str = "config.toml";

    fn refusal(text: &str) -> String {
        let error = Config::parse(text, Path::new(PATH))
            .err()
            .expect("it is refused");
        error.to_string()
    }

    #[test]
    fn a_setting_of_a_store_wins_over_that_of_all() {
        let text =
            "[run]\nttl = \"1d\"\n[stores.\"git*\"]\nttl = \"5s\"\n[stores.git]\nttl = \"7s\"\n";
        let config = Config::parse(text, Path::new(PATH)).expect("settings");
        assert_eq!(
            config.run("git", "ttl").as_deref(),
            Some("7s"),
            "the whole name"
        );
        assert_eq!(config.run("gitk", "ttl").as_deref(), Some("5s"));
        assert_eq!(config.run("curl", "ttl").as_deref(), Some("1d"));
        assert_eq!(config.run("curl", "stale"), None);
    }

    #[test]
    fn a_change_writes_the_type_of_the_setting() {
        let with = |key, value| {
            let changed = with_setting("", Path::new(PATH), key, Some(value));
            changed.map(|text| text.expect("it is changed"))
        };
        let changed = with("ls.limit", "20").expect("a setting");
        assert_eq!(changed, "[ls]\nlimit = 20\n");
        let changed = with("ls.fields", "key, size").expect("a setting");
        assert_eq!(changed, "[ls]\nfields = [\"key\", \"size\"]\n");
        assert!(with("ls.limit", "many").is_err());
        assert!(with("hints", "perhaps").is_err());
    }

    #[test]
    fn a_fault_is_told_with_its_line_and_what_was_meant() {
        let cases = [
            (
                "[run]\ntll = \"1d\"\n",
                "config.toml, line 2: there is no setting \"run.tll\"",
            ),
            (
                "db = 3\n",
                "config.toml, line 1: db has to be a text in quotes",
            ),
            (
                "[run]\nno_failures = \"yes\"\n",
                "config.toml, line 2: run.no_failures cannot be \"yes\"",
            ),
            (
                "[run]\non_busy = \"never\"\n",
                "config.toml, line 2: run.on_busy cannot be \"never\"",
            ),
            (
                "[runs]\nttl = \"1d\"\n",
                "config.toml, line 1: there is no section \"runs\"",
            ),
            (
                "[datasets]\nstreet = 5\n",
                "config.toml, line 2: the id of dataset \"street\" has to be a text in quotes",
            ),
            (
                "[stores.\"g\"]\nttl = \"soon\"\n",
                "config.toml, line 2: stores.g.ttl: ",
            ),
            (
                "collection = \"\"\n",
                "config.toml, line 1: collection cannot be \"\": ",
            ),
        ];
        for (text, expected) in cases {
            let refusal = refusal(text);
            assert!(refusal.starts_with(expected), "{refusal}");
        }
        assert!(refusal("x = [").starts_with("config.toml, line 1: "));
        let bare = "config.toml, line 2: never is a text without quotes";
        assert_eq!(refusal("db = \"a\"\ncolor = never  # dark\n"), bare);
        let text = "[run]\nenv = \"A\"\n";
        let error = Config::parse(text, Path::new(PATH)).err();
        let tip = crate::error::Advice::of(&error.expect("it is refused")).tip;
        assert!(!tip.expect("a tip").contains("did you mean"), "{text}");
    }

    #[test]
    fn a_change_keeps_the_rest_of_the_file() {
        let text = "# mine\ndb = \"a.db\"  # the store\n\n[run]\nttl = \"1d\"\n";
        let change = |key, value| {
            let changed = with_setting(text, Path::new(PATH), key, value);
            changed.map(|text| text.expect("it is changed"))
        };
        let changed = change("run.no_failures", Some("true")).expect("a setting");
        assert_eq!(changed, format!("{text}no_failures = true\n"));
        let changed = change("stores.git*.ttl", Some("5s")).expect("a setting");
        assert_eq!(
            changed,
            format!("{text}\n[stores.\"git*\"]\nttl = \"5s\"\n")
        );
        let changed = change("db", None).expect("a setting");
        assert!(
            !changed.contains("a.db") && changed.contains("ttl"),
            "{changed}"
        );
        assert!(change("run.ttl", Some("soon")).is_err());
        assert!(change("ttl", Some("1d")).is_err());
    }

    #[test]
    fn every_default_is_a_value() {
        for setting in KEYS.iter().filter(|setting| !setting.default.is_empty()) {
            let value = match setting.kind {
                SettingKind::Bool => Value::from(setting.default == "true"),
                SettingKind::Count => {
                    Value::from(setting.default.parse::<i64>().expect("a number"))
                }
                _ => Value::from(setting.default),
            };
            assert_eq!(check_value(setting.key, &value), Ok(()), "{}", setting.key);
        }
    }

    #[test]
    fn ls_takes_every_order_that_has_a_word_as_its_setting() {
        let of = |key: &str| {
            let setting = KEYS.iter().find(|setting| setting.key == key);
            setting.expect("a setting").words()
        };
        for sort in Sort::value_variants() {
            let Some(word) = sort.to_possible_value() else {
                continue;
            };
            let word = word.get_name();
            assert!(of("ls.sort").contains(&word) || word == "stored", "{word}");
        }
        for word in of("browse.sort") {
            assert!(Sort::from_str(word, false).is_ok(), "{word}");
        }
    }
}
