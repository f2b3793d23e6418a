//! Every format, on data that tries to break out of it.

use unicode_width::UnicodeWidthStr;

use super::*;

const COLUMNS: [Column; 5] = [
    Column::text("store_name"),
    Column::text("args"),
    Column::number("size"),
    Column::number("cost_ms"),
    Column::whole("created_at"),
];

fn write(format: Format, terminal: &Terminal, rows: &[Vec<Cell>]) -> String {
    let mut out = Vec::new();
    let mut writer = Writer::new(format, &COLUMNS, &mut out, terminal).expect("a Vec takes all");
    for row in rows {
        writer.row(row).expect("a Vec takes all");
    }
    writer.finish().expect("a Vec takes all");
    String::from_utf8(out).expect("output is UTF-8")
}

fn rows() -> Vec<Vec<Cell<'static>>> {
    vec![
        vec![
            "thumbs".into(),
            Cell::Json(r#"["a b", NaN]"#.into()),
            Cell::Size(1_229),
            Cell::Duration(1_500),
            Cell::Time(1_795_415_570_948),
        ],
        vec![
            "a,\"b\"\t\\\r\n".into(),
            Cell::Null,
            Cell::Size(7),
            Cell::Null,
            Cell::Time(i64::MAX),
        ],
    ]
}

/// Clears the screen, sets the clipboard, ends a string, colours by C1, reverses, joins, hides,
/// separates.
const HOSTILE: &str =
    "\x1b[2J\x1b]52;c;aGk=\x07\0\u{9b}31m\u{202e}\u{200d}\u{feff}\u{2028}\u{e0041}\r\x7f";

const FORMATS: [Format; 6] = [
    Format::Table,
    Format::Json,
    Format::Jsonl,
    Format::Csv,
    Format::Tsv,
    Format::Plain,
];

#[test]
fn json_is_one_array() {
    let expected = r#"[
{"store_name":"thumbs","args":["a b", NaN],"size":1229,"cost_ms":1500,"created_at":"2026-11-23T06:32:50.948Z"},
{"store_name":"a,\"b\"\t\\\r\n","args":null,"size":7,"cost_ms":null,"created_at":"+292278994-08-17T07:12:55.807Z"}
]
"#;
    assert_eq!(write(Format::Json, &Terminal::PIPE, &rows()), expected);
}

#[test]
fn jsonl_is_one_object_a_line_whatever_the_json_in_it() {
    let mut rows = rows();
    rows[0][1] = Cell::Json("[1,\r\n\t2]".into());
    let expected = r#"{"store_name":"thumbs","args":[1,   2],"size":1229,"cost_ms":1500,"created_at":"2026-11-23T06:32:50.948Z"}
{"store_name":"a,\"b\"\t\\\r\n","args":null,"size":7,"cost_ms":null,"created_at":"+292278994-08-17T07:12:55.807Z"}
"#;
    assert_eq!(write(Format::Jsonl, &Terminal::PIPE, &rows), expected);
}

#[test]
fn csv_is_rfc_4180() {
    let expected = "store_name,args,size,cost_ms,created_at\r\n\
        thumbs,\"[\"\"a b\"\", NaN]\",1229,1500,2026-11-23T06:32:50.948Z\r\n\
        \"a,\"\"b\"\"\t\\\r\n\",,7,,+292278994-08-17T07:12:55.807Z\r\n";
    assert_eq!(write(Format::Csv, &Terminal::PIPE, &rows()), expected);
}

#[test]
fn tsv_and_plain_escape_their_separators() {
    let lines = "thumbs\t[\"a b\", NaN]\t1229\t1500\t2026-11-23T06:32:50.948Z\n\
        a,\"b\"\\t\\\\\\r\\n\t\t7\t\t+292278994-08-17T07:12:55.807Z\n";
    assert_eq!(write(Format::Plain, &Terminal::PIPE, &rows()), lines);
    assert_eq!(
        write(Format::Tsv, &Terminal::PIPE, &rows()),
        format!("store_name\targs\tsize\tcost_ms\tcreated_at\n{lines}")
    );
}

#[test]
fn a_table_is_for_people() {
    let expected = r#"STORE             ARGS             SIZE  COST  CREATED
thumbs            ["a b", NaN]  1.2 KiB  1.5s  59s ago
$'a,"b"\t\\\r\n'  -                 7 B     -  in 2y
"#;
    let mut rows = rows();
    rows[1][4] = Cell::Time(1_895_415_570_948 - 31_556_952_000);
    assert_eq!(write(Format::Table, &Terminal::PIPE, &rows), expected);
    let iso = Terminal {
        times: Times::Iso,
        ..Terminal::PIPE
    };
    assert!(write(Format::Table, &iso, &rows).contains("2026-11-23T06:32:50Z\n"));
}

#[test]
fn a_row_of_a_table_stays_on_one_line_of_the_terminal() {
    let columns = [
        Column::text("store"),
        Column::text("key"),
        Column::number("size"),
    ];
    let rows = [
        [
            "日本語のデータセット",
            "e\u{301}e\u{301}e\u{301} with \u{1b} spaces",
            "12",
        ],
        ["👩👩👩👩👩👩👩👩", "0123456789abcdef", "7 B"],
    ];
    for width in [20, 24, 40] {
        let mut out = Vec::new();
        let terminal = Terminal::of_width(width);
        let mut writer =
            Writer::new(Format::Table, &columns, &mut out, &terminal).expect("a Vec takes all");
        for row in rows {
            writer.row(&row.map(Cell::from)).expect("a Vec takes all");
        }
        writer.finish().expect("a Vec takes all");
        let table = String::from_utf8(out).expect("output is UTF-8");
        assert_eq!(table.lines().count(), 3);
        for line in table.lines() {
            assert!(line.width() <= width, "{line:?} is wider than {width}");
        }
    }
}

#[test]
fn a_terminal_too_narrow_drops_columns_and_cuts_no_number() {
    let table = write(Format::Table, &Terminal::of_width(20), &rows());
    assert_eq!(
        table,
        "STORE           COST\nthumbs          1.5s\n$'a,\"b\"…\\r\\n'      -\n"
    );
}

#[test]
fn the_first_page_of_a_table_on_a_terminal_decides_its_widths() {
    let columns = [Column::text("key")];
    let mut out = Vec::new();
    let mut writer =
        Writer::new(Format::Table, &columns, &mut out, &Terminal::PIPE).expect("a Vec takes all");
    for index in 0..2500 {
        let key = "k".repeat(index + 1);
        writer.row(&[key.into()]).expect("a Vec takes all");
    }
    writer.finish().expect("a Vec takes all");
    let table = String::from_utf8(out).expect("output is UTF-8");
    let lengths: Vec<_> = table.lines().skip(1).map(UnicodeWidthStr::width).collect();
    assert!(lengths.into_iter().eq(1..=2500));
    let mut out = Vec::new();
    let terminal = Terminal::of_width(5);
    let mut writer =
        Writer::new(Format::Table, &columns, &mut out, &terminal).expect("a Vec takes all");
    for index in 0..2500 {
        let key = "k".repeat(index / 1000 + 3);
        writer.row(&[key.into()]).expect("a Vec takes all");
    }
    writer.finish().expect("a Vec takes all");
    let table = String::from_utf8(out).expect("output is UTF-8");
    assert_eq!(table.lines().nth(2500), Some("kk…"));
}

#[test]
fn colours_have_a_meaning_and_are_only_where_they_are_wanted() {
    let terminal = Terminal {
        color: true,
        ..Terminal::of_width(120)
    };
    let mut out = Vec::new();
    let mut writer =
        Writer::new(Format::Table, &COLUMNS, &mut out, &terminal).expect("a Vec takes all");
    writer.row(&rows()[0]).expect("a Vec takes all");
    writer
        .row_as(Mood::Muted, &rows()[1])
        .expect("a Vec takes all");
    writer.finish().expect("a Vec takes all");
    let table = String::from_utf8(out).expect("output is UTF-8");
    let lines: Vec<&str> = table.lines().collect();
    assert!(lines[0].starts_with("\x1b[2mSTORE") && lines[0].ends_with("CREATED\x1b[0m"));
    assert!(lines[1].starts_with("\x1b[1mthumbs            \x1b[0m[\"a b\""));
    assert!(lines[2].starts_with("\x1b[2m$'a,\"b\"") && lines[2].ends_with("\x1b[0m"));
    let plain = write(Format::Table, &Terminal::of_width(120), &rows());
    assert!(!plain.contains('\x1b'));
}

#[test]
fn a_column_that_says_nothing_is_left_out_and_the_footer_told() {
    let columns = [
        Column::text("store_name"),
        Column::text("key"),
        Column::text("user_id"),
        Column::number("hits"),
        Column::whole("expires_at"),
        Column::free("call"),
    ];
    let row = |key: &'static str, call: &'static str| {
        [
            "thumbs".into(),
            Cell::from(key),
            Cell::Null,
            Cell::Count(0),
            Cell::Null,
            call.into(),
        ]
    };
    let print = |is_partial| {
        let mut out = Vec::new();
        let terminal = Terminal::of_width(80);
        let mut writer =
            Writer::new(Format::Table, &columns, &mut out, &terminal).expect("a Vec takes all");
        writer
            .row(&row("cat.jpg", "= binary"))
            .expect("a Vec takes all");
        writer
            .row(&row("dog.jpg", "= PNG image"))
            .expect("a Vec takes all");
        if is_partial {
            writer.mark_partial();
            writer.settle(&["store_name"]);
        }
        let left = writer.finish_table().expect("a Vec takes all");
        (String::from_utf8(out).expect("output is UTF-8"), left)
    };
    let (table, left) = print(false);
    assert_eq!(
        table,
        "KEY      VALUE\ncat.jpg  binary\ndog.jpg  PNG image\n"
    );
    assert_eq!(left.constants, [("store_name", "thumbs".to_owned())]);
    assert_eq!(left.empty, ["user_id", "hits", "expires_at"]);
    // Further rows may differ, except in fields that the filter settles: a column that is empty in
    // all printed rows goes, and is not reported as empty.
    let (table, left) = print(true);
    assert_eq!(table.lines().next(), Some("KEY      VALUE"));
    assert!(left.empty.is_empty(), "{left:?}");
    assert_eq!(left.constants, [("store_name", "thumbs".to_owned())]);
}

#[test]
fn an_empty_result_is_well_formed() {
    let header = "store_name,args,size,cost_ms,created_at";
    for (format, expected) in FORMATS.into_iter().zip([
        String::new(),
        "[]\n".to_owned(),
        String::new(),
        format!("{header}\r\n"),
        format!("{}\n", header.replace(',', "\t")),
        String::new(),
    ]) {
        assert_eq!(write(format, &Terminal::PIPE, &[]), expected, "{format:?}");
    }
}

#[test]
fn data_never_acts_on_a_terminal() {
    let mut rows = rows();
    rows[0][0] = HOSTILE.into();
    rows[0][1] = Cell::Json("\"\u{9b}\u{202e}\u{e0041}\"".into());
    for format in FORMATS {
        let shown = write(format, &Terminal::of_width(400), &rows);
        // The formats' own layout; in CSV a quoted line end is data, and harmless.
        let shown = shown.replace("\r\n", "\n").replace(['\n', '\t'], "");
        assert!(!shown.contains(escape::is_unsafe), "{format:?}: {shown:?}");
    }
}

#[test]
fn data_is_exact_in_a_pipe() {
    let mut rows = rows();
    rows.truncate(1);
    rows[0][0] = HOSTILE.into();
    let plain = write(Format::Plain, &Terminal::PIPE, &rows);
    assert_eq!(
        plain.split('\t').next(),
        Some(&*HOSTILE.replace('\r', "\\r"))
    );
    let csv = write(Format::Csv, &Terminal::PIPE, &rows);
    assert!(csv.contains(&format!("\r\n\"{HOSTILE}\",")), "{csv:?}");
}

#[test]
fn json_on_a_terminal_has_the_value_of_json_in_a_pipe() {
    let mut rows = rows();
    rows[0][0] = HOSTILE.into();
    rows[0][1] = Cell::Json("\"\u{9b}\u{202e}\u{e0041}\"".into());
    let parse = |terminal: Terminal| -> serde_json::Value {
        serde_json::from_str(&write(Format::Json, &terminal, &rows)).expect("it is JSON")
    };
    let value = parse(Terminal::of_width(80));
    assert_eq!(value[0]["store_name"], HOSTILE);
    assert_eq!(value, parse(Terminal::PIPE));
}

#[test]
fn a_closed_pipe_is_returned_as_it_is() {
    struct Closed;
    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    for format in FORMATS {
        let write_all = || {
            let mut writer = Writer::new(format, &COLUMNS, Closed, &Terminal::PIPE)?;
            for _ in 0..10_000 {
                writer.row(&rows()[0])?;
            }
            writer.finish()
        };
        let error = write_all().expect_err("the pipe is closed");
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe, "{format:?}");
    }
}
