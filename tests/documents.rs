//! The examples of README.md, docs/recipes.md, docs/run.md and docs/limits.md, run as they stand;
//! the links of all pages, and the book's table of contents.
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
