//! Changes one setting in the text of a file.

use std::path::Path;

use anyhow::Result;
use toml_edit::{DocumentMut, Item, Table, TableLike, Value};

use super::keys::{SettingKind, check_key, check_value, find};
use super::not_toml;
use crate::error::usage_tip;

/// Changes one setting in the text of the file at a path, and keeps everything else as it is.
/// Returns `None` if a setting that is to be removed is not there.
///
/// # Errors
/// Fails if the text is not TOML, or if the key or the value is not one.
pub(crate) fn with_setting(
    text: &str,
    path: &Path,
    key: &str,
    value: Option<&str>,
) -> Result<Option<String>> {
    let mut document: DocumentMut = text.parse().map_err(|error| not_toml(text, path, &error))?;
    let parts = split(key)?;
    let (name, sections) = parts.split_last().expect("a key has a part");
    let full = parts.join(".");
    let mut table: &mut dyn TableLike = document.as_table_mut();
    for section in sections {
        let item = table.entry(section).or_insert_with(|| {
            let mut table = Table::new();
            // Without a header of its own, as long as it has sections only.
            table.set_implicit(true);
            Item::Table(table)
        });
        table = item.as_table_like_mut().ok_or_else(|| {
            usage_tip(
                format!("{section} is a value in {}, not a section", path.display()),
                format!("ecache config unset {section} removes it"),
            )
        })?;
    }
    let Some(value) = value else {
        if table.remove(name).is_some() {
            return Ok(Some(document.to_string()));
        }
        // One in the file can be removed, known or not.
        check_key(&full)?;
        return Ok(None);
    };
    let value = match find(&full).map(|setting| setting.kind) {
        Some(SettingKind::Bool) => value.parse::<bool>().map(Value::from).ok(),
        Some(SettingKind::Count) => value.parse::<i64>().map(Value::from).ok(),
        Some(SettingKind::List) => {
            let items = value
                .split(',')
                .map(str::trim)
                .filter(|item| !item.is_empty());
            Some(Value::from(toml_edit::Array::from_iter(items)))
        }
        _ => None,
    }
    .unwrap_or_else(|| Value::from(value));
    check_value(&full, &value)?;
    table.insert(name, Item::Value(value));
    Ok(Some(document.to_string()))
}

/// Splits a key at its dots. A pattern of `stores` is all between the first dot and the last.
fn split(key: &str) -> Result<Vec<&str>> {
    let parts = match key
        .strip_prefix("stores.")
        .and_then(|rest| rest.rsplit_once('.'))
    {
        Some((pattern, name)) => vec!["stores", pattern.trim_matches('"'), name],
        None => key.splitn(2, '.').collect(),
    };
    if parts.iter().any(|part| part.is_empty()) {
        return Err(usage_tip(
            format!("{key:?} is not a setting"),
            "ecache config ls lists them",
        ));
    }
    Ok(parts)
}
