//! Items: lines, NUL-terminated ones and JSON, and their places in the command.

use super::*;

#[test]
fn an_item_is_an_argument_whatever_it_holds() {
    let session = Session::new();
    let item = "$(touch x); `touch x` 'a\"  \\ \u{1f600} {}";
    let warmed = warm(
        &session,
        "--format jsonl",
        "printf %s \"$0\"; touch ran-$#",
        item,
    )
    .succeeds();
    assert_eq!(members(&lines(&warmed), "input"), [item]);
    let key = lines(&warmed)[0]["key"].as_str().expect("a key").to_owned();
    session.run(["get", "sh", &key]).prints(item);
    assert!(!session.path("x").exists());
    assert!(session.path("ran-0").exists());
}

#[test]
fn items_end_with_a_line_or_with_a_nul_byte() {
    let session = Session::new();
    let items = b"a\nb\0\0c";
    let warmed = session
        .run_with_input("warm -0 --format jsonl -- echo", items)
        .succeeds();
    assert_eq!(members(&lines(&warmed), "input"), ["a\nb", "c"]);
    session
        .run(["run", "--stdin", "none", "--no-exec", "--", "echo", "a\nb"])
        .prints("a\nb\n");

    std::fs::write(session.path("items"), "d\ne").expect("a file");
    session
        .run("warm --input items -- echo")
        .notes("ecache: 2 ran, 0 fresh\n");
    let missing = session.run("warm --input nowhere -- echo");
    missing.ends(
        3,
        "ecache: cannot read nowhere: no such file or directory\n",
    );
}

#[test]
fn fields_of_json_lines_take_their_places() {
    let session = Session::new();
    let items = "{\"city\": \"Köln\", \"lat\": 50.9}\n{\"city\": \"New York\", \"lat\": 40}\n";
    let words = "warm --jsonl -- echo {city} --lat={lat}";
    session
        .run_with_input(words, items.as_bytes())
        .notes("ecache: 2 ran, 0 fresh\n");
    for (city, lat) in [("Köln", "--lat=50.9"), ("New York", "--lat=40")] {
        let ran = session.run([
            "run",
            "--stdin",
            "none",
            "--no-exec",
            "--",
            "echo",
            city,
            lat,
        ]);
        ran.prints(format!("{city} {lat}\n"));
    }
}

#[test]
fn invalid_items_are_named_and_do_not_stop_the_others() {
    let session = Session::new();
    let ran = session.run_with_input("warm -j 1 -- echo", b"a\nb\0c\nd\n");
    ran.ends(
        1,
        "ecache: line 2 (b\\x00c) failed: an argument cannot have a NUL byte\necache: 2 ran, 0 fresh, 1 failed\n",
    );
    let items = b"{\"a\": 1}\n\n{\"b\": 1}\nnonsense\n";
    let ran = session.run_with_input("warm -j 1 --jsonl -- echo {a}", items);
    ran.ends(
        1,
        "ecache: line 3 ({\"b\": 1}) failed: it has no field \"a\"\n\
         ecache: line 4 (nonsense) failed: it is not JSON: expected a value at line 1 column 2\n\
         ecache: 1 ran, 0 fresh, 2 failed\n",
    );
}
