//! The reference of the book, made from the manual pages: Markdown instead of roff.
//!
//! Options and sections of the main page are left out of the others, and a section that an earlier
//! page has is a link to it.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

/// Maximum number of characters of a line.
const WIDTH: usize = 100;

/// A space that does not end a line.
const UNBROKEN: char = '\u{a0}';

const INTRODUCTION: &str = "\
# Reference

The manual pages as one page. `UPDATE=1 cargo test --test artifacts` writes it, and `ecache man
FOLDER` the pages.
";

/// A heading and the lines below it, without macros that only matter to roff.
struct Section {
    heading: String,
    lines: Vec<String>,
}

/// Returns the reference, given the manual pages by their names, as `ecache-get.1`.
pub(crate) fn reference(pages: &BTreeMap<String, Vec<u8>>) -> String {
    let page = |name: &str| {
        let text = std::str::from_utf8(&pages[name]).expect("UTF-8");
        sections(text)
    };
    let main = page("ecache.1");
    let commands = section(&main, "SUBCOMMANDS");
    let names = commands.lines.iter().filter_map(|line| {
        let name = line.strip_suffix("(1)")?;
        name.starts_with("ecache-").then(|| format!("{name}.1"))
    });
    let mut order = vec!["ecache.1".to_owned()];
    for name in names {
        let verbs = format!("{}-", name.trim_end_matches(".1"));
        let is_verb = |other: &&String| other.starts_with(&verbs) && other.ends_with(".1");
        order.push(name);
        order.extend(pages.keys().filter(is_verb).cloned());
    }
    order.extend(["ecache-config.5", "ecache-formats.7"].map(str::to_owned));
    assert_eq!(order.len(), pages.len(), "each page is in the reference");

    let common = items(&section(&main, "OPTIONS").lines);
    let mut known: HashMap<(String, Vec<String>), String> = HashMap::new();
    let mut text = INTRODUCTION.to_owned();
    for name in order {
        let (title, number) = name.rsplit_once('.').expect("a section of the manual");
        let title = match number {
            "1" => title.replace('-', " "),
            _ => format!("{title}({number})"),
        };
        let is_main = name == "ecache.1";
        write!(text, "\n## {title}\n").expect("memory");
        for section in page(&name) {
            let Section { heading, mut lines } = section;
            // The description of the main page is its name's.
            if heading == "SEE ALSO" || is_main && heading == "DESCRIPTION" {
                continue;
            }
            if heading == "NAME" {
                let about = plain(&lines.join(" "));
                let about = about.split_once(" - ").expect("a description").1;
                paragraph(&mut text, "", &escaped(about));
                continue;
            }
            if heading == "OPTIONS" && !is_main {
                let own = items(&lines).into_iter();
                let own = own.filter(|item| !common.contains(item));
                lines = own.flatten().collect();
                if lines.is_empty() {
                    continue;
                }
            }
            let of_main = main.iter().find(|section| section.heading == heading);
            let is_known = |main: &Section| lines.iter().all(|line| main.lines.contains(line));
            if !is_main && of_main.is_some_and(is_known) {
                continue;
            }
            let key = (heading.clone(), lines.clone());
            match known.get(&key) {
                Some(first) => {
                    let anchor = first.replace(' ', "-");
                    let link = format!("**{}**: as for [`{first}`](#{anchor}).", named(&heading));
                    paragraph(&mut text, "", &link);
                }
                None => {
                    known.insert(key, title.clone());
                    if !matches!(&*heading, "DESCRIPTION" | "SYNOPSIS") {
                        let common = if is_main && heading == "OPTIONS" {
                            ", which every command takes"
                        } else {
                            ""
                        };
                        paragraph(&mut text, "", &format!("**{}**{common}:", named(&heading)));
                    }
                    body(&mut text, &heading, &lines);
                }
            }
        }
    }
    text
}

fn section<'a>(sections: &'a [Section], heading: &str) -> &'a Section {
    let mut found = sections.iter();
    let found = found.find(|section| section.heading == heading);
    found.expect("the page has the section")
}

fn named(heading: &str) -> String {
    let (first, rest) = heading.split_at(1);
    format!("{first}{}", rest.to_lowercase())
}

fn sections(page: &str) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    for line in page.lines() {
        if line.starts_with(".ie ") || line.starts_with(".el ") || line.starts_with(".TH ") {
            continue;
        }
        let line = line
            .replace("\\*(Aq", "'")
            .replace("\\-", "-")
            .replace("\\(bu", "*");
        if let Some(heading) = line.strip_prefix(".SH ") {
            let heading = heading.trim_matches('"').to_owned();
            let lines = Vec::new();
            sections.push(Section { heading, lines });
        } else if let Some(section) = sections.last_mut() {
            section.lines.push(line);
        }
    }
    sections
}

/// Splits lines before each `.TP`.
fn items(lines: &[String]) -> Vec<Vec<String>> {
    let mut items: Vec<Vec<String>> = Vec::new();
    for line in lines {
        match items.last_mut() {
            Some(item) if line != ".TP" => item.push(line.clone()),
            _ => items.push(vec![line.clone()]),
        }
    }
    items
}

/// Writes the lines of a section as paragraphs, lists and fences.
fn body(text: &mut String, heading: &str, lines: &[String]) {
    if heading == "SYNOPSIS" {
        let lines = plain(&lines.join(" ")).replace(" .br ", "\n");
        let lines = lines
            .lines()
            .map(|line| filled("", "    ", &unbroken(line)));
        let lines: Vec<String> = lines.collect();
        write!(text, "\n```text\n{}\n```\n", lines.join("\n")).expect("memory");
        return;
    }
    let mut is_list = false;
    for item in items(lines) {
        match &*item {
            [macro_, tag, about @ ..] if macro_ == ".TP" => {
                if !is_list {
                    text.push('\n');
                }
                is_list = true;
                list_item(text, tag, about);
            }
            [open, code @ .., close] if open == ".nf" && close == ".fi" => {
                let code: Vec<String> = code.iter().map(|line| plain(line)).collect();
                write!(text, "\n```text\n{}\n```\n", code.join("\n")).expect("memory");
            }
            lines => {
                for part in lines.split(|line| line.is_empty() || line == ".PP") {
                    let part: Vec<&str> = part.iter().map(|line| &**line).collect();
                    assert!(part.iter().all(|line| !line.starts_with('.')), "{part:?}");
                    paragraph(text, "", &escaped(&plain(&part.join(" "))));
                }
            }
        }
    }
}

/// Writes an option, a field or a command with its description.
fn list_item(text: &mut String, tag: &str, about: &[String]) {
    let mut parts = vec![String::new()];
    let mut values = Vec::new();
    let mut is_value = false;
    for line in about {
        match &**line {
            "" => parts.push(String::new()),
            ".br" | ".RS 14" | "\\fIPossible values:\\fR" => {}
            ".IP * 2" => is_value = true,
            ".RE" => is_value = false,
            value if is_value => values.push(plain(value)),
            line => {
                assert!(!line.starts_with('.'), "{line}");
                let part = parts.last_mut().expect("it is never empty");
                write!(part, "{} ", plain(line)).expect("memory");
            }
        }
    }
    parts.retain(|part| !part.trim().is_empty());
    if !values.is_empty() {
        let first = parts.first_mut().expect("an option has a description");
        write!(first, "(`{}`)", values.join("`, `")).expect("memory");
    }
    let command = tag.strip_suffix("(1)");
    let head = if let Some(name) = command {
        format!("[`{}`](#{name})", name.replace('-', " "))
    } else {
        // The default of an option, and the type of a field.
        let rest = [" [default", " ("].iter().find_map(|rest| tag.find(rest));
        let (code, rest) = tag.split_at(rest.unwrap_or(tag.len()));
        format!("`{}`{}", plain(code), escaped(&plain(rest)))
    };
    let mut parts = parts.iter().map(|part| escaped(part.trim()));
    let first = parts.next().expect("an option has a description");
    let first = filled("- ", "  ", &format!("{head}: {first}"));
    writeln!(text, "{first}").expect("memory");
    parts.for_each(|part| paragraph(text, "  ", &part));
}

/// Removes fonts and backslashes.
fn plain(roff: &str) -> String {
    let roff = ["\\fB", "\\fI", "\\fR"]
        .into_iter()
        .fold(roff.to_owned(), |text, font| text.replace(font, ""));
    roff.replace("\\e", "\\").replace("\\\\", "\\")
}

/// Protects what Markdown would take for its own, except in the text's own code spans.
fn escaped(text: &str) -> String {
    let part = |(number, part): (usize, &str)| {
        if number % 2 == 1 {
            return part.to_owned();
        }
        let escaped = |character: char| match character {
            '<' | '*' | '_' | '[' | ']' | '\\' => format!("\\{character}"),
            character => character.to_string(),
        };
        part.chars().map(escaped).collect()
    };
    let parts: Vec<String> = text.split('`').enumerate().map(part).collect();
    parts.join("`")
}

fn paragraph(text: &mut String, indent: &str, words: &str) {
    if !words.is_empty() {
        write!(text, "\n{}\n", filled(indent, indent, words)).expect("memory");
    }
}

/// Breaks text into lines, none of which begins like a list, a heading or a quotation.
fn filled(first: &str, rest: &str, text: &str) -> String {
    let is_mark = |word: &str| {
        let number = word.trim_end_matches(['.', ')']);
        number.is_empty()
            || word.chars().all(|character| "-+*#>=".contains(character))
            || number.len() < word.len() && number.bytes().all(|byte| byte.is_ascii_digit())
    };
    let mut lines = vec![first.to_owned()];
    let mut is_begun = false;
    for word in text.split([' ', '\n']).filter(|word| !word.is_empty()) {
        let line = lines.last_mut().expect("it is never empty");
        let length = line.chars().count() + word.chars().count() + usize::from(is_begun);
        if is_begun && length > WIDTH && !is_mark(word) {
            lines.push(format!("{rest}{word}"));
            continue;
        }
        if is_begun {
            line.push(' ');
        }
        line.push_str(word);
        is_begun = true;
    }
    lines.join("\n").replace(UNBROKEN, " ")
}

/// Keeps the words of an option together, which `filled` then takes for one.
fn unbroken(synopsis: &str) -> String {
    let mut open = 0;
    let character = |character| {
        match character {
            '[' => open += 1,
            ']' => open -= 1,
            ' ' if open > 0 => return UNBROKEN,
            _ => {}
        }
        character
    };
    synopsis.chars().map(character).collect()
}
