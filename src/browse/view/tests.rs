use std::sync::Arc;

use ecache_core::backend::{Cause, Effect, Group, Operation, Spread, UndoState};
use ecache_core::entry::Entry;
use ecache_core::filter::Filter;
use ecache_core::key::Key as EntryKey;
use ecache_core::scope::StoreAddress;
use ecache_core::time::Timestamp;
use ecache_core::value::Kind;

use super::*;
use crate::browse::events::{Counts, Event, Request, Whole};
use crate::browse::keys::Key;

/// Shows names as they were escaped, cut to the width.
struct Plain;

impl Texts for Plain {
    fn dataset(&self, _: &str) -> Option<&str> {
        None
    }

    fn table(&self, page: &Page<'_>, width: usize) -> Vec<String> {
        let line = |text: &str| cut::shorten(&escape::for_line(text), width, Cut::End);
        let names = page.rows.iter().map(|row| line(row.address().key.as_str()));
        [line("KEY")].into_iter().chain(names).collect()
    }

    fn operations(&self, operations: &[&OperationRecord], width: usize) -> Vec<String> {
        let line = |text: &str| cut::shorten(&escape::for_line(text), width, Cut::End);
        let lines = operations.iter().map(|one| line(&one.operation.command));
        [line("OP")].into_iter().chain(lines).collect()
    }

    fn figures(&self, figures: &Figures, width: usize) -> Vec<String> {
        let name = |name: Option<&str>| escape::for_line(name.unwrap_or_default()).into_owned();
        let stores = figures.stores.iter();
        stores
            .map(|store| cut::shorten(&name(store.name.as_deref()), width, Cut::End))
            .collect()
    }

    fn summary(&self, row: &Row, width: usize) -> [String; 2] {
        let name = escape::for_line(row.address().key.as_str());
        [cut::shorten(&name, width, Cut::End), String::new()]
    }

    fn is_expired(&self, _: &Row) -> bool {
        false
    }
}

const NAMES: [&str; 5] = [
    "cat.jpg",
    "\u{1b}[2Jclears the screen\u{7}",
    "日本語のデータセット、とても長い名前",
    "👩👩👩👩 e\u{301}e\u{301} \u{202e}reversed",
    "a long name that goes on and on and on and on and on and on and on and on and on and on",
];

/// Returns a browser of entries and stores with odd names, on a screen of that size.
fn browser(width: u16, height: u16) -> Model {
    let mut model = Model::new("/home/a/store.db".into(), "", Filter::default(), true);
    model.take(Event::Size(width, height));
    let Some(Request::Rows(generation, part, _)) = model.begin().into_iter().next() else {
        panic!("rows are asked for");
    };
    let row = |name: &str| {
        let key = EntryKey::new(name).expect("a key");
        let address = StoreAddress::new(name).entry(key);
        Row {
            entry: Entry::new(address, Kind::Text, Timestamp::from_millis(0)),
            start: None,
        }
    };
    let rows = NAMES.map(row);
    let address = rows[0].address().clone();
    model.take(Event::Rows {
        generation,
        part,
        rows: rows.into(),
        is_all: true,
    });
    let usage = Usage {
        entries: 1_234_567,
        bytes: 1 << 40,
    };
    let stores = NAMES.map(|name| (Place::Store(Arc::from(name)), usage));
    let datasets = NAMES.map(|name| (Place::Dataset(Some(Arc::from(name))), usage));
    let places = [(Place::All, usage)]
        .into_iter()
        .chain(stores)
        .chain(datasets);
    model.take(Event::Counted(
        generation,
        Counts {
            found: usage,
            all: usage,
            places: places.collect(),
        },
    ));
    let whole = Whole {
        facts: vec!["key        cat.jpg".to_owned(), "値".repeat(100)],
        value: vec!["meow ".repeat(50)],
        preview: "meow ".repeat(50),
    };
    model.take(Event::Whole(address, whole));
    model
}

/// Operations whose command lines are hard to show.
fn operations() -> Vec<OperationRecord> {
    let record = |(id, name): (u64, &str)| OperationRecord {
        id,
        at: Timestamp::from_millis(0),
        effect: Effect::Removed,
        operation: Operation {
            user: name.to_owned(),
            host: name.to_owned(),
            command: name.to_owned(),
            filter: name.to_owned(),
            cause: Cause::Removed,
        },
        usage: Usage::default(),
        replaced: Usage::default(),
        documents: 0,
        settings: 0,
        undo: UndoState::Impossible,
        undoes: None,
    };
    (1..).zip(NAMES).map(record).collect()
}

fn figures() -> Figures {
    let group = |name: &str| Group {
        name: Some(name.into()),
        ..Group::default()
    };
    Figures {
        stores: NAMES.map(group).into(),
        spread: Spread::default(),
    }
}

fn lines(model: &Model) -> Vec<String> {
    let (buffer, _) = draw(model, &Plain, true);
    let width = usize::from(model.width).max(1);
    let rows = buffer.content.chunks(width);
    let line = |row: &[ratatui_core::buffer::Cell]| {
        let symbols = row.iter().map(|cell| cell.symbol());
        symbols.collect::<String>().trim_end().to_owned()
    };
    rows.map(line).collect()
}

#[test]
fn every_mode_fits_every_screen_and_no_name_acts_on_it() {
    let modes: [&[Key]; 9] = [
        &[],
        &[Key::Tab],
        &[Key::Char('/'), Key::Char('日'), Key::Char('\u{1b}')],
        &[Key::Char(' '), Key::Char(' '), Key::Char('d')],
        &[Key::Char('?')],
        &[Key::Enter, Key::PageDown],
        &[Key::Char('t'), Key::Char('日'), Key::Enter],
        &[Key::Char('i')],
        &[Key::Char('U'), Key::Down],
    ];
    for width in (1..90).step_by(4).chain([24, 59, 60, 119, 120, 200]) {
        for height in (1..24).step_by(3).chain([8, 20, 60]) {
            for keys in modes {
                let mut model = browser(width, height);
                for key in keys {
                    model.take(Event::Key(key.clone()));
                }
                model.take(Event::Operations(Some(operations())));
                model.take(Event::Figures(Box::new(figures())));
                for line in lines(&model) {
                    assert!(!line.contains(escape::is_unsafe), "{line:?}");
                }
            }
        }
    }
}

#[test]
fn eighty_columns_show_places_entries_and_the_value() {
    let mut model = browser(80, 24);
    model.take(Event::Key(Key::Char(' ')));
    let lines = lines(&model);
    assert!(
        lines[0].starts_with(" ecache  /home/a/store.db"),
        "{}",
        lines[0]
    );
    assert!(
        lines[0].ends_with("1,234,567 entries, 1.0 TiB, 1 marked"),
        "{}",
        lines[0]
    );
    assert_eq!(&lines[3], " STORES             │   KEY");
    assert_eq!(&lines[4], "▸all      1,234,567 │ ● cat.jpg");
    assert!(
        lines[5].contains("│▌  \\x1b[2Jclears the screen\\x07"),
        "{}",
        lines[5]
    );
    assert!(
        lines[19].starts_with("────────────────────┴──"),
        "{}",
        lines[19]
    );
    assert_eq!(
        lines.last().map(String::as_str),
        Some(format!(" {}", KEYS.replace("s sort", "s sort: newest")).as_str())
    );
}

#[test]
fn a_wide_screen_shows_the_entry_and_a_small_one_says_so() {
    let wide = lines(&browser(140, 30));
    assert!(wide[3].contains("│ key        cat.jpg"), "{}", wide[3]);
    assert_eq!(lines(&browser(20, 24))[0], "needs 24x8");
    assert_eq!(lines(&browser(80, 5))[0], "needs 24x8");
    let mut help = browser(40, 12);
    help.take(Event::Key(Key::Char('?')));
    assert!(lines(&help).iter().any(|line| line.contains("one line")));
    help.take(Event::Key(Key::End));
    let last = lines(&help);
    assert!(
        last.iter().any(|line| line.contains("q      quit")),
        "{last:?}"
    );
    // A narrow one shows the places while they are chosen from.
    let mut narrow = browser(40, 24);
    assert!(lines(&narrow)[3].starts_with("   KEY"));
    narrow.take(Event::Key(Key::Tab));
    assert!(lines(&narrow)[3].starts_with(" STORES"));
}
