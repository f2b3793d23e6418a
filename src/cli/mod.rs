//! The command line: clap types and their help, no behaviour.
//!
//! Subcommands are `defer`red: only the requested one of twenty is built, since building all of
//! them is most of the parser's cost. The help of a command is the doc comment of its variant in
//! [`Command`], which is built before its arguments. A type of arguments has no doc comment, since
//! clap would replace the variant's text by it.

mod browse;
pub(crate) mod config;
mod diff;
mod doctor;
mod edit;
mod entries;
pub(crate) mod entry;
mod fast_parse;
pub(crate) mod filter;
mod forward;
mod help;
mod limit;
mod listing;
mod manual;
mod refusal;
mod removal;
mod run;
mod shared;
pub(crate) mod stores;
pub(crate) mod suggest;
mod top;
mod transfer;
pub(crate) mod value;
mod warm;

use std::ffi::OsString;

use clap::builder::Styles;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, Parser, Subcommand};

use crate::output::Voice;
use crate::output::paint::style;
use help::{LONG_EXAMPLES, styled_help};

pub(crate) use browse::*;
pub(crate) use config::*;
pub(crate) use diff::*;
pub(crate) use doctor::*;
pub(crate) use edit::*;
pub(crate) use entries::*;
pub(crate) use forward::*;
pub(crate) use limit::*;
pub(crate) use listing::*;
pub(crate) use manual::*;
pub(crate) use removal::*;
pub(crate) use run::*;
pub(crate) use shared::*;
pub(crate) use stores::*;
pub(crate) use top::*;
pub(crate) use transfer::*;
pub(crate) use warm::*;

/// Keeps results of slow commands and functions; inspects, explains, clears them
#[derive(Debug, Parser)]
#[command(
    name = "ecache",
    version,
    subcommand_required = true,
    arg_required_else_help = true,
    disable_help_subcommand = true,
    max_term_width = 100,
    styles = Styles::styled().error(style::BAD.bold()),
    override_help = styled_help(),
    after_long_help = LONG_EXAMPLES
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Cli {
    /// Reads the command line.
    ///
    /// # Errors
    /// Returns the text to print instead of running a command: help, the version, or an error.
    pub(crate) fn read() -> Result<Self, clap::Error> {
        let words = || std::env::args_os().skip(1);
        let cli = match fast_parse::read(words()) {
            Some(cli) => cli,
            None => Self::try_parse()
                .map_err(|error| refusal::reworded(error, &Vec::from_iter(words())))?,
        };
        match cli.command {
            Command::Help(args) => Err(match Self::unknown(&args.command) {
                Some(error) => error,
                None => Self::answer(&args.command, "--help"),
            }),
            Command::Version => Err(Self::answer(&[], "--version")),
            _ => Ok(cli),
        }
    }

    /// Returns how messages begin.
    pub(crate) fn voice(&self) -> Voice {
        Voice {
            shares_stream: matches!(self.command, Command::Run(_) | Command::Warm(_)),
            color: self.global.color.unwrap_or_default(),
        }
    }

    /// Returns the global options, if there is nothing else on the command line.
    pub(crate) fn without_command() -> Option<Global> {
        let words = std::env::args_os().chain(["info".into()]);
        let cli = Self::try_parse_from(words).ok()?;
        matches!(cli.command, Command::Info(_)).then_some(cli.global)
    }

    /// Returns the error of words that name no command and no verb, which clap would take for
    /// arguments.
    fn unknown(command: &[String]) -> Option<clap::Error> {
        let mut cli = Self::command();
        cli.build();
        let mut known = &cli;
        for word in command {
            match known.find_subcommand(word) {
                Some(found) => known = found,
                None => {
                    let mut error = clap::Error::new(ErrorKind::InvalidSubcommand);
                    let word = ContextValue::String(word.clone());
                    error.insert(ContextKind::InvalidSubcommand, word);
                    let words: Vec<OsString> = command.iter().map(OsString::from).collect();
                    return Some(refusal::reworded(error, &words));
                }
            }
        }
        None
    }

    /// Returns the text that an option asks for, which clap hands out as an error.
    fn answer(command: &[String], option: &str) -> clap::Error {
        let words = command.iter().map(String::as_str).chain([option]);
        let typed: Vec<OsString> = words.map(OsString::from).collect();
        let line = [OsString::from("ecache")].into_iter().chain(typed.clone());
        match Self::try_parse_from(line) {
            Ok(_) => Self::command().error(ErrorKind::InvalidValue, "there is no help on that"),
            Err(answer) => refusal::reworded(answer, &typed),
        }
    }

    /// Reports whether a command line that was refused is one of `run`, which has exit codes of its
    /// own for its errors, as `env` has.
    pub(crate) fn is_run(words: impl Iterator<Item = OsString>) -> bool {
        let read = Self::command()
            .ignore_errors(true)
            .try_get_matches_from(words);
        read.is_ok_and(|matches| matches.subcommand_name() == Some("run"))
    }
}

/// The commands.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub(crate) enum Command {
    /// Print the value of an entry
    ///
    /// Text, bytes and command output are printed as they are, secrets included, anything else as
    /// JSON. A miss prints nothing and exits with 1.
    Get(GetArgs),
    /// Set the value of an entry
    ///
    /// Without VALUE, or with -, the value is read from standard input.
    ///
    /// An overwritten entry keeps its policy, unless --policy or --ttl names another one. Without
    /// --ttl it never expires; with --if-value it keeps its expiry.
    Set(SetArgs),
    /// Edit the value of an entry in an editor
    ///
    /// The editor is $VISUAL, else $EDITOR, else vi. Text is edited as it is; JSON is laid out,
    /// and written back in Python's form. Type, lifetime, policy and scopes stay. `ecache
    /// undo` cannot revert an edit. If the entry was changed meanwhile, nothing is written and the
    /// exit code is 1. The edited text is never lost: if it cannot be written, or is not JSON, the
    /// message names a file that has it.
    Edit(EditArgs),
    /// Exit with 0 if there is a fresh entry, else with 1
    Has(HasArgs),
    /// Run a command, or replay what it printed before
    ///
    /// The output comes back byte for byte, with the exit code, as long as the program, its
    /// arguments, input and scopes are the same. If both streams go to the same place, their order
    /// is kept. If several processes run the same command at once, one of them runs it, and the
    /// others print its output as it arrives. If the cache fails, the command runs without it.
    ///
    /// The exit code is the command's; 128 plus the signal if a signal ended it, 127 if there is no
    /// such program, 126 if it cannot be run, and 125 if ecache refuses or cannot write its output.
    Run(RunArgs),
    /// Run a command for each line of the input, and keep the results
    ///
    /// Commands with a fresh result are skipped. The others run several at a time, with empty
    /// input and otherwise as `ecache run` with the same options would run them, and are hits for
    /// it from then on. Their output is not shown. Every {} is replaced by the item; without {} the
    /// item is the last argument. No shell is involved. With a command, --store, --dataset, --user,
    /// --operator and --prompt say where results are kept and in which scopes commands run.
    ///
    /// With --refresh and no command, recorded commands are run again: THIS RUNS WHAT THE STORE
    /// SAYS, including imported commands, so list them with --dry-run first. Each runs in the
    /// folder that is part of its key (--cwd), else in the current one. Its result is kept as long
    /// as before unless there is a --ttl; entries of policy `persist` stay. A command that cannot
    /// be repeated is skipped and listed: it read its input, one of its variables has another value
    /// now, or its arguments were not recorded. If its program or one of its files has changed, the
    /// result is a new entry, which is the one that `ecache run` looks for.
    ///
    /// Exits with 0 if all results are kept, with 1 if a command failed or time ran out, with 130
    /// after Ctrl-C; the next run resumes. A kept failure stays a failure until it expires, unless
    /// there is --no-failures.
    Warm(Box<WarmArgs>),
    /// Print the key of a call, or of a command
    ///
    /// For a call, this is the key that FiftyOne's decorator makes of the same arguments and
    /// scopes. For a command after --, it is the key that `ecache run` uses with the same options
    /// and standard input.
    Key(KeyArgs),
    /// Explain why a command or a call is a hit or a miss
    ///
    /// For a miss, says whether the result is expired, damaged, removed or in another store, finds
    /// the nearest of the latest 1000 entries of stores of that name, and says how it differs: an
    /// argument, the user, the program, a variable, a file. A command is given after --, with the
    /// options of `ecache run`. Exits with 0 for a hit, else with 1.
    Why(Box<WhyArgs>),
    /// Show an entry in full
    ///
    /// Suspected secrets in the recorded call are shown as *** unless there is --reveal; the value
    /// is shown as it is.
    Show(ShowArgs),
    /// List entries
    ///
    /// Suspected secrets in recorded calls are shown as *** unless there is --reveal.
    Ls(LsArgs),
    /// List the entries that are largest, save the most or waste the most
    ///
    /// Waste is the size of an entry times the days since it was last written or hit. With --by
    /// saved or hits, entries that have none are left out.
    Top(TopArgs),
    /// List, create, change, rename and remove stores
    ///
    /// Without a verb, lists the stores of all collections, unless some are named; a filter selects
    /// stores with such entries. A store exists as long as it has entries or metadata; its metadata
    /// is FiftyOne's `__store__` document. Verbs act on the store of that name which is linked to
    /// no dataset, or to the dataset that --dataset names.
    Stores(StoresArgs),
    /// Count entries, bytes and hits
    Stats(StatsArgs),
    /// Browse the store interactively
    ///
    /// Stores and datasets are on the left, entries in the middle, and the details of an entry
    /// below or on the right. `/` filters with the options of `ecache ls`. The space bar marks
    /// entries and `n` goes to the next marked one; `d` clears, `p` pins and `t` changes a
    /// lifetime; `u` undoes that, and `U` any operation. `e` edits a value, `r` runs a command
    /// again, `y` and `Y` copy a key and a command if the terminal lets programs copy (OSC 52). `i`
    /// shows statistics, `w` follows other processes, `?` lists all keys. Needs a terminal of at
    /// least 24 columns and 8 lines.
    Browse(BrowseArgs),
    /// Follow changes and calls live
    ///
    /// Prints a line for each entry that any process creates, updates, removes or evicts, until
    /// Ctrl-C. The store is polled: several changes of an entry between two polls are printed as
    /// one. An expired entry is shown as removed once a command removes it.
    ///
    /// Also prints a line for each call on this host: hit, stale, collapsed (it followed another
    /// call), miss, refresh, bypass or error, with the number of calls and the milliseconds saved.
    /// Cached functions report theirs once a minute. Calls are not shown if the filter has anything
    /// but store, dataset, user, operator or key.
    ///
    /// A change is printed if the filter selects the entry before or after it. Time conditions are
    /// refused, since they become true without a change.
    Watch(WatchArgs),
    /// Print where the store is, its size and its settings
    Info(InfoArgs),
    /// Remove entries by key, whatever their policy
    ///
    /// Exits with 1 if one of them does not exist.
    Rm(RmArgs),
    /// Remove the entries that a filter selects
    ///
    /// Removes only entries of policy `evict`, unless --policy says otherwise. Different conditions
    /// must all hold, of a repeated one any. If whole stores are cleared, their metadata goes too,
    /// if it has that policy. FiftyOne's running jobs and the metadata of their stores stay unless
    /// --jobs is given.
    Clear(ClearArgs),
    /// Undo an operation
    ///
    /// Without a number, takes back the latest operation that can be undone and that is not itself
    /// an undo; repeat it to take back the one before. Entries come back as they were, with their
    /// times, hits and lifetimes; a newer entry with the same key stays. Where nothing can be taken
    /// back, the reason is printed. An undo is an operation, too: undoing it removes the entries
    /// again, unless they were written since.
    ///
    /// Entries that `clear`, `rm` and `stores rm` remove are kept for a day. `prune` removes
    /// expired entries and those beyond a size for good. Exits with 1 if there is nothing to undo.
    Undo(UndoArgs),
    /// List the operations on the store
    ///
    /// Latest first, with the command and until when each can be undone; with -v, who ran it is on
    /// a second line. Suspected secrets in a command are masked before it is recorded.
    Log(LogArgs),
    /// Remove expired, old, unused or excess entries
    ///
    /// Without a limit, removes expired entries, even those that `ecache run --stale` might still
    /// serve. With several limits, an entry beyond any of them goes. Entries of policy `persist`
    /// stay until they expire, unless --policy says otherwise. The other conditions of the filter
    /// must all hold.
    ///
    /// `ecache undo` restores only what goes by age, use or --keep-last. FiftyOne's running jobs
    /// stay unless --jobs is given, and do not count towards a limit.
    Prune(PruneArgs),
    /// Change the lifetime or the policy of entries
    ///
    /// A lifetime sets policy `evict`; policy `persist` removes the lifetime. Without --expired,
    /// expired entries stay as they are. Since --policy is the new policy, --if-policy selects by
    /// the current one. Exits with 1 if a named key does not exist.
    Touch(TouchArgs),
    /// Limit the size or the number of entries
    ///
    /// A write that exceeds a limit evicts entries of its scope in the same transaction: expired
    /// and removed ones first, then, of a random sample, those that save the least for their size,
    /// by their hits, their cost and the time since their last use. Entries of policy `persist`
    /// stay, and so do those of a narrower limit that is not exceeded. If nothing may be evicted,
    /// `run` and functions do not keep the result, and `set` and `import` are refused.
    ///
    /// Limits are kept in the store, and every program that writes to it obeys them. Setting or
    /// removing one is an operation, which `undo` takes back. Databases keep no limits; use `ecache
    /// prune` there.
    Limit(LimitArgs),
    /// Write entries as JSON lines, for `ecache import`
    ///
    /// The order of the lines is not fixed and may change when a removal is undone: sort two
    /// exports before comparing them.
    ///
    /// Nothing is masked: arguments are written with the secrets that `ecache ls` hides.
    Export(ExportArgs),
    /// Read entries from JSON lines, Extended JSON or a mongodump
    ///
    /// The format is detected from the content: JSON lines of `ecache export`, or Extended JSON of
    /// mongoexport, or BSON of mongodump. A filter selects some of the entries. JSON lines stay in
    /// their collection; documents of MongoDB, which do not name theirs, go to that of
    /// --collection.
    ///
    /// A document that cannot be kept unchanged, such as one with an unknown field, is skipped and
    /// named, and the exit code is 3. A truncated file is refused as a whole.
    Import(ImportArgs),
    /// Copy entries from one store, database or file to another
    ///
    /// FROM is a store, a database, or a file that `ecache import` reads; TO is a store, a
    /// database, or a file of JSON lines if its name ends in .jsonl. - is standard input or output,
    /// @ the store of --db or $ECACHE_DB. Entries are copied unchanged, in batches: to resume an
    /// interrupted copy, run it again.
    Copy(CopyArgs),
    /// Compare the entries of two stores
    ///
    /// FROM and TO are files or databases; @ is the store of --db or $ECACHE_DB. Prints a line for
    /// each entry that is only in TO (added), only in FROM (removed), or in both and differs
    /// (changed); `differs` lists what: the value, its kind, the policy, a scope, the function or
    /// the arguments. Times, hits, costs and the metadata of stores are not compared.
    ///
    /// Exits with 0 if nothing differs, with 1 if something does, and with more if they cannot be
    /// compared. A damaged entry is named, and the exit code is 4.
    Diff(DiffArgs),
    /// Find problems in a store, and the commands that fix them
    ///
    /// Checks every entry that the filter selects, in all collections unless --collection names
    /// some. With conditions on entries, shared-stores and old-versions are not checked. Exits with
    /// 1 if it finds a problem; `info` findings do not count.
    ///
    /// damaged: the entry differs from the one written. structure: pages or indexes of the file are
    /// damaged. unreadable: FiftyOne's decorator raises on the value at every hit. orphaned: the
    /// dataset was deleted. expired: expired, and still there. endless-prompts, endless-users: made
    /// in a prompt or for a user, without expiry. shared-stores: several functions use one store.
    /// old-versions: a newer version uses another store. near-limit: nearly too large for MongoDB.
    /// thrashing: a limit evicts results that are computed again. limit-counts: a limit counts
    /// something else than its entries.
    ///
    /// For information, and never a reason to fail: growth: what was written within a day.
    /// running-jobs: FiftyOne's. abandoned: large values of killed writers, or in MongoDB what
    /// ecache knew of entries that are gone.
    ///
    /// In MongoDB only: persist-expiry: of policy `persist`, but to be removed at an expiry.
    /// missing-indexes: FiftyOne's indexes are missing; a fix makes them. foreign: another program
    /// wrote something that `export` and `copy` leave out, which is not a problem.
    Doctor(DoctorArgs),
    /// List, read and change settings
    ///
    /// The first of these wins: an option, a variable, then the settings file, then the default.
    /// Settings of `run` apply to all stores, as in run.ttl, or to stores whose names match a
    /// pattern, as in stores.git*.ttl; the most specific pattern wins. Options that are part of a
    /// key have no setting.
    Config(ConfigArgs),
    /// Print a shell's completion script
    ///
    /// In bash, zsh and fish it also completes the names of stores, datasets, users, operators and
    /// prompts.
    Completions(CompletionsArgs),
    /// Write the manual pages to a folder
    Man(ManArgs),
    /// Print the help of a command, or of all
    Help(HelpArgs),
    /// Print the version
    #[command(after_help = "\
Examples:
  ecache version")]
    Version,
    /// Print the names that completion scripts offer, and nothing on any problem
    #[command(hide = true)]
    Names(NamesArgs),
    /// Pass on what processes print that a command of `run` left running
    #[command(hide = true)]
    Forward(ForwardArgs),
}

#[cfg(test)]
mod tests {
    use super::help::HELP;
    use super::*;

    #[test]
    fn the_help_has_all_commands_and_fits_a_terminal() {
        let words: Vec<&str> = HELP.split(|c: char| !c.is_alphanumeric()).collect();
        for command in Cli::command().get_subcommands() {
            let name = command.get_name();
            let is_shown = words.contains(&name);
            assert!(
                is_shown || command.is_hide_set(),
                "{name} is in no group of HELP"
            );
        }
        assert!(HELP.lines().all(|line| line.len() <= 80));
    }
}
