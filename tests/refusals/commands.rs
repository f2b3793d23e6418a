//! Commands and verbs that do not exist, and commands to run without their dashes.

use crate::refused;

#[test]
fn a_command_without_dashes_is_answered_with_the_line_to_type() {
    for (line, code, right) in [
        (
            "ecache run curl -s https://x",
            125,
            "ecache run -- curl -s https://x",
        ),
        (
            "ecache run --ttl 10m curl 'a b'",
            125,
            "ecache run --ttl 10m -- curl 'a b'",
        ),
        (
            "ecache run --store curl curl x",
            125,
            "ecache run --store curl -- curl x",
        ),
        (
            "ecache --db x.db run --cwd git log",
            125,
            "ecache --db x.db run --cwd -- git log",
        ),
        (
            "ecache warm -j 4 curl -s {}",
            2,
            "ecache warm -j 4 -- curl -s '{}'",
        ),
        ("ecache warm sort", 2, "ecache warm -- sort"),
        ("ecache key git log", 2, "ecache key -- git log"),
    ] {
        let (error, tip) = refused(line, code);
        assert_eq!(error, "error: the command goes after --", "{line}");
        assert_eq!(tip, format!("  tip: {right}"), "{line}");
    }
}

#[test]
fn there_is_no_shell_after_the_dashes() {
    for (line, right) in [
        (
            "ecache run -- 'curl -s https://x | jq .name'",
            "for a shell line: ecache run -- sh -c 'curl -s https://x | jq .name'",
        ),
        (
            "ecache run -- 'a > b'",
            "for a shell line: ecache run -- sh -c 'a > b'",
        ),
        (
            "ecache run -- LANG=C ls",
            "for a variable: ecache run -- env LANG=C COMMAND",
        ),
        (
            "ecache run -- ll",
            "for an alias, a function or a built-in command of the shell: ecache run -- sh -c 'll …'",
        ),
    ] {
        let (error, tip) = refused(line, 127);
        assert!(
            error.starts_with("ecache: there is no program \""),
            "{line}: {error}"
        );
        assert_eq!(tip, format!("  tip: {right}"), "{line}");
    }
    assert_eq!(refused("ecache run -- ./nothing", 127).1, "");
}

#[test]
fn unknown_commands_are_answered_with_what_is_meant() {
    for (typed, meant) in [
        ("delete", "rm removes keys"),
        ("du", "did you mean stats?"),
        (
            "search thumbs",
            "ls STORE --key 'PATTERN*' --glob finds keys, ls --value-contains",
        ),
        ("rename a b", "did you mean stores rename?"),
        ("list", "did you mean ls?"),
        ("exprot", "did you mean export?"),
        ("xyzzy", "ecache help lists them all"),
        ("help xyzzy", "ecache help lists them all"),
    ] {
        let (error, tip) = refused(&format!("ecache {typed}"), 2);
        assert!(
            error.starts_with("error: there is no command \""),
            "{typed}: {error}"
        );
        assert!(
            tip.starts_with(&format!("  tip: {meant}")),
            "{typed}: {tip}"
        );
    }
}

#[test]
fn a_verb_is_answered_by_its_group() {
    for (line, error, tip) in [
        (
            "ecache limit sett",
            "limit has no verb \"sett\"",
            "the verbs of limit are set, ls, rm",
        ),
        (
            "ecache limit thumbs --max-size 4MiB",
            "limit has no verb \"thumbs\"",
            "ecache limit set thumbs --max-size 4MiB",
        ),
        (
            "ecache limit thumbs --user ann",
            "limit has no verb \"thumbs\"",
            "the verbs of limit are set, ls, rm",
        ),
        (
            "ecache limit thumbs --max-sice 4MiB",
            "limit has no verb \"thumbs\"",
            "the verbs of limit are set, ls, rm",
        ),
        (
            "ecache help stores nope",
            "stores has no verb \"nope\"",
            "the verbs of stores are ls, show, create, set, rm, rename",
        ),
        (
            "ecache help ls nope",
            "ls has no verb \"nope\"",
            "ecache ls --help lists what it takes",
        ),
        (
            "ecache undo 0",
            "OPERATION cannot be \"0\": it must be at least 1",
            "ecache undo --help lists what it takes",
        ),
        (
            "ecache limit set --foo",
            "there is no option --foo",
            "ecache limit set --help lists what it takes",
        ),
        (
            "ecache stores rename --foo",
            "there is no option --foo",
            "ecache stores rename --help lists what it takes",
        ),
    ] {
        let (said, tipped) = refused(line, 2);
        assert_eq!(said, format!("error: {error}"), "{line}");
        assert_eq!(tipped, format!("  tip: {tip}"), "{line}");
    }
    let (error, _) = refused("ecache limit set", 2);
    assert!(
        error.starts_with("error: one of --max-size, --max-entries, "),
        "{error}"
    );
}

#[test]
fn an_import_without_a_file_names_standard_input() {
    let (error, tip) = refused("ecache import < /dev/null", 2);
    assert_eq!(error, "error: <FILE> is missing");
    assert_eq!(
        tip,
        "  tip: name a file, or - for standard input: ecache import -"
    );
}
