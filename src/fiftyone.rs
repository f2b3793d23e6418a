//! Where FiftyOne's database is: found as FiftyOne finds it.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use serde::Deserialize;

use crate::error::usage;

/// What `--db` calls it.
pub(crate) const NAME: &str = "fiftyone";

/// FiftyOne's configuration, as far as it says where the database is.
#[derive(Default, Deserialize)]
struct Config {
    database_uri: Option<String>,
    database_name: Option<String>,
}

/// The location of FiftyOne's database, from its environment variables or else from its configuration.
pub(crate) fn location() -> Result<String> {
    let config = config()?;
    let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let uri = variable("FIFTYONE_DATABASE_URI").or(config.database_uri);
    let name = variable("FIFTYONE_DATABASE_NAME").or(config.database_name);
    let uri = uri.ok_or_else(|| {
        usage("FiftyOne's database is not known: set FIFTYONE_DATABASE_URI, or database_uri in ~/.fiftyone/config.json, or name it as mongodb://HOST:PORT/NAME")
    })?;
    Ok(with_database(&uri, name.as_deref().unwrap_or(NAME)))
}

fn config() -> Result<Config> {
    let path = match std::env::var_os("FIFTYONE_CONFIG_PATH") {
        Some(path) => PathBuf::from(path),
        None => match std::env::var_os("HOME") {
            Some(home) => PathBuf::from(home).join(".fiftyone/config.json"),
            None => return Ok(Config::default()),
        },
    };
    match std::fs::read(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Config::default()),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
        Ok(text) => serde_json::from_slice(&text)
            .with_context(|| format!("cannot read FiftyOne's configuration {}", path.display())),
    }
}

/// The location of a database of that name. Where there is a database in the URI, users are known to that one.
fn with_database(uri: &str, name: &str) -> String {
    let start = uri.find("://").map_or(0, |at| at + 3);
    let (hosts, options) = match uri.split_once('?') {
        Some((hosts, options)) => (hosts, Some(options)),
        None => (uri, None),
    };
    // A slash in a password is escaped.
    let (hosts, database) = match hosts[start..].find('/') {
        Some(at) => (&hosts[..start + at], &hosts[start + at + 1..]),
        None => (hosts, ""),
    };
    let is_said =
        options.is_some_and(|options| options.to_ascii_lowercase().contains("authsource="));
    let source = match (hosts.contains('@') && !is_said, database) {
        (false, _) => None,
        (true, "") => Some("admin"),
        (true, database) => Some(database),
    };
    let source = source.map(|source| format!("authSource={source}"));
    let options: Vec<&str> = options.into_iter().chain(source.as_deref()).collect();
    match options.is_empty() {
        true => format!("{hosts}/{name}"),
        false => format!("{hosts}/{name}?{}", options.join("&")),
    }
}

#[cfg(test)]
mod tests {
    use super::with_database;

    #[test]
    fn the_database_is_named_and_users_stay_where_they_are_known() {
        for (uri, expected) in [
            ("mongodb://h", "mongodb://h/x"),
            ("mongodb://h:1/", "mongodb://h:1/x"),
            ("mongodb://h/other?a=b", "mongodb://h/x?a=b"),
            ("mongodb://u:p@h", "mongodb://u:p@h/x?authSource=admin"),
            (
                "mongodb://u:p@h/y?a=b",
                "mongodb://u:p@h/x?a=b&authSource=y",
            ),
            (
                "mongodb://u@h/?authSource=z",
                "mongodb://u@h/x?authSource=z",
            ),
        ] {
            assert_eq!(with_database(uri, "x"), expected);
        }
    }
}
