//! The terminal: takes it over, sends what changed, and gives it back on any exit.
//!
//! `ratatui`'s buffers tell what changed. Its crossterm backend is not used: crossterm's reader
//! spins on a terminal that is gone and cannot wait for anything else at the same time, and
//! without it twenty crates less are linked.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ratatui_core::buffer::{Buffer, Cell};
use ratatui_core::layout::Rect;
use ratatui_core::style::{Color, Modifier};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};

use super::view::Cursor;
use crate::output::plain::ascii;
use crate::output::{stdin, stdout};

/// The other screen, no cursor, and pasted text with marks around it.
const ENTER: &str = "\x1b[?1049h\x1b[?25l\x1b[?2004h\x1b[0m\x1b[2J";
const LEAVE: &str = "\x1b[0m\x1b[?2004l\x1b[?25h\x1b[?1049l";

/// The state of the terminal before it was taken over, as long as it is.
static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

/// Gives the terminal back. Does nothing if it was not taken over.
pub(super) fn restore() {
    let before = BEFORE.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(before) = before {
        // A terminal that is gone takes neither.
        let _ = stdout().write_all(LEAVE.as_bytes());
        let _ = tcsetattr(stdin().as_fd(), OptionalActions::Now, &before);
    }
}

/// A terminal that was taken over.
pub(super) struct Screen {
    shown: Buffer,
    /// The terminal shows more than ASCII
    is_unicode: bool,
}

impl Screen {
    /// Takes the terminal over. A panic gives it back before its message is printed.
    pub(super) fn new(is_unicode: bool) -> io::Result<Self> {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            restore();
            usual(panic);
        }));
        let mut screen = Self {
            shown: Buffer::empty(Rect::ZERO),
            is_unicode,
        };
        screen.enter()?;
        Ok(screen)
    }

    /// Takes the terminal over again, and clears it.
    pub(super) fn enter(&mut self) -> io::Result<()> {
        let modes = tcgetattr(stdin().as_fd())?;
        let mut raw = modes.clone();
        raw.make_raw();
        let mut before = BEFORE.lock().unwrap_or_else(PoisonError::into_inner);
        before.get_or_insert(modes);
        drop(before);
        tcsetattr(stdin().as_fd(), OptionalActions::Now, &raw)?;
        self.shown = Buffer::empty(Rect::ZERO);
        stdout().write_all(ENTER.as_bytes())
    }

    /// Returns the columns and lines of the terminal.
    pub(super) fn size() -> io::Result<(u16, u16)> {
        let size = tcgetwinsize(stdout().as_fd())?;
        Ok(match (size.ws_col, size.ws_row) {
            // A terminal that does not know its size, such as a serial line.
            (0, _) | (_, 0) => (80, 24),
            size => size,
        })
    }

    /// Shows a buffer: sends the cells that changed.
    pub(super) fn show(&mut self, buffer: Buffer, cursor: Cursor) -> io::Result<()> {
        let mut out = String::from("\x1b[?25l");
        if self.shown.area != buffer.area {
            out.push_str("\x1b[0m\x1b[2J");
            self.shown = Buffer::empty(buffer.area);
        }
        let (mut next, mut style) = (None, None);
        for (x, y, cell) in self.shown.diff(&buffer) {
            if next != Some((x, y)) {
                push_position(&mut out, x, y);
            }
            if style != Some((cell.modifier, cell.fg)) {
                push_style(&mut out, cell);
                style = Some((cell.modifier, cell.fg));
            }
            next = self.push_symbol(&mut out, x, y, cell.symbol());
        }
        out.push_str("\x1b[0m");
        if let Some((x, y)) = cursor {
            push_position(&mut out, x, y);
            out.push_str("\x1b[?25h");
        }
        self.shown = buffer;
        stdout().write_all(out.as_bytes())
    }

    /// Hands a text to the terminal's clipboard (OSC 52). Not every terminal takes it, and none
    /// tells.
    pub(super) fn copy(&self, text: &str) -> io::Result<()> {
        let text = BASE64.encode(text);
        stdout().write_all(format!("\x1b]52;c;{text}\x07").as_bytes())
    }

    /// Appends the characters of a cell, and returns where the terminal's cursor is then, if that
    /// is certain: terminals do not agree on the width of each character.
    fn push_symbol(&self, out: &mut String, x: u16, y: u16, symbol: &str) -> Option<(u16, u16)> {
        if symbol.is_ascii() {
            out.push_str(symbol);
            return Some((x + 1, y));
        }
        if self.is_unicode {
            out.push_str(symbol);
        } else {
            out.push_str(&ascii(symbol));
        }
        None
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        restore();
    }
}

fn push_position(out: &mut String, x: u16, y: u16) {
    let _ = write!(out, "\x1b[{};{}H", y + 1, x + 1);
}

fn push_style(out: &mut String, cell: &Cell) {
    out.push_str("\x1b[0");
    for (modifier, code) in [
        (Modifier::BOLD, ";1"),
        (Modifier::DIM, ";2"),
        (Modifier::REVERSED, ";7"),
    ] {
        if cell.modifier.contains(modifier) {
            out.push_str(code);
        }
    }
    match cell.fg {
        Color::Red => out.push_str(";31"),
        Color::Green => out.push_str(";32"),
        Color::Yellow => out.push_str(";33"),
        Color::Cyan => out.push_str(";36"),
        _ => {}
    }
    out.push('m');
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui_core::style::Style;

    fn screen(is_unicode: bool) -> Screen {
        Screen {
            shown: Buffer::empty(Rect::ZERO),
            is_unicode,
        }
    }

    #[test]
    fn a_style_is_sent_for_the_meaning_of_a_cell() {
        let mut out = String::new();
        let mut bold = Cell::default();
        bold.set_style(Style::new().bold().fg(Color::Red));
        push_style(&mut out, &bold);
        assert_eq!(out, "\x1b[0;1;31m");
    }

    #[test]
    fn a_terminal_without_unicode_gets_ascii_of_the_same_width() {
        for (symbol, sent) in [("─", "-"), ("●", "*"), ("é", "?"), ("東", "??"), ("a", "a")] {
            let mut out = String::new();
            screen(false).push_symbol(&mut out, 0, 0, symbol);
            assert_eq!(out, sent);
        }
    }
}
