//! The examples of README.md, docs/recipes.md, docs/run.md, docs/limits.md and the help, run as
//! they stand; the links of all pages, and the book's table of contents.
//!
//! A fence `console` is a session: a line after `$ `, with those after `> `, is run by bash, in one
//! shell per page; the lines below it are what it prints to both streams, compared if there are
//! any, and `[N]` is its exit code. Programs that the pages only mention are stubs. Fences of other
//! kinds are not run.

mod support;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use support::Session;

/// A command of a page, with what the page says of it.
struct Example {
    line: usize,
    command: String,
    printed: String,
    code: i32,
}

/// Programs that the pages only mention, as shell scripts.
const STUBS: &[(&str, &str)] = &[
    ("curl", "echo a page"),
    ("git-summary", "echo main +2"),
    ("lint", "echo no findings"),
    ("slow-report", "echo report of \"$1\""),
    ("weather", "echo \"$1: 7 degrees\""),
];

fn examples(page: &str) -> Vec<Example> {
    let mut examples: Vec<Example> = Vec::new();
    let mut is_session = false;
    for (index, line) in page.lines().enumerate() {
        if line.starts_with("```") {
            is_session = line == "```console";
        } else if let Some(command) = line.strip_prefix("$ ").filter(|_| is_session) {
            examples.push(Example {
                line: index + 1,
                command: command.to_owned(),
                printed: String::new(),
                code: 0,
            });
        } else if is_session {
            let example = examples.last_mut().expect("a session begins with `$ `");
            if let Some(command) = line.strip_prefix("> ") {
                example.command = format!("{}\n{command}", example.command);
                continue;
            }
            let code = line
                .strip_prefix('[')
                .and_then(|rest| rest.strip_suffix(']'));
            match code.and_then(|code| code.parse().ok()) {
                Some(code) => example.code = code,
                None => example.printed = format!("{}{line}\n", example.printed),
            }
        }
    }
    examples
}

/// Runs the examples of a page in one shell, and compares each with what the page says.
fn check(page: &str) {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(repository.join(page)).expect("the page is there");
    let examples = examples(&text);
    assert!(examples.len() > 2, "{page} has {} examples", examples.len());

    let session = Session::new();
    symlink(repository.join("tests"), session.path("tests")).expect("a link");
    let stubs = session.path("stubs");
    fs::create_dir(&stubs).expect("a folder");
    for (name, script) in STUBS {
        let path = stubs.join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("a script");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("its owner may");
    }
    let mut script = "PATH=stubs:$PATH; exec 2>&1\n".to_owned();
    for example in &examples {
        script += &format!("{}\nprintf '\\036%d\\037' \"$?\"\n", example.command);
    }
    let mut shell = session.program("bash");
    shell.args(["-c", &script]);
    let ran = shell.output().expect("bash starts");
    let printed = String::from_utf8_lossy(&ran.stdout);
    let outcomes: Vec<&str> = printed.split_terminator('\u{1f}').collect();
    assert_eq!(outcomes.len(), examples.len(), "{page}: {printed}");
    for (example, outcome) in examples.iter().zip(outcomes) {
        let (printed, code) = outcome.split_once('\u{1e}').expect("a mark");
        let place = format!(
            "{page}, line {}: {}\n{printed}",
            example.line, example.command
        );
        assert_eq!(code, example.code.to_string(), "{place}");
        if !example.printed.is_empty() {
            assert_eq!(printed, example.printed, "{place}");
        }
    }
}

#[test]
fn the_readme_runs_as_it_stands() {
    check("README.md");
}

#[test]
fn the_page_on_commands_runs_as_it_stands() {
    check("docs/run.md");
}

#[test]
fn the_page_on_limits_runs_as_it_stands() {
    check("docs/limits.md");
}

#[test]
fn the_recipes_run_as_they_stand() {
    check("docs/recipes.md");
}

/// Beginnings of lines of the help that need a terminal, a server or FiftyOne's database, or that
/// do not end.
const NOT_RUN: [&str; 4] = [
    "ecache browse",
    "ecache --db fiftyone",
    "mongoexport ",
    "ecache watch ",
];

/// Programs of the help that are not installed everywhere.
const HELP_STUBS: &[(&str, &str)] = &[
    ("curl", "echo a page"),
    ("cargo", "echo {}"),
    ("git", "echo a commit"),
    ("make", "echo a report"),
    ("jq", "cat"),
    ("vi", "sed -i s/dark/light/ \"$1\""),
];

/// Files and entries that the examples of the help name, in the folder that they are run in.
const HELP_FIXTURE: &str = r#"
    mkdir -p dump/fiftyone ~/.zfunc ~/.config/fish/completions ~/.local/share/man
    cp tests/data/fiftyone/execution_store.bson dump.bson
    cp dump.bson execution_store.bson; cp dump.bson dump/fiftyone/execution_store.bson
    printf '\377png' > cat.png; echo a > big.txt; echo 7 > ids; touch a.csv Cargo.lock
    echo 6b03de1228195dbc2df5c505 > datasets.txt
    echo '{"lat": 1, "lon": 2}' > cities.jsonl
    printf '#!/bin/sh\necho "$@"\n' > summarise; cp summarise weather; chmod +x summarise weather
    ecache import dump.bson
    ecache set thumbs cat.jpg --type bytes < cat.png
    ecache set thumbs dog.jpg dog --user ann --ttl 30m
    ecache set settings theme dark --ttl 1d
    for store in histograms 'histograms#v2'; do
        ecache set "$store" -a uniqueness -j 10 --user u-alice 1
    done
    ecache set my_labels -j 0.25 --user u-alice --type json '["bird"]'
    ecache set jobs done 1
    for page in https://example.com https://x/7; do ecache run -- curl -s $page; done
    ecache run --cwd --env LANG -- make report
    ecache stores create thumbnails --dataset 6b03de1228195dbc2df5c505
    for op in 1 2 3 4 5 6; do ecache set ops $op 1; ecache rm ops $op; done
    ecache limit set --max-size 1GiB
    ecache limit set thumbs --max-size 1GiB
    ecache limit set --user '*' --glob --each --max-size 1GiB
    ecache config set run.ttl 1d
    for copy in team mine monday backup; do ecache copy @ $copy.db; done
    ecache export > backup.jsonl; ecache ls settings --format jsonl > found.jsonl
"#;

/// Returns the examples of a command's help, a line each, without their descriptions.
fn help_examples(session: &Session, command: &str) -> Vec<String> {
    let help = match command {
        "" => of_manual(),
        command => session
            .run(&*format!("help {command}"))
            .succeeds()
            .text()
            .to_owned(),
    };
    let lines = help.lines();
    let lines = lines.skip_while(|line| *line != "Examples:").skip(1);
    let mut examples: Vec<String> = Vec::new();
    for line in lines.take_while(|line| !line.is_empty()) {
        assert!(line.chars().count() <= 80, "{command}: {line}");
        let line = line.strip_prefix("  ").expect("an indented line");
        let line = line.split("   ").next().unwrap_or_default();
        match examples.last_mut().filter(|last| last.ends_with('\\')) {
            Some(last) => *last = format!("{last}\n{line}"),
            None if line.is_empty() => {}
            None => examples.push(line.to_owned()),
        }
    }
    examples
}

/// Returns the examples of ecache(1), which the help of the whole program has no room for, as help.
fn of_manual() -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("man/ecache.1");
    let page = fs::read_to_string(page).expect("the page is there");
    let (_, examples) = page.split_once(".SH EXAMPLES\n.nf\n").expect("examples");
    let (examples, _) = examples.split_once(".fi\n").expect("an end");
    let examples = examples
        .replace("\\-", "-")
        .replace("\\*(Aq", "'")
        .replace("\\\\", "\\");
    let lines = examples.lines().map(|line| format!("  {line}\n"));
    format!("Examples:\n{}", lines.collect::<String>())
}

/// Returns the commands with an own page in the manual, as `help` takes them.
fn help_pages() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("man");
    let mut pages = Vec::new();
    for file in fs::read_dir(folder).expect("a folder") {
        let name = file.expect("a file").file_name();
        let name = name.to_string_lossy();
        if let Some(name) = name.strip_suffix(".1") {
            pages.push(name.replace('-', " ")["ecache".len()..].trim().to_owned());
        }
    }
    pages.sort();
    pages
}

#[test]
fn the_examples_of_the_help_run_as_they_stand() {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
    let session = Session::new();
    let stubs = session.path("stubs");
    fs::create_dir(&stubs).expect("a folder");
    for (name, stub) in HELP_STUBS {
        let path = stubs.join(name);
        fs::write(&path, format!("#!/bin/sh\n{stub}\n")).expect("a script");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("its owner may");
    }
    let begin = format!(
        "export PATH={}:$PATH; mkdir -p run; cd run; export HOME=$PWD\n\
         export EDITOR=vi ECACHE_DB=store.db\n",
        stubs.display()
    );
    let tests = repository.join("tests");
    session
        .shell(&format!(
            "{begin}set -e; ln -s {} tests\n{HELP_FIXTURE}",
            tests.display()
        ))
        .succeeds();
    session.shell("mv run template").succeeds();
    let mut failed: Vec<String> = Vec::new();
    for page in help_pages() {
        let examples = help_examples(&session, &page);
        assert!(!examples.is_empty(), "{page} has no examples");
        for example in examples {
            if NOT_RUN.iter().any(|start| example.starts_with(start)) {
                continue;
            }
            let mut bash = session.program("bash");
            let script = format!("rm -rf run; cp -a template run; {begin}{example}");
            bash.args(["-c", &script]);
            let ran = support::run(bash, b"");
            let is_refused = ["error:", "warning:", "cannot "]
                .iter()
                .any(|it| ran.stderr.contains(it));
            // These report by their exit code what they find.
            let may_be_one = example.contains("ecache d") && ran.code == 1;
            if ran.code != 0 && !may_be_one || is_refused {
                failed.push(format!("{page}: {example}\n{ran:?}"));
            }
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// Returns the pages of the book, and the text of each.
fn pages() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let mut pages = Vec::new();
    for file in fs::read_dir(folder).expect("a folder") {
        let path = file.expect("a file").path();
        if path.extension().is_some_and(|extension| extension == "md") {
            let name = path.file_name().expect("a name").to_string_lossy();
            let text = fs::read_to_string(&path).expect("a page");
            pages.push((name.into_owned(), text));
        }
    }
    pages
}

/// Returns the targets of the links in a page, without anchors.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let links = text.split("](").skip(1);
    let links = links.filter_map(|rest| Some(rest.split_once(')')?.0));
    let links = links.map(|link| link.split_once('#').map_or(link, |(page, _)| page));
    links.filter(|link| !link.is_empty() && !link.contains("://"))
}

#[test]
fn links_lead_to_pages_that_say_something() {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(repository.join("README.md")).expect("the page is there");
    let all = pages()
        .into_iter()
        .map(|(name, text)| (format!("docs/{name}"), text));
    for (page, text) in all.chain([("README.md".to_owned(), readme)]) {
        let folder = repository.join(&page);
        let folder = folder.parent().expect("a folder");
        for link in links(&text) {
            let target = fs::metadata(folder.join(link));
            let says = target.is_ok_and(|target| target.is_dir() || target.len() > 0);
            assert!(says, "{page} links to {link}");
        }
    }
}

#[test]
fn the_book_has_every_page_once() {
    let (contents, pages): (Vec<_>, Vec<_>) = pages()
        .into_iter()
        .partition(|(name, _)| name == "SUMMARY.md");
    let mut listed: Vec<&str> = links(&contents[0].1).collect();
    let mut there: Vec<&str> = pages.iter().map(|(name, _)| &**name).collect();
    listed.sort_unstable();
    there.sort_unstable();
    assert_eq!(listed, there);
}
