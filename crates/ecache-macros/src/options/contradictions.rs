//! Options that exclude or need each other.

use syn::{Error, Result};

use super::values::residency_word;
use super::{Arguments, CacheErr};

/// Refuses options that contradict each other, at the word that is wrong.
pub(super) fn check(arguments: &Arguments, cache_err: &CacheErr) -> Result<()> {
    let residency = match arguments.get("residency") {
        Some(residency) => residency_word(residency.value()?),
        None => None,
    };
    for bound in ["max_size", "max_bytes"]
        .iter()
        .filter_map(|name| arguments.get(name))
    {
        let name = &bound.name;
        let message = match residency.as_deref() {
            Some("transient") => format!(
                "`{name}` bounds what is kept in memory, and `residency = \"transient\"` keeps nothing there"
            ),
            Some("ephemeral") if bound.is_zero() => format!(
                "`{name} = 0` keeps nothing in memory, and `residency = \"ephemeral\"` nothing elsewhere: for \
                 the store alone, write `residency = \"transient\"`"
            ),
            _ => continue,
        };
        return Err(Error::new_spanned(name, message));
    }
    if let (Some(stale), Some(_)) = (arguments.get("stale_if_error"), arguments.get("cache_err"))
        && !matches!(cache_err, CacheErr::None)
    {
        let message = "`stale_if_error` serves a result in the place of an `Err`, and `cache_err` keeps the \
                       `Err` as a result: leave one of them out";
        return Err(Error::new_spanned(&stale.name, message));
    }
    for (name, until) in [
        ("stale", "refreshed"),
        ("stale_if_error", "computed in vain"),
    ] {
        if let (Some(stale), None, None) = (
            arguments.get(name),
            arguments.get("ttl"),
            arguments.get("ttl_fn"),
        ) {
            let message = format!(
                "`{name}` is how much longer than its `ttl` a result is served while it is {until}: without a \
                 `ttl` nothing gets old"
            );
            return Err(Error::new_spanned(&stale.name, message));
        }
    }
    if let (Some(spawn), None) = (arguments.get("spawn"), arguments.get("stale")) {
        let message = "`spawn` runs what refreshes a result: without `stale` nothing is refreshed";
        return Err(Error::new_spanned(&spawn.name, message));
    }
    Ok(())
}
