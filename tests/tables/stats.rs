//! `stats`: shares, sums and periods.

use crate::support::Session;
use crate::{filled, shown, shown_before_tips};

#[test]
fn a_period_that_begins_within_an_hour_says_what_it_counts() {
    let session = Session::new().with("TZ", "UTC");
    session.run("set s k v").notes("");
    session.run("get s k").prints("v");
    let lines = |line: &str| shown_before_tips(&session, line, 80).join("\n");
    // It is 06:32.
    let whole = "in whole hours: all calls since 2026-11-23 06:00";
    assert!(
        lines("stats --since 10m").ends_with(whole),
        "{}",
        lines("stats --since 10m")
    );
    assert!(!lines("stats --since 1d").contains("whole"));
    assert!(!lines("stats --since 2026-11-23T06:00:00Z").contains("whole"));
    session.set_clock("2027-01-10T00:00:00.000Z");
    session.run("get s k").prints("v");
    let whole = "in whole days: all calls since 2026-11-23 00:00";
    let shown = lines("stats --since 2026-11-23T03:00:00Z");
    assert!(shown.ends_with(whole), "{shown}");
}

#[test]
fn shares_have_a_percent_sign_and_the_sum_says_of_how_many() {
    let session = Session::new();
    for _ in 0..3 {
        session.run("run -- echo hi").succeeds();
    }
    session.run("run -- printf x").succeeds();
    let lines = shown_before_tips(&session, "stats", 100);
    assert!(lines[0].contains("HIT RATE"), "{lines:#?}");
    let row = |name: &str| {
        let row = lines.iter().find(|line| line.starts_with(name));
        row.unwrap_or_else(|| panic!("no {name}: {lines:#?}"))
            .clone()
    };
    assert!(row("echo").contains("67%"), "{lines:#?}");
    assert!(row("printf").contains(" 0%"), "{lines:#?}");
    assert!(row("total, 2 stores").contains("50%"), "{lines:#?}");
    let lines = shown_before_tips(&session, "stats --since 1d", 100);
    assert!(lines[0].contains("BY TIME"), "{lines:#?}");
}

#[test]
fn a_sum_says_that_it_is_one_at_every_width() {
    let session = filled();
    for by in ["dataset", "store", "user"] {
        for width in [40, 50, 80] {
            let lines = shown(&session, &format!("stats --by {by}"), width);
            let is_sum = |line: &&String| line.starts_with("total");
            assert_eq!(
                lines.iter().filter(is_sum).count(),
                1,
                "{by} at {width}: {lines:#?}"
            );
        }
    }
}
