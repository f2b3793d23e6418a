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

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, Subcommand};

use crate::output::Voice;
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

/// Remembers what slow commands and functions returned, and shows and clears it
#[derive(Debug, Parser)]
#[command(
    name = "ecache",
    version,
    subcommand_required = true,
    arg_required_else_help = true,
    disable_help_subcommand = true,
    max_term_width = 100,
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
            Command::Help(args) => Err(Self::answer(&args.command, "--help")),
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

    /// Returns the global options of a command line without any.
    pub(crate) fn defaults() -> Global {
        let cli = Self::try_parse_from(["ecache", "info"]);
        cli.expect("`info` needs no arguments").global
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
    /// An entry that is overwritten keeps its policy unless --policy or --ttl names another one.
    /// Its lifetime is renewed: it never expires unless --ttl says otherwise. With --if-value it
    /// keeps its expiry, too.
    Set(SetArgs),
    /// Edit the value of an entry in an editor
    ///
    /// The editor is $VISUAL, else $EDITOR, else vi. Text is edited as it is; JSON in Python's form
    /// is laid out, and written in that form again. Type, lifetime, policy and scopes stay. It is
    /// no operation: `ecache undo` does not take it back. If the entry was changed meanwhile,
    /// nothing is written and the exit code is 1. The edited text is never lost: if it cannot be
    /// written, or is not JSON, the message names a file that has it.
    Edit(EditArgs),
    /// Exit with 0 if there is a fresh entry, else with 1
    Has(HasArgs),
    /// Run a command, or print what it printed the last time
    ///
    /// The output comes back byte for byte, with the exit code, as long as the program, its
    /// arguments, input and scopes are the same; if both streams go to one place, in the order in
    /// which it was written. If several processes run the same command at once, one of them runs
    /// it, and the others print its output as it comes. If the cache fails, the command is run.
    ///
    /// The exit code is the command's; 128 and the signal if a signal ended it, 127 if there is no
    /// such program, 126 if it cannot be run, and 125 if ecache refuses, or cannot write its
    /// output.
    Run(RunArgs),
    /// Run a command for each line of the input, and keep what each prints
    ///
    /// Commands with a fresh result are not run. The others run several at a time, as `ecache run`
    /// with the same options would run them with nothing to read, and are hits for it from then on.
    /// Their output is not shown. The item takes the place of {} wherever it stands, or is the last
    /// argument; no shell is involved. With a command, --store, --dataset, --user, --operator and
    /// --prompt say where results are kept and in which scopes commands run.
    ///
    /// With --refresh and no command, commands that were recorded are run again, as they were: THIS
    /// RUNS WHAT THE STORE SAYS, including commands that were imported, so list them with
    /// --dry-run first. Each is run in the folder that it was recorded in if that was a part of it
    /// (--cwd), else in the current one, and kept as long as before unless there is a --ttl;
    /// entries of policy `persist` stay. A command that cannot be run as it was is left out and
    /// listed: it read its input, a variable of it has another value now, its arguments were not
    /// recorded. If its program or a file that it reads has changed, its result is a new entry,
    /// which is the one that `ecache run` looks for.
    ///
    /// Exits with 0 if all is kept now, with 1 if something failed or time was over, with 130 after
    /// Ctrl-C; the next run goes on where it stopped. A failure that is kept is a failure
    /// until it expires, unless --no-failures.
    Warm(Box<WarmArgs>),
    /// Print the key of a call, or of a command
    ///
    /// The key is the one that FiftyOne's decorator makes of the same arguments and scopes. That of
    /// a command after -- is the one that `ecache run` with the same options uses; standard input
    /// is part of it there, too.
    Key(KeyArgs),
    /// Say why a command or a call is a hit or a miss
    ///
    /// For a miss, says whether its result is expired, damaged or in another store, finds the
    /// nearest of the latest 1000 entries of stores of that name, and says how it differs: an
    /// argument, the user, the program, a variable, a file. A result that was removed leaves
    /// nothing to be found. A command is given after --, with the options of `ecache run`. Exits
    /// with 0 if it is a hit, else with 1.
    Why(Box<WhyArgs>),
    /// Print all that is known of an entry
    ///
    /// Suspected secrets in the recorded call are shown as ***, unless there is --reveal; the value
    /// is shown as it is.
    Show(ShowArgs),
    /// List entries
    ///
    /// Suspected secrets in recorded calls are shown as ***, unless there is --reveal.
    Ls(LsArgs),
    /// List the entries that are largest, save the most or waste the most
    ///
    /// Waste is the size of an entry times the days since it was last written or hit. Entries that
    /// saved nothing, or were never hit, are left out where that is the order.
    Top(TopArgs),
    /// List, create, change, rename and remove stores
    ///
    /// Without a verb, lists them: those of all collections, unless some are named, and with a
    /// filter on entries those that have such entries. A store exists as long as it has entries or
    /// metadata; its metadata is FiftyOne's `__store__` document. Verbs work on the store of one
    /// name that is linked to no dataset, or to the one that --dataset names.
    Stores(StoresArgs),
    /// Count entries, bytes and hits
    Stats(StatsArgs),
    /// Look around in the store, interactively
    ///
    /// Stores and datasets are on the left, entries in the middle, and what is known of an entry
    /// below or on the right. `/` filters by the words of `ecache ls`; entries are marked with the
    /// space bar and found again with `n`, cleared with `d`, pinned with `p` and given another
    /// lifetime with `t`; `u` takes that back, and `U` any operation. `e` edits a value, `r` runs a
    /// command again, `y` and `Y` copy a key and a command, where the terminal lets programs copy
    /// (OSC 52). `i` shows figures, `w` follows other processes, `?` lists all keys. Needs a
    /// terminal of 24 columns and 8 lines or more.
    Browse(BrowseArgs),
    /// Print what becomes of entries, and calls, as they happen
    ///
    /// A line for each entry that is created, updated, removed or evicted, by any process, until
    /// Ctrl-C. The store is looked at every so often: several changes of an entry between two looks
    /// are one. An expired entry is shown as removed once a command removes it.
    ///
    /// And a line for each call of this host: hit, stale, collapsed (it followed another call),
    /// miss, refresh, bypass or error, with the number of calls and the milliseconds saved. Cached
    /// functions report theirs once a minute. With a filter by anything but store, dataset, user,
    /// operator or key, calls are not shown.
    ///
    /// A change is printed if the filter selects the entry before or after it. Conditions on times
    /// come to be true without any change, and are refused.
    Watch(WatchArgs),
    /// Print where the store is, its size and its settings
    Info(InfoArgs),
    /// Remove entries by key, whatever their policy
    ///
    /// Exits with 1 if one of them was not there.
    Rm(RmArgs),
    /// Remove the entries that a filter selects
    ///
    /// Only entries of policy `evict`, unless --policy says otherwise. Different conditions must
    /// all hold, of a repeated one any. Where whole stores are cleared, their metadata goes too, if
    /// it is of that policy. FiftyOne's running jobs stay, and the metadata of their stores, unless
    /// --jobs is given.
    Clear(ClearArgs),
    /// Take back a removal
    ///
    /// Without a number, the latest operation that can be undone and is no undo itself; doing it
    /// again takes back the one before. Entries come back as they were, with their times, hits and
    /// lifetimes; where a newer entry has the same key, that one stays. An undo is an operation
    /// too: undoing it removes the entries again, unless they were written since.
    ///
    /// Removals of `clear`, `rm` and `stores rm` are kept for a day. Expired entries and those
    /// beyond a limit of `prune` go for good. Exits with 1 if there is nothing to undo.
    Undo(UndoArgs),
    /// List what was done to the store
    ///
    /// Latest first: each removal, by whom and with which command, and until when it can be undone.
    /// Suspected secrets in a command are masked before it is recorded.
    Log(LogArgs),
    /// Remove expired, old, unused or excess entries
    ///
    /// Without a limit: expired entries, even those that `ecache run --stale` might still print.
    /// With several limits, an entry beyond any of them goes. Entries of policy `persist` stay
    /// until they expire, unless --policy says otherwise. The other conditions of the filter must
    /// all hold.
    /// `ecache undo` brings back what goes by age, use or --keep-last, and nothing else.
    /// FiftyOne's running jobs stay unless --jobs is given, and do not count towards a limit.
    Prune(PruneArgs),
    /// Change the lifetime or the policy of entries
    ///
    /// Exits with 1 if a key that is named is not there.
    ///
    /// A lifetime makes an entry one of policy `evict`; policy `persist` takes its lifetime away.
    /// Without --expired, expired entries stay as they are. Since --policy is the new policy,
    /// --if-policy selects by the present one.
    Touch(TouchArgs),
    /// Bound the size or the number of entries
    ///
    /// A write that exceeds a limit evicts entries of its scope, in the same transaction, until it
    /// holds: of a random sample those that save least for their size, by their hits, their cost
    /// and how long they have not been used; expired and removed ones first. Entries of policy
    /// `persist` stay, and so do those of a narrower limit that is not exceeded. Where nothing may
    /// be evicted, `run` and functions do not keep a result, and `set` and `import` are refused.
    ///
    /// Limits are kept in the store: every program that writes to it obeys. Setting or removing one
    /// is an operation, which `undo` takes back. Databases keep none; there, see `ecache prune`.
    Limit(LimitArgs),
    /// Write entries as JSON lines, for `ecache import`
    ///
    /// The order of the lines is not fixed, and may be another one after a removal that was undone:
    /// sort the lines of two exports before comparing them.
    ///
    /// Entries are written as they are: also what looks like a secret in their arguments, which
    /// `ecache ls` masks.
    Export(ExportArgs),
    /// Read entries from JSON lines, Extended JSON or a mongodump
    ///
    /// The content tells which of them a file is. JSON lines are those of `ecache export`,
    /// Extended JSON is the output of mongoexport. A filter selects some of the entries. JSON lines
    /// stay in their collection; documents of MongoDB, which do not name theirs, go to the one that
    /// --collection names.
    ///
    /// A document that cannot be kept as it is written, such as one with an unknown field, is left
    /// out and named, and the exit code is 3. A file that is cut off is refused as a whole.
    Import(ImportArgs),
    /// Copy entries from one store, database or file to another
    ///
    /// FROM is a store, a database, or a file that `ecache import` reads; TO is a store, a
    /// database, or a file of JSON lines if its name ends in .jsonl. - is standard input or output,
    /// @ the store of --db or $ECACHE_DB. Entries are copied as they are, in batches: a copy that
    /// was stopped is run again, and goes on.
    Copy(CopyArgs),
    /// Compare the entries of two stores
    ///
    /// FROM and TO are files or databases; @ is the store of --db or $ECACHE_DB. Prints a line for
    /// each entry that is in TO alone (added), in FROM alone (removed), or differs (changed) by
    /// what `differs` lists: the value, its kind, the policy, a scope, the function or the
    /// arguments. When an entry was written, hit or will expire, and its cost, are not compared,
    /// nor are the documents of stores.
    ///
    /// Exits with 0 if nothing differs, with 1 if something does, and with more where they cannot
    /// be compared. An entry that is damaged on one side is named, and the exit code is 4.
    Diff(DiffArgs),
    /// Find what is wrong with the entries of a store, and the command that fixes it
    ///
    /// Looks at every entry that the filter selects, of every collection unless some are named with
    /// --collection. With conditions on entries, shared-stores and old-versions are not checked.
    /// Exits with 1 if it finds anything.
    ///
    /// damaged: the entry differs from the one written. structure: pages or indexes of the file are
    /// damaged. unreadable: FiftyOne's decorator raises on the value at every hit. orphaned: the
    /// dataset was deleted. expired: expired, and still there. endless-prompts, endless-users: made
    /// in a prompt or for a user, without expiry. shared-stores: several functions use one store.
    /// old-versions: a newer version uses another store. near-limit: nearly too large for MongoDB.
    /// In MongoDB alone: persist-expiry: of policy `persist`, but to be removed at an expiry.
    /// missing-indexes: FiftyOne's are not there. foreign: another program wrote something that
    /// `export` and `copy` leave out, which is no fault.
    Doctor(DoctorArgs),
    /// List, read and change settings
    ///
    /// An option wins over a variable, that over the file of settings, that over the default. The
    /// settings of `run` are those of all stores, or of those whose names match a pattern:
    /// run.ttl, and stores.git*.ttl. Options that are part of a key have no setting.
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
    /// Print the names that completion scripts offer, and nothing where there is any trouble
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
