//! The modules of a crate, and which of them import which.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::read;
use crate::source::{code, is_word};

/// The path of a module below its crate; that of the crate itself is empty.
pub type Module = Vec<String>;

/// Returns the modules of a crate and their files, except those that are built for tests alone.
pub fn modules(source: &str) -> BTreeMap<Module, PathBuf> {
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
pub fn modules_of_tests(text: &str) -> Vec<String> {
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
pub fn imports_of(source: &str) -> Vec<(Module, Module)> {
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
pub fn circles(source: &str) -> Vec<String> {
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
