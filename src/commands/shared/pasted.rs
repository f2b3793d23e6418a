//! Keys and names pasted from tables: cut, with a mark for the missing part, or with escapes.
//!
//! `5b7f5a53d9c3…` stands for the one key that begins so, `…f5c505` for the one dataset that ends
//! so. Without the mark a key is always whole, so that an absent key in a script never stands for
//! another one.

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::Result;
use ecache_core::backend::{Backend, Dimension, Row, Scan};
use ecache_core::filter::{DatasetPattern, Filter, Pattern};
use ecache_core::scope::{Address, STORE_KEY};
use ecache_core::time::Timestamp;

use crate::cli::entry::{EntryArgs, ScopeArgs};
use crate::cli::filter::{FilterArgs, escape};
use crate::context::Context;
use crate::datasets::dataset_id;
use crate::error::{usage, usage_tip};
use crate::output::cut::{MARK, short_id, short_key};
use crate::output::escape::for_line;
use crate::output::plain::is_unicode;

/// Number of digits from which the beginning of a key is taken for it without a mark, where
/// nothing is changed.
const DIGITS: usize = 8;

/// Number of digits beside which `~` is a mark: as many as tables show of an id.
const LAST_DIGITS: usize = 6;

/// Number of entries from which an ambiguous key is not searched further.
const MOST: usize = 20;

/// Number of candidates that an error lists.
const LISTED: usize = 4;

/// Texts that can stand for more than themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::commands) enum Accept {
    /// Texts with a mark or an escape
    Marked,
    /// Also the first digits of a key, without a mark
    Digits,
}

/// Returns a typed name with the mark of a table in the place of what stands for it: three dots,
/// and beside digits the mark of a terminal that shows ASCII alone.
fn marked(text: &str, is_unicode: bool) -> String {
    let are_digits = |text: &&str| {
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        !is_unicode && text.len() >= LAST_DIGITS && text.bytes().all(is_digit)
    };
    let plain = || text.strip_suffix('~').filter(are_digits);
    if let Some(start) = text.strip_suffix("...").or_else(plain) {
        return format!("{start}{MARK}");
    }
    let plain = || text.strip_prefix('~').filter(are_digits);
    match text.strip_prefix("...").or_else(plain) {
        Some(end) => format!("{MARK}{end}"),
        None => text.to_owned(),
    }
}

/// A name of which a part is known.
#[derive(Debug, PartialEq, Eq)]
struct Pasted {
    /// The text between marks, as a table shows it
    parts: Vec<String>,
}

impl Pasted {
    /// Reads a typed name; `None` if it can only be meant as it is.
    fn read(text: &str, accept: Accept) -> Option<Self> {
        let text = marked(text, is_unicode());
        let mut parts: Vec<String> = text.split(MARK).map(str::to_owned).collect();
        if parts.iter().all(String::is_empty) {
            return None;
        }
        if parts.len() == 1 {
            let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
            let are_digits = text.len() >= DIGITS && text.bytes().all(is_digit);
            if accept == Accept::Digits && are_digits {
                parts.push(String::new());
            } else if !text.contains('\\') {
                return None;
            }
        }
        Some(Self { parts })
    }

    /// Returns a pattern of the names that may be meant. An escape may stand for any character.
    fn pattern(&self) -> Result<Pattern> {
        let literal = |part: &String| match part.split_once('\\') {
            Some((before, _)) => escape(before) + "*",
            None => escape(part),
        };
        let parts: Vec<String> = self.parts.iter().map(literal).collect();
        Pattern::glob(&parts.join("*")).map_err(|error| usage(error.to_string()))
    }

    /// Reports whether a name is shown so, cut at the marks.
    fn matches(&self, name: &str) -> bool {
        let shown = for_line(name);
        let (first, others) = self.parts.split_first().expect("a text has a part");
        let Some(mut rest) = shown.strip_prefix(first.as_str()) else {
            return false;
        };
        let Some((last, middle)) = others.split_last() else {
            return rest.is_empty();
        };
        for part in middle {
            match rest.find(part.as_str()) {
                Some(at) => rest = &rest[at + part.len()..],
                None => return false,
            }
        }
        rest.ends_with(last.as_str())
    }
}

/// Reports whether a text carries the mark of a cut.
pub(in crate::commands) fn is_marked(text: &str) -> bool {
    Pasted::read(text, Accept::Marked).is_some() && !text.contains('\\')
}

/// Returns the whole name that a typed one stands for.
///
/// # Errors
/// If it has a mark, and stands for no name or for several.
fn whole_name(backend: &dyn Backend, of: Dimension, what: &str, typed: &str) -> Result<String> {
    let Some(pasted) = Pasted::read(typed, Accept::Marked) else {
        return Ok(typed.to_owned());
    };
    let known = backend.names(of)?;
    if known.iter().any(|name| **name == *typed) {
        return Ok(typed.to_owned());
    }
    let mut found: Vec<&Arc<str>> = known.iter().filter(|name| pasted.matches(name)).collect();
    found.dedup();
    match found.as_slice() {
        [name] => Ok(name.to_string()),
        [] if typed.contains(MARK) || typed.contains("...") => Err(usage_tip(
            format!("there is no {what} {typed}"),
            "name it in full",
        )),
        [] => Ok(typed.to_owned()),
        several => {
            let names: Vec<&str> = several.iter().take(LISTED).map(|name| &***name).collect();
            Err(usage_tip(
                format!("{typed} may be {} {what}s", several.len()),
                format!("name one of {}", names.join(", ")),
            ))
        }
    }
}

/// Replaces the names of an entry's scopes that were pasted by whole ones.
fn whole_scopes(backend: &dyn Backend, scope: &mut ScopeArgs) -> Result<()> {
    for (of, what, typed) in [
        (Dimension::Dataset, "dataset", &mut scope.dataset),
        (Dimension::User, "user", &mut scope.user),
        (Dimension::Operator, "operator", &mut scope.operator),
        (Dimension::Prompt, "prompt", &mut scope.prompt),
    ] {
        if let Some(typed) = typed {
            *typed = whole_name(backend, of, what, typed)?;
        }
    }
    Ok(())
}

/// Replaces pasted names and keys of a filter by whole ones.
///
/// # Errors
/// If one stands for nothing, or for several.
pub(in crate::commands) fn whole_filter(
    context: &Context,
    typed: &FilterArgs,
) -> Result<Option<FilterArgs>> {
    let names = [
        &*typed.store,
        &typed.dataset,
        &typed.user,
        &typed.operator,
        &typed.prompt,
        &typed.key,
    ];
    let has_mark = |name: &String| is_marked(name);
    if typed.glob || !names.into_iter().flatten().any(has_mark) {
        return Ok(None);
    }
    let backend = context.reader()?;
    let mut whole = typed.clone();
    for (of, what, names) in [
        (Dimension::Store, "store", &mut whole.store.0),
        (Dimension::Dataset, "dataset", &mut whole.dataset),
        (Dimension::User, "user", &mut whole.user),
        (Dimension::Operator, "operator", &mut whole.operator),
        (Dimension::Prompt, "prompt", &mut whole.prompt),
    ] {
        for name in names {
            *name = whole_name(backend.as_ref(), of, what, name)?;
        }
    }
    let exact = |names: &[String]| names.iter().map(Pattern::exact).collect();
    let within = Filter {
        collections: Vec::new(),
        stores: exact(&whole.store),
        ..Filter::default()
    };
    for key in &mut whole.key {
        let found = find(
            backend.as_ref(),
            &within,
            key,
            Accept::Marked,
            context.now(),
        )?;
        let keys: BTreeSet<&str> = found.iter().map(|address| address.key.as_str()).collect();
        match keys.len() {
            0 => {}
            1 => *key = found[0].key.as_str().to_owned(),
            _ => return Err(ambiguous(key, &found)),
        }
    }
    Ok(Some(whole))
}

/// Returns the addresses that a typed key stands for in some stores; the key itself comes first.
fn find(
    backend: &dyn Backend,
    within: &Filter,
    typed: &str,
    accept: Accept,
    now: Timestamp,
) -> Result<Vec<Address>> {
    let addresses = |keys: Pattern| -> Result<Vec<Address>> {
        let filter = Filter {
            keys: vec![keys],
            ..within.clone()
        };
        let mut found = Vec::new();
        let pasted = Pasted::read(typed, accept);
        for row in backend.scan(&Scan::new(filter), now)? {
            let address = match row? {
                Row::Entry(entry, _) => entry.address,
                Row::Foreign(foreign) => foreign.entry.address,
                Row::Damaged(address) => address,
            };
            let key = address.key.as_str();
            let is_meant = key == typed || pasted.as_ref().is_some_and(|it| it.matches(key));
            if is_meant && key != STORE_KEY {
                found.push(address);
            }
            if found.len() >= MOST {
                break;
            }
        }
        Ok(found)
    };
    let exact = addresses(Pattern::exact(typed))?;
    match Pasted::read(typed, accept) {
        Some(pasted) if exact.is_empty() => addresses(pasted.pattern()?),
        _ => Ok(exact),
    }
}

/// Replaces pasted names of an entry by the full ones.
///
/// A key without a mark is left as it is. A lone argument with a mark is a key of any store.
///
/// # Errors
/// If it stands for several entries; the error says what to add.
pub(in crate::commands) fn whole_entry(
    context: &Context,
    backend: &dyn Backend,
    mut args: EntryArgs,
    accept: Accept,
) -> Result<EntryArgs> {
    whole_scopes(backend, &mut args.scope)?;
    let store = args.store()?;
    if args.key.is_none() && args.call.0.is_none() && is_marked(store) {
        let key = store.to_owned();
        return settle(context, backend, args, None, &key, Accept::Marked);
    }
    let store = whole_name(backend, Dimension::Store, "store", store)?;
    args.store = Some(store.clone());
    let Some(key) = args.key.clone() else {
        return Ok(args);
    };
    settle(context, backend, args, Some(&store), &key, accept)
}

/// Finds the one entry that a key stands for, in a store or in all.
fn settle(
    context: &Context,
    backend: &dyn Backend,
    mut args: EntryArgs,
    store: Option<&str>,
    typed: &str,
    accept: Accept,
) -> Result<EntryArgs> {
    let is_pasted = Pasted::read(typed, accept).is_some();
    if !is_pasted && accept == Accept::Marked {
        return Ok(args);
    }
    let named = args.scope.dataset.as_deref();
    let id = |named| dataset_id(named, &|| context.datasets());
    let dataset = named.map(id).transpose()?;
    let within = Filter {
        collections: vec![Pattern::exact(context.collection()?)],
        stores: store.map(Pattern::exact).into_iter().collect(),
        datasets: dataset
            .map(|id| DatasetPattern::Id(Pattern::exact(&*id)))
            .into_iter()
            .collect(),
        ..Filter::default()
    };
    let found = find(backend, &within, typed, accept, context.now())?;
    let address = match found.as_slice() {
        [] if store.is_none() => {
            return Err(usage_tip(
                format!("no entry has the key {typed}"),
                "ecache ls shows keys that can be pasted",
            ));
        }
        [] => return Ok(args),
        [address] => address,
        several => {
            let first = &several[0];
            let is_one_key = several
                .iter()
                .all(|it| it.key == first.key && it.store.store_name == first.store.store_name);
            // A key without a dataset is meant where it is typed without one.
            let unlinked = several.iter().find(|it| it.store.dataset_id.is_none());
            match unlinked {
                Some(address) if is_one_key => address,
                _ => return Err(ambiguous(typed, several)),
            }
        }
    };
    args.store = Some(address.store.store_name.to_string());
    args.key = Some(address.key.as_str().to_owned());
    if args.scope.dataset.is_none() {
        args.scope.dataset = address.store.dataset_id.as_deref().map(str::to_owned);
    }
    Ok(args)
}

/// Returns a message that names the datasets that have a key of a store, and a tip that says what
/// to add; `None` if no dataset has it.
pub(in crate::commands) fn elsewhere(
    backend: &dyn Backend,
    address: &Address,
    now: Timestamp,
) -> Result<Option<(String, String)>> {
    let within = Filter {
        collections: vec![Pattern::exact(&*address.store.collection)],
        stores: vec![Pattern::exact(&*address.store.store_name)],
        ..Filter::default()
    };
    let found = find(backend, &within, address.key.as_str(), Accept::Marked, now)?;
    Ok((!found.is_empty()).then(|| in_datasets(&found)))
}

/// Returns a key of a store that begins with these digits, as one pastes it, where they were typed
/// without the mark that a part of a key needs.
pub(in crate::commands) fn without_mark(
    backend: &dyn Backend,
    address: &Address,
    now: Timestamp,
) -> Result<Option<String>> {
    let begins = Pasted::read(address.key.as_str(), Accept::Digits);
    if begins.is_none() {
        return Ok(None);
    }
    let within = Filter::store(&address.store);
    let found = find(backend, &within, address.key.as_str(), Accept::Digits, now)?;
    let [key] = found.as_slice() else {
        return Ok(None);
    };
    Ok(Some(short_key(key.key.as_str())))
}

/// `my_labels has this key in 2 datasets`, and `add --dataset …f5c505 or --dataset …f5c682`
fn in_datasets(found: &[Address]) -> (String, String) {
    let store = &found[0].store.store_name;
    let options: Vec<String> = found.iter().take(LISTED).map(option).collect();
    let place = match found {
        [_] => "in another dataset".to_owned(),
        several => format!("in {} datasets", several.len()),
    };
    (
        format!("{store} has this key {place}"),
        format!("add {}", options.join(" or ")),
    )
}

/// Returns the option that names the dataset of an entry.
fn option(address: &Address) -> String {
    match &address.store.dataset_id {
        Some(id) => format!(
            "--dataset {}",
            short_id(id).unwrap_or_else(|| id.to_string())
        ),
        None => "no --dataset".to_owned(),
    }
}

/// Makes the error of a key that stands for several entries.
fn ambiguous(typed: &str, found: &[Address]) -> anyhow::Error {
    let first = &found[0];
    let is_one_store = found
        .iter()
        .all(|it| it.key == first.key && it.store.store_name == first.store.store_name);
    if is_one_store {
        let (message, tip) = in_datasets(found);
        return usage_tip(message, tip);
    }
    let stores: BTreeSet<&str> = found.iter().map(|it| &*it.store.store_name).collect();
    let keys: BTreeSet<&str> = found.iter().map(|it| it.key.as_str()).collect();
    let list = |names: &BTreeSet<&str>, shown: fn(&str) -> String| {
        let names: Vec<String> = names.iter().take(LISTED).map(|name| shown(name)).collect();
        names.join(", ")
    };
    if keys.len() == 1 {
        return usage_tip(
            format!(
                "{} is in {} stores",
                short_key(first.key.as_str()),
                stores.len()
            ),
            format!("name one of {}", list(&stores, str::to_owned)),
        );
    }
    let many = if found.len() < MOST { "" } else { "at least " };
    usage_tip(
        format!("{typed} may be {many}{} keys", keys.len()),
        format!("name one of {}", list(&keys, str::to_owned)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::cut::{self, Cut};

    fn stands_for(typed: &str, name: &str) -> bool {
        Pasted::read(typed, Accept::Marked).map_or(typed == name, |it| it.matches(name))
    }

    #[test]
    fn a_name_is_found_by_its_parts_around_the_mark() {
        let hash = "5b7f5a53d9c3b7c703b322558d5709d944faf1d79bd95ca8a02d20b6f58696f3";
        for (typed, is_meant) in [
            ("5b7f5a53d9c3…", true),
            ("5b7f5a53d9c3...", true),
            ("…8696f3", true),
            ("...8696f3", true),
            ("5b7f…8696f3", true),
            ("5b7f5a53d9c3", false),
            ("5b7f5a53d9c4…", false),
            ("…", false),
            ("...", false),
            (hash, true),
        ] {
            assert_eq!(stands_for(typed, hash), is_meant, "{typed}");
        }
        let digits = |text| Pasted::read(text, Accept::Digits).map(|it| it.matches(hash));
        assert_eq!(digits("5b7f5a53"), Some(true));
        assert_eq!(digits("5b7f5a5"), None);
        assert_eq!(digits("cat.jpg"), None);
    }

    #[test]
    fn beside_digits_a_terminal_without_unicode_has_its_own_mark() {
        for (typed, read) in [
            ("5b7f5a53d9c3~", "5b7f5a53d9c3…"),
            ("~8696f3", "…8696f3"),
            ("cat.jpg~", "cat.jpg~"),
            ("abc~", "abc~"),
            ("~", "~"),
        ] {
            assert_eq!(marked(typed, false), read);
            assert_eq!(marked(typed, true), typed);
        }
    }

    #[test]
    fn every_name_is_found_by_every_cut_of_it() {
        let long = "x".repeat(200);
        let names = [
            "cat.jpg",
            "street/images/2026-11-23/left camera/000123.jpg",
            "日本語のデータセット、とても長い名前",
            "a\x1b[2J\u{202e}\u{200b}evil\rover and over and over again",
            "C:\\images\\street\\left camera\\000123.jpg",
            "e\u{301}e\u{301}e\u{301} accents and more of them",
            "operator::module::longest_value",
            &long,
        ];
        let cuts = [Cut::Key, Cut::Id, Cut::Store, Cut::Start, Cut::Middle];
        for name in names {
            let shown = for_line(name).into_owned();
            for width in 4..40 {
                for cut in cuts {
                    let mut cells = vec![shown.clone(), "another name".to_owned()];
                    cut::column(&mut cells, width, cut);
                    assert!(stands_for(&cells[0], name), "{:?}", cells[0]);
                }
            }
        }
    }
}
