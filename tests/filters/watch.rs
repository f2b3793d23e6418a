//! `watch` reports changes of the entries that its filter means.

use super::*;

#[test]
fn watch_tells_of_what_its_filter_means() {
    let entries = entries();
    let refused = [
        "--expired",
        "--fresh",
        "--older",
        "--newer",
        "--unused",
        "--expiring",
    ];
    for (option, change) in OPTIONS {
        if refused.iter().any(|refused| option.starts_with(refused)) {
            continue;
        }
        let filter = change(Filter::default());
        let meant = entries.iter().filter(|entry| filter.matches(entry, now()));
        let address = |store: &str, key: &str| (store.to_owned(), key.to_owned());
        let meant: BTreeSet<_> = meant
            .map(|entry| address(&entry.address.store.store_name, entry.address.key.as_str()))
            .collect();
        let session = filled();
        let count = entries
            .iter()
            .filter(|entry| filter.matches(entry, now()))
            .count();
        // The watcher reports the removal of each entry, and nothing else.
        let words = format!("watch -v --interval 5ms --count {count} {option}");
        let mut child = session.command(&words);
        child.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = child.spawn().expect("ecache starts");
        let mut notes = BufReader::new(child.stderr.take().expect("it was piped")).lines();
        let is_watching = |line: std::io::Result<String>| line.expect("UTF-8") == "watching";
        assert!(notes.any(is_watching), "{words}");
        session
            .run("clear --all --policy any --all-collections -q")
            .notes("");
        let ran = support::Ran::from(child.wait_with_output().expect("it ends"));
        let found: BTreeSet<_> = ran
            .text()
            .lines()
            .map(|line| {
                let words: Vec<&str> = line.split('\t').collect();
                assert_eq!(words[0], "removed", "{line}");
                address(words[2], words[3])
            })
            .collect();
        assert_eq!(found, meant, "{words}");
    }
}

#[test]
fn an_entry_that_comes_to_be_meant_is_watched() {
    let session = Session::new();
    session.run("set s a small").notes("");
    session.run("set s b large-enough").notes("");
    // Later than the entries, which would be young otherwise.
    session.set_clock("2026-11-23T06:33:00.000Z");
    let mut child = session.command("watch -v --interval 5ms --count 3 --larger-than 5");
    child.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = child.spawn().expect("ecache starts");
    let mut notes = BufReader::new(child.stderr.take().expect("it was piped")).lines();
    assert!(notes.any(|line| line.expect("UTF-8") == "watching"));
    let mut lines = BufReader::new(child.stdout.take().expect("it was piped")).lines();
    let mut told = || {
        let line = lines.next().expect("a line").expect("UTF-8");
        let words: Vec<&str> = line.split('\t').collect();
        format!("{} {}", words[0], words[3])
    };
    session.set_clock("2026-11-23T06:34:00.000Z");
    session.run("set s small x").notes("");
    session.run("set s a larger-now").notes("");
    assert_eq!(told(), "updated a");
    // A matching one no longer changed, and was not removed.
    session.run("set s b tiny").notes("");
    assert_eq!(told(), "updated b");
    session.run("rm s b").notes("removed 1 entry (4 B)\n");
    session.run("rm s a").notes("removed 1 entry (10 B)\n");
    assert_eq!(told(), "removed a");
    assert!(child.wait().expect("it ends").success());
}
