//! Makes the identity of a command from the words after `--` and the options.

use std::borrow::Cow;
use std::ffi::OsString;
use std::mem;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use ecache_core::backend::{Backend, Lookup};
use ecache_core::command::{
    Call, Identity, Input, OPEN_INPUT, Program, Settings, Settled, unkeyed_input,
};
use ecache_core::scope::{Scopes, StoreAddress};

use super::identity::{find, identity};
use super::settings::lifetime;
use super::stdin::{Unkeyed, read};
use crate::cli::entry::{CommandArgs, EntryArgs, IdentityArgs, ScopeArgs, StdinChoice};
use crate::cli::filter::{FilterArgs, StoreNames};
use crate::commands::shared::address::abbreviated::{self, whole_entry};
use crate::commands::shared::address::cut_name::Accept;
use crate::commands::shared::address::resolve::{
    Request, check_written, scopes, store_address, token,
};
use crate::context::Context;
use crate::error::{usage, usage_tip};
use crate::units::Lifetime;

/// A command line and its options.
pub(in crate::commands) struct CommandLine<'a> {
    /// The command's name and its arguments
    pub(in crate::commands) words: &'a [OsString],
    pub(in crate::commands) store: Option<&'a str>,
    pub(in crate::commands) version: Option<&'a str>,
    pub(in crate::commands) identity: &'a IdentityArgs,
    pub(in crate::commands) scope: &'a ScopeArgs,
    pub(in crate::commands) lifetime: Option<Lifetime>,
}

/// A command ready to be run or looked up.
pub(in crate::commands) struct Invocation {
    pub(in crate::commands) call: Call,
    /// Its standard input
    pub(in crate::commands) input: Input,
    /// Reason why the command has no key, if it has none
    pub(in crate::commands) unkeyed: Option<Unkeyed>,
}

impl Invocation {
    /// Makes the call of a command line. Consumes standard input only for `--stdin hash`.
    ///
    /// # Errors
    /// Fails with [`Hindered`](crate::error::Hindered) if something that the key depends on is
    /// unknown.
    pub(in crate::commands) fn new(
        context: &Context,
        line: &CommandLine<'_>,
        settings: Settings,
    ) -> Result<Self> {
        let (name, arguments) = line.words.split_first().expect("clap requires a word");
        // The program comes first: a command that cannot be run needs no input.
        let (identity, files) = identity(name, &line.identity.surroundings, line.lifetime)?;
        let read = read(context, line.identity.stdin)?;
        let identity = Identity {
            arguments: arguments.to_vec(),
            input: read.key,
            ..identity
        };
        let token = token(line.scope)?;
        let scopes = scopes(line.scope, token.as_deref());
        let store = store_name(line.store, line.version, &identity.program);
        check_written("store", &store)?;
        let store = store_address(context, &store, line.scope)?;
        let scopes = (scopes, token.map(Arc::from));
        let unkeyed =
            unkeyed_input(line.words, None).map(|input| Unkeyed::Input(input.to_string()));
        Ok(Self {
            call: Call {
                files: Arc::new(files),
                ..Call::new(identity, &store, scopes, settings)
            },
            input: read.input,
            unkeyed: unkeyed.or(read.unkeyed),
        })
    }

    /// Makes the call of a command whose key is unknown, which runs without the cache.
    pub(in crate::commands) fn unkeyed(line: &CommandLine<'_>, settings: Settings) -> Result<Self> {
        let (name, arguments) = line.words.split_first().expect("clap requires a word");
        let identity = Identity {
            arguments: arguments.to_vec(),
            ..Identity::of(find(name)?)
        };
        let store = store_name(line.store, line.version, &identity.program);
        let store = StoreAddress::new(&store);
        Ok(Self {
            call: Call::new(identity, &store, (Scopes::default(), None), settings),
            input: match line.identity.stdin {
                StdinChoice::None => Input::Nothing,
                StdinChoice::Auto | StdinChoice::Hash | StdinChoice::Ignore => Input::Inherited,
            },
            unkeyed: None,
        })
    }

    /// Waits until the end of a stream can be peeked, or until the time is up.
    pub(in crate::commands) fn wait_for_end(&self) -> Result<()> {
        if let Input::Stream(stream) = &self.input {
            Call::wait_for_input(stream).context("cannot inspect standard input")?;
        }
        Ok(())
    }

    /// Returns the call whose entry answers, for verbs that run nothing. Consumes no standard
    /// input.
    ///
    /// # Errors
    /// Fails if the key is unknown.
    pub(in crate::commands) fn settle(self, context: &Context) -> Result<Call> {
        self.settle_unless_idle(context)?.context(OPEN_INPUT)
    }

    /// Works as [`Invocation::settle`]; returns `None` for a stream in which nothing comes.
    pub(in crate::commands) fn settle_unless_idle(self, context: &Context) -> Result<Option<Call>> {
        if let Some(why) = self.unkeyed {
            bail!("{why}");
        }
        let Input::Stream(stream) = &self.input else {
            return Ok(Some(self.call));
        };
        let backend = context.reader().ok();
        let settled = self.call.settled(backend.as_ref(), stream, context.clock());
        match settled.context("cannot inspect standard input")? {
            Settled::Input(input) => Ok(Some(self.call.with_input(input))),
            Settled::Idle => Ok(None),
            Settled::Endless => bail!(
                "standard input has not ended, so its key is not known; \
                 --stdin hash reads it to its end, --stdin none leaves it out"
            ),
        }
    }
}

/// Returns the call of the command given to a verb that runs nothing.
pub(in crate::commands) fn meant_call(
    context: &Context,
    args: &CommandArgs,
    scope: &ScopeArgs,
) -> Result<Call> {
    let line = CommandLine {
        words: &args.command,
        store: args.command_store.as_deref(),
        version: args.version.as_deref(),
        identity: &args.identity,
        scope,
        lifetime: lifetime(args.ttl)?,
    };
    Invocation::new(context, &line, Settings::default())?.settle(context)
}

/// Refuses a typed option of a command where no command is named.
pub(in crate::commands) fn refuse_options_of_none(
    command: &[OsString],
    typed: Option<&'static str>,
) -> Result<()> {
    match typed.filter(|_| command.is_empty()) {
        None => Ok(()),
        Some(option) => Err(usage_tip(
            format!("{option} belongs to a command, and none is named"),
            format!("name the command after --, or leave out {option}"),
        )),
    }
}

/// Returns the entries that a command's result may be in: its own, and the one beside it for the
/// other order of its streams.
pub(in crate::commands) fn meant_entries(
    context: &Context,
    args: &CommandArgs,
    scope: &ScopeArgs,
) -> Result<[Request; 2]> {
    Ok(entries_of(&meant_call(context, args, scope)?))
}

/// Returns the entries that the result of a call may be in.
pub(in crate::commands) fn entries_of(call: &Call) -> [Request; 2] {
    let beside = call.beside().entry.address;
    [call.entry.address.clone(), beside].map(Request::of_address)
}

/// Returns the entry that a command's result is in: its own, or the one beside it if that alone is
/// there.
pub(in crate::commands) fn meant_entry(
    context: &Context,
    backend: &dyn Backend,
    args: &CommandArgs,
    scope: &ScopeArgs,
) -> Result<Request> {
    let [own, beside] = meant_entries(context, args, scope)?;
    let is_missing = |request: &Request| -> Result<bool> {
        let lookup = backend.lookup_unread(&request.address, context.now())?;
        Ok(matches!(lookup, Lookup::Missing))
    };
    if is_missing(&own)? && !is_missing(&beside)? {
        Ok(beside)
    } else {
        Ok(own)
    }
}

/// Returns the entry that is named by its key, by the arguments of its call, or by its command.
///
/// The store is opened only for a command, or for a name that was pasted from a table.
pub(in crate::commands) fn requested(
    context: &Context,
    mut entry: EntryArgs,
    mut command: CommandArgs,
) -> Result<Request> {
    context.expect_misses();
    key_behind_dashes(&mut entry.store, &mut entry.key, &mut command.command)?;
    if !command.command.is_empty() {
        let backend = context.reader()?;
        return meant_entry(context, backend.as_ref(), &command, &entry.scope);
    }
    refuse_options_of_none(&command.command, command.option())?;
    if abbreviated::is_pasted(&entry) {
        let backend = context.reader()?;
        entry = whole_entry(context, backend.as_ref(), entry, Accept::Marked)?;
    }
    Request::new(context, entry)
}

/// Reports whether the words behind `--` are keys: if the first begins with a hyphen, which no
/// program's name does, or if it is the only one and a store is named, which a command has not.
pub(in crate::commands) fn are_keys(store: Option<&String>, words: &[OsString]) -> bool {
    let first = words.first();
    first.is_some_and(|word| word.as_encoded_bytes().starts_with(b"-"))
        || store.is_some() && words.len() == 1
}

/// Takes the words behind `--` for keys if [`are_keys`]; for a store and its keys if no store is
/// named.
pub(in crate::commands) fn keys_behind_dashes(
    store: &mut Option<String>,
    words: &mut Vec<OsString>,
) -> Result<Vec<String>> {
    if !are_keys(store.as_ref(), words) {
        return if store.is_none() || words.is_empty() {
            Ok(Vec::new())
        } else {
            Err(usage_tip(
                "STORE does not go with COMMAND",
                "leave out STORE or COMMAND; a command's store is --store NAME",
            ))
        };
    }
    let text = |word: OsString| {
        let word = word.into_string();
        word.map_err(|word| usage(format!("the name {word:?} is not UTF-8")))
    };
    let mut names = mem::take(words).into_iter().map(text);
    if store.is_none() {
        *store = names.next().transpose()?;
    }
    names.collect()
}

/// Takes the word behind `--` for a key, as [`keys_behind_dashes`] does.
pub(in crate::commands) fn key_behind_dashes(
    store: &mut Option<String>,
    key: &mut Option<String>,
    words: &mut Vec<OsString>,
) -> Result<()> {
    let mut keys = keys_behind_dashes(store, words)?.into_iter();
    if let Some(first) = keys.next()
        && (key.replace(first).is_some() || keys.next().is_some())
    {
        return Err(usage_tip(
            "more than one KEY is named",
            "name one; the words behind -- are keys, too",
        ));
    }
    Ok(())
}

/// Returns the store and the scopes of results, from options that are filters elsewhere.
pub(in crate::commands) fn scope_of(
    filter: &FilterArgs,
    jwt_file: Option<PathBuf>,
) -> Result<(Option<&str>, ScopeArgs)> {
    fn one<'a>(flag: &str, names: &'a [String]) -> Result<Option<&'a String>> {
        match names {
            [] => Ok(None),
            [name] => Ok(Some(name)),
            _ => Err(usage(format!("with a command there is one {flag}"))),
        }
    }
    let scope = ScopeArgs {
        dataset: one("--dataset", &filter.dataset)?.cloned(),
        user: one("--user", &filter.user)?.cloned(),
        operator: one("--operator", &filter.operator)?.cloned(),
        prompt: one("--prompt", &filter.prompt)?.cloned(),
        jwt_file,
    };
    let rest = FilterArgs {
        store: StoreNames::default(),
        dataset: Vec::new(),
        user: Vec::new(),
        operator: Vec::new(),
        prompt: Vec::new(),
        ..filter.clone()
    };
    if rest == FilterArgs::default() {
        Ok((one("--store", &filter.store)?.map(String::as_str), scope))
    } else {
        Err(usage_tip(
            "a filter does not go with a command",
            "name --store, --dataset, --user, --operator or --prompt, which are part of its key",
        ))
    }
}

/// Returns the store of a program's results.
pub(in crate::commands) fn store_name(
    store: Option<&str>,
    version: Option<&str>,
    program: &Program,
) -> String {
    let path = &program.path;
    let base_name = path.file_name().unwrap_or(path.as_os_str());
    let name = store.map_or_else(|| base_name.to_string_lossy(), Cow::from);
    match version {
        Some(version) => format!("{name}#v{version}"),
        None => name.into_owned(),
    }
}
