//! The shape of the tree: modules beside each other import in one direction, a file is short, no
//! stored number has the byte order of a processor, and pages about the code name files that exist.

mod imports;
mod source;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use imports::{Module, circles, imports_of, modules, modules_of_tests};
use source::code;

/// The sources of the four crates.
const SOURCES: [&str; 4] = [
    "src",
    "crates/ecache-core/src",
    "crates/ecache-macros/src",
    "crates/ecache-python/src",
];

/// Maximum number of lines of a file.
const LINES: usize = 500;

#[test]
fn modules_beside_each_other_import_in_one_direction() {
    let circles: Vec<String> = SOURCES.into_iter().flat_map(circles).collect();
    assert!(circles.is_empty(), "{}", circles.join("\n"));
}

/// The engines of stores, below `backend`.
const ENGINES: [&str; 3] = ["sqlite", "mongodb", "memory"];

#[test]
fn a_command_imports_no_other_command() {
    let imports = imports_of("src").into_iter();
    let violations = imports.filter(|(from, to)| match (&from[..], &to[..]) {
        ([commands, from, ..], [others, to, ..]) => {
            commands == "commands" && others == "commands" && from != to && to != "shared"
        }
        _ => false,
    });
    assert_none(violations);
}

#[test]
fn location_alone_imports_an_engine() {
    let engine = |module: &Module| match &module[..] {
        [backend, engine, ..] if backend == "backend" => {
            ENGINES.into_iter().find(|name| name == engine)
        }
        _ => None,
    };
    let imports = imports_of("crates/ecache-core/src").into_iter();
    let violations = imports.filter(|(from, to)| {
        engine(to).is_some() && engine(from) != engine(to) && from[..] != ["location"]
    });
    assert_none(violations);
    for source in SOURCES {
        for path in modules(source).values() {
            let code = code(&read(path));
            for name in ENGINES {
                let engine = format!("ecache_core::backend::{name}");
                assert!(!code.contains(&engine), "{}: {engine}", path.display());
            }
        }
    }
}

#[test]
fn the_library_does_not_print_or_exit_and_one_file_reads_the_environment() {
    const CONTEXT: &str = "execution_cache/cache/context.rs";
    let core = "crates/ecache-core/src";
    let violations = code_with(core, &["print!(", "println!(", "process::exit("]);
    assert!(violations.is_empty(), "{}", violations.join("\n"));
    let violations = code_with(core, &["env::var", "env::args", "env::set_var"]);
    let [only] = &violations[..] else {
        panic!("{}", violations.join("\n"));
    };
    assert!(only.contains(CONTEXT), "{only}");
}

#[test]
fn a_backend_does_not_read_the_clock() {
    let violations = code_with(
        "crates/ecache-core/src/backend",
        &["SystemTime", "SystemClock", "CLOCK_REALTIME"],
    );
    assert!(violations.is_empty(), "{}", violations.join("\n"));
}

/// Returns the files whose code, without comments, literals and tests, has one of some words.
fn code_with(source: &str, words: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for path in modules(source).values() {
        let code = code(&read(path));
        let has = words.iter().filter(|word| code.contains(**word));
        found.extend(has.map(|word| format!("{}: {word}", path.display())));
    }
    found
}

fn assert_none(violations: impl Iterator<Item = (Module, Module)>) {
    let lines: Vec<String> = violations
        .map(|(from, to)| format!("{} imports {}", from.join("::"), to.join("::")))
        .collect();
    assert!(lines.is_empty(), "{}", lines.join("\n"));
}

#[test]
fn a_table_of_files_has_each_module() {
    let mut tables = 0;
    let mut missing = Vec::new();
    for path in SOURCES
        .into_iter()
        .flat_map(|source| modules(source).into_values())
    {
        let text = read(&path);
        let Some((_, table)) = text.split_once("//! | file | its job |\n") else {
            continue;
        };
        tables += 1;
        let rows = table.lines().take_while(|line| line.starts_with("//! |"));
        let named: BTreeSet<&str> = rows
            .flat_map(|row| row.split('`').skip(1).step_by(2))
            .collect();
        let tests = modules_of_tests(&text);
        let declared = text
            .lines()
            .filter_map(|line| line.strip_suffix(';')?.rsplit_once("mod "));
        for (_, module) in declared {
            if !named.contains(module) && !tests.iter().any(|test| test == module) {
                missing.push(format!("{}: {module}", path.display()));
            }
        }
    }
    assert!(tables > 0, "there is a table");
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

#[test]
fn a_file_is_short() {
    let long: Vec<String> = SOURCES
        .into_iter()
        .flat_map(|source| modules(source).into_values())
        .filter_map(|path| {
            let lines = read(&path).lines().count();
            (lines > LINES).then(|| format!("{} has {lines} lines", path.display()))
        })
        .collect();
    assert!(long.is_empty(), "{}", long.join("\n"));
}

#[test]
fn no_file_has_the_byte_order_or_the_width_of_its_processor() {
    // Hashes in memory, and words of the kernel's own text.
    let allowed = ["hashed.rs", "memory/tier.rs", "embedded_server.rs"];
    let native: Vec<String> = SOURCES
        .into_iter()
        .flat_map(|source| modules(source).into_values())
        .filter(|path| !allowed.iter().any(|name| path.ends_with(name)))
        .filter(|path| {
            let text = read(path);
            let lines = text.lines().map(str::trim_start);
            let mut code = lines.filter(|line| !line.starts_with("//"));
            code.any(|line| {
                [
                    "_ne_bytes",
                    "usize::to_",
                    "usize::from_le",
                    "usize::from_be",
                ]
                .iter()
                .any(|word| line.contains(word))
            })
        })
        .map(|path| path.display().to_string())
        .collect();
    assert!(native.is_empty(), "{}", native.join("\n"));
}

/// Pages for those who change the code.
const PAGES: [&str; 4] = [
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "docs/internals.md",
    "docs/promises.md",
];

/// The folders whose files these pages name; what is below `target` is built.
const FOLDERS: [&str; 9] = [
    ".github",
    "benches",
    "crates",
    "docs",
    "fuzz",
    "packaging",
    "release",
    "src",
    "tests",
];

#[test]
fn pages_about_the_code_name_files_and_tests_that_exist() {
    let mut files = Vec::new();
    for folder in FOLDERS {
        files_below(Path::new(folder), &mut files);
    }
    let mut missing = Vec::new();
    for page in PAGES {
        let text = read(Path::new(page));
        for name in names_of_code(&text).filter(|name| !name.starts_with("target/")) {
            let (place, test) = match name.split_once("::") {
                Some((place, test)) => (place, Some(test)),
                None => (name, None),
            };
            let place = place.trim_end_matches(['/', '.']).trim_end_matches(".rs");
            let is_there = files.iter().any(|file| {
                let is_meant = file.ancestors().any(|path| path.ends_with(place))
                    || file.with_extension("").ends_with(place);
                is_meant && test.is_none_or(|test| read(file).contains(&format!("fn {test}(")))
            });
            if !is_there {
                missing.push(format!("{page}: {name}"));
            }
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

fn files_below(folder: &Path, files: &mut Vec<PathBuf>) {
    for file in fs::read_dir(folder).expect("a folder") {
        let path = file.expect("a file").path();
        if path.is_dir() && !path.ends_with("target") {
            files_below(&path, files);
        } else if path.is_file() {
            files.push(path);
        }
    }
}

/// Returns the names of modules, files and folders in a page: paths, `module::test`, and a module
/// in parentheses.
fn names_of_code(text: &str) -> impl Iterator<Item = &str> {
    let code = text.split('`').skip(1).step_by(2);
    let before = text.split('`').step_by(2);
    let after = text.split('`').skip(2).step_by(2);
    let spans = before.zip(code).zip(after);
    let spans = spans.filter_map(|((before, code), after)| {
        let is_aside = before.ends_with('(') && after.starts_with(')');
        let is_path = code.contains('/') || code.ends_with(".rs") || code.contains("::");
        let is_name = code
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "_/.:".contains(c));
        (is_name && (is_aside || is_path) && !code.starts_with('/')).then_some(code)
    });
    // The tree is drawn with words, without marks.
    let tree = text.split_whitespace().filter(|word| {
        let is_name = word
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-/.".contains(c));
        is_name && !word.starts_with('/') && (word.ends_with(".rs") || word.ends_with('/'))
    });
    spans.chain(tree)
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
