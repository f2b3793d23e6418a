//! `watch`: rows as they come.

use unicode_width::UnicodeWidthStr;

use crate::filled;

#[test]
fn a_change_is_a_row_of_a_table_as_it_comes() {
    let session = filled();
    let line = "ecache watch --count 1 -v 2> ready & until grep -qs watching ready; do :; done; \
                ecache set python3 new v -q; wait";
    let shown = session.shell_on_columns(80, line);
    let text = String::from_utf8(shown.bytes).expect("text");
    let header = text.lines().next().unwrap_or_default();
    for title in ["TIME", "EVENT", "KEY"] {
        assert!(header.contains(title), "{text}");
    }
    assert!(text.contains("  created  "), "{text}");
    assert!(text.lines().all(|line| line.width() <= 80), "{text}");
}
