//! The address of one entry: its key, or the arguments of the call that made it, and its scopes.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::{NonEmptyStringValueParser, OsStringValueParser, TypedValueParser as _};
use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches, ValueEnum};
use ecache_core::key::parse_arguments;
use ecache_core::python_json::Json;

use crate::units::{Lifetime, parse_lifetime};

/// The arguments of a call, in the order in which they were typed.
#[derive(Clone, Debug, Default)]
pub(crate) struct CallArgs(pub(crate) Option<Vec<Json>>);

const TEXT: &str = "argument";
const JSON: &str = "json-argument";
const ALL: &str = "args";

impl Args for CallArgs {
    fn augment_args(command: Command) -> Command {
        command
            .arg(
                Arg::new(TEXT)
                    .short('a')
                    .long("arg")
                    .value_name("TEXT")
                    .action(ArgAction::Append)
                    .allow_hyphen_values(true)
                    .help("Name the entry by the call's next argument, a string"),
            )
            .arg(
                Arg::new(JSON)
                    .short('j')
                    .long("json-arg")
                    .value_name("JSON")
                    .action(ArgAction::Append)
                    .allow_hyphen_values(true)
                    .help("Name the entry by the call's next argument, as JSON"),
            )
            .arg(
                Arg::new(ALL)
                    .long("args")
                    .value_name("JSON_ARRAY")
                    .conflicts_with_all([TEXT, JSON])
                    .help("Name the entry by all arguments of the call"),
            )
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for CallArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        if let Some(array) = matches.get_one::<String>(ALL) {
            let arguments = parse_arguments(array.as_bytes());
            return arguments
                .map(|arguments| Self(Some(arguments)))
                .map_err(|error| invalid("--args", array, &error));
        }
        let mut arguments = Vec::new();
        for (index, text) in indexed(matches, TEXT) {
            arguments.push((index, Json::String(text.as_str().into())));
        }
        for (index, text) in indexed(matches, JSON) {
            let value = Json::parse(text.as_bytes())
                .map_err(|error| invalid("--json-arg", text, &error))?;
            arguments.push((index, value));
        }
        arguments.sort_by_key(|(index, _)| *index);
        let arguments: Vec<Json> = arguments.into_iter().map(|(_, value)| value).collect();
        Ok(Self((!arguments.is_empty()).then_some(arguments)))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

fn indexed<'a>(matches: &'a ArgMatches, id: &str) -> impl Iterator<Item = (usize, &'a String)> {
    let indices = matches.indices_of(id).into_iter().flatten();
    let values = matches.get_many::<String>(id).into_iter().flatten();
    indices.zip(values)
}

fn invalid(flag: &str, text: &str, error: &dyn std::fmt::Display) -> clap::Error {
    let message = format!("{flag} cannot be {text:?}: {error}; quote a string: '\"text\"'");
    clap::Error::raw(ErrorKind::ValueValidation, message)
}

// The scopes of one entry.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Scope")]
pub(crate) struct ScopeArgs {
    /// The dataset's id, or in FiftyOne's database its name
    #[arg(long, value_name = "ID")]
    pub(crate) dataset: Option<String>,
    /// The user's id
    #[arg(long, value_name = "ID")]
    pub(crate) user: Option<String>,
    /// The operator, as in @acme/stats/dashboard
    #[arg(long, value_name = "URI")]
    pub(crate) operator: Option<String>,
    /// The operator prompt
    #[arg(long, value_name = "ID")]
    pub(crate) prompt: Option<String>,
    /// The file that holds the user's request token (a JWT)
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub(crate) jwt_file: Option<PathBuf>,
}

// The inputs of a command beside its arguments, the program and standard input.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Key")]
pub(crate) struct SurroundingsArgs {
    /// Tell runs in different folders apart
    #[arg(long, alias = "use-working-dir")]
    pub(crate) cwd: bool,
    /// Tell runs with different values of this variable apart
    ///
    /// May be repeated.
    #[arg(long, value_name = "NAME", alias = "use-environment", value_parser = variable_name)]
    pub(crate) env: Vec<String>,
    /// Tell runs apart by the content of this file or folder
    ///
    /// A quoted pattern, as in `src/**/*.rs`, means all files that match. May be repeated.
    #[arg(long, value_name = "PATH", value_hint = clap::ValueHint::AnyPath,
          value_parser = OsStringValueParser::new().try_map(not_empty))]
    pub(crate) file: Vec<OsString>,
    /// Tell runs apart by the modification time of this file, as bkt does; may be repeated
    #[arg(long, value_name = "PATH", alias = "use-file-modtime", hide_short_help = true,
          value_hint = clap::ValueHint::AnyPath)]
    pub(crate) modtime: Vec<PathBuf>,
    /// Tell runs apart by this name, as bkt does
    #[arg(long = "scope", value_name = "NAME", hide_short_help = true,
          value_parser = NonEmptyStringValueParser::new())]
    pub(crate) name: Option<String>,
}

/// Reads the name of a variable, whose value is that of this process.
pub(super) fn variable_name(text: &str) -> Result<String, String> {
    match text.split_once('=') {
        _ if text.is_empty() => Err("it is empty; write the name of a variable".to_owned()),
        Some((name, _)) => Err(format!(
            "it takes a name alone, and the value is that of the environment: \
             {text} ecache ... --env {name}"
        )),
        None => Ok(text.to_owned()),
    }
}

fn not_empty(path: OsString) -> Result<OsString, &'static str> {
    if path.is_empty() {
        Err("it is empty; write the path of a file or folder")
    } else {
        Ok(path)
    }
}

// The inputs of a command beside its arguments and the program.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Key")]
pub(crate) struct IdentityArgs {
    #[command(flatten)]
    pub(crate) surroundings: SurroundingsArgs,
    /// Say what standard input means: auto, hash, ignore or none
    ///
    /// By default runs are told apart by what the command reads of it.
    #[arg(
        long,
        value_enum,
        value_name = "HOW",
        default_value_t,
        hide_default_value = true,
        hide_possible_values = true
    )]
    pub(crate) stdin: StdinChoice,
}

/// Handling of a command's standard input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum StdinChoice {
    /// Leave it to the command, and tell runs apart by what it reads
    #[default]
    Auto,
    /// Read it to its end before anything runs, and tell runs apart by all of it
    Hash,
    /// Leave it to the command, and do not tell runs apart by it
    Ignore,
    /// Give the command /dev/null: it reads nothing, whatever standard input is
    None,
}

// The command whose result is meant, for verbs that run nothing.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct CommandArgs {
    /// The command whose result is meant, with the options of `ecache run` that are part of its key
    #[arg(value_name = "COMMAND", last = true, value_hint = clap::ValueHint::CommandWithArguments,
          conflicts_with_all = [TEXT, JSON, ALL])]
    pub(crate) command: Vec<OsString>,
    /// The command's results are in this store [default: the program's name]
    #[arg(long = "store", value_name = "NAME", requires = "command")]
    pub(crate) command_store: Option<String>,
    /// The command's results are kept apart from other versions: in the store NAME#vN
    #[arg(long, value_name = "N", requires = "command")]
    pub(crate) version: Option<String>,
    /// Mean what `run` keeps with this --ttl, if it is `boot` or `session`
    #[arg(long, value_name = "DURATION", value_parser = parse_lifetime, hide_short_help = true)]
    pub(crate) ttl: Option<Lifetime>,
    #[command(flatten)]
    pub(crate) identity: IdentityArgs,
}

impl CommandArgs {
    /// Returns an option that was typed and means something for a command alone.
    pub(crate) fn option(&self) -> Option<&'static str> {
        let SurroundingsArgs {
            cwd,
            env,
            file,
            modtime,
            name,
        } = &self.identity.surroundings;
        let options = [
            (self.command_store.is_some(), "--store"),
            (self.version.is_some(), "--version"),
            (self.ttl.is_some(), "--ttl"),
            (*cwd, "--cwd"),
            (!env.is_empty(), "--env"),
            (!file.is_empty(), "--file"),
            (!modtime.is_empty(), "--modtime"),
            (name.is_some(), "--scope"),
            (self.identity.stdin != StdinChoice::Auto, "--stdin"),
        ];
        let typed = options.into_iter().find(|(is_typed, _)| *is_typed);
        typed.map(|(_, option)| option)
    }
}

// One entry: its store, and its key or the arguments of its call.
#[derive(Clone, Debug, Args)]
pub(crate) struct EntryArgs {
    /// The store's name
    #[arg(value_name = "STORE")]
    pub(crate) store: Option<String>,
    /// The entry's key, behind -- if it begins with -
    #[arg(value_name = "KEY", conflicts_with_all = [TEXT, JSON, ALL])]
    pub(crate) key: Option<String>,
    #[command(flatten)]
    pub(crate) call: CallArgs,
    #[command(flatten)]
    pub(crate) scope: ScopeArgs,
}
