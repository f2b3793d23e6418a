//! Words the parser's errors as all others: the fault, and one tip that says what to type. Typed
//! text is escaped.

mod dashes;
mod rewritten;

use std::ffi::{OsStr, OsString};
use std::path::Path;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Command, CommandFactory, Parser as _};
use ecache_core::location::{self, has_password};

use self::dashes::{after_dashes, key_behind_dashes};
use self::rewritten::{behind_its_command, other_way, reversed, to_type, with_verb};
use super::{Cli, suggest};
use crate::output::escape::message;
use crate::output::paint::style;
use crate::output::{name_location, own_command, spoken};

/// Number of possible values that a tip lists.
const LISTED: usize = 24;

/// Replaces an error of the parser by one in the words of this program. Help and the version stay.
pub(crate) fn reworded(error: clap::Error, words: &[OsString]) -> clap::Error {
    if !error.use_stderr() || error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return error;
    }
    if let Some((option, location)) = typed_location(words) {
        name_location(option, Path::new(&location));
    }
    let words: Vec<OsString> = words.iter().map(|word| without_password(word)).collect();
    let refusal = negative(&error, &words).unwrap_or_else(|| words_of(&error, &words));
    let [text, tip] = [&refusal.message, &refusal.tip].map(|text| message(text));
    let type_me = style::TYPE_ME;
    let (text, tip) = (spoken("error: ", &text), spoken("  tip: ", &tip));
    // clap puts its own `error:` in front.
    let text = format!("{text}\n{type_me}  tip:{type_me:#} {tip}\n");
    clap::Error::raw(error.kind(), text)
}

/// Returns the option that names the store, and its value.
fn typed_location(words: &[OsString]) -> Option<(&'static str, OsString)> {
    let mut words = words.iter().take_while(|word| *word != "--");
    while let Some(word) = words.next() {
        for option in ["--db", "--db-file"] {
            if word == option {
                return Some((option, words.next()?.clone()));
            }
            let text = word.to_string_lossy();
            if let Some(value) = text
                .strip_prefix(option)
                .and_then(|it| it.strip_prefix('='))
            {
                return Some((option, value.into()));
            }
        }
    }
    None
}

/// Returns a word as it may be shown: a location without its password.
fn without_password(word: &OsStr) -> OsString {
    let text = word.to_string_lossy();
    let (option, location) = match text.split_once('=') {
        Some((option, value)) if option.starts_with("--") => (format!("{option}="), value),
        _ => (String::new(), &*text),
    };
    if has_password(location.as_ref()) {
        (option + &location::shown(location.as_ref())).into()
    } else {
        word.to_owned()
    }
}

/// The fault of a command line, and what to type.
struct Refusal {
    message: String,
    tip: String,
}

impl Refusal {
    fn new(message: impl Into<String>, tip: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            tip: tip.into(),
        }
    }
}

/// Returns the error for a negative number, which clap takes for an option.
fn negative(error: &clap::Error, words: &[OsString]) -> Option<Refusal> {
    let is_number = |word: &&OsString| {
        let word = word.as_encoded_bytes();
        word.len() > 1 && word[0] == b'-' && (word[1].is_ascii_digit() || word[1] == b'.')
    };
    let own = words.iter().take_while(|word| *word != "--");
    let place = own.clone().position(|word| is_number(&word))?;
    if !matches!(
        error.kind(),
        ErrorKind::UnknownArgument | ErrorKind::InvalidValue | ErrorKind::MissingRequiredArgument
    ) {
        return None;
    }
    // The value of the option before it, or a word of its own.
    let mut joined = words[..place].to_vec();
    let before = joined
        .last_mut()
        .filter(|word| word.as_encoded_bytes().starts_with(b"-"));
    let line = match before {
        Some(option) => {
            option.push("=");
            option.push(&words[place]);
            joined.extend_from_slice(&words[place + 1..]);
            joined
        }
        None => {
            joined.extend_from_slice(&words[place + 1..]);
            joined.push("--".into());
            joined.push(words[place].clone());
            joined
        }
    };
    let program = OsString::from("ecache");
    match Cli::try_parse_from([&program].into_iter().chain(&line)) {
        Ok(_) => Some(Refusal::new(
            format!("{:?} reads like an option", words[place].to_string_lossy()),
            to_type(&line),
        )),
        Err(error) if error.kind() == ErrorKind::UnknownArgument => None,
        Err(error) => Some(words_of(&error, words)),
    }
}

/// Returns the error, and what to type instead.
fn words_of(error: &clap::Error, words: &[OsString]) -> Refusal {
    let fault = Fault::new(error, words);
    let (option, value) = (fault.option(), &fault.value);
    match error.kind() {
        ErrorKind::InvalidSubcommand => fault.unknown_command(),
        ErrorKind::UnknownArgument | ErrorKind::MissingRequiredArgument
            if let Some(line) = after_dashes(Some(&fault.argument), error.kind(), words) =>
        {
            Refusal::new("the command goes after --", line)
        }
        ErrorKind::UnknownArgument if fault.argument.starts_with('-') => fault.unknown_option(),
        ErrorKind::UnknownArgument => Refusal::new(
            format!("unexpected argument {:?}", fault.argument),
            fault.help(),
        ),
        ErrorKind::MissingRequiredArgument => fault.missing(),
        ErrorKind::InvalidValue if value.is_empty() && !option.starts_with('-') => {
            Refusal::new(format!("{option} is empty"), fault.help())
        }
        ErrorKind::InvalidValue if value.is_empty() => {
            let tip = reversed(option, words).unwrap_or_else(|| fault.help());
            Refusal::new(format!("{option} needs a value: {}", fault.argument), tip)
        }
        ErrorKind::InvalidValue => fault.not_a_word(),
        ErrorKind::ValueValidation if !fault.argument.is_empty() => fault.not_a_value(),
        ErrorKind::ArgumentConflict => fault.conflict(),
        ErrorKind::MissingSubcommand => Refusal::new(
            "the command is missing",
            format!("{} lists them", help_line(words)),
        ),
        ErrorKind::TooManyValues => Refusal::new(
            format!("{option} takes no value"),
            format!("write {option} without ={value}"),
        ),
        ErrorKind::TooFewValues | ErrorKind::WrongNumberOfValues => Refusal::new(
            format!("{option} needs another number of values"),
            fault.help(),
        ),
        ErrorKind::NoEquals => {
            Refusal::new(format!("{option} needs a = before its value"), fault.help())
        }
        ErrorKind::InvalidUtf8 => Refusal::new("an argument is not UTF-8", fault.help()),
        _ => Refusal::new(sentence_of(error), fault.help()),
    }
}

/// An error of the parser, and the command line that it is about.
struct Fault<'a> {
    error: &'a clap::Error,
    words: &'a [OsString],
    /// The argument as clap calls it, as in `--ttl <DURATION>`
    argument: String,
    value: String,
}

impl<'a> Fault<'a> {
    fn new(error: &'a clap::Error, words: &'a [OsString]) -> Self {
        let mut fault = Self {
            error,
            words,
            argument: String::new(),
            value: String::new(),
        };
        fault.argument = fault.text(ContextKind::InvalidArg).unwrap_or_default();
        fault.value = fault.text(ContextKind::InvalidValue).unwrap_or_default();
        fault
    }

    fn text(&self, kind: ContextKind) -> Option<String> {
        match self.error.get(kind) {
            Some(ContextValue::String(text)) => {
                let shown = without_password(text.as_ref());
                Some(shown.to_string_lossy().into_owned())
            }
            Some(ContextValue::Strings(texts)) => Some(texts.join(", ")),
            _ => None,
        }
    }

    fn list(&self, kind: ContextKind) -> Vec<String> {
        match self.error.get(kind) {
            Some(ContextValue::Strings(texts)) => texts.clone(),
            Some(ContextValue::String(text)) => vec![text.clone()],
            _ => Vec::new(),
        }
    }

    /// Returns the name of the option: `--ttl <DURATION>` is called `--ttl`.
    fn option(&self) -> &str {
        name_of(&self.argument)
    }

    /// Returns the tip that leads to the help of the command.
    fn help(&self) -> String {
        format!("{} lists what it takes", help_line(self.words))
    }

    fn unknown_command(&self) -> Refusal {
        let typed = self
            .text(ContextKind::InvalidSubcommand)
            .unwrap_or_default();
        let cli = commands();
        let (parent, _) = named_command(&cli, self.words);
        let known = parent.get_subcommands().map(Command::get_name);
        let known: Vec<&str> = known.filter(|name| *name != "help").collect();
        if parent.get_name() == cli.get_name() {
            let tip = suggest::instead_of(&typed, &known);
            let tip = tip.unwrap_or_else(|| "ecache help lists them all".to_owned());
            Refusal::new(format!("there is no command {typed:?}"), tip)
        } else if known.is_empty() {
            let name = parent.get_name();
            Refusal::new(format!("{name} has no verb {typed:?}"), self.help())
        } else {
            let name = parent.get_name();
            let tip = with_verb(parent, &typed, self.words)
                .unwrap_or_else(|| format!("the verbs of {name} are {}", known.join(", ")));
            Refusal::new(format!("{name} has no verb {typed:?}"), tip)
        }
    }

    fn unknown_option(&self) -> Refusal {
        let (argument, words) = (&self.argument, self.words);
        let cli = commands();
        let (command, verbs) = named_command(&cli, words);
        if let Some(line) = behind_its_command(command, argument, words) {
            let (option, name) = (self.option(), command.get_name());
            return Refusal::new(
                format!("{option} stands before {name}, but is an option of it"),
                line,
            );
        }
        let pairs = words.windows(2).rev();
        let mut values = pairs.filter(|pair| pair[1].to_string_lossy().starts_with(argument));
        let of = values.next().map(|pair| pair[0].to_string_lossy());
        if let Some((of, tip)) = of.and_then(|of| Some((of.clone(), reversed(&of, words)?))) {
            return Refusal::new(format!("{of} needs a value"), tip);
        }
        if let Some(answer) = other_way(command, &verbs, argument, words) {
            return answer;
        }
        let near = self.text(ContextKind::SuggestedArg);
        let near = near.filter(|near| suggest::may_be_meant(argument, near));
        let other = suggest::option_instead_of(argument, command);
        let tip = match (other.map(str::to_owned).or(near), self.help()) {
            (Some(near), _) => format!("did you mean {near}?"),
            (None, help) => match key_behind_dashes(argument, words) {
                Some(line) => {
                    format!("{help}; a word that begins with - goes behind --: {line}")
                }
                None => help,
            },
        };
        Refusal::new(format!("there is no option {argument}"), tip)
    }

    fn missing(&self) -> Refusal {
        let missing = self.list(ContextKind::InvalidArg);
        let are = if missing.len() > 1 { "are" } else { "is" };
        if let [needed] = missing.as_slice()
            && let Some(option) = self.option_that_needs(needed)
        {
            let needed = name_of(needed);
            return Refusal::new(
                format!("{option} needs {needed}"),
                format!("add {needed}, or leave out {option}"),
            );
        }
        let missing = match missing.as_slice() {
            [ttl] if ttl.starts_with("--ttl ") => "--ttl or --policy".to_owned(),
            _ => alternatives(&missing.join(" ")),
        };
        let tip = if missing == "<FILE>" {
            let (_, verbs) = named_command(&commands(), self.words);
            let line = own_command(&format!("{verbs} -"));
            format!("name a file, or - for standard input: {line}")
        } else {
            self.help()
        };
        Refusal::new(format!("{missing} {are} missing"), tip)
    }

    /// Returns the option without which another one would not be missing.
    fn option_that_needs(&self, needed: &str) -> Option<&str> {
        let own = self.words.iter().take_while(|word| *word != "--");
        let options = own.enumerate().filter_map(|(place, word)| {
            let option = word.to_str().filter(|word| word.starts_with('-'))?;
            Some((place, option))
        });
        let program = OsString::from("ecache");
        let is_right = |place: usize, count: usize| {
            let mut line = self.words.to_vec();
            line.drain(place..(place + count).min(line.len()));
            Cli::try_parse_from([&program].into_iter().chain(&line)).is_ok()
        };
        let (_, option) = options
            .filter(|_| needed.starts_with("--"))
            .find(|(place, _)| is_right(*place, 1) || is_right(*place, 2))?;
        Some(option.split('=').next().unwrap_or(option))
    }

    /// Words the error of a value that is not one of those that the option has.
    fn not_a_word(&self) -> Refusal {
        let option = self.option();
        let known = self.list(ContextKind::ValidValue);
        let near = self.text(ContextKind::SuggestedValue);
        let near = near.filter(|near| suggest::may_be_meant(&self.value, near));
        let tip = match reversed(option, self.words).or(near) {
            Some(line) if line.starts_with(option) => line,
            Some(near) => format!("did you mean {near}?"),
            None if known.is_empty() || known.len() > LISTED => self.help(),
            None => format!("{option} is one of {}", known.join(", ")),
        };
        Refusal::new(format!("{option} cannot be {:?}", self.value), tip)
    }

    /// Words the error of a value that cannot be read.
    fn not_a_value(&self) -> Refusal {
        let (option, value) = (self.option(), &self.value);
        let why = std::error::Error::source(self.error);
        let why = why.map(|why| in_words(&why.to_string(), value));
        let text = match why {
            Some(why) if why.contains(&format!("{value:?}")) => format!("{option}: {why}"),
            Some(why) => format!("{option} cannot be {value:?}: {why}"),
            None => format!("{option} cannot be {value:?}"),
        };
        Refusal::new(text, self.help())
    }

    fn conflict(&self) -> Refusal {
        let option = self.option();
        let others = self.list(ContextKind::PriorArg);
        let others: Vec<&str> = others.iter().map(|other| name_of(other)).collect();
        if others.is_empty() || others == [option] {
            return Refusal::new(
                format!("{option} is given twice"),
                format!("leave out one {option}"),
            );
        }
        let others = others.join(", ");
        Refusal::new(
            format!("{option} does not go with {others}"),
            format!("leave out {option} or {others}"),
        )
    }
}

/// Returns an argument without its value.
fn name_of(argument: &str) -> &str {
    let name = argument.split(' ').next().unwrap_or_default();
    name.trim_end_matches("...")
        .trim_matches(['<', '>', '[', ']'])
}

/// Returns the sentence of an error that has its own, without the usage that the parser adds.
fn sentence_of(error: &clap::Error) -> String {
    let text = error.to_string();
    let (sentence, _) = text.split_once("\n\nUsage:").unwrap_or((&text, ""));
    sentence.trim_start_matches("error: ").trim_end().to_owned()
}

/// Returns the error in a number; the standard library speaks of digits and types.
fn in_words(why: &str, value: &str) -> String {
    match why {
        "invalid digit found in string" if value.starts_with('-') => "it must not be negative",
        "invalid digit found in string" => "it is not a whole number",
        "number too large to fit in target type" => "it is too large",
        "number too small to fit in target type" => "it is too small",
        "number would be zero for non-zero type" => "it must be at least 1",
        "cannot parse integer from empty string" => "it is empty",
        why => return out_of_range(why).unwrap_or_else(|| why.to_owned()),
    }
    .to_owned()
}

/// Returns the error in a number that `is not in 1..=99`, as clap words it.
fn out_of_range(why: &str) -> Option<String> {
    let (number, range) = why.split_once(" is not in ")?;
    let (least, _) = range.split_once("..")?;
    let (number, from) = (number.parse::<i128>().ok()?, least.parse::<i128>().ok()?);
    Some(if number < from {
        format!("it must be at least {least}")
    } else {
        "it is too large".to_owned()
    })
}

/// Returns `<--max-size <SIZE>|--max-entries <N>>`, as clap calls a group of options, in words.
fn alternatives(missing: &str) -> String {
    let group = missing
        .strip_prefix('<')
        .and_then(|group| group.strip_suffix('>'));
    let Some(group) = group.filter(|group| group.starts_with("--")) else {
        return missing.to_owned();
    };
    let options = group
        .split('|')
        .filter_map(|option| option.split(' ').next());
    format!("one of {}", options.collect::<Vec<_>>().join(", "))
}

/// Returns all commands, with the verbs of each, which clap makes when they are needed.
fn commands() -> Command {
    let mut cli = Cli::command();
    cli.build();
    cli
}

/// Returns the command or the group of verbs that the first words name, and these words, as in
/// `stores rename`. Options may stand between them.
fn named_command<'a>(cli: &'a Command, words: &[OsString]) -> (&'a Command, String) {
    let (mut command, mut verbs) = (cli, Vec::new());
    let mut may_be_value = false;
    for word in words.iter().map_while(|word| word.to_str()) {
        if word == "--" {
            break;
        } else if word.starts_with('-') {
            may_be_value = !word.contains('=');
        } else if let Some(found) = command.find_subcommand(word) {
            verbs.push(word);
            (command, may_be_value) = (found, false);
        } else if may_be_value {
            may_be_value = false;
        } else {
            break;
        }
    }
    (command, verbs.join(" "))
}

/// Returns the line that prints the help of the command that is named: the long one, since the
/// short one leaves options out.
fn help_line(words: &[OsString]) -> String {
    match named_command(&commands(), words).1 {
        verbs if verbs.is_empty() => "ecache --help".to_owned(),
        verbs => format!("ecache {verbs} --help"),
    }
}
