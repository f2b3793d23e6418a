use std::collections::VecDeque;

use ecache_core::backend::{Cause, Effect, Operation, UndoState};
use ecache_core::entry::{Entry, Policy};
use ecache_core::key::Key as EntryKey;
use ecache_core::scope::StoreAddress;
use ecache_core::time::Timestamp;
use ecache_core::value::Kind;

use super::*;
use crate::browse::events::Copied;
use crate::browse::keys::Key;
use crate::units::Ttl;

fn row(store: &str, key: &str) -> Row {
    let address = StoreAddress::new(store).entry(EntryKey::new(key).expect("a key"));
    let mut entry = Entry::new(address, Kind::Text, Timestamp::from_millis(0));
    entry.size = 10;
    Row { entry, start: None }
}

fn usage(entries: u64) -> Usage {
    Usage {
        entries,
        bytes: 10 * entries,
    }
}

fn rows_of(generation: u64, part: ListPart, rows: Vec<Row>, is_all: bool) -> Event {
    Event::Rows {
        generation,
        part,
        rows,
        is_all,
    }
}

fn done(message: &str, undo: u64) -> Event {
    Event::Done(Changed {
        message: message.to_owned(),
        undo: Some(undo),
    })
}

/// Returns a browser of three entries of two stores, which was counted.
fn browser() -> Model {
    let mut model = Model::new("store.db".into(), "", Filter::default(), true);
    model.take(Event::Size(80, 24));
    let asked = model.begin();
    let [
        Request::Rows(generation, ListPart::First, scan),
        Request::Count { .. },
    ] = &asked[..]
    else {
        panic!("{asked:?}");
    };
    assert_eq!((scan.sort, scan.limit), (Sort::Updated, Some(PAGE)));
    let rows = vec![row("a", "1"), row("a", "2"), row("b", "3")];
    let asked = model.take(rows_of(*generation, ListPart::First, rows, true));
    assert_eq!(asked, [Request::Whole(row("a", "1").address().clone())]);
    model.take(Event::Counted(*generation, counts()));
    model
}

fn counts() -> Counts {
    let store = |name: &str, entries| (Place::Store(name.into()), usage(entries));
    Counts {
        found: usage(3),
        all: usage(3),
        places: vec![(Place::All, usage(3)), store("a", 2), store("b", 1)],
    }
}

/// Types keys, and returns the requests of the last one.
fn type_keys(model: &mut Model, keys: &str) -> Vec<Request> {
    let mut requests = Vec::new();
    for c in keys.chars() {
        let key = match c {
            '\n' => Key::Enter,
            '\x1b' => Key::Esc,
            '\t' => Key::Tab,
            c => Key::Char(c),
        };
        requests = model.take(Event::Key(key));
    }
    requests
}

fn keys_of(selection: &Selection) -> VecDeque<String> {
    let keys = selection.any_of.iter().flat_map(|filter| &filter.keys);
    keys.map(|key| match key {
        Pattern::Exact(key) => key.clone(),
        Pattern::Glob(_) => panic!("keys are exact"),
    })
    .collect()
}

#[test]
fn keys_move_the_cursor_and_ask_for_the_entry() {
    let mut model = browser();
    let asked = type_keys(&mut model, "j");
    assert_eq!(asked, [Request::Whole(row("a", "2").address().clone())]);
    type_keys(&mut model, "jjjj");
    assert_eq!(model.list.cursor(), 2);
    type_keys(&mut model, "g");
    assert_eq!(model.list.cursor(), 0);
    type_keys(&mut model, "G");
    assert_eq!(model.list.cursor(), 2);
}

#[test]
fn a_filter_is_read_after_its_words_and_wrong_words_leave_the_list() {
    let mut model = browser();
    let asked = type_keys(&mut model, "/thumbs --larg");
    assert_eq!(asked, [Request::Read("thumbs --larg".to_owned())]);
    let before = model.list.rows().clone();
    let asked = model.take(Event::Filter(Err("unexpected argument".to_owned())));
    assert!(asked.is_empty() && model.filter_problem.is_some());
    assert_eq!(*model.list.rows(), before);
    let filter = Filter {
        larger_than: Some(1),
        ..Filter::default()
    };
    let asked = model.take(Event::Filter(Ok(Box::new(filter.clone()))));
    let [
        Request::Rows(generation, ListPart::First, scan),
        Request::Count { .. },
    ] = &asked[..]
    else {
        panic!("{asked:?}");
    };
    assert_eq!(scan.filter, filter);
    assert_eq!(model.filter_problem, None);
    // The rows of the list before come too late.
    model.take(rows_of(generation - 1, ListPart::First, Vec::new(), true));
    assert_eq!(*model.list.rows(), before);
    model.take(rows_of(*generation, ListPart::First, Vec::new(), true));
    assert!(model.list.rows().is_empty());
    // Escape takes the filter away.
    let asked = type_keys(&mut model, "\x1b");
    assert_eq!(asked, [Request::Read(String::new())]);
    assert_eq!(model.mode, Mode::List);
}

#[test]
fn a_place_narrows_the_list() {
    let mut model = browser();
    type_keys(&mut model, "\t");
    let asked = type_keys(&mut model, "j");
    let [
        Request::Rows(_, ListPart::First, scan),
        Request::Count {
            filter: found,
            everywhere,
            ..
        },
    ] = &asked[..]
    else {
        panic!("{asked:?}");
    };
    assert_eq!(scan.filter.stores, [Pattern::exact("a")]);
    assert_eq!((found.stores.len(), everywhere.stores.len()), (1, 0));
    assert!(type_keys(&mut model, "\n").is_empty());
    assert_eq!(model.pane, Pane::Entries);
    // It stays chosen where it stands somewhere else.
    let mut counts = counts();
    counts
        .places
        .insert(1, (Place::Store("0".into()), usage(1)));
    model.take(Event::Counted(model.generation, counts));
    assert_eq!(model.current_place(), Place::Store("a".into()));
}

#[test]
fn marked_entries_are_removed_after_a_yes() {
    let mut model = browser();
    type_keys(&mut model, " j ");
    assert_eq!(model.list.cursor(), 2);
    assert!(type_keys(&mut model, "d").is_empty());
    assert!(type_keys(&mut model, "x").is_empty(), "no answer");
    assert!(matches!(&model.mode, Mode::Remove(removal) if removal.usage == Some(usage(2))));
    assert!(type_keys(&mut model, "n").is_empty());
    let asked = type_keys(&mut model, "dy");
    let [Request::Remove(selection)] = &asked[..] else {
        panic!("{asked:?}");
    };
    assert_eq!(keys_of(selection), ["1", "3"]);
    let asked = model.take(done("removed", 7));
    assert!(matches!(&asked[0], Request::Rows(_, ListPart::Again, _)));
    assert_eq!(model.marks, Marks::These(BTreeMap::new()));
    assert_eq!(type_keys(&mut model, "u"), [Request::Undo(7)]);
    assert!(type_keys(&mut model, "u").is_empty(), "once");
    assert!(model.message.is_some());
}

#[test]
fn without_marks_the_entry_with_the_cursor_is_meant() {
    let mut model = browser();
    type_keys(&mut model, "j");
    let asked = type_keys(&mut model, "dy");
    assert!(matches!(&asked[..], [Request::Remove(one)] if keys_of(one) == ["2"]));
    let asked = type_keys(&mut model, "p");
    let [Request::SetPolicy(one, Policy::Persist)] = &asked[..] else {
        panic!("{asked:?}");
    };
    assert_eq!(keys_of(one), ["2"]);
}

#[test]
fn all_that_match_can_be_marked_and_pinned_ones_stay() {
    let mut model = browser();
    type_keys(&mut model, "a ");
    assert!(
        model.message.is_some(),
        "single marks are not taken from all"
    );
    let asked = type_keys(&mut model, "dy");
    let [Request::Remove(selection)] = &asked[..] else {
        panic!("{asked:?}");
    };
    assert_eq!(selection.any_of[0].policy, Some(Policy::Evict));
    assert!(keys_of(selection).is_empty());
    type_keys(&mut model, "A");
    assert_eq!(model.marks, Marks::These(BTreeMap::new()));
}

#[test]
fn orders_begin_anew_and_keep_marks() {
    let mut model = browser();
    for (_, (sort, direction, _)) in (0..SORTS.len()).zip(SORTS.iter().cycle().skip(1)) {
        let asked = type_keys(&mut model, "s");
        let Request::Rows(_, ListPart::First, scan) = &asked[0] else {
            panic!("{asked:?}");
        };
        assert_eq!((scan.sort, scan.direction), (*sort, *direction));
    }
    type_keys(&mut model, " ");
    let marks = model.marks.clone();
    let asked = type_keys(&mut model, "S");
    let Request::Rows(_, _, scan) = &asked[0] else {
        panic!("{asked:?}");
    };
    assert_eq!(scan.direction, Direction::Ascending);
    assert_eq!(model.marks, marks, "another order has the same entries");
}

#[test]
fn a_change_elsewhere_is_read_and_keeps_the_cursor() {
    let mut model = browser();
    type_keys(&mut model, "j");
    assert_eq!(type_keys(&mut model, "w"), [Request::Watch(true)]);
    let asked = model.take(Event::Changed);
    let Request::Rows(generation, ListPart::Again, _) = &asked[0] else {
        panic!("{asked:?}");
    };
    let rows = ["0", "1", "2", "3"].map(|key| row("a", key));
    model.take(rows_of(*generation, ListPart::Again, rows.into(), true));
    let current = model.list.current().map(|row| row.address().key.clone());
    assert_eq!(current, EntryKey::new("2").ok());
}

#[test]
fn quit_and_stop_are_of_every_mode() {
    for mode in ["", "/", "?", "d", "\n"] {
        for (key, request) in [('c', Request::Quit), ('z', Request::Suspend)] {
            let mut model = browser();
            type_keys(&mut model, mode);
            assert_eq!(model.take(Event::Key(Key::Ctrl(key))), [request]);
        }
    }
    // Letters are text in a filter, and pasted text is not a command elsewhere.
    let mut model = browser();
    assert!(
        model
            .take(Event::Key(Key::Paste("dy".to_owned())))
            .is_empty()
    );
    assert_eq!(model.mode, Mode::List);
    type_keys(&mut model, "/q");
    assert_eq!(model.filter.text(), "q");
}

#[test]
fn a_lifetime_is_typed_and_wrong_ones_are_told() {
    let mut model = browser();
    assert!(type_keys(&mut model, "jt").is_empty());
    assert!(type_keys(&mut model, "-1\n").is_empty());
    let Mode::Lifetime(renewal) = &model.mode else {
        panic!("{:?}", model.mode);
    };
    assert!(renewal.problem.is_some(), "-1 is not a lifetime");
    model.take(Event::Key(Key::Ctrl('u')));
    let asked = type_keys(&mut model, "90m\n");
    let [Request::SetLifetime(one, Ttl::Millis(5_400_000))] = &asked[..] else {
        panic!("{asked:?}");
    };
    assert_eq!(keys_of(one), ["2"]);
    assert_eq!(model.mode, Mode::List);
    model.take(done("1 entry", 4));
    // All that match; nothing where it is kept.
    assert!(type_keys(&mut model, "atkeep\n").is_empty());
    let asked = type_keys(&mut model, "tnever\n");
    assert!(
        matches!(&asked[..], [Request::SetLifetime(all, Ttl::Never)] if keys_of(all).is_empty())
    );
    model.take(done("2 entries", 5));
    assert_eq!(type_keys(&mut model, "u"), [Request::Undo(5)]);
}

#[test]
fn marked_entries_are_found_in_both_directions() {
    let mut model = browser();
    type_keys(&mut model, "n");
    assert!(model.message.is_some(), "nothing is marked");
    type_keys(&mut model, " j g");
    assert_eq!(model.list.cursor(), 0);
    type_keys(&mut model, "n");
    assert_eq!(model.list.cursor(), 2);
    type_keys(&mut model, "n");
    assert_eq!(model.list.cursor(), 2);
    assert!(model.message.is_some(), "there is none below");
    type_keys(&mut model, "N");
    assert_eq!(model.list.cursor(), 0);
}

#[test]
fn a_marked_entry_far_away_is_read_for() {
    let mut model = browser();
    let page = |from: u64| -> Vec<Row> {
        let keys = from..from + PAGE;
        keys.map(|key| row("a", &format!("{key:04}"))).collect()
    };
    let generation = model.generation;
    model.take(rows_of(generation, ListPart::First, page(0), false));
    // One that is three pages away was marked before the list was read anew.
    let far = row("a", "0650");
    model.marks = Marks::These([(far.address().clone(), 10)].into());
    let mut asked = type_keys(&mut model, "n");
    let mut from = PAGE;
    while let Some(Request::Rows(_, ListPart::After, _)) = asked.first() {
        asked = model.take(rows_of(generation, ListPart::After, page(from), false));
        from += PAGE;
    }
    assert_eq!(model.list.current().map(Row::address), Some(far.address()));
    assert_eq!(model.seek, None);
}

#[test]
fn keys_ask_for_the_entry_with_the_cursor() {
    let mut model = browser();
    let first = row("a", "1");
    let address = first.address().clone();
    assert_eq!(type_keys(&mut model, "e"), [Request::Edit(address.clone())]);
    let copied = |what| [Request::Copy(Box::new(first.clone()), what)];
    assert_eq!(type_keys(&mut model, "y"), copied(Copied::Key));
    for key in ["Y", "r"] {
        assert!(type_keys(&mut model, key).is_empty(), "{key}");
        assert!(model.message.is_some(), "no command made it");
    }
    let mut command = first;
    command.entry.kind = Kind::Command;
    let rows = vec![command.clone()];
    model.take(rows_of(model.generation, ListPart::Again, rows, true));
    assert_eq!(type_keys(&mut model, "r"), [Request::Rerun(address)]);
    assert_eq!(
        type_keys(&mut model, "Y"),
        [Request::Copy(Box::new(command), Copied::Command)]
    );
}

#[test]
fn an_operation_is_undone_if_it_can_be() {
    let record = |id, undo| OperationRecord {
        id,
        at: Timestamp::from_millis(0),
        effect: Effect::Removed,
        operation: Operation {
            user: String::new(),
            host: String::new(),
            command: "clear a".to_owned(),
            filter: String::new(),
            cause: Cause::Cleared,
        },
        usage: usage(1),
        replaced: Usage::default(),
        documents: 0,
        settings: 0,
        undo,
        undoes: None,
    };
    let mut model = browser();
    model.take(done("removed", 3));
    assert_eq!(type_keys(&mut model, "U"), [Request::Operations]);
    let operations = vec![
        record(4, UndoState::Impossible),
        record(3, UndoState::Until(Timestamp::from_millis(1))),
    ];
    model.take(Event::Operations(Some(operations)));
    assert!(type_keys(&mut model, "\n").is_empty());
    assert!(model.message.is_some(), "nothing is kept");
    assert_eq!(type_keys(&mut model, "jj\n"), [Request::Undo(3)]);
    assert_eq!(model.mode, Mode::List);
    assert!(type_keys(&mut model, "u").is_empty(), "it was undone");
    // Where none are kept, that is said.
    type_keys(&mut model, "U");
    model.take(Event::Operations(None));
    assert_eq!(model.mode, Mode::List);
    assert!(model.message.is_some());
}

#[test]
fn a_change_that_still_runs_is_undone_when_it_is_done() {
    let mut model = browser();
    assert!(matches!(
        &type_keys(&mut model, "dy")[..],
        [Request::Remove(_)]
    ));
    assert!(type_keys(&mut model, "u").is_empty());
    let said = model.message.clone().unwrap_or_default();
    assert_eq!(
        said,
        "a change is still running; it will be undone when it finishes"
    );
    let asked = model.take(done("removed 1 entry", 7));
    assert_eq!(asked[0], Request::Undo(7));
    // An earlier change is not meant where the latest one fails.
    model.take(done("restored 1 entry", 8));
    type_keys(&mut model, "dyu");
    let failed = Event::NotDone("the store is locked".to_owned());
    assert!(model.take(failed).is_empty());
    assert_eq!(type_keys(&mut model, "u"), [Request::Undo(8)]);
}
