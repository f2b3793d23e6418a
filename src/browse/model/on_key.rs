//! The effect of each key.

use std::collections::BTreeMap;

use ecache_core::backend::UndoState;
use ecache_core::value::Kind;

use super::{Marks, Mode, Model, SORTS};
use crate::browse::events::{Copied, Request};
use crate::browse::keys::Key;
use crate::browse::layout::Pane;
use crate::browse::list::ListPart;

impl Model {
    pub(super) fn key(&mut self, key: Key) -> Vec<Request> {
        match key {
            Key::Ctrl('c') => return vec![Request::Quit],
            Key::Ctrl('z') => return vec![Request::Suspend],
            _ => (self.message, self.seek) = (None, None),
        }
        match self.mode.clone() {
            Mode::Figures => {
                self.mode = Mode::List;
                Vec::new()
            }
            Mode::Help(top) => {
                self.mode = match scrolled(&key, top, self.help_page(), self.help_lines().len()) {
                    Some(top) => Mode::Help(top),
                    None => Mode::List,
                };
                Vec::new()
            }
            Mode::Operations(place) => self.key_in_operations(&key, place),
            Mode::Lifetime(renewal) => self.key_in_lifetime(&key, *renewal),
            Mode::Whole(top) => self.key_in_whole(key, top),
            Mode::Filter => self.key_in_filter(key),
            Mode::Remove(removal) => match key {
                Key::Char('y' | 'Y') => {
                    self.mode = Mode::List;
                    self.message = Some("removing…".to_owned());
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
        let lines = self.whole_lines().len();
        self.mode = match scrolled(&key, top, page, lines) {
            Some(top) => Mode::Whole(top),
            None if matches!(
                key,
                Key::Esc | Key::Enter | Key::Left | Key::Char('q' | 'h')
            ) =>
            {
                Mode::List
            }
            None => Mode::Whole(top),
        };
        Vec::new()
    }

    fn key_in_operations(&mut self, key: &Key, place: usize) -> Vec<Request> {
        let operations = self.operations.as_deref().unwrap_or_default();
        let page = usize::from(self.height).saturating_sub(5).max(1);
        let last = operations.len().saturating_sub(1);
        let place = match key {
            Key::Up | Key::Char('k') => place.saturating_sub(1),
            Key::Down | Key::Char('j') => place + 1,
            Key::PageUp | Key::Ctrl('b') => place.saturating_sub(page),
            Key::PageDown | Key::Ctrl('f') => place + page,
            Key::Home | Key::Char('g') => 0,
            Key::End | Key::Char('G') => last,
            Key::Esc | Key::Left | Key::Char('q' | 'h' | 'U') => {
                self.mode = Mode::List;
                return Vec::new();
            }
            Key::Enter | Key::Char('u') => {
                let Some(operation) = operations.get(place) else {
                    return Vec::new();
                };
                let id = operation.id;
                match operation.undo {
                    UndoState::Until(_) | UndoState::Through(..) => {
                        self.mode = Mode::List;
                        self.undoable.retain(|undoable| *undoable != id);
                        return vec![Request::Undo(id)];
                    }
                    UndoState::Undone(by) => {
                        self.message = Some(format!("op {id} was undone by op {by}"));
                    }
                    UndoState::Over(_) => {
                        self.message = Some(format!("the time to undo op {id} is over"));
                    }
                    UndoState::Evicted => {
                        self.message = Some(format!("a limit took what op {id} kept for undo"));
                    }
                    UndoState::Impossible => {
                        self.message = Some(format!("nothing is kept to undo op {id}"));
                    }
                }
                place
            }
            _ => place,
        };
        self.mode = Mode::Operations(place.min(last));
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
            Key::Char('?') => self.mode = Mode::Help(0),
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
            Key::Home | Key::Char('g') => return self.jump(ListPart::First),
            Key::End | Key::Char('G') => return self.jump(ListPart::Last),
            Key::Char('s') => {
                self.sort = (self.sort + 1) % SORTS.len();
                self.is_reversed = false;
                return self.list_anew();
            }
            Key::Char('S') => {
                self.is_reversed = !self.is_reversed;
                return self.list_anew();
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
            Key::Char('t') => self.ask_for_lifetime(),
            Key::Char('n') => self.seek_mark(ListPart::After),
            Key::Char('N') => self.seek_mark(ListPart::Before),
            Key::Char('e' | 'r' | 'y' | 'Y') => return self.ask_of_current(&key),
            Key::Char('i') => {
                (self.mode, self.figures) = (Mode::Figures, None);
                return vec![Request::Figures(Box::new(self.meaning()))];
            }
            Key::Char('U') => {
                (self.mode, self.operations) = (Mode::Operations(0), None);
                return vec![Request::Operations];
            }
            Key::Char('u') if self.pending > 0 => {
                self.undoes_next = true;
                self.message = Some(
                    "a change is still running; it will be undone when it finishes".to_owned(),
                );
            }
            Key::Char('u') => match self.undoable.pop() {
                Some(operation) => return vec![Request::Undo(operation)],
                None => {
                    self.message =
                        Some("nothing was changed here that can be taken back".to_owned());
                }
            },
            _ => {}
        }
        Vec::new()
    }

    /// Returns the request of a key that is for the entry with the cursor.
    fn ask_of_current(&mut self, key: &Key) -> Vec<Request> {
        let Some(row) = self.list.current() else {
            return Vec::new();
        };
        let address = row.address().clone();
        let is_command = row.entry.kind == Kind::Command;
        vec![match key {
            Key::Char('e') => Request::Edit(address),
            Key::Char('y') => Request::Copy(Box::new(row.clone()), Copied::Key),
            Key::Char('Y') if is_command => Request::Copy(Box::new(row.clone()), Copied::Command),
            Key::Char('r') if is_command => {
                self.message = Some("running…".to_owned());
                Request::Rerun(address)
            }
            _ => {
                self.message = Some("no command made this entry".to_owned());
                return Vec::new();
            }
        }]
    }
}

/// Returns the first line that is shown of a text after a key that scrolls it; `None` for another
/// key.
fn scrolled(key: &Key, top: usize, page: usize, lines: usize) -> Option<usize> {
    let last = lines.saturating_sub(page);
    let top = match key {
        Key::Up | Key::Char('k') => top.saturating_sub(1),
        Key::Down | Key::Char('j') => top + 1,
        Key::PageUp | Key::Ctrl('b') => top.saturating_sub(page),
        Key::PageDown | Key::Ctrl('f') | Key::Char(' ') => top + page,
        Key::Home | Key::Char('g') => 0,
        Key::End | Key::Char('G') => last,
        _ => return None,
    };
    Some(top.min(last))
}
