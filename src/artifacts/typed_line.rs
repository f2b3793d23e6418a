//! Finds the names that a half-typed command line asks for, by clap's definitions.
//!
//! The completion scripts hand over the words of a line, so that no shell has to know which of them
//! is the value of an option, a store or a key.

use clap::{Arg, ArgAction, Command, ValueHint};

use super::completions::{commands_of, documented_commands};
use crate::cli::Offered;
use crate::config::KEYS;

/// The things that may be typed next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Names in the store; of keys, those of this store
    Names(Offered, Option<String>),
    /// These names, with descriptions
    These(Vec<(String, String)>),
    Files,
    Programs,
    /// The offers of clap's own script: options, commands and fixed values
    Usual,
}

/// The things that are offered, and the part of the last word that stays before them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) wanted: Wanted,
    /// The items of a list before the one that is typed, as in `key,`
    pub(crate) before: String,
}

impl Request {
    fn of(wanted: Wanted) -> Self {
        Self {
            wanted,
            before: String::new(),
        }
    }
}

/// Reads the words behind the program's name; the last one is being typed.
pub(crate) fn request(words: &[String]) -> Request {
    let Some((typed, words)) = words.split_last() else {
        return Request::of(Wanted::Usual);
    };
    let cli = documented_commands();
    let mut line = Line {
        path: vec![&cli],
        positionals: Vec::new(),
        option: None,
        dashes: None,
    };
    words.iter().for_each(|word| line.take(word));
    line.request(typed)
}

/// The words of a line that were read.
struct Line<'a> {
    /// The program, its command, and the verb of that
    path: Vec<&'a Command>,
    positionals: Vec<String>,
    /// The option whose value follows
    option: Option<&'a Arg>,
    /// Number of words behind `--`
    dashes: Option<usize>,
}

impl<'a> Line<'a> {
    fn command(&self) -> &'a Command {
        self.path.last().expect("the program is first")
    }

    fn long(&self, name: &str) -> Option<&'a Arg> {
        let mut args = self.command().get_arguments();
        args.find(|arg| arg.get_long() == Some(name))
    }

    fn take(&mut self, word: &str) {
        if let Some(behind) = &mut self.dashes {
            *behind += 1;
        } else if self.option.take().is_some() {
        } else if word == "--" {
            self.dashes = Some(0);
        } else if let Some(name) = word.strip_prefix("--") {
            self.option = self.long(name).filter(|arg| takes_value(arg));
        } else if let Some(letters) = word.strip_prefix('-').filter(|it| !it.is_empty()) {
            let last = letters.chars().last();
            let mut args = self.command().get_arguments();
            let arg = args.find(|arg| arg.get_short() == last);
            self.option = arg.filter(|arg| takes_value(arg));
        } else if let Some(verb) = self.command().find_subcommand(word)
            && self.positionals.is_empty()
        {
            self.path.push(verb);
        } else {
            self.positionals.push(word.to_owned());
        }
    }

    fn request(&self, typed: &str) -> Request {
        match self.dashes {
            Some(0) => return Request::of(Wanted::Programs),
            Some(_) => return Request::of(Wanted::Files),
            None => {}
        }
        if let Some(option) = self.option {
            return self.value_of(option, typed);
        }
        if let Some((name, value)) = typed.strip_prefix("--").and_then(|it| it.split_once('=')) {
            let option = self.long(name);
            return option.map_or(Request::of(Wanted::Usual), |it| self.value_of(it, value));
        }
        if typed.starts_with('-') {
            return Request::of(Wanted::Usual);
        }
        let mut places: Vec<&Arg> = self.command().get_positionals().collect();
        places.retain(|arg| !arg.is_last_set());
        // They are defined in another order where they come from several types.
        places.sort_by_key(|arg| arg.get_index().unwrap_or(usize::MAX));
        let place = places.get(self.positionals.len()).copied();
        let last = places.last().copied().filter(|arg| {
            arg.get_num_args()
                .is_some_and(|count| count.max_values() > 1)
                || matches!(arg.get_action(), ArgAction::Append)
        });
        let arg = place.or(last);
        arg.map_or(Request::of(Wanted::Usual), |arg| self.value_of(arg, typed))
    }

    /// Returns the request for the value of an argument.
    fn value_of(&self, arg: &Arg, typed: &str) -> Request {
        let before = match arg.get_value_delimiter().or(is_list(arg).then_some(',')) {
            Some(delimiter) => typed.rfind(delimiter).map_or("", |at| &typed[..=at]),
            None => "",
        };
        Request {
            wanted: self.values_of(arg),
            before: before.to_owned(),
        }
    }

    fn values_of(&self, arg: &Arg) -> Wanted {
        let names = |of| Wanted::Names(of, None);
        let name = arg.get_value_names().and_then(|names| names.first());
        let first = self.positionals.first();
        let name_of = |place| {
            self.path
                .get(place)
                .map_or("", |it: &&Command| it.get_name())
        };
        let (of_command, verb) = (name_of(1), name_of(2));
        match (arg.get_long(), name.map_or("", |name| name.as_str())) {
            (Some("collection"), _) => names(Offered::Collection),
            (Some("store"), _) => names(Offered::Store),
            (Some("dataset"), _) => names(Offered::Dataset),
            (Some("user"), _) => names(Offered::User),
            (Some("operator"), _) => names(Offered::Operator),
            (Some("prompt"), _) => names(Offered::Prompt),
            (Some("key"), _) => {
                let is_store = |arg: &&Arg| {
                    let mut names = arg.get_value_names().into_iter().flatten();
                    names.any(|name| name.as_str() == "STORE")
                };
                let mut places = self.command().get_positionals();
                let store =
                    first.filter(|_| places.any(|arg| is_store(&arg) && !arg.is_hide_set()));
                Wanted::Names(Offered::Key, store.cloned())
            }
            (Some("fields"), _) => names(Offered::Field),
            (Some("env"), _) => {
                let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
                Wanted::These(names.map(|name| (name, String::new())).collect())
            }
            (None, "KEY") if (of_command, verb) == ("config", "unset") => names(Offered::Setting),
            (None, "KEY") if of_command == "config" => {
                let settings = KEYS.iter();
                let named = settings.map(|it| (it.key.to_owned(), it.about.to_owned()));
                Wanted::These(named.collect())
            }
            (None, "VALUE") if of_command == "config" => {
                let setting = KEYS
                    .iter()
                    .find(|setting| Some(setting.key) == first.map(|it| &**it));
                let words = setting.map_or(&[][..], |setting| setting.words()).iter();
                Wanted::These(words.map(|it| ((*it).to_owned(), String::new())).collect())
            }
            (None, "STORE") if (of_command, verb) == ("limit", "rm") => {
                names(Offered::LimitedStore)
            }
            (None, "STORE" | "OLD") => names(Offered::Store),
            (None, "KEY") => Wanted::Names(Offered::Key, first.cloned()),
            (None, "OPERATION") => names(Offered::Operation),
            (None, "COMMAND") if of_command == "help" => {
                Wanted::These(commands_of(first.map(String::as_str)))
            }
            _ if !arg.get_possible_values().is_empty() => {
                let values = arg.get_possible_values().into_iter();
                let about = |help: Option<&clap::builder::StyledStr>| {
                    help.map(ToString::to_string).unwrap_or_default()
                };
                let named = values.map(|it| (it.get_name().to_owned(), about(it.get_help())));
                Wanted::These(named.collect())
            }
            _ => match arg.get_value_hint() {
                ValueHint::Unknown | ValueHint::Other => Wanted::Usual,
                _ => Wanted::Files,
            },
        }
    }
}

/// Reports whether a word follows an option as its value.
fn takes_value(arg: &Arg) -> bool {
    arg.get_action().takes_values()
        && arg
            .get_num_args()
            .is_none_or(|count| count.min_values() > 0)
}

/// Reports whether a value is a list of names, which clap takes for one word.
fn is_list(arg: &Arg) -> bool {
    matches!(arg.get_long(), Some("fields" | "by"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(line: &str) -> (Wanted, String) {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let Request { wanted, before } = request(&words);
        (wanted, before)
    }

    #[test]
    fn each_place_of_a_line_has_its_names() {
        let store = || Wanted::Names(Offered::Store, None);
        let keys = || Wanted::Names(Offered::Key, Some("thumbs".to_owned()));
        for (line, expected) in [
            ("get ", store()),
            ("get th", store()),
            ("get thumbs ", keys()),
            ("get --user ann thumbs ", keys()),
            ("--db x.db get thumbs ", keys()),
            ("--db ", Wanted::Files),
            ("rm thumbs a b ", keys()),
            ("touch ", store()),
            ("touch thumbs ", keys()),
            ("touch thumbs a ", keys()),
            ("ls thumbs --key ", keys()),
            ("ls --key ", Wanted::Names(Offered::Key, None)),
            ("import thumbs --key ", Wanted::Names(Offered::Key, None)),
            ("ls thumbs ", store()),
            ("ls --user ", Wanted::Names(Offered::User, None)),
            ("ls --user=a", Wanted::Names(Offered::User, None)),
            ("ls --us", Wanted::Usual),
            ("ls -L ", Wanted::Usual),
            ("stores rename ", store()),
            ("stores rename a ", Wanted::Usual),
            ("limit set ", store()),
            ("limit rm ", Wanted::Names(Offered::LimitedStore, None)),
            ("config unset ", Wanted::Names(Offered::Setting, None)),
            ("undo ", Wanted::Names(Offered::Operation, None)),
            ("import ", Wanted::Files),
            ("diff a.db ", Wanted::Files),
            ("run -- ", Wanted::Programs),
            ("run --ttl 1h -- ", Wanted::Programs),
            ("run -- git ", Wanted::Files),
            ("rm thumbs -- ", Wanted::Programs),
            ("", Wanted::Usual),
            ("pr", Wanted::Usual),
        ] {
            assert_eq!(wanted(line), (expected, String::new()), "{line}");
        }
    }

    #[test]
    fn fixed_names_are_offered_where_they_are_meant() {
        for (line, name, before) in [
            ("config set ", "run.ttl", ""),
            ("config set color ", "never", ""),
            ("config set hints ", "false", ""),
            ("help ", "clear", ""),
            ("help stores ", "rename", ""),
            ("ls --sort ", "size", ""),
            ("stats --by store,", "user", "store,"),
            ("stats --by=store,us", "user", "store,"),
            ("run --env PA", "PATH", ""),
        ] {
            let (wanted, kept) = wanted(line);
            let Wanted::These(names) = wanted else {
                panic!("{line}: {wanted:?}");
            };
            assert!(names.iter().any(|(it, _)| it == name), "{line}: {names:?}");
            assert_eq!(kept, before, "{line}");
        }
        let fields = (Wanted::Names(Offered::Field, None), "key,".to_owned());
        assert_eq!(wanted("ls --fields key,si"), fields);
    }
}
