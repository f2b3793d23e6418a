//! The state of the browser, and its change by an event.
//!
//! Pure: an event changes the state and returns requests, which the loop carries out on other
//! threads. A key therefore never waits for the store.

use std::collections::BTreeMap;
use std::sync::Arc;

use ecache_core::backend::{Direction, Scan, Sort, Values};
use ecache_core::entry::Policy;
use ecache_core::filter::{DatasetPattern, Filter, Pattern, Selection, Usage};
use ecache_core::scope::{Address, StoreAddress};

use super::keys::Key;
use super::line::Line;
use super::list::{List, PAGE, Part, Row};

/// A place on the left: all entries, those of a store, or those of a dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    All,
    Store(Arc<str>),
    Dataset(Option<Arc<str>>),
}

/// The orders of the list, with the direction that comes first.
pub(super) const SORTS: [(Sort, Direction, &str); 8] = [
    (Sort::Updated, Direction::Descending, "newest"),
    (Sort::Key, Direction::Ascending, "key"),
    (Sort::Size, Direction::Descending, "size"),
    (Sort::Hits, Direction::Descending, "hits"),
    (Sort::Saved, Direction::Descending, "saved"),
    (Sort::Waste, Direction::Descending, "waste"),
    (Sort::Cost, Direction::Descending, "cost"),
    (Sort::Expires, Direction::Ascending, "expiry"),
];

/// The part of the screen that keys go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pane {
    Places,
    Entries,
}

/// The meaning of the next key.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Mode {
    List,
    /// The filter is edited
    Filter,
    /// Entries are removed if the answer is yes
    Remove(Box<Removal>),
    Help,
    /// The whole entry, from a line on
    Whole(usize),
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

/// The marked entries, and their sizes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Marks {
    These(BTreeMap<Address, u64>),
    /// All that the filter means
    All,
}

/// The numbers of entries.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Counts {
    /// Those that the filter means
    pub(crate) found: Usage,
    pub(crate) all: Usage,
    pub(crate) places: Vec<(Place, Usage)>,
}

/// An entry in full.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Whole {
    /// A line for each fact
    pub(crate) facts: Vec<String>,
    /// Its value, as far as it is shown
    pub(crate) value: Vec<String>,
    /// The beginning of the value on one line
    pub(crate) preview: String,
}

/// Something that happened.
#[derive(Debug)]
pub(crate) enum Event {
    Key(Key),
    Size(u16, u16),
    /// The words of the filter were read
    Filter(Result<Box<Filter>, String>),
    /// Rows were read; the last member says that there are no more
    Rows(u64, Part, Vec<Row>, bool),
    Counted(u64, Counts),
    Whole(Address, Whole),
    /// A change was made; an operation can be undone
    Done(String, Option<u64>),
    /// Something could not be done
    Failed(String),
    /// The store changed
    Changed,
}

/// Something that the loop has to do.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Request {
    /// Read the words of the filter, when no key follows
    Read(String),
    Rows(u64, Part, Box<Scan>),
    /// Count what the first filter means, and the places of the second
    Count(u64, Box<Filter>, Box<Filter>),
    Whole(Address),
    Remove(Selection),
    SetPolicy(Selection, Policy),
    Undo(u64),
    Watch(bool),
    Suspend,
    Quit,
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
    /// The filter of the words that were read last
    meant: Filter,
    /// Grows with each other list; answers of an earlier one come too late
    generation: u64,
    /// Operations of this session that can be undone
    undoable: Vec<u64>,
}

impl Model {
    /// Makes a browser of what a filter means, typed with these words.
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
            meant: filter,
            generation: 0,
            undoable: Vec::new(),
        }
    }

    /// Returns the requests of the first screen.
    pub(crate) fn begin(&mut self) -> Vec<Request> {
        self.restart()
    }

    /// Takes an event.
    pub(crate) fn take(&mut self, event: Event) -> Vec<Request> {
        let before = self.list.current().map(|row| row.address().clone());
        let mut requests = match event {
            Event::Key(key) => self.key(key),
            Event::Size(width, height) => {
                (self.width, self.height) = (width, height);
                Vec::new()
            }
            Event::Filter(Ok(filter)) => {
                self.filter_problem = None;
                if *filter == self.meant {
                    return Vec::new();
                }
                self.meant = *filter;
                self.place = 0;
                self.restart()
            }
            Event::Filter(Err(problem)) => {
                self.filter_problem = Some(problem);
                Vec::new()
            }
            Event::Rows(generation, part, rows, is_all) => {
                if generation == self.generation {
                    self.list.take(part, rows, is_all);
                }
                Vec::new()
            }
            Event::Counted(generation, counts) => {
                if generation == self.generation {
                    self.take_counts(counts);
                }
                Vec::new()
            }
            Event::Whole(address, whole) => {
                self.whole = Some((address, whole));
                Vec::new()
            }
            Event::Done(message, undo) => {
                self.message = Some(message);
                self.undoable.extend(undo);
                self.marks = Marks::These(BTreeMap::new());
                self.again()
            }
            Event::Failed(message) => {
                self.message = Some(message);
                self.list.give_up();
                Vec::new()
            }
            Event::Changed => self.again(),
        };
        self.list.scroll(super::view::entry_rows(self));
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

    /// Lists from the beginning.
    fn restart(&mut self) -> Vec<Request> {
        self.generation += 1;
        self.marks = Marks::These(BTreeMap::new());
        vec![self.rows(Part::First), self.count()]
    }

    /// Reads the window again.
    fn again(&mut self) -> Vec<Request> {
        let current = self.list.current().map(|row| row.address().clone());
        let whole = current.map(Request::Whole);
        let mut requests = vec![self.rows(Part::Again), self.count()];
        requests.extend(whole);
        requests
    }

    fn count(&self) -> Request {
        Request::Count(
            self.generation,
            Box::new(self.meaning()),
            Box::new(self.meant.clone()),
        )
    }

    /// Returns the request of a part of the list.
    fn rows(&mut self, part: Part) -> Request {
        self.list.ask(part);
        let (sort, direction, _) = SORTS[self.sort];
        let is_backwards = matches!(part, Part::Before | Part::Last);
        let after = match part {
            Part::After => self.list.rows().back(),
            Part::Before => self.list.rows().front(),
            Part::Again if !self.list.begins() => self.list.rows().front(),
            Part::First | Part::Last | Part::Again => None,
        };
        let length = self.list.rows().len() as u64;
        let limit = match part {
            Part::Again => PAGE.max(length),
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

    fn key(&mut self, key: Key) -> Vec<Request> {
        match key {
            Key::Ctrl('c') => return vec![Request::Quit],
            Key::Ctrl('z') => return vec![Request::Suspend],
            _ => self.message = None,
        }
        match self.mode.clone() {
            Mode::Help => {
                self.mode = Mode::List;
                Vec::new()
            }
            Mode::Whole(top) => self.key_in_whole(key, top),
            Mode::Filter => self.key_in_filter(key),
            Mode::Remove(removal) => match key {
                Key::Char('y' | 'Y') => {
                    self.mode = Mode::List;
                    vec![Request::Remove(removal.selection)]
                }
                Key::Char('n' | 'N' | 'q') | Key::Esc => {
                    self.mode = Mode::List;
                    Vec::new()
                }
                _ => Vec::new(),
            },
            Mode::List => self.key_in_list(key),
        }
    }

    fn key_in_whole(&mut self, key: Key, top: usize) -> Vec<Request> {
        let page = usize::from(self.height).saturating_sub(4).max(1);
        let lines = super::view::whole_lines(self).len();
        let last = lines.saturating_sub(page);
        let top = match key {
            Key::Up | Key::Char('k') => top.saturating_sub(1),
            Key::Down | Key::Char('j') => top + 1,
            Key::PageUp | Key::Ctrl('b') => top.saturating_sub(page),
            Key::PageDown | Key::Ctrl('f') | Key::Char(' ') => top + page,
            Key::Home | Key::Char('g') => 0,
            Key::End | Key::Char('G') => last,
            Key::Esc | Key::Enter | Key::Left | Key::Char('q' | 'h') => {
                self.mode = Mode::List;
                return Vec::new();
            }
            _ => top,
        };
        self.mode = Mode::Whole(top.min(last));
        Vec::new()
    }

    fn key_in_filter(&mut self, key: Key) -> Vec<Request> {
        match key {
            Key::Enter | Key::Tab => self.mode = Mode::List,
            Key::Esc => {
                self.mode = Mode::List;
                return self.clear_filter();
            }
            Key::Up => self.list.move_by(-1),
            Key::Down => self.list.move_by(1),
            key => {
                if self.filter.take(&key) == Some(true) {
                    return vec![Request::Read(self.filter.text().to_owned())];
                }
            }
        }
        Vec::new()
    }

    fn clear_filter(&mut self) -> Vec<Request> {
        if self.filter.text().is_empty() {
            return Vec::new();
        }
        self.filter.set("");
        vec![Request::Read(String::new())]
    }

    fn key_in_list(&mut self, key: Key) -> Vec<Request> {
        let page = isize::try_from(self.page()).unwrap_or(1);
        match key {
            Key::Char('q') => return vec![Request::Quit],
            Key::Char('?') => self.mode = Mode::Help,
            Key::Char('/') => self.mode = Mode::Filter,
            Key::Esc if self.pane == Pane::Places => self.pane = Pane::Entries,
            Key::Esc => return self.clear_filter(),
            Key::Tab | Key::BackTab => {
                self.pane = match self.pane {
                    Pane::Places => Pane::Entries,
                    Pane::Entries => Pane::Places,
                };
            }
            Key::Left | Key::Char('h') => self.pane = Pane::Places,
            Key::Right | Key::Char('l') | Key::Enter if self.pane == Pane::Places => {
                self.pane = Pane::Entries;
            }
            Key::Right | Key::Char('l') | Key::Enter if self.list.current().is_some() => {
                self.mode = Mode::Whole(0);
            }
            Key::Up | Key::Char('k') => return self.move_by(-1),
            Key::Down | Key::Char('j') => return self.move_by(1),
            Key::PageUp | Key::Ctrl('b') => return self.move_by(-page),
            Key::PageDown | Key::Ctrl('f') => return self.move_by(page),
            Key::Home | Key::Char('g') => return self.jump(Part::First),
            Key::End | Key::Char('G') => return self.jump(Part::Last),
            Key::Char('s') => {
                self.sort = (self.sort + 1) % SORTS.len();
                self.is_reversed = false;
                return self.restart();
            }
            Key::Char('S') => {
                self.is_reversed = !self.is_reversed;
                return self.restart();
            }
            Key::Char('w') => {
                self.is_live = !self.is_live;
                return vec![Request::Watch(self.is_live)];
            }
            Key::Char(' ') => self.toggle(),
            Key::Char('a') => self.marks = Marks::All,
            Key::Char('A') => self.marks = Marks::These(BTreeMap::new()),
            Key::Char('d') => self.ask_to_remove(),
            Key::Char('p') => return self.pin(),
            Key::Char('u') => match self.undoable.pop() {
                Some(operation) => return vec![Request::Undo(operation)],
                None => {
                    self.message = Some("nothing was removed here that can come back".to_owned());
                }
            },
            _ => {}
        }
        Vec::new()
    }

    /// Returns the number of rows of a page.
    fn page(&self) -> usize {
        super::view::entry_rows(self).max(1)
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

    fn jump(&mut self, part: Part) -> Vec<Request> {
        match (self.pane, part) {
            (Pane::Places, Part::First) => self.go_to(0),
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
                self.message = Some("all that match are marked: A takes the marks away".to_owned());
            }
        }
    }

    pub(super) fn is_marked(&self, address: &Address) -> bool {
        match &self.marks {
            Marks::These(marks) => marks.contains_key(address),
            Marks::All => true,
        }
    }

    /// Returns the marked entries and their sizes, or the current one.
    fn targets(&self) -> BTreeMap<Address, u64> {
        match &self.marks {
            Marks::These(marks) if !marks.is_empty() => marks.clone(),
            _ => {
                let current = self.list.current();
                current
                    .map(|row| (row.address().clone(), row.entry.size))
                    .into_iter()
                    .collect()
            }
        }
    }

    fn ask_to_remove(&mut self) {
        let removal = if self.marks == Marks::All {
            let mut filter = self.meaning();
            // As `clear` does.
            filter.policy = filter.policy.or(Some(Policy::Evict));
            Removal {
                selection: filter.into(),
                usage: self.counts.as_ref().map(|counts| counts.found),
                is_of_filter: true,
            }
        } else {
            let targets = self.targets();
            if targets.is_empty() {
                return;
            }
            let usage = Usage {
                entries: targets.len() as u64,
                bytes: targets.values().sum(),
            };
            Removal {
                selection: selection(targets.into_keys()),
                usage: Some(usage),
                is_of_filter: false,
            }
        };
        self.mode = Mode::Remove(Box::new(removal));
    }

    /// Pins what is marked, or lets go of it if the current entry is pinned.
    fn pin(&mut self) -> Vec<Request> {
        let Some(row) = self.list.current() else {
            return Vec::new();
        };
        let policy = match row.entry.policy {
            Policy::Persist => Policy::Evict,
            Policy::Evict => Policy::Persist,
        };
        let selection = match &self.marks {
            Marks::All => self.meaning().into(),
            Marks::These(_) => selection(self.targets().into_keys()),
        };
        vec![Request::SetPolicy(selection, policy)]
    }
}

/// Selects entries by their addresses.
fn selection(addresses: impl Iterator<Item = Address>) -> Selection {
    let mut keys: BTreeMap<Arc<StoreAddress>, Vec<Pattern>> = BTreeMap::new();
    for Address { store, key } in addresses {
        let keys = keys.entry(store).or_default();
        keys.push(Pattern::exact(key.as_str()));
    }
    let of_store = |(store, keys): (Arc<StoreAddress>, Vec<Pattern>)| Filter {
        keys,
        ..Filter::store(&store)
    };
    Selection {
        any_of: keys.into_iter().map(of_store).collect(),
        beyond: None,
    }
}

#[cfg(test)]
#[path = "model_tests.rs"]
mod tests;
