//! Sessions with every command: input, output and errors.

mod support;

use std::os::unix::fs::PermissionsExt;

use support::transcript::replay;
use support::{Session, fingerprints, run};

#[test]
fn get_prints_a_value_or_is_a_miss() {
    replay(&Session::new(), "get.txt");
}

#[test]
fn set_keeps_a_value() {
    replay(&Session::new(), "set.txt");
}

#[test]
fn has_key_show_and_rm_name_one_entry() {
    replay(&Session::new(), "keys.txt");
}

#[test]
fn ls_lists_what_its_filters_mean() {
    replay(&Session::new(), "ls.txt");
}

#[test]
fn top_lists_what_has_the_most() {
    replay(&Session::new(), "top.txt");
}

#[test]
fn diff_compares_two_stores() {
    replay(&Session::new(), "diff.txt");
}

#[test]
fn edit_changes_a_value_and_loses_none() {
    replay(&Session::new(), "edit.txt");
}

#[test]
fn ls_finds_a_text_in_values() {
    replay(&Session::new(), "value_contains.txt");
}

#[test]
fn stores_are_created_changed_renamed_and_removed() {
    replay(&Session::new(), "stores.txt");
}

#[test]
fn a_store_keeps_itself_within_its_limits() {
    replay(&Session::new(), "limit.txt");
}

#[test]
fn stores_stats_and_info_count() {
    replay(&Session::new(), "inspect.txt");
}

#[test]
fn prune_removes_what_is_worth_least_and_keeps_what_it_is_told_to() {
    replay(&Session::new(), "prune.txt");
}

#[test]
fn clear_prune_and_touch_change_what_their_filters_mean() {
    replay(&Session::new(), "remove.txt");
}

#[test]
fn export_and_import_move_entries() {
    replay(&Session::new(), "interchange.txt");
}

#[test]
fn copy_moves_entries_between_stores_and_files() {
    replay(&Session::new(), "copy.txt");
}

#[test]
fn doctor_finds_what_is_wrong_and_says_what_mends_it() {
    replay(&Session::new(), "doctor.txt");
}

#[test]
fn files_that_are_not_stores_are_refused_and_stay_as_they_are() {
    let session = Session::new();
    let foreign = rusqlite::Connection::open(session.path("foreign.db")).expect("a database");
    foreign
        .execute_batch("CREATE TABLE diary(day TEXT, text TEXT);")
        .expect("a table");
    drop(foreign);
    session.run("set a b c --db newer.db").notes("");
    let newer = rusqlite::Connection::open(session.path("newer.db")).expect("a database");
    newer
        .pragma_update(None, "user_version", 99)
        .expect("a version");
    newer
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |_| Ok(()))
        .expect("one file");
    drop(newer);
    for name in ["foreign.db", "newer.db"] {
        let mode = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(session.path(name), mode).expect("a mode");
    }
    let files = || {
        ["foreign.db", "newer.db"]
            .map(|name| std::fs::read(session.path(name)).expect("it is there"))
    };
    let before = files();
    replay(&session, "refused.txt");
    assert!(files() == before, "a file that was refused was written to");
}

#[cfg(not(feature = "mongodb"))]
#[test]
fn a_database_needs_a_build_that_can_open_it() {
    let ran = Session::new().run("ls --db mongodb://localhost/fiftyone");
    ran.ends(
        2,
        "error: this build of ecache cannot open mongodb:// locations\n  \
         tip: build one that can, in a clone of its repository: \
         cargo install --locked --path . --features mongodb\n",
    );
}

#[test]
fn a_store_is_read_where_it_may_only_be_read() {
    replay(&Session::unprivileged(), "permissions.txt");
}

#[test]
fn damage_is_found_and_never_served() {
    replay(&Session::new(), "damaged.txt");
}

#[test]
fn a_removal_is_undone() {
    replay(&Session::new(), "undo.txt");
}

/// Commands that change or remove a selection of the entries.
const CHANGES: [&str; 12] = [
    "rm thumbs a b nothing",
    "clear --all",
    "clear --all --policy any",
    "clear --store thumbs --older-than 1h",
    "clear --user u-* --glob",
    "clear --expired",
    "prune",
    "prune --older-than 1h --store thumbs",
    "prune --unused-for 30m --max-entries 3",
    "prune --max-size 12 --vacuum",
    "touch --all --ttl 1d",
    "touch --store thumbs --policy persist",
];

#[test]
fn a_dry_run_counts_what_the_real_run_does_and_changes_no_byte() {
    for change in CHANGES {
        let session = Session::new();
        session
            .run("set thumbs a 1234 --user u-alice --ttl 1h")
            .notes("");
        session.run("set thumbs b 12345678 --user u-bob").notes("");
        session.run("set thumbs kept 12 --policy persist").notes("");
        session.set_clock("2026-11-23T08:00:00.000Z");
        session.run("set thumbs c 1 --user u-bob").notes("");
        session.run("set other d 12 --dataset ds-1").notes("");
        session.run("set other kept 12 --policy persist").notes("");

        let before = fingerprints(session.home());
        let dry = session.run(&format!("{change} --dry-run"));
        assert!(fingerprints(session.home()) == before, "{change} --dry-run");
        let wet = session.run(change);
        assert!(fingerprints(session.home()) != before, "{change}");
        assert_eq!(dry.code, wet.code, "{change}");
        let told = dry
            .stderr
            .replace("would remove", "removed")
            .replace("would change", "changed")
            .replace("would stay", "stay");
        // A dry run also says why.
        let told: String = told
            .lines()
            .map(|line| match line.split_once("): ") {
                Some((removed, _)) if change.starts_with("prune") => format!("{removed})\n"),
                _ => format!("{line}\n"),
            })
            .collect();
        let (did, gave_back) = match wet.stderr.split_once("gave back") {
            Some((did, rest)) => (did, !rest.is_empty()),
            None => (&*wet.stderr, false),
        };
        let did = did.replace("and stays", "and stay");
        assert_eq!(told, did, "{change}");
        assert_eq!(gave_back, change.contains("--vacuum"), "{change}");
    }
}

#[test]
fn five_megabytes_go_in_and_out_of_a_pipe_unchanged() {
    let session = Session::new();
    let value: Vec<u8> = (0..5 << 20)
        .map(|n: u32| (n.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect();
    session
        .run_with_input("set thumbs large --type bytes", &value)
        .notes("");
    assert!(session.run("get thumbs large").succeeds().stdout == value);
    session
        .run("ls --fields key,kind,size")
        .prints("large\tbytes\t5242880\n");
    session
        .run("clear --all")
        .notes("removed 1 entry (5.0 MiB)\n");
    session.run("get thumbs large").ends(1, "");
}

#[test]
#[ignore = "mounts a file system of 3 MB, which not everybody may; tests/all runs it"]
fn a_full_disk_is_said_to_be_full_and_can_be_cleared() {
    let session = Session::new();
    // In a mount namespace of its own, so that the disk is gone with the shell.
    let script = r#"
        mkdir disk && mount -t tmpfs -o size=3m,mode=700 tmpfs disk
        export ECACHE_DB=disk/store.db
        i=0
        while [ $i -lt 100 ]; do
            head -c 50000 /dev/urandom | ecache set thumbs $i --type bytes
            code=$?
            [ $code -eq 0 ] || break
            i=$((i + 1))
        done
        echo "set: $code"
        test $(ecache ls | wc -l) -eq $i && echo "kept what was set"
        ecache get thumbs 0 | wc -c
        dd if=/dev/zero of=disk/rest bs=1k 2> /dev/null
        df --output=avail disk | tail -1 | tr -d ' '
        head -c 900000 /dev/urandom | ecache set thumbs more --type bytes
        echo "set: $?"
        ecache clear --all 2> /dev/null
        echo "clear: $?"
        ecache ls | wc -l
        ecache set thumbs again x
        echo "set: $?"
        ecache get thumbs again
    "#;
    let mut shell = session.program("unshare");
    shell.args(["--user", "--map-root-user", "--mount", "sh", "-c", script]);
    let ran = run(shell, b"");
    let full = "error: no space is left for the store ~/disk/store.db\n  \
                tip: make room: ecache prune and ecache clear work on a full disk\n";
    let home = session.home().to_str().expect("a plain name");
    assert_eq!(ran.stderr.replace(home, "~"), full.repeat(2));
    assert_eq!(
        ran.text(),
        "set: 3\nkept what was set\n50000\n0\nset: 3\nclear: 0\n0\nset: 0\nx"
    );
}

#[test]
fn a_variable_that_is_set_to_nothing_is_not_set() {
    let mut session = Session::new();
    for name in ["ECACHE", "ECACHE_DB", "BKT_TTL", "BKT_SCOPE"] {
        session = session.with(name, "");
    }
    session.run("set thumbs k v --db other.db").notes("");
    session.run("get thumbs k --db other.db").prints("v");
    session.run("run -- echo out").prints("out\n");
    assert!(session.store().exists());
}

#[test]
fn a_location_that_is_nearly_a_url_is_no_folder_with_a_password_in_its_name() {
    for location in [
        "mongodb:/ann:open-sesame@h/db",
        "mongodb:ann:open-sesame@h",
        "mongodb+srv:/ann:open-sesame@h/db",
        "MONGODB://ann:open-sesame@h/db",
        "postgres:/ann:open-sesame@h/db",
        "postgres://ann:open-sesame@h/db",
        "mongodb://ann:open-sesame?x@127.0.0.1:1/db?serverSelectionTimeoutMS=50",
    ] {
        let session = Session::new().with("ECACHE_DB", location);
        std::fs::write(session.path("location"), location).expect("a file");
        for (words, code) in [
            (vec!["set", "s", "k", "v"], Some(2)),
            (vec!["get", "s", "k"], Some(2)),
            (vec!["ls"], Some(2)),
            (vec!["info"], Some(2)),
            (vec!["clear", "--all"], Some(2)),
            (vec!["warm", "--", "true"], Some(2)),
            (vec!["ls", "--db-file", "location"], Some(2)),
            (vec!["ls", "--db", location], Some(2)),
            // Its tip names a command, which a tip writes with the location.
            (
                vec!["--db", location, "stores", "--format", "json", "show", "s"],
                Some(2),
            ),
            (vec!["copy", location, "copy.jsonl"], Some(2)),
            (vec!["copy", "@", location], Some(2)),
            (vec!["run", "-v", "--", "echo", "hi"], Some(0)),
            // Commands without a location argument quote the misplaced location.
            (vec!["import", location], None),
            (vec!["ls", location], Some(2)),
            (vec![location], Some(2)),
            (vec!["doctor", "--live-datasets", location], None),
        ] {
            let ran = session.run(words.clone());
            let said = format!("{}{}", ran.text(), ran.stderr);
            assert!(!said.contains("sesame"), "{words:?}: {said}");
            assert!(
                code.is_none_or(|code| ran.code == code),
                "{words:?}: {ran:?}"
            );
        }
        let files = std::fs::read_dir(session.path("")).expect("a folder");
        let names = files.map(|file| file.expect("a file").file_name().into_string());
        let mut names: Vec<_> = names.map(|name| name.expect("text")).collect();
        names.retain(|name| name.contains(':') || name.contains("sesame"));
        assert!(names.is_empty(), "{names:?}");
    }
    let session = Session::new().with("ECACHE_DB", "./mongodb:x");
    session.run("set s k v").notes("");
    assert!(session.path("mongodb:x").is_file());
}
