//! Manual pages: one for `ecache`, one for each of its commands and their verbs, and one each for
//! the formats and the settings.

use std::io;

use clap::{Arg, ArgAction, Command, CommandFactory};
use clap_mangen::Man;
use clap_mangen::roff::{Inline, Roff, bold, italic, roman};
use ecache_core::python_json::Json;

use crate::cli::Cli;
use crate::config::KEYS;

/// The schema of JSON output, from which `ecache-formats(7)` is made.
const SCHEMA: &str = include_str!("../../docs/formats.schema.json");

/// Exit codes of `run`, most of which are the command's own.
const RUN_EXIT_STATUS: &str = "\
Exit status:
  any       that of the command; 128 and the number of the signal that ended it
  1         with --no-exec: there is no result
  125       ecache refuses, or with --strict the cache failed
  126       the program cannot be run
  127       there is no such program";

/// Returns the manual pages: name and text.
pub(crate) fn manual_pages() -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut cli = Cli::command();
    cli.build();
    let common = cli.get_after_long_help().map(ToString::to_string);
    let common = common.unwrap_or_default();
    let commands = || {
        cli.get_subcommands()
            .filter(|command| !command.is_hide_set())
    };
    let title = |command: &Command| format!("ecache-{}", command.get_name());

    let mut see_also: Vec<String> = commands().map(|command| title(command) + "(1)").collect();
    see_also.extend(["ecache-config(5)", "ecache-formats(7)"].map(str::to_owned));
    let mut pages = vec![page("ecache", &cli, &common, &see_also)?];
    for command in commands() {
        let verbs: Vec<&Command> = command.get_subcommands().collect();
        let verb_title = |verb: &Command| format!("{}-{}", title(command), verb.get_name());
        let mut see_also = vec!["ecache(1)".to_owned()];
        see_also.extend(verbs.iter().map(|verb| verb_title(verb) + "(1)"));
        see_also.push(match command.get_name() {
            "config" | "run" | "warm" => "ecache-config(5)".to_owned(),
            _ => "ecache-formats(7)".to_owned(),
        });
        pages.push(page(&title(command), command, &common, &see_also)?);
        for verb in verbs {
            let see_also = [title(command) + "(1)"];
            pages.push(page(&verb_title(verb), verb, &common, &see_also)?);
        }
    }
    pages.push(formats());
    pages.push(settings());
    Ok(pages)
}

fn page(
    title: &str,
    command: &Command,
    common: &str,
    see_also: &[String],
) -> io::Result<(String, Vec<u8>)> {
    // clap's own rendering of the text after the help would fill the lines of the examples.
    let plain = command.clone().after_help(None).after_long_help(None);
    let plain = plain.before_help(None).before_long_help(None);
    let man = Man::new(plain.mut_args(described))
        .title(title.to_uppercase())
        // There is no date, and an empty one would not hold its place before the source.
        .date(" ")
        .source(concat!("ecache ", env!("CARGO_PKG_VERSION")))
        .manual("ecache manual");
    let mut text = Vec::new();
    man.render_title(&mut text)?;
    man.render_name_section(&mut text)?;
    let mut roff = Roff::new();
    synopsis(&mut roff, title, command);
    text.extend(roff.to_roff().into_bytes());
    // A description that says no more than the name is left out.
    let about = command.get_about().map(ToString::to_string);
    let described = command.get_long_about().map(ToString::to_string);
    let rest = about.zip(described);
    let rest = rest.and_then(|(about, long)| Some(long.strip_prefix(&about)?.trim().to_owned()));
    if title == "ecache" || rest.as_deref().is_some_and(|rest| !rest.is_empty()) {
        let long = rest.filter(|_| title != "ecache");
        let man = match long {
            Some(long) => Man::new(command.clone().long_about(long)),
            None => Man::new(command.clone()),
        };
        man.render_description_section(&mut text)?;
    }
    man.render_options_section(&mut text)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut text)?;
    }
    let mut roff = Roff::new();
    let own = command.get_after_long_help().or(command.get_after_help());
    let own = own.map(ToString::to_string).unwrap_or_default();
    sections(&mut roff, &own);
    // A section that a page does not have is the common one.
    if title == "ecache-run" {
        sections(&mut roff, RUN_EXIT_STATUS);
    }
    for section in common.split("\n\n") {
        let heading = section.split('\n').next().unwrap_or_default();
        let is_own = own.contains(heading) || heading == "Examples:" || heading == "Files:";
        let is_run = title == "ecache-run" && heading == "Exit status:";
        if is_own || is_run {
            continue;
        }
        let of_run = |line: &&str| line.contains("`ecache run`");
        let lines = section.lines();
        match title {
            "ecache" | "ecache-run" | "ecache-warm" => sections(&mut roff, section),
            _ => {
                let lines: Vec<&str> = lines.filter(|line| !of_run(line)).collect();
                sections(&mut roff, &lines.join("\n"));
            }
        }
    }
    end(&mut roff, see_also);
    text.extend(roff.to_roff().into_bytes());
    Ok((format!("{title}.1"), text))
}

/// Describes an option in the manual that the short help leaves out, too, and its values in a line.
fn described(arg: Arg) -> Arg {
    let Some(help) = arg.get_long_help().or(arg.get_help()) else {
        return arg;
    };
    let mut help = help.to_string();
    let values = arg.get_possible_values();
    let explained = values.iter().filter_map(|value| {
        let about = value.get_help()?;
        Some(format!("{} ({about})", value.get_name()))
    });
    let explained: Vec<String> = explained.collect();
    if explained.is_empty() {
        return arg.long_help(help);
    }
    let one_of = if help.ends_with('.') { " One" } else { "; one" };
    help = format!("{help}{one_of} of {}", explained.join(", "));
    arg.long_help(help).hide_possible_values(true)
}

/// Renders how a command is typed, with the values of its options.
fn synopsis(roff: &mut Roff, title: &str, command: &Command) {
    roff.control("SH", ["SYNOPSIS"]);
    let mut line = vec![bold(title.replace('-', " "))];
    let options = command
        .get_arguments()
        .filter(|arg| !arg.is_positional() && !arg.is_global_set() && !arg.is_hide_set());
    for option in options.filter(|arg| !matches!(arg.get_id().as_str(), "help" | "version")) {
        line.push(roman(" ["));
        if let Some(short) = option.get_short() {
            line.push(bold(format!("-{short}")));
        }
        if let Some(long) = option.get_long() {
            let before = if option.get_short().is_some() {
                "|"
            } else {
                ""
            };
            line.push(roman(before));
            line.push(bold(format!("--{long}")));
        }
        if option.get_action().takes_values() {
            line.push(roman(" "));
            line.push(italic(value_name(option)));
        }
        let is_repeated = matches!(option.get_action(), ArgAction::Append);
        line.push(roman(if is_repeated { "]..." } else { "]" }));
    }
    line.push(roman(" ["));
    line.push(italic("GLOBAL OPTION"));
    line.push(roman("]..."));
    for positional in command.get_positionals() {
        line.extend(positional_words(positional));
    }
    if command.has_subcommands() {
        line.extend([roman(" "), italic("COMMAND"), roman(" ...")]);
    }
    roff.text(line);
}

fn positional_words(positional: &Arg) -> Vec<Inline> {
    let is_optional = !positional.is_required_set();
    let mut words = vec![roman(if is_optional { " [" } else { " " })];
    if positional.is_last_set() {
        words.push(bold("-- "));
    }
    words.push(italic(value_name(positional)));
    let is_repeated = positional
        .get_num_args()
        .is_some_and(|count| count.max_values() > 1)
        || matches!(positional.get_action(), ArgAction::Append);
    words.push(roman(match (is_optional, is_repeated) {
        (true, true) => "...]",
        (true, false) => "]",
        (false, true) => "...",
        (false, false) => "",
    }));
    words
}

fn value_name(arg: &Arg) -> String {
    let names = arg.get_value_names().unwrap_or_default();
    let names: Vec<&str> = names.iter().map(|name| name.as_str()).collect();
    names.join(" ")
}

/// Renders the sections of a help text: headings that end with a colon, above lines that are
/// indented.
fn sections(roff: &mut Roff, help: &str) {
    for section in help.split("\n\n") {
        let Some((heading, lines)) = section.split_once(":\n") else {
            continue;
        };
        roff.control("SH", [heading.to_uppercase().as_str()]);
        roff.control("nf", []);
        for line in lines.lines() {
            roff.text([roman(line.strip_prefix("  ").unwrap_or(line))]);
        }
        roff.control("fi", []);
    }
}

fn end(roff: &mut Roff, see_also: &[String]) {
    roff.control("SH", ["SEE ALSO"]);
    for (index, page) in see_also.iter().enumerate() {
        let (name, section) = page.split_at(page.len() - "(1)".len());
        let comma = if index + 1 < see_also.len() { "," } else { "" };
        roff.text([bold(name), roman(format!("{section}{comma}"))]);
    }
}

/// Begins a page that is not a command's.
fn begin(title: &str, section: &str, about: &str) -> Roff {
    let mut roff = Roff::new();
    let source = concat!("ecache ", env!("CARGO_PKG_VERSION"));
    roff.control(
        "TH",
        [&title.to_uppercase(), section, " ", source, "ecache manual"],
    );
    roff.control("SH", ["NAME"]);
    roff.text([roman(format!("{title} - {about}"))]);
    roff
}

/// Makes the page on the formats, from the schema.
fn formats() -> (String, Vec<u8>) {
    let schema = Json::parse(SCHEMA.as_bytes()).expect("the schema is JSON, as a test sees");
    let mut roff = begin("ecache-formats", "7", "what ecache prints for programs");
    roff.control("SH", ["DESCRIPTION"]);
    for line in FORMATS.split("\n\n") {
        roff.control("PP", []);
        roff.text([roman(line.replace('\n', " "))]);
    }
    for (name, object) in members(schema.get("$defs")) {
        roff.control("SH", [name.to_uppercase().as_str()]);
        roff.text([roman(text(object, "description").replace('`', ""))]);
        for (field, about) in members(object.get("properties")) {
            roff.control("TP", []);
            roff.text([bold(field), roman(format!(" ({})", type_of(about)))]);
            let mut line = text(about, "description").to_owned();
            if let Some(Json::Array(words)) = about.get("enum") {
                let words: Vec<&str> = words.iter().filter_map(Json::as_str).collect();
                line.push_str(&format!(": {}", words.join(", ")));
            }
            let stability = text(about, "x-stability");
            if stability != "stable" {
                line.push_str(&format!(" ({stability})"));
            }
            roff.text([roman(line)]);
        }
    }
    let see_also = [
        "ecache(1)",
        "ecache-export(1)",
        "ecache-ls(1)",
        "ecache-stats(1)",
    ];
    end(&mut roff, &see_also.map(str::to_owned));
    ("ecache-formats.7".to_owned(), roff.to_roff().into_bytes())
}

/// Returns the fields of an object of the schema, and what each of them is.
pub(crate) fn fields_of(object: &str) -> Vec<(String, String)> {
    let schema = Json::parse(SCHEMA.as_bytes()).expect("the schema is JSON, as a test sees");
    let object = schema.get("$defs").and_then(|all| all.get(object));
    let fields = members(object.and_then(|object| object.get("properties"))).into_iter();
    let described = fields.map(|(name, about)| {
        let unit = match text(about, "x-unit") {
            "" | "number" => String::new(),
            unit => format!(" ({unit})"),
        };
        (
            name.to_owned(),
            text(about, "description").to_owned() + &unit,
        )
    });
    described.collect()
}

/// Returns the members of an object of the schema, in its order.
fn members(object: Option<&Json>) -> Vec<(&str, &Json)> {
    let Some(Json::Object(members)) = object else {
        return Vec::new();
    };
    let named = members.iter();
    named
        .filter_map(|(name, value)| Some((name.as_str()?, value)))
        .collect()
}

fn text<'a>(object: &'a Json, member: &str) -> &'a str {
    object
        .get(member)
        .and_then(Json::as_str)
        .unwrap_or_default()
}

/// Returns the type of a field, and its unit.
fn type_of(about: &Json) -> String {
    let names: Vec<&str> = match about.get("type") {
        Some(Json::Array(names)) => names.iter().filter_map(Json::as_str).collect(),
        Some(Json::String(name)) => name.as_str().into_iter().collect(),
        _ => vec!["any"],
    };
    let names = names.join(" or ");
    match text(about, "x-unit") {
        "" => names,
        unit => format!("{names}, {unit}"),
    }
}

/// The rules of all formats.
const FORMATS: &str = "\
Standard output is data alone, everything else goes to standard error. A terminal gets tables,
whose columns and cuts may change with any release. Where its locale has no UTF-8, marks, bars and
lines are of ASCII, with ~ for what is cut; names and values stay as they are. Anything else gets lines of fields between
tabs, without a header, or what --format asks for: json is one array, jsonl one object a line, csv
and tsv have a header, and -0 ends rows with a NUL byte and escapes nothing.

In lines between tabs, a tab, a line end and a backslash in a field are written \\t, \\n, \\r and
\\\\. Nothing is an empty field, and null in JSON. Sizes are bytes, durations milliseconds, times
RFC 3339 in UTC with milliseconds. A year beyond 9999, for which that has no form, has a sign and at
least six digits, as in ISO 8601: +010000-01-01T00:00:00.000Z.

A field that is marked as for people changes its words. All others keep their names, types and
units; new fields may be added to an object, new columns at the end of a line, and readers skip
what they do not know. The JSON schema is docs/formats.schema.json of the sources.";

/// Makes the page on the settings, from their table.
fn settings() -> (String, Vec<u8>) {
    let mut roff = begin("ecache-config", "5", "the settings of ecache");
    roff.control("SH", ["SYNOPSIS"]);
    roff.text([italic("$XDG_CONFIG_HOME/ecache/config.toml")]);
    roff.control("br", []);
    roff.text([italic("~/.config/ecache/config.toml")]);
    roff.control("SH", ["DESCRIPTION"]);
    for line in SETTINGS.split("\n\n") {
        roff.control("PP", []);
        roff.text([roman(line.replace('\n', " "))]);
    }
    roff.control("SH", ["SETTINGS"]);
    for setting in KEYS {
        roff.control("TP", []);
        let default = match setting.default {
            "" => String::new(),
            default => format!(" [default: {default}]"),
        };
        roff.text([bold(setting.key), roman(default)]);
        roff.text([roman(setting.about)]);
    }
    sections(&mut roff, SETTINGS_EXAMPLE);
    sections(&mut roff, SETTINGS_ENVIRONMENT);
    end(
        &mut roff,
        &["ecache(1)", "ecache-config(1)", "ecache-run(1)"].map(str::to_owned),
    );
    ("ecache-config.5".to_owned(), roff.to_roff().into_bytes())
}

const SETTINGS: &str = "\
The file is TOML. An option wins over a variable, that over the file, that over the default;
ecache config ls and ecache info show where each value comes from. An unknown key or value is an
error, with its line. What changes output acts on a terminal alone, so that scripts do not depend
on it. What is part of a key has no setting, since a key means the same to every user of a store.

The settings of [run] are those of all commands; [stores.\"PATTERN\"] has the same ones for stores
of matching names, of which the most exact pattern wins. [datasets] gives names to the ids of
datasets, for --dataset and the DATASET column of a store that is a file.

There is no pager unless one is named: ls stops after 100 rows and show after two screens, and both
say how to see the rest. The line of pager is run by sh, so that \"$PAGER\" is one as well; the one
that git has is less -FRX. --no-pager prints past it. There is no setting for --reveal: a secret is
shown where it is asked for, and nowhere else.";

const SETTINGS_EXAMPLE: &str = "\
Examples:
  db = \"~/work/cache.db\"
  color = \"never\"
  [run]
  ttl = \"1d\"
  [stores.\"git*\"]
  ttl = \"5s\"
  stale = \"1h\"
  [datasets]
  street = \"6b03de1228195dbc2df5c505\"";

const SETTINGS_ENVIRONMENT: &str = "\
Environment:
  ECACHE_CONFIG     the file of settings, or none";
