//! One file per command: `run(context, args)` reads from top to bottom and says how it ended.

mod browse;
mod clear;
mod completions;
mod config;
mod copy;
mod diff;
mod doctor;
mod edit;
mod export;
mod forward;
mod get;
mod has;
mod import;
mod info;
mod key;
mod limit;
mod log;
mod ls;
mod man;
mod names;
mod prune;
mod rm;
mod run;
mod set;
mod shared;
mod show;
mod stats;
mod stores;
mod top;
mod touch;
mod undo;
mod warm;
mod watch;
pub(crate) mod welcome;
mod why;

use anyhow::Result;

use crate::cli::Command;
use crate::context::Context;
use crate::error::Exit;

/// Runs a command.
pub(crate) fn run(context: &Context, command: Command) -> Result<Exit> {
    let is_long = matches!(command, Command::Ls(_) | Command::Show(_) | Command::Log(_));
    let pager = is_long.then(|| context.pager()).flatten();
    // Their error output is that of another command, or of a shell's completion.
    let is_silent = matches!(
        command,
        Command::Run(_) | Command::Warm(_) | Command::Names(_)
    );
    let ended = run_one(context, command);
    if !is_silent {
        context.warn_of_exposed_password();
    }
    context.tip_now();
    drop(pager);
    ended
}

fn run_one(context: &Context, command: Command) -> Result<Exit> {
    match command {
        Command::Get(args) => get::run(context, args),
        Command::Set(args) => set::run(context, args),
        Command::Run(args) => run::run(context, args),
        Command::Warm(args) => warm::run(context, *args),
        Command::Edit(args) => edit::run(context, args),
        Command::Has(args) => has::run(context, args),
        Command::Key(args) => key::run(context, args),
        Command::Why(args) => why::run(context, *args),
        Command::Show(args) => show::run(context, args),
        Command::Ls(args) => ls::run(context, args),
        Command::Top(args) => top::run(context, args),
        Command::Stores(args) => stores::run(context, args),
        Command::Stats(args) => stats::run(context, args),
        Command::Browse(args) => browse::run(context, args),
        Command::Watch(args) => watch::run(context, args),
        Command::Info(args) => info::run(context, args),
        Command::Rm(args) => rm::run(context, args),
        Command::Clear(args) => clear::run(context, args),
        Command::Prune(args) => prune::run(context, args),
        Command::Undo(args) => undo::run(context, args),
        Command::Log(args) => log::run(context, args),
        Command::Touch(args) => touch::run(context, args),
        Command::Limit(args) => limit::run(context, args),
        Command::Export(args) => export::run(context, args),
        Command::Import(args) => import::run(context, args),
        Command::Copy(args) => copy::run(context, args),
        Command::Diff(args) => diff::run(context, args),
        Command::Doctor(args) => doctor::run(context, args),
        Command::Config(args) => config::run(context, args),
        Command::Completions(args) => completions::run(args),
        Command::Man(args) => man::run(context, args),
        // Their texts were printed in the place of a command.
        Command::Help(_) | Command::Version => Ok(Exit::Done),
        Command::Names(args) => names::run(context, args),
        Command::Forward(args) => forward::run(context, args),
    }
}
