//! A window on a list of any length: some hundred rows around the cursor.
//!
//! Rows are read behind the last one or before the first one as the cursor comes near them, and
//! those that are far from it are dropped. A list of a million entries takes no more memory than
//! one of a thousand.

use std::collections::{HashSet, VecDeque};

use ecache_core::backend::Content;
use ecache_core::entry::Entry;
use ecache_core::scope::Address;

/// Number of rows that are read at once.
pub(crate) const PAGE: u64 = 200;

/// Maximum number of rows that are kept.
const KEPT: usize = 600;

/// Distance from an end of the window at which more is read.
const NEAR: usize = 80;

/// An entry, and the start of its value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row {
    pub(crate) entry: Entry,
    pub(crate) start: Option<Content>,
}

impl Row {
    pub(crate) fn address(&self) -> &Address {
        &self.entry.address
    }
}

/// A part of the list that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ListPart {
    /// The first rows
    First,
    /// The last rows
    Last,
    /// Rows before the window
    Before,
    /// Rows behind the window
    After,
    /// The window again, as it is now
    Again,
}

/// The result of a search for a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sought {
    /// The cursor is on it
    Found,
    /// There is none in that direction
    Nothing,
    /// More rows have to be read first; the cursor is at the end of the window
    Unread,
}

/// The rows of the window, and the cursor in it.
#[derive(Debug, Default)]
pub(crate) struct List {
    rows: VecDeque<Row>,
    /// The row with the cursor
    cursor: usize,
    /// The first row on the screen
    top: usize,
    /// The window begins where the list does
    begins: bool,
    ends: bool,
    /// The part that is being read
    asked: Option<ListPart>,
}

impl List {
    pub(super) fn rows(&self) -> &VecDeque<Row> {
        &self.rows
    }

    pub(super) fn current(&self) -> Option<&Row> {
        self.rows.get(self.cursor)
    }

    pub(super) fn cursor(&self) -> usize {
        self.cursor
    }

    pub(super) fn top(&self) -> usize {
        self.top
    }

    /// Reports whether rows are being read that the screen waits for.
    pub(super) fn is_waiting(&self) -> bool {
        matches!(self.asked, Some(ListPart::First | ListPart::Last))
    }

    /// Reports whether the window begins where the list does.
    pub(super) fn begins(&self) -> bool {
        self.begins
    }

    /// Notes that a part is being read.
    pub(super) fn ask(&mut self, part: ListPart) {
        self.asked = Some(part);
    }

    /// Returns the part that has to be read, if none is.
    pub(super) fn wanted(&self) -> Option<ListPart> {
        if self.asked.is_some() {
            None
        } else if self.rows.is_empty() {
            // The rows of a window at the end of the list are gone.
            (self.ends && !self.begins).then_some(ListPart::First)
        } else if !self.ends && self.cursor + NEAR >= self.rows.len() {
            Some(ListPart::After)
        } else if !self.begins && self.cursor < NEAR {
            Some(ListPart::Before)
        } else {
            None
        }
    }

    /// Takes rows that were read; `is_all` if there are no more in that direction.
    pub(super) fn take(&mut self, part: ListPart, rows: Vec<Row>, is_all: bool) {
        self.asked = None;
        match part {
            ListPart::First => {
                *self = Self {
                    rows: rows.into(),
                    begins: true,
                    ends: is_all,
                    ..Self::default()
                };
            }
            ListPart::Last => {
                *self = Self {
                    cursor: rows.len().saturating_sub(1),
                    top: usize::MAX,
                    rows: rows.into(),
                    begins: is_all,
                    ends: true,
                    asked: None,
                };
            }
            ListPart::After => {
                let new = self.unknown(rows);
                self.rows.extend(new);
                self.ends = is_all;
                let far = self.cursor.min(self.top).saturating_sub(KEPT / 3);
                let excess = self.rows.len().saturating_sub(KEPT).min(far);
                self.rows.drain(..excess);
                self.cursor -= excess;
                self.top -= excess;
                self.begins &= excess == 0;
            }
            ListPart::Before => {
                let new = self.unknown(rows);
                self.cursor += new.len();
                self.top = self.top.saturating_add(new.len());
                for row in new.into_iter().rev() {
                    self.rows.push_front(row);
                }
                self.begins = is_all;
                let kept = KEPT.max(self.cursor + KEPT / 3);
                self.ends &= self.rows.len() <= kept;
                self.rows.truncate(kept);
            }
            ListPart::Again => {
                let before = self.current().map(|row| row.address().clone());
                let on_screen = self.cursor.saturating_sub(self.top);
                // The row behind which was read may be gone; it is read again from the next one.
                let is_kept = !self.begins && self.cursor == 0;
                self.rows.truncate(usize::from(is_kept));
                let new = self.unknown(rows);
                if new.is_empty() {
                    self.rows.clear();
                }
                self.rows.extend(new);
                self.ends = is_all;
                let place =
                    |address: &Address| self.rows.iter().position(|row| row.address() == address);
                let found = before.as_ref().and_then(place);
                self.cursor = found.unwrap_or(self.cursor);
                self.cursor = self.cursor.min(self.rows.len().saturating_sub(1));
                self.top = self.cursor.saturating_sub(on_screen);
            }
        }
    }

    /// Returns the rows that are not in the window yet.
    fn unknown(&self, rows: Vec<Row>) -> Vec<Row> {
        let known: HashSet<&Address> = self.rows.iter().map(Row::address).collect();
        let is_new = |row: &Row| !known.contains(row.address());
        rows.into_iter().filter(is_new).collect()
    }

    /// Notes that a part could not be read.
    pub(super) fn give_up(&mut self) {
        self.asked = None;
    }

    /// Moves the cursor, within the rows that are there.
    pub(super) fn move_by(&mut self, rows: isize) {
        let last = self.rows.len().saturating_sub(1);
        self.cursor = self.cursor.saturating_add_signed(rows).min(last);
    }

    /// Moves the cursor to the first or last row of the window, where that is one of the list.
    pub(super) fn jump(&mut self, part: ListPart) -> bool {
        let is_there = match part {
            ListPart::First => self.begins,
            _ => self.ends,
        };
        if is_there {
            self.cursor = match part {
                ListPart::First => 0,
                _ => self.rows.len().saturating_sub(1),
            };
        }
        is_there
    }

    /// Moves the cursor to the next matching row, after or before it.
    ///
    /// The cursor stays where it is if `are_here`, which says that no row outside of the window
    /// matches.
    pub(super) fn seek(
        &mut self,
        part: ListPart,
        are_here: bool,
        is_meant: impl Fn(&Row) -> bool,
    ) -> Sought {
        let is_behind = part == ListPart::After;
        let found = if is_behind {
            let behind = self.rows.iter().enumerate().skip(self.cursor + 1);
            behind.into_iter().find(|(_, row)| is_meant(row))
        } else {
            let before = self.rows.iter().enumerate().take(self.cursor);
            before.rev().find(|(_, row)| is_meant(row))
        };
        let is_end = if is_behind { self.ends } else { self.begins };
        match found {
            Some((place, _)) => {
                self.cursor = place;
                Sought::Found
            }
            None if is_end || are_here => Sought::Nothing,
            None if is_behind => {
                self.cursor = self.rows.len().saturating_sub(1);
                Sought::Unread
            }
            None => {
                self.cursor = 0;
                Sought::Unread
            }
        }
    }

    /// Scrolls so that the cursor is on a screen of that many rows.
    pub(super) fn scroll(&mut self, height: usize) {
        let height = height.max(1);
        let lowest = self.cursor.saturating_sub(height - 1);
        let last = self.rows.len().saturating_sub(height);
        self.top = self.top.clamp(lowest, self.cursor).min(last.max(lowest));
    }
}

#[cfg(test)]
mod tests {
    use ecache_core::key::Key;
    use ecache_core::scope::StoreAddress;
    use ecache_core::time::Timestamp;
    use ecache_core::value::Kind;

    use super::*;

    fn row(number: usize) -> Row {
        let key = Key::new(format!("{number:06}")).expect("a key");
        let address = StoreAddress::new("s").entry(key);
        let now = Timestamp::from_millis(0);
        Row {
            entry: Entry::new(address, Kind::Text, now),
            start: None,
        }
    }

    /// Serves the list's requests from `count` rows.
    fn feed(list: &mut List, count: usize) {
        let number = |row: &Row| {
            row.address()
                .key
                .as_str()
                .parse::<usize>()
                .expect("a number")
        };
        while let Some(part) = list.wanted() {
            list.ask(part);
            let size = PAGE as usize;
            let (from, to) = match part {
                ListPart::After => {
                    let next = list.rows().back().map_or(0, |row| number(row) + 1);
                    (next, (next + size).min(count))
                }
                ListPart::Before => {
                    let first = list.rows().front().map_or(0, number);
                    (first.saturating_sub(size), first)
                }
                other => panic!("{other:?} is asked for by keys alone"),
            };
            let is_all = match part {
                ListPart::After => to == count,
                _ => from == 0,
            };
            list.take(part, (from..to).map(row).collect(), is_all);
        }
    }

    #[test]
    fn a_long_list_is_walked_from_end_to_end_within_a_window() {
        const COUNT: usize = 5_000;
        let mut list = List::default();
        list.ask(ListPart::First);
        list.take(ListPart::First, (0..200).map(row).collect(), false);
        for step in [1, 17, -1, -30] {
            let mut seen = Vec::new();
            loop {
                feed(&mut list, COUNT);
                list.scroll(20);
                assert!(list.rows().len() <= KEPT + PAGE as usize);
                assert!((list.top()..list.top() + 20).contains(&list.cursor()));
                let current = list.current().map(|row| row.address().clone());
                if seen.last() == current.as_ref() {
                    break;
                }
                seen.extend(current);
                list.move_by(step);
            }
            let (first, last) = (row(0).address().clone(), row(COUNT - 1).address().clone());
            let (end, is_sorted) = if step > 0 {
                (last, seen.is_sorted())
            } else {
                (first, seen.iter().rev().is_sorted())
            };
            assert_eq!(seen.last(), Some(&end), "in steps of {step}");
            assert!(is_sorted, "no row comes twice");
            if step.abs() == 1 && step > 0 {
                assert_eq!(seen.len(), COUNT);
            }
        }
    }

    #[test]
    fn a_window_that_is_read_again_keeps_the_cursor_on_its_entry() {
        let mut list = List::default();
        list.take(ListPart::First, (10..60).map(row).collect(), true);
        list.move_by(20);
        list.scroll(10);
        let (place, entry) = (list.cursor() - list.top(), list.current().cloned());
        list.take(ListPart::Again, (0..60).map(row).collect(), true);
        list.scroll(10);
        assert_eq!(list.current().cloned(), entry);
        assert_eq!(list.cursor() - list.top(), place);
        // The entry is gone.
        list.take(ListPart::Again, (0..5).map(row).collect(), true);
        list.scroll(10);
        assert_eq!(list.cursor(), 4);
        list.take(ListPart::Again, Vec::new(), true);
        assert_eq!(list.current(), None);
    }

    #[test]
    fn a_window_whose_rows_are_gone_is_read_from_the_start() {
        let mut list = List::default();
        list.take(ListPart::Last, (800..1000).map(row).collect(), false);
        list.scroll(20);
        list.take(ListPart::Again, Vec::new(), true);
        assert_eq!(list.current(), None);
        assert_eq!(list.wanted(), Some(ListPart::First));
        list.take(ListPart::First, Vec::new(), true);
        assert_eq!(list.wanted(), None);
        // The first row of the window alone is gone.
        list.take(ListPart::Last, (800..1000).map(row).collect(), false);
        list.take(ListPart::Again, (801..1000).map(row).collect(), true);
        assert_eq!(list.rows().front(), Some(&row(801)));
        assert_eq!(list.current(), Some(&row(999)));
    }

    #[test]
    fn the_end_of_a_list_is_read_from_there() {
        let mut list = List::default();
        list.take(ListPart::First, (0..200).map(row).collect(), false);
        assert!(!list.jump(ListPart::Last));
        list.take(ListPart::Last, (800..1000).map(row).collect(), false);
        list.scroll(20);
        assert_eq!((list.cursor(), list.top()), (199, 180));
        assert!(list.jump(ListPart::Last) && !list.jump(ListPart::First));
        assert_eq!(list.wanted(), None);
        list.move_by(-150);
        assert_eq!(list.wanted(), Some(ListPart::Before));
    }
}
