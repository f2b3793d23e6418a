//! Hashes and ObjectIds with as few digits as tell those of one page or message apart.

use std::collections::{BTreeSet, HashSet};

use ecache_core::key::is_hash;
use ecache_core::scope::is_fiftyone_id;

use super::column::Cut;
use super::cut::MARK;

/// Number of digits of a hash that are shown.
const HASH_DIGITS: usize = 12;

/// Number of digits of a hash on a line of less than 60 columns.
const FEW_HASH_DIGITS: usize = 8;

/// Number of the last digits of an ObjectId that are shown: ids that were made at one time differ
/// there.
pub(crate) const ID_DIGITS: usize = 6;

/// Shortens the ids in a column of one page: hashes to their first digits, ObjectIds to their last.
pub(super) fn ids(cells: &mut [&mut String], cut: Cut, line_width: Option<usize>) {
    let (Cut::Key | Cut::Id, Some(line_width)) = (cut, line_width) else {
        return;
    };
    let hash = if line_width < 60 {
        FEW_HASH_DIGITS
    } else {
        HASH_DIGITS
    };
    let shown = ShortIds::of(cells.iter().map(|cell| cell.as_str()), hash);
    for cell in cells {
        let short = match cut {
            Cut::Key => shown.hash(cell),
            _ => shown.id(cell),
        };
        if let Some(short) = short {
            **cell = short;
        }
    }
}

/// The numbers of digits by which the ids of a page or of a message can be told apart.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ShortIds {
    hash: usize,
    id: usize,
}

impl ShortIds {
    /// Returns those of some names, of which others than ids are ignored.
    fn of<'a>(names: impl Iterator<Item = &'a str> + Clone, least_of_hash: usize) -> Self {
        let hashes = names.clone().filter(|name| is_hash(name));
        let ids = names.filter(|name| is_fiftyone_id(name));
        Self {
            hash: digits_apart(hashes, least_of_hash, |hash, digits| &hash[..digits]),
            id: digits_apart(ids, ID_DIGITS, |id, digits| &id[id.len() - digits..]),
        }
    }

    /// Returns those of the ids that are listed together.
    pub(crate) fn of_ids<'a>(names: impl Iterator<Item = &'a str> + Clone) -> Self {
        Self::of(names, HASH_DIGITS)
    }

    fn hash(self, text: &str) -> Option<String> {
        is_hash(text).then(|| format!("{}{MARK}", &text[..self.hash]))
    }

    /// Returns an ObjectId by its last digits, or `None` for another name.
    pub(crate) fn id(self, text: &str) -> Option<String> {
        is_fiftyone_id(text).then(|| format!("{MARK}{}", &text[text.len() - self.id..]))
    }
}

/// Returns the number of digits, and no less than a minimum, by which all of some ids differ.
fn digits_apart<'a>(
    ids: impl Iterator<Item = &'a str>,
    least: usize,
    shown: impl Fn(&'a str, usize) -> &'a str,
) -> usize {
    let ids: BTreeSet<&str> = ids.collect();
    let Some(most) = ids.iter().map(|id| id.len()).min() else {
        return least;
    };
    let differ = |digits: &usize| {
        let shown: HashSet<&str> = ids.iter().map(|id| shown(id, *digits)).collect();
        shown.len() == ids.len()
    };
    (least..most).find(differ).unwrap_or(most)
}

/// Returns an ObjectId as a table shows it that has no other, or `None` for another name.
pub(crate) fn short_id(text: &str) -> Option<String> {
    ShortIds::of_ids([text].into_iter()).id(text)
}

/// Returns prose in which hashes and ObjectIds are short, as a terminal shows it. They can be
/// pasted as they are, and those of one text differ.
pub(crate) fn short_ids(text: &str) -> String {
    let is_letter = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = || text.split_inclusive(|c: char| !is_letter(c));
    let id = |word: &'_ str| word.trim_end_matches(|c: char| !is_letter(c)).len();
    let shown = ShortIds::of_ids(words().map(|word| &word[..id(word)]));
    let mut short = String::new();
    for word in words() {
        let (id, rest) = word.split_at(id(word));
        match shown.id(id).or_else(|| shown.hash(id)) {
            Some(id) => short += &id,
            None => short += id,
        }
        short += rest;
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_has_short_hashes_and_nothing_else_is_cut() {
        let hash = "5b7f5a53d9c3b7c703b322558d5709d944faf1d79bd95ca8a02d20b6f58696f3";
        let text = format!("no key \"{hash}\" in deadbeef, {hash}\n");
        let expected = "no key \"5b7f5a53d9c3…\" in deadbeef, 5b7f5a53d9c3…\n";
        assert_eq!(short_ids(&text), expected);
        assert_eq!(
            short_ids("dataset 6b03de1228195dbc2df5c505, x6b03de1228195dbc2df5c505"),
            "dataset …f5c505, x6b03de1228195dbc2df5c505"
        );
        assert_eq!(
            short_ids(
                "add --dataset 6b03de1228195dbc2df5c505 or --dataset 6b03de1228195dbc2ef5c505"
            ),
            "add --dataset …df5c505 or --dataset …ef5c505"
        );
        assert_eq!(short_ids("日本 cafe é"), "日本 cafe é");
        assert_eq!(short_ids(""), "");
    }

    #[test]
    fn hashes_and_ids_are_short_on_a_terminal_alone() {
        let hash = "5b7f5a53d9c3b7c703b322558d5709d944faf1d79bd95ca8a02d20b6f58696f3";
        let object = "6b03de1228195dbc2df5c505";
        let short = |text: &str, cut, width| {
            let mut cell = text.to_owned();
            ids(&mut [&mut cell], cut, width);
            cell
        };
        assert_eq!(short(hash, Cut::Key, Some(80)), "5b7f5a53d9c3…");
        assert_eq!(short(hash, Cut::Key, Some(59)), "5b7f5a53…");
        assert_eq!(short(hash, Cut::Key, None), hash);
        assert_eq!(short(object, Cut::Id, Some(80)), "…f5c505");
        assert_eq!(short("street", Cut::Id, Some(80)), "street");
        assert_eq!(short(&hash[1..], Cut::Key, Some(80)), hash[1..]);
    }
}
