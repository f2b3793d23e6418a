//! Options that do not exist, or belong to another tool.

use crate::refused;
use crate::support::Session;

#[test]
fn an_option_of_another_tool_is_answered_with_the_one_here() {
    for (line, tip) in [
        ("ecache ls --since 1h", "did you mean --newer-than?"),
        ("ecache clear --before 1h", "did you mean --older-than?"),
        ("ecache set s k v --expire 1h", "did you mean --ttl?"),
        (
            "ecache get s k --since 1h",
            "ecache get --help lists what it takes",
        ),
        (
            "ecache show s --since 1h",
            "ecache show --help lists what it takes",
        ),
    ] {
        let (error, told) = refused(line, 2);
        assert!(error.starts_with("error: there is no option --"), "{error}");
        assert_eq!(told, format!("  tip: {tip}"), "{line}");
    }
}

#[test]
fn a_value_that_reads_like_an_option_is_answered_with_the_line_to_type() {
    let (error, tip) = refused("ecache ls --key -5", 2);
    assert_eq!(error, "error: \"-5\" reads like an option");
    assert_eq!(tip, "  tip: ecache ls --key=-5");
}

#[test]
fn a_misspelt_option_is_not_stored_as_a_value() {
    let session = Session::new();
    for (typed, tip) in [
        ("--tll=5s", "did you mean --ttl?"),
        ("--if-absend", "did you mean --if-absent?"),
        ("--file", "did you mean --value-file?"),
    ] {
        let ran = session.run_with_input(&format!("set s k {typed}"), b"value");
        assert_eq!(ran.code, 2, "{typed}");
        assert!(ran.stderr.contains(tip), "{typed}: {ran:?}");
        assert_eq!(session.run("has s k").code, 1, "{typed}");
    }
    // Numbers are values, and so is everything behind the dashes.
    for (typed, value) in [("-5", "-5"), ("-1.5e3", "-1.5e3"), ("-- --ttl", "--ttl")] {
        session.run(&format!("set s k {typed}")).succeeds();
        assert_eq!(session.run("get s k").text(), value, "{typed}");
    }
}
