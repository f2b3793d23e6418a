//! On a full disk, everything can be read, and everything that removes works.
//!
//! Each test mounts a small file system, which needs user namespaces; `tests/all` runs them.

mod support;

use support::{Ran, Session, run};

/// States of SQLite's sidecar files, and the shell code that produces them.
const SIDECARS: [(&str, &str); 5] = [
    ("all of them", ""),
    ("no index of the log", "rm $ECACHE_DB-shm"),
    (
        "none",
        "ecache prune --vacuum -q; rm -f $ECACHE_DB-shm $ECACHE_DB-wal",
    ),
    ("an index that was begun", "printf abc > $ECACHE_DB-shm"),
    ("an empty index", ": > $ECACHE_DB-shm"),
];

/// Runs a script with a store on a 20 MB file system, which `fill` fills to the last byte.
fn on_a_small_disk(session: &Session, script: &str) -> Ran {
    const DISK: &str = r#"
        mount -t tmpfs -o size=20m,mode=700 tmpfs disk
        export ECACHE_DB=$PWD/disk/store.db
        put() { head -c $2 /dev/urandom | ecache set big $1 --type bytes; }
        available() { df --output=avail disk | tail -1 | tr -d ' '; }
        fill() { dd if=/dev/zero of=disk/rest bs=4k 2> /dev/null; test $(available) = 0 || echo "not full"; }
    "#;
    std::fs::create_dir_all(session.path("disk")).expect("a folder");
    let mut shell = session.program("unshare");
    // A separate mount namespace unmounts the disk when the shell ends.
    shell.args(["--user", "--map-root-user", "--mount", "sh", "-c"]);
    shell.arg(format!("{DISK}{script}"));
    run(shell, b"")
}

#[test]
#[ignore = "mounts a file system of 20 MB, which not everybody may; tests/all runs it"]
fn everything_can_be_read_whatever_is_left_beside_the_store() {
    for (state, make) in SIDECARS {
        let session = Session::new();
        let script = format!(
            r#"
            put 1 1000000; put 2 3000000
            ecache set small k v
            ecache run -- sh -c 'echo run >> ran; echo hit'
            sum=$(ecache get big 2 | sha256sum)
            {make}
            fill
            ecache get small k; echo
            test "$(ecache get big 2 | sha256sum)" = "$sum" && echo whole
            ecache run -- sh -c 'echo run >> ran; echo hit'
            wc -l < ran
            ecache has small k; echo $?
            ecache ls --store small --store big --fields key
            ecache show small k | grep -cw "^key"
            ecache stores | wc -l
            ecache stats | wc -l
            ecache info --format json | grep -c '"entries":4'
            ecache export --store small | wc -l
            ecache doctor > /dev/null; echo $?
            "#
        );
        let ran = on_a_small_disk(&session, &script);
        let stderr = ran
            .stderr
            .replace("orphaned: skipped; needs --live-datasets FILE\n", "");
        assert_eq!(stderr, "", "{state}");
        assert_eq!(
            ran.text(),
            "hit\nv\nwhole\nhit\n1\n0\n1\n2\nk\n1\n3\n3\n1\n1\n0\n",
            "{state}"
        );
    }
}

#[test]
#[ignore = "mounts a file system of 20 MB, which not everybody may; tests/all runs it"]
fn everything_that_removes_works_whatever_the_size_of_the_values() {
    // Inline values too large for the log, chunked values, and as many small values as fit.
    const VALUES: [&str; 4] = [
        "for i in 1 2 3; do put $i 1000000; done",
        "for i in 1 2 3; do put $i 5000000; done",
        "put 1 5000000; for i in 2 3 4 5 6; do put $i 900000; done",
        r#"seq 10000 | sed 's/.*/{"store_name":"big","key":"&","policy":"evict","value":&,"user_id":"u&"}/' |
            ecache import - -q"#,
    ];
    // Each removal, and the numbers of entries that it leaves in `big` and `small`.
    const REMOVALS: [(&str, &str); 5] = [
        ("clear --all", "0 0"),
        ("clear --store big", "0 1"),
        ("rm big 1 2", "-2 1"),
        ("prune --max-entries 1", "0 1"),
        ("prune --older-than 1h --store big --vacuum", "0 1"),
    ];
    for values in VALUES {
        for (state, make) in SIDECARS {
            for (removal, left) in REMOVALS {
                let session = Session::new();
                let script = format!(
                    r#"
                    {values}
                    had=$(ecache ls --store big | wc -l)
                    export ECACHE_TEST_NOW=2026-11-23T08:32:51.000Z
                    ecache set small k v
                    {make}
                    fill
                    # What removes nothing leaves the space that the next removal needs.
                    ecache clear --user nobody -q
                    ecache {removal} -q; echo $?
                    left=$(ecache ls --store big | wc -l)
                    test $left -ge $((had - 2)) && left=$((left - had))
                    echo "$left $(ecache ls --store small | wc -l)"
                    ecache clear --all -q; echo $?
                    ecache set small again v; echo $?
                    "#
                );
                let ran = on_a_small_disk(&session, &script);
                assert_eq!(ran.stderr, "", "{removal} of {values} with {state}");
                assert_eq!(
                    ran.text(),
                    format!("0\n{left}\n0\n0\n"),
                    "{removal} of {values} with {state}"
                );
            }
        }
    }
}

#[test]
#[ignore = "mounts a file system of 20 MB, which not everybody may; tests/all runs it"]
fn evictions_on_a_full_disk_are_counted() {
    const VALUES: [(&str, u32); 2] = [
        ("for i in 1 2 3; do put $i 5000000; done", 3),
        (
            r#"seq 10000 | sed 's/.*/{"store_name":"big","key":"&","policy":"evict","value":&,"user_id":"u&"}/' |
            ecache import - -q"#,
            10_000,
        ),
    ];
    for (values, count) in VALUES {
        for left in [0, 1] {
            let session = Session::new();
            let script = format!(
                r#"
                {values}
                fill
                ecache prune --max-entries {left} -q; echo $?
                ecache stats --since 1d --json | grep -o '"evictions":[0-9]*'
                "#
            );
            let ran = on_a_small_disk(&session, &script);
            assert_eq!(ran.stderr, "", "{left} of {values}");
            let evicted = count - left;
            let expected = format!("0\n\"evictions\":{evicted}\n");
            assert_eq!(ran.text(), expected, "{left} of {values}");
        }
    }
}

#[test]
#[ignore = "mounts a file system of 20 MB, which not everybody may; tests/all runs it"]
fn clearing_gives_the_space_back() {
    let session = Session::new();
    let script = r#"
        for i in 1 2 3 4 5 6 7 8 9; do put $i 1000000; done
        ecache set small k v --policy persist
        fill
        ecache clear --store big
        test $(available) -gt 8000 && echo "there is space"
        ls -l disk/store.db-reserve | cut -d ' ' -f 5
    "#;
    let ran = on_a_small_disk(&session, script);
    assert!(
        ran.stderr.starts_with("removed 9 entries (8.6 MiB)\n"),
        "{ran:?}"
    );
    assert_eq!(ran.text(), "there is space\n524288\n");
}

#[test]
#[ignore = "mounts a file system of 20 MB, which not everybody may; tests/all runs it"]
fn a_removal_that_keeps_nothing_for_undo_says_so() {
    const FINAL: &str = "a nearly full disk";
    for removal in ["clear big", "rm big 1", "prune --older-than 1h"] {
        let session = Session::new();
        let script = format!(
            r#"
            put 1 1000000
            export ECACHE_TEST_NOW=2026-11-23T10:32:51.000Z
            fill
            ecache {removal} -n
            ecache {removal}
            ecache undo -n
            "#
        );
        let ran = on_a_small_disk(&session, &script);
        assert_eq!(ran.stderr.matches(FINAL).count(), 2, "{removal}: {ran:?}");
        assert!(ran.stderr.contains("nothing to undo"), "{removal}: {ran:?}");
    }
}

#[test]
#[ignore = "mounts a file system, which not everybody may; tests/all runs it"]
fn a_full_disk_that_is_too_small_for_a_reserve_is_not_promised_removals() {
    for (size, can_remove) in [("700k", false), ("20m", true)] {
        let session = Session::new();
        let script = format!(
            r#"
            mkdir small; mount -t tmpfs -o size={size},mode=700 tmpfs small
            export ECACHE_DB=$PWD/small/store.db
            ecache set s k v
            dd if=/dev/zero of=small/rest bs=4k 2> /dev/null
            put 1 1000000
            test $? -ne 0 && echo full
            ecache clear --all -q 2> /dev/null && echo cleared
            "#
        );
        let ran = on_a_small_disk(&session, &script);
        let promised = ran.stderr.contains("ecache clear work on a full disk");
        assert_eq!(promised, can_remove, "{size}: {ran:?}");
        let expected = if can_remove {
            "full\ncleared\n"
        } else {
            "full\n"
        };
        assert_eq!(ran.text(), expected, "{size}: {ran:?}");
    }
}
