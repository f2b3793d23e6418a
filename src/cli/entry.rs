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
                    .help("Find by the call's next argument, a string"),
            )
            .arg(
                Arg::new(JSON)
                    .short('j')
                    .long("json-arg")
                    .value_name("JSON")
                    .action(ArgAction::Append)
                    .allow_hyphen_values(true)
                    .help("Find by the call's next argument, as JSON"),
            )
            .arg(
                Arg::new(ALL)
                    .long("args")
                    .value_name("JSON_ARRAY")
                    .conflicts_with_all([TEXT, JSON])
                    .help("Find by all arguments of the call, a JSON array"),
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
pub(crate) struct ScopeArgs {
    /// The dataset's id, or in FiftyOne's database its name
    #[arg(help_heading = "Scope", long, value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) dataset: Option<String>,
    /// The user's id
    #[arg(help_heading = "Scope", long, value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) user: Option<String>,
    /// The operator, as in @acme/stats/dashboard
    #[arg(
        help_heading = "Scope",
        hide_short_help = true,
        long,
        value_name = "URI",
        value_parser = NonEmptyStringValueParser::new()
    )]
    pub(crate) operator: Option<String>,
    /// The operator prompt
    #[arg(
        hide_short_help = true,
        help_heading = "Scope",
        long,
        value_name = "ID",
        value_parser = NonEmptyStringValueParser::new()
    )]
    pub(crate) prompt: Option<String>,
    /// The file that holds the user's request token (a JWT)
    #[arg(hide_short_help = true, help_heading = "Scope", long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub(crate) jwt_file: Option<PathBuf>,
}

// The inputs of a command beside its arguments, the program and standard input.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct SurroundingsArgs {
    /// Include the folder in the key
    #[arg(help_heading = "Key", long, alias = "use-working-dir")]
    pub(crate) cwd: bool,
    #[arg(help = "Include the value of this variable in the key", long_help = "Include the value of this variable in the key; may be repeated", help_heading = "Key", long, value_name = "NAME", alias = "use-environment", value_parser = variable_name)]
    pub(crate) env: Vec<String>,
    #[arg(help = "Include the content of this file or folder in the key", long_help = "Include the content of this file or folder in the key; may be repeated\n\nA quoted pattern, as in `src/**/*.rs`, means all files that match.", help_heading = "Key", long, value_name = "PATH", value_hint = clap::ValueHint::AnyPath,
          value_parser = OsStringValueParser::new().try_map(not_empty))]
    pub(crate) file: Vec<OsString>,
    /// Include the modification time of this file in the key, as bkt does; may be repeated
    #[arg(help_heading = "Key", long, value_name = "PATH", alias = "use-file-modtime", hide_short_help = true,
          value_hint = clap::ValueHint::AnyPath)]
    pub(crate) modtime: Vec<PathBuf>,
    /// Include this name in the key, as bkt does
    #[arg(help_heading = "Key", long = "scope", value_name = "NAME", hide_short_help = true,
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
        None if text.contains(['*', '?', '[']) => {
            Err("a pattern is not expanded; write each name: --env LANG --env LC_ALL".to_owned())
        }
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
pub(crate) struct IdentityArgs {
    #[command(flatten)]
    pub(crate) surroundings: SurroundingsArgs,
    /// Treat standard input this way: auto, hash, ignore or none
    ///
    /// By default the part that the command reads is included in the key.
    #[arg(
        help_heading = "Key",
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
    /// Pass it to the command, and include what the command reads in the key
    #[default]
    Auto,
    /// Read it to its end before anything runs, and include all of it in the key
    Hash,
    /// Pass it to the command, and leave it out of the key
    Ignore,
    /// Give the command /dev/null as its input
    None,
}

// The command whose result is meant, for verbs that run nothing.
#[derive(Clone, Debug, Default, Args)]
#[command(mut_args(only_in_long_help))]
pub(crate) struct CommandArgs {
    /// The command, with the options of `ecache run` that are part of its key
    #[arg(value_name = "COMMAND", last = true, value_hint = clap::ValueHint::CommandWithArguments,
          conflicts_with_all = [TEXT, JSON, ALL])]
    pub(crate) command: Vec<OsString>,
    /// Look in this store for the command's result [default: the program's name]
    #[arg(long = "store", help_heading = "Key", value_name = "NAME")]
    pub(crate) command_store: Option<String>,
    /// Look for the result of this version, in the store NAME#vN
    #[arg(long, help_heading = "Key", hide_short_help = true, value_name = "N")]
    pub(crate) version: Option<String>,
    /// Look for the result that `run` keeps with --ttl boot or session
    #[arg(long, help_heading = "Key", value_name = "DURATION", value_parser = parse_lifetime, hide_short_help = true)]
    pub(crate) ttl: Option<Lifetime>,
    #[command(flatten)]
    pub(crate) identity: IdentityArgs,
}

/// Hides in the short help the options of `ecache run` that the help of the command refers to.
pub(super) fn only_in_long_help(argument: Arg) -> Arg {
    match argument.get_id().as_str() {
        "command" | "command_store" | "cwd" | "env" | "file" | "stdin" => {
            argument.hide_short_help(true)
        }
        _ => argument,
    }
}

impl CommandArgs {
    /// Returns an option that was typed and means something for a command alone.
    pub(crate) fn option(&self) -> Option<&'static str> {
        first_typed([
            (self.command_store.is_some(), "--store"),
            (self.version.is_some(), "--version"),
            (self.ttl.is_some(), "--ttl"),
        ])
        .or_else(|| self.identity.option())
    }
}

impl IdentityArgs {
    /// Returns an option that was typed.
    pub(crate) fn option(&self) -> Option<&'static str> {
        let stdin = first_typed([(self.stdin != StdinChoice::Auto, "--stdin")]);
        self.surroundings.option().or(stdin)
    }
}

impl SurroundingsArgs {
    /// Returns an option that was typed.
    pub(crate) fn option(&self) -> Option<&'static str> {
        let Self {
            cwd,
            env,
            file,
            modtime,
            name,
        } = self;
        first_typed([
            (*cwd, "--cwd"),
            (!env.is_empty(), "--env"),
            (!file.is_empty(), "--file"),
            (!modtime.is_empty(), "--modtime"),
            (name.is_some(), "--scope"),
        ])
    }
}

/// Returns the first of some options that was typed.
pub(super) fn first_typed<const N: usize>(
    options: [(bool, &'static str); N],
) -> Option<&'static str> {
    let typed = options.into_iter().find(|(is_typed, _)| *is_typed);
    typed.map(|(_, option)| option)
}

// One entry: its store, and its key or the arguments of its call.
#[derive(Clone, Debug, Args)]
pub(crate) struct EntryArgs {
    /// The store's name
    #[arg(value_name = "STORE")]
    pub(crate) store: Option<String>,
    /// The entry's key, after -- if it begins with -
    #[arg(value_name = "KEY", conflicts_with_all = [TEXT, JSON, ALL])]
    pub(crate) key: Option<String>,
    #[command(flatten)]
    pub(crate) call: CallArgs,
    #[command(flatten)]
    pub(crate) scope: ScopeArgs,
}
