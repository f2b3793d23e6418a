//! The commands of a template, one for each item.

use std::sync::Arc;

use anyhow::Result;
use ecache_core::command::{Call, Identity, InputFiles, PreparedItem, Settings, unkeyed_input};
use ecache_core::python_json::Json;
use ecache_core::scope::{Scopes, StoreAddress};
use ecache_core::secrets::{MASK, mask_json};

use super::super::shared::address::resolve::{check_written, scopes, store_address, token};
use super::super::shared::command::args::{scope_of, store_name};
use super::super::shared::command::identity::identity;
use super::items::{Item, Syntax};
use super::settings;
use super::template::Template;
use crate::cli::WarmArgs;
use crate::context::Context;
use crate::output::{Secrets, escape};
use crate::units::Lifetime;

/// The settings and the template that all commands share.
pub(super) struct Commands<'a> {
    args: &'a WarmArgs,
    pub(super) syntax: Syntax,
    template: Template,
    identity: Identity,
    files: Arc<InputFiles>,
    pub(super) store: StoreAddress,
    token: Option<Arc<str>>,
    scopes: Scopes,
    lifetime: Option<Lifetime>,
    settings: Settings,
    secrets: Secrets,
}

impl<'a> Commands<'a> {
    pub(super) fn new(
        context: &Context,
        args: &'a WarmArgs,
        lifetime: Option<Lifetime>,
    ) -> Result<Self> {
        let syntax = match (args.null, args.jsonl) {
            (true, _) => Syntax::Nul,
            (false, true) => Syntax::Json,
            (false, false) => Syntax::Lines,
        };
        let template = Template::new(&args.command, syntax)?;
        let (store, scope) = scope_of(&args.filter, args.jwt_file.clone())?;
        let (identity, files) = identity(&args.command[0], &args.surroundings, lifetime)?;
        let store = store_name(store, args.version.as_deref(), &identity.program);
        check_written("store", &store)?;
        let token = token(&scope)?;
        Ok(Self {
            args,
            syntax,
            template,
            identity,
            files: Arc::new(files),
            store: store_address(context, &store, &scope)?,
            scopes: scopes(&scope, token.as_deref()),
            token: token.map(Arc::from),
            lifetime,
            settings: settings(context, args, lifetime),
            secrets: args.reveal.into(),
        })
    }

    /// Makes the command of an item, or returns the reason why it cannot be run.
    pub(super) fn prepare(&self, item: &Item) -> PreparedItem {
        let filled = match &item.bytes {
            Ok(bytes) => self.template.fill(bytes, self.syntax),
            Err(why) => Err(why.clone()),
        };
        let arguments = match filled {
            Ok(arguments) => arguments,
            Err(why) => return PreparedItem::Fail(why),
        };
        // The files of the key may have changed since the previous item.
        let now = if self.reads_files() {
            identity(
                &self.args.command[0],
                &self.args.surroundings,
                self.lifetime,
            )
            .map(|(identity, files)| (identity, Arc::new(files)))
        } else {
            Ok((self.identity.clone(), Arc::clone(&self.files)))
        };
        let (identity, files) = match now {
            Ok((now, files)) => (Identity { arguments, ..now }, files),
            Err(error) => return PreparedItem::Fail(format!("{error:#}")),
        };
        if let Some(input) = unkeyed_input(&identity.arguments, None) {
            return PreparedItem::Fail(input.to_string());
        }
        let scopes = (self.scopes.clone(), self.token.clone());
        let call = Call::new(identity, &self.store, scopes, self.settings.clone());
        PreparedItem::Run(Box::new(Call { files, ..call }))
    }

    fn reads_files(&self) -> bool {
        let read = &self.args.surroundings;
        !read.file.is_empty() || !read.modtime.is_empty()
    }

    /// Returns the name of an item in messages.
    pub(super) fn name(&self, item: &Item) -> String {
        let what = match self.syntax {
            Syntax::Nul => "item",
            Syntax::Lines | Syntax::Json => "line",
        };
        match self.shown(item) {
            shown if shown.is_empty() => format!("{what} {}", item.number),
            shown => format!("{what} {} ({})", item.number, escape::for_line(&shown)),
        }
    }

    /// Returns an item as it is shown. An item that is masked in the command, as in `--token {}`,
    /// is masked here, too.
    pub(super) fn shown(&self, item: &Item) -> String {
        let Ok(bytes) = &item.bytes else {
            return String::new();
        };
        let text = String::from_utf8_lossy(bytes);
        if self.secrets == Secrets::Revealed {
            return text.into_owned();
        }
        let arguments = self.template.fill(bytes, self.syntax).unwrap_or_default();
        let words = arguments
            .iter()
            .map(|word| Json::from(&*word.to_string_lossy()));
        let mut words = Json::Array(words.collect());
        if contains(&words, &text) && mask_json(&mut words) && !contains(&words, &text) {
            return MASK.to_owned();
        }
        match self.syntax {
            Syntax::Json => self.secrets.arguments(&text).into_owned(),
            Syntax::Lines | Syntax::Nul => self.secrets.text(&text).into_owned(),
        }
    }
}

/// Reports whether one of the words contains a text.
fn contains(words: &Json, text: &str) -> bool {
    let has = |word: &Json| word.as_str().is_some_and(|word| word.contains(text));
    matches!(words, Json::Array(words) if words.iter().any(has))
}
