//! The shape of the tree: modules beside each other import in one direction, a file is short, no
//! stored number has the byte order of a processor, and pages about the code name files that exist.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The sources of the four crates.
const SOURCES: [&str; 4] = [
    "src",
    "crates/ecache-core/src",
    "crates/ecache-macros/src",
    "crates/ecache-python/src",
];

/// Maximum number of lines of a file.
const LINES: usize = 500;

/// The path of a module below its crate; that of the crate itself is empty.
type Module = Vec<String>;

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
fn an_import_is_followed_through_names_and_through_globs() {
    let sources = [
        ("", "pub use a::*; pub use b::Named;"),
        ("a", "pub struct Starred;"),
        ("b", "pub struct Named;"),
        ("c", "use crate::{Named, Starred, Unknown};"),
    ];
    let files: BTreeMap<Module, File> = sources
        .into_iter()
        .map(|(name, text)| {
            let module = name.split_terminator("::").map(str::to_owned).collect();
            (module, File::of(text))
        })
        .collect();
    let from = vec!["c".to_owned()];
    let targets = files[&from].imports.iter();
    let targets = targets.map(|import| target(import, &from, &files, REEXPORTS).join("::"));
    assert_eq!(targets.collect::<Vec<_>>(), ["b", "a", ""]);
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

#[test]
fn imports_are_read_from_code_alone() {
    let text = r#"
        use super::{a::{B, c as d}, e};
        // use super::comment;
        const TEXT: &str = "use super::text;";
        const QUOTE: char = '"';
        fn f<'a>(x: &'a str) { crate::g::h(x) }
        #[cfg(test)]
        mod tests { use super::test; }
    "#;
    assert_eq!(
        imports(&code(text)),
        ["super::a::B", "super::a::c", "super::e", "crate::g::h"]
    );
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

/// Returns the modules of a crate and their files, except those that are built for tests alone.
fn modules(source: &str) -> BTreeMap<Module, PathBuf> {
    let mut modules = BTreeMap::new();
    let mut folders = vec![PathBuf::from(source)];
    while let Some(folder) = folders.pop() {
        for file in fs::read_dir(&folder).expect("a folder") {
            let path = file.expect("a file").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                modules.insert(module(source, &path), path);
            }
        }
    }
    assert!(!modules.is_empty(), "there are no modules in {source}");
    let tests: Vec<Module> = modules
        .iter()
        .flat_map(|(module, path)| {
            let names = modules_of_tests(&read(path));
            names
                .into_iter()
                .map(|name| [module.as_slice(), &[name]].concat())
        })
        .collect();
    modules.retain(|module, _| !tests.iter().any(|test| module.starts_with(test)));
    modules
}

/// Returns the names of the modules in other files that are built for tests alone.
fn modules_of_tests(text: &str) -> Vec<String> {
    text.split("#[cfg(test)]\n")
        .skip(1)
        .filter_map(|rest| {
            let declaration = rest.lines().find(|line| !line.starts_with("#["))?;
            let (_, name) = declaration.strip_suffix(';')?.split_once("mod ")?;
            Some(name.to_owned())
        })
        .collect()
}

fn module(source: &str, path: &Path) -> Module {
    let inner = path.strip_prefix(source).expect("it is in there");
    let inner = inner.with_extension("");
    let mut module: Module = inner
        .iter()
        .map(|part| part.to_str().expect("a name in ASCII").to_owned())
        .collect();
    let is_folders = ["mod", "lib", "main"]
        .iter()
        .any(|name| module.ends_with(&[(*name).to_owned()]));
    if is_folders {
        module.pop();
    }
    module
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The imports of a module, and the names of the items that it declares.
struct File {
    imports: Vec<String>,
    items: BTreeSet<String>,
}

impl File {
    fn of(text: &str) -> Self {
        const KINDS: [&str; 8] = [
            "struct", "enum", "trait", "fn", "const", "static", "type", "union",
        ];
        let code = code(text);
        let words: Vec<&str> = code
            .split(|c| !is_word(c))
            .filter(|w| !w.is_empty())
            .collect();
        let declared = words.windows(2).filter(|pair| KINDS.contains(&pair[0]));
        Self {
            imports: imports(&code),
            items: declared.map(|pair| pair[1].to_owned()).collect(),
        }
    }
}

/// Returns each module of a crate with each module that it imports from.
fn imports_of(source: &str) -> Vec<(Module, Module)> {
    let files: BTreeMap<Module, File> = modules(source)
        .into_iter()
        .map(|(module, path)| (module, File::of(&read(&path))))
        .collect();
    let mut found = Vec::new();
    for (module, file) in &files {
        for import in &file.imports {
            let to = target(import, module, &files, REEXPORTS);
            found.push((module.clone(), to));
        }
    }
    found
}

/// Describes the circles of imports among the modules of each folder.
fn circles(source: &str) -> Vec<String> {
    let mut imported: BTreeMap<Module, BTreeSet<Module>> = BTreeMap::new();
    for (module, target) in imports_of(source) {
        if let Some((from, to)) = siblings(&module, &target) {
            imported.entry(from).or_default().insert(to);
        }
    }
    let reached: BTreeMap<&Module, BTreeSet<&Module>> = imported
        .keys()
        .map(|module| (module, reachable(module, &imported)))
        .collect();
    let mut circles = BTreeSet::new();
    for (module, others) in &reached {
        if others.contains(module) {
            let returns =
                |other: &&&Module| reached.get(*other).is_some_and(|all| all.contains(module));
            let circle: Vec<String> = others
                .iter()
                .filter(returns)
                .map(|m| m.join("::"))
                .collect();
            circles.insert(format!("{source}: {}", circle.join(" <-> ")));
        }
    }
    circles.into_iter().collect()
}

fn reachable<'a>(
    module: &Module,
    imported: &'a BTreeMap<Module, BTreeSet<Module>>,
) -> BTreeSet<&'a Module> {
    let mut reached = BTreeSet::new();
    let mut next = vec![module];
    while let Some(module) = next.pop() {
        for other in imported.get(module).into_iter().flatten() {
            if reached.insert(other) {
                next.push(other);
            }
        }
    }
    reached
}

/// Returns the two modules of one folder through which one module imports another; `None` if one
/// is in the other.
fn siblings(from: &Module, to: &Module) -> Option<(Module, Module)> {
    let shared = from
        .iter()
        .zip(to)
        .take_while(|(one, other)| one == other)
        .count();
    (shared < from.len() && shared < to.len())
        .then(|| (from[..=shared].to_vec(), to[..=shared].to_vec()))
}

/// Number of imports that a name is followed through.
const REEXPORTS: usize = 8;

/// Returns the module that a path leads to: that which declares the item, where modules on the way
/// only import it.
fn target(path: &str, from: &Module, files: &BTreeMap<Module, File>, reexports: usize) -> Module {
    let mut module = from.clone();
    let mut parts = path.split("::");
    for part in parts.by_ref() {
        match part {
            "crate" => module.clear(),
            "super" => drop(module.pop()),
            "self" => {}
            name => {
                module.push(name.to_owned());
                if files.contains_key(&module) {
                    continue;
                }
                module.pop();
                if module == *from || reexports == 0 {
                    break;
                }
                let file = &files[&module];
                let ends_with_it = |import: &&String| {
                    let end = import.strip_suffix(name);
                    end.is_some_and(|start| start.ends_with("::"))
                };
                if let Some(reexport) = file.imports.iter().find(ends_with_it) {
                    return target(reexport, &module, files, reexports - 1);
                }
                if file.items.contains(name) {
                    break;
                }
                let globs = file
                    .imports
                    .iter()
                    .filter_map(|path| path.strip_suffix("::*"));
                for glob in globs {
                    let starred = format!("{glob}::{name}");
                    let to = target(&starred, &module, files, reexports - 1);
                    if files[&to].items.contains(name) {
                        return to;
                    }
                }
                break;
            }
        }
    }
    module
}

/// Returns the paths in `use` declarations, and those in expressions that begin with a keyword.
fn imports(code: &str) -> Vec<String> {
    let mut imports = Vec::new();
    let mut rest = code;
    while let Some(at) = rest.find("use ") {
        let is_word = rest[..at].chars().next_back().is_none_or(|c| !is_word(c));
        let end = rest[at..].find(';').map_or(rest.len(), |end| at + end);
        if is_word {
            expand("", &rest[at + "use ".len()..end], &mut imports);
        }
        rest = &rest[end.min(rest.len())..];
    }
    let mut is_path = false;
    let words = code.split(|c: char| !is_word(c) && c != ':');
    for word in words {
        let is_import = std::mem::replace(&mut is_path, word == "use");
        let begins = ["crate::", "super::", "self::"]
            .iter()
            .any(|start| word.starts_with(start));
        if begins && !is_import && !word.ends_with("::") {
            imports.push(word.trim_end_matches(':').to_owned());
        }
    }
    imports
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Adds the paths of a `use` tree.
fn expand(prefix: &str, tree: &str, paths: &mut Vec<String>) {
    let tree = tree.trim();
    let Some((head, group)) = tree.split_once('{') else {
        let path = tree.split(" as ").next().expect("one part at least");
        paths.push(format!("{prefix}{}", path.trim()));
        return;
    };
    let prefix = format!("{prefix}{}", head.trim());
    let group = group.trim_end().strip_suffix('}').expect("a closed group");
    let (mut depth, mut start) = (0, 0);
    for (at, c) in group.char_indices().chain([(group.len(), ',')]) {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                if !group[start..at].trim().is_empty() {
                    expand(&prefix, &group[start..at], paths);
                }
                start = at + 1;
            }
            _ => {}
        }
    }
}

/// Returns Rust text without comments, literals and modules of tests.
fn code(text: &str) -> String {
    let mut code = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let length = literal(rest).unwrap_or(0);
        if length > 0 {
            code.push(' ');
            rest = &rest[length..];
        } else {
            code.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    while let Some(start) = code.find("#[cfg(test)]") {
        let end = match (code[start..].find('{'), code[start..].find(';')) {
            (Some(brace), semicolon) if semicolon.is_none_or(|at| brace < at) => {
                block(&code, start + brace)
            }
            (_, Some(semicolon)) => start + semicolon + 1,
            _ => code.len(),
        };
        code.replace_range(start..end, "");
    }
    code
}

/// Returns the end of the block whose brace opens at `open`.
fn block(code: &str, open: usize) -> usize {
    let mut depth = 0;
    for (at, c) in code[open..].char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 1 => return open + at + 1,
            '}' => depth -= 1,
            _ => {}
        }
    }
    code.len()
}

/// Returns the length of the comment or literal that a text begins with.
fn literal(text: &str) -> Option<usize> {
    if text.starts_with("//") {
        return Some(text.find('\n').unwrap_or(text.len()));
    }
    if let Some(raw) = text.strip_prefix('r') {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        if raw[hashes..].starts_with('"') {
            let end = format!("\"{}", "#".repeat(hashes));
            let from = 1 + hashes + 1;
            return Some(from + text[from..].find(&end)? + end.len());
        }
    }
    let (quote, from) = match text.as_bytes() {
        [b'"', ..] => (b'"', 1),
        [b'\'', b'\\', _, ..] => (b'\'', 3),
        // A lifetime has no second quote.
        [b'\'', ..] => {
            let inner = text[1..].chars().next()?.len_utf8();
            return text[1 + inner..].starts_with('\'').then_some(inner + 2);
        }
        _ => return None,
    };
    let mut is_escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(from) {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            byte if byte == quote => return Some(at + 1),
            _ => {}
        }
    }
    None
}
