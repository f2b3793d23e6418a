//! The state of the browser, and its change by an event.
//!
//! Pure: an event changes the state and returns requests, which the loop carries out on other
//! threads. A key therefore never waits for the store.

use std::collections::BTreeMap;

use ecache_core::backend::{Direction, OperationRecord, Scan, Sort, Values};
use ecache_core::filter::{DatasetPattern, Filter, Pattern, Selection, Usage};
use ecache_core::scope::Address;

mod change;
mod on_key;

use super::events::{Changed, Counts, Event, Figures, Place, Request, Whole};
use super::layout::{self, Pane};
use super::line::Line;
use super::list::{List, ListPart, PAGE, Row};

/// The orders of the list, with the direction that comes first.
pub(super) const SORTS: [(Sort, Direction, &str); 9] = [
    (Sort::Updated, Direction::Descending, "newest"),
    (Sort::Key, Direction::Ascending, "key"),
    (Sort::Size, Direction::Descending, "size"),
    (Sort::Hits, Direction::Descending, "hits"),
    (Sort::Saved, Direction::Descending, "saved"),
    (Sort::Waste, Direction::Descending, "waste"),
    (Sort::Cost, Direction::Descending, "cost"),
    (Sort::Worth, Direction::Ascending, "worth"),
    (Sort::Expires, Direction::Ascending, "expiry"),
];

/// The meaning of the next key.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Mode {
    List,
    /// The filter is edited
    Filter,
    /// Entries are removed if the answer is yes
    Remove(Box<Removal>),
    /// Entries get the lifetime that is typed
    Lifetime(Box<Renewal>),
    /// The keys, from a line on
    Help(usize),
    /// The whole entry, from a line on
    Whole(usize),
    /// The operations, with the cursor on one of them
    Operations(usize),
    /// The figures of the entries that the filter means
    Figures,
}

/// Entries that are to be removed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Removal {
    pub(crate) selection: Selection,
    /// `None` where they were not counted yet
    pub(super) usage: Option<Usage>,
    /// The entries are those that the filter means, without persistent ones
    pub(super) is_of_filter: bool,
}

/// Entries that get another lifetime.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Renewal {
    pub(crate) selection: Selection,
    /// `None` where they were not counted yet
    pub(super) entries: Option<u64>,
    pub(super) line: Line,
    /// The fault of the typed text
    pub(super) problem: Option<String>,
}

/// The marked entries, and their sizes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Marks {
    These(BTreeMap<Address, u64>),
    /// All that the filter means
    All,
}

/// The state of the browser.
#[derive(Debug)]
pub(crate) struct Model {
    pub(super) width: u16,
    pub(super) height: u16,
    pub(super) location: String,
    /// Removed entries can come back
    pub(super) can_undo: bool,
    pub(super) pane: Pane,
    pub(super) mode: Mode,
    pub(super) filter: Line,
    /// The fault of the words of the filter
    pub(super) filter_problem: Option<String>,
    pub(super) list: List,
    pub(super) place: usize,
    pub(super) counts: Option<Counts>,
    pub(super) marks: Marks,
    pub(super) whole: Option<(Address, Whole)>,
    pub(super) sort: usize,
    pub(super) is_reversed: bool,
    pub(super) is_live: bool,
    pub(super) message: Option<String>,
    /// The latest first; `None` until they were read
    pub(super) operations: Option<Vec<OperationRecord>>,
    pub(super) figures: Option<Box<Figures>>,
    /// The direction in which a marked entry is looked for
    seek: Option<ListPart>,
    /// The filter of the words that were read last
    meant: Filter,
    /// Grows with each other list; answers of an earlier one come too late
    generation: u64,
    /// Operations of this session that can be undone
    undoable: Vec<u64>,
    /// Number of changes that were begun and have not ended
    pending: usize,
    /// The change that ends next is undone
    undoes_next: bool,
}

impl Model {
    /// Creates a browser for `filter`; `words` is its typed form.
    pub(crate) fn new(location: String, words: &str, filter: Filter, can_undo: bool) -> Self {
        let mut line = Line::default();
        line.set(words);
        Self {
            width: 0,
            height: 0,
            location,
            can_undo,
            pane: Pane::Entries,
            mode: Mode::List,
            filter: line,
            filter_problem: None,
            list: List::default(),
            place: 0,
            counts: None,
            marks: Marks::These(BTreeMap::new()),
            whole: None,
            sort: 0,
            is_reversed: false,
            is_live: false,
            message: None,
            operations: None,
            figures: None,
            seek: None,
            meant: filter,
            generation: 0,
            undoable: Vec::new(),
            pending: 0,
            undoes_next: false,
        }
    }

    /// Begins with an order, and with what other processes do.
    pub(crate) fn beginning_with(mut self, sort: Option<Sort>, is_live: bool) -> Self {
        let place = SORTS.iter().position(|(known, ..)| Some(*known) == sort);
        self.sort = place.unwrap_or(self.sort);
        self.is_live = is_live;
        self
    }

    /// Returns the requests of the first screen.
    pub(crate) fn begin(&mut self) -> Vec<Request> {
        let mut requests = self.restart();
        if self.is_live {
            requests.push(Request::Watch(true));
        }
        requests
    }

    /// Takes an event.
    pub(crate) fn take(&mut self, event: Event) -> Vec<Request> {
        let before = self.list.current().map(|row| row.address().clone());
        let mut requests = self.respond(event);
        let is_change = |request: &&Request| request.is_change();
        self.pending += requests.iter().filter(is_change).count();
        self.look_for_mark();
        self.list
            .scroll(layout::entry_rows(self.width, self.height, self.pane));
        if let Some(part) = self.list.wanted() {
            requests.push(self.rows(part));
        }
        let current = self.list.current().map(Row::address);
        if current != before.as_ref()
            && let Some(address) = current
        {
            requests.push(Request::Whole(address.clone()));
        }
        requests
    }

    /// Changes the state by an event, wherever the cursor is then.
    fn respond(&mut self, event: Event) -> Vec<Request> {
        match event {
            Event::Key(key) => return self.key(key),
            Event::Size(width, height) => (self.width, self.height) = (width, height),
            Event::Filter(Ok(filter)) => {
                self.filter_problem = None;
                if *filter != self.meant {
                    self.meant = *filter;
                    self.place = 0;
                    return self.restart();
                }
            }
            Event::Filter(Err(problem)) => self.filter_problem = Some(problem),
            Event::Rows {
                generation,
                part,
                rows,
                is_all,
            } => {
                if generation == self.generation {
                    self.list.take(part, rows, is_all);
                }
            }
            Event::Counted(generation, counts) => {
                if generation == self.generation {
                    self.take_counts(counts);
                }
            }
            Event::Whole(address, whole) => self.whole = Some((address, whole)),
            Event::Done(Changed { message, undo }) => {
                self.undoable.extend(undo);
                let mut requests = self.end_change(undo.is_some());
                requests.extend(self.show_change(message));
                return requests;
            }
            Event::Ran(message) => return self.show_change(message),
            Event::Operations(Some(operations)) => self.operations = Some(operations),
            Event::Operations(None) => {
                self.mode = Mode::List;
                self.message = Some("this store has no log of operations".to_owned());
            }
            Event::Figures(figures) => self.figures = Some(figures),
            Event::Said(message) => self.message = Some(message),
            Event::NotDone(message) => {
                self.message = Some(message);
                return self.end_change(false);
            }
            Event::Failed(message) => {
                self.message = Some(message);
                self.list.give_up();
            }
            Event::Changed => return self.again(),
        }
        Vec::new()
    }

    /// Shows the message of a change, and reads the entries again.
    fn show_change(&mut self, message: String) -> Vec<Request> {
        self.message = Some(message).filter(|message| !message.is_empty());
        self.marks = Marks::These(BTreeMap::new());
        self.again()
    }

    /// Counts a change that has ended. Returns the request to undo it, if that was asked for.
    fn end_change(&mut self, can_be_undone: bool) -> Vec<Request> {
        self.pending = self.pending.saturating_sub(1);
        if self.pending > 0 {
            return Vec::new();
        }
        let is_wanted = std::mem::take(&mut self.undoes_next) && can_be_undone;
        let operation = is_wanted.then(|| self.undoable.pop()).flatten();
        operation.map(Request::Undo).into_iter().collect()
    }

    fn take_counts(&mut self, counts: Counts) {
        let place = self.current_place();
        let known = counts.places.iter().position(|(known, _)| *known == place);
        self.counts = Some(counts);
        self.place = known.unwrap_or(0);
        if let (Mode::Remove(removal), Some(counts)) = (&mut self.mode, &self.counts)
            && removal.is_of_filter
        {
            removal.usage = Some(counts.found);
        }
    }

    /// Returns the place whose entries are listed.
    pub(super) fn current_place(&self) -> Place {
        let places = self.counts.as_ref().map(|counts| &counts.places);
        let place = places.and_then(|places| places.get(self.place));
        place.map_or(Place::All, |(place, _)| place.clone())
    }

    /// Returns the filter of the words and the place.
    pub(super) fn meaning(&self) -> Filter {
        let mut filter = self.meant.clone();
        match self.current_place() {
            Place::All => {}
            Place::Store(name) => filter.stores = vec![Pattern::exact(&*name)],
            Place::Dataset(id) => filter.datasets = vec![DatasetPattern::exact(id.as_deref())],
        }
        filter
    }

    /// Lists other entries, none of which is marked.
    fn restart(&mut self) -> Vec<Request> {
        self.marks = Marks::These(BTreeMap::new());
        self.list_anew()
    }

    /// Lists from the beginning.
    fn list_anew(&mut self) -> Vec<Request> {
        self.generation += 1;
        vec![self.rows(ListPart::First), self.count()]
    }

    /// Reads the window again.
    fn again(&mut self) -> Vec<Request> {
        let current = self.list.current().map(|row| row.address().clone());
        let whole = current.map(Request::Whole);
        let mut requests = vec![self.rows(ListPart::Again), self.count()];
        requests.extend(whole);
        requests
    }

    fn count(&self) -> Request {
        Request::Count {
            generation: self.generation,
            filter: Box::new(self.meaning()),
            everywhere: Box::new(self.meant.clone()),
        }
    }

    /// Returns the request of a part of the list.
    fn rows(&mut self, part: ListPart) -> Request {
        self.list.ask(part);
        let (sort, direction, _) = SORTS[self.sort];
        let is_backwards = matches!(part, ListPart::Before | ListPart::Last);
        let after = match part {
            ListPart::After => self.list.rows().back(),
            ListPart::Before => self.list.rows().front(),
            ListPart::Again if !self.list.begins() => self.list.rows().front(),
            ListPart::First | ListPart::Last | ListPart::Again => None,
        };
        let length = self.list.rows().len() as u64;
        let limit = match part {
            ListPart::Again => PAGE.max(length),
            _ => PAGE,
        };
        let scan = Scan {
            sort,
            direction: match (direction, self.is_reversed != is_backwards) {
                (direction, false) => direction,
                (Direction::Ascending, true) => Direction::Descending,
                (Direction::Descending, true) => Direction::Ascending,
            },
            limit: Some(limit),
            after: after.map(|row| Box::new(row.entry.clone())),
            values: Values::Start,
            ..Scan::new(self.meaning())
        };
        Request::Rows(self.generation, part, Box::new(scan))
    }

    /// Returns the lines of the whole entry, as wide as the screen.
    pub(super) fn whole_lines(&self) -> Vec<String> {
        let Some((_, whole)) = &self.whole else {
            return Vec::new();
        };
        let lines = whole.facts.iter().chain(&whole.value);
        let width = usize::from(self.width).saturating_sub(2).max(1);
        lines.flat_map(|line| layout::folded(line, width)).collect()
    }

    /// Returns the lines about keys: side by side where they fit.
    pub(super) fn help_lines(&self) -> Vec<String> {
        layout::help(usize::from(self.width).saturating_sub(6))
    }

    /// Returns the number of lines that a box holds.
    pub(super) fn help_page(&self) -> usize {
        usize::from(self.height).saturating_sub(2).max(1)
    }

    /// Reports whether words of the filter name stores.
    pub(super) fn names_stores(&self) -> bool {
        !self.meant.stores.is_empty()
    }

    /// Returns the number of rows of a page.
    fn page(&self) -> usize {
        layout::entry_rows(self.width, self.height, self.pane).max(1)
    }

    fn move_by(&mut self, rows: isize) -> Vec<Request> {
        match self.pane {
            Pane::Entries => {
                self.list.move_by(rows);
                Vec::new()
            }
            Pane::Places => {
                let places = self.counts.as_ref().map_or(0, |counts| counts.places.len());
                let place = self.place.saturating_add_signed(rows);
                self.go_to(place.min(places.saturating_sub(1)))
            }
        }
    }

    fn go_to(&mut self, place: usize) -> Vec<Request> {
        if place == self.place {
            return Vec::new();
        }
        self.place = place;
        self.restart()
    }

    fn jump(&mut self, part: ListPart) -> Vec<Request> {
        match (self.pane, part) {
            (Pane::Places, ListPart::First) => self.go_to(0),
            (Pane::Places, _) => {
                let places = self.counts.as_ref().map_or(0, |counts| counts.places.len());
                self.go_to(places.saturating_sub(1))
            }
            (Pane::Entries, part) if self.list.jump(part) => Vec::new(),
            (Pane::Entries, part) => vec![self.rows(part)],
        }
    }

    /// Marks the current entry, or takes its mark, and goes on.
    fn toggle(&mut self) {
        let Some(row) = self.list.current() else {
            return;
        };
        match &mut self.marks {
            Marks::These(marks) => {
                let address = row.address().clone();
                if marks.remove(&address).is_none() {
                    marks.insert(address, row.entry.size);
                }
                self.list.move_by(1);
            }
            Marks::All => {
                self.message = Some("all that match are marked: A unmarks them".to_owned());
            }
        }
    }

    pub(super) fn is_marked(&self, address: &Address) -> bool {
        match &self.marks {
            Marks::These(marks) => marks.contains_key(address),
            Marks::All => true,
        }
    }
}

#[cfg(test)]
mod tests;
