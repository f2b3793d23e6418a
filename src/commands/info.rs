//! `ecache info`: where the store is, how large it is, and which settings are in force.

use anyhow::Result;
use ecache_core::filter::{Filter, Freshness};
use ecache_core::location;
use ecache_core::scope::DEFAULT_COLLECTION;

use super::shared::operation::Kept;
use crate::cli::InfoArgs;
use crate::context::{Collections, Context, Origin};
use crate::error::Exit;
use crate::output::{Cell, Column, Format};

pub(crate) fn run(context: &Context, args: InfoArgs) -> Result<Exit> {
    let (path, origin) = context.location()?;
    let backend = context.reader()?;
    let store = backend.describe()?;
    let collection = match &context.collections {
        Collections::Default => Some(DEFAULT_COLLECTION.to_owned()),
        Collections::Named(names) => Some(names.join(", ")),
        Collections::All => None,
    };
    let expired = Filter {
        collections: Vec::new(),
        freshness: Some(Freshness::Expired),
        ..Filter::default()
    };
    let expired = backend.usage(&expired.into(), context.now())?;
    let kept = Kept::new(&backend.operations()?);
    // For a missing store, these facts would be those of the empty store in its place.
    let is_there = store.path.is_some() || location::is_url(path.as_os_str());
    let path = location::shown(path.as_os_str());
    let version = |version| {
        if is_there {
            Cell::Integer(version)
        } else {
            Cell::Null
        }
    };
    let counts = is_there.then(|| context.usage_log().is_ok_and(|log| log.is_writable()));
    let facts: [(&'static str, Cell<'_>); 22] = [
        ("version", Cell::from(env!("CARGO_PKG_VERSION"))),
        ("engine", is_there.then_some(store.engine.as_str()).into()),
        ("path", Cell::from(path.as_str())),
        (
            "path_from",
            Cell::from(match origin {
                Origin::Flag => "--db",
                Origin::File => "--db-file",
                Origin::Environment => "ECACHE_DB",
                Origin::Config => "config.toml",
                Origin::Default => "default",
            }),
        ),
        ("exists", Cell::Bool(is_there)),
        ("collection", collection.map_or(Cell::Null, Cell::from)),
        (
            "collection_from",
            Cell::from(match context.collections {
                Collections::Named(_) => "--collection",
                Collections::All => "--all-collections",
                Collections::Default => "default",
            }),
        ),
        ("file_size", Cell::Size(store.file_size)),
        ("wal_size", Cell::Size(store.wal_size)),
        ("free_size", Cell::Size(store.free_size)),
        ("staged_size", Cell::Size(store.unnamed.staged.bytes)),
        ("abandoned_size", Cell::Size(store.unnamed.abandoned.bytes)),
        ("replaced_size", Cell::Size(store.unnamed.replaced.bytes)),
        ("schema_version", version(store.schema_version)),
        ("known_schema_version", version(store.known_schema_version)),
        ("stores", Cell::Count(store.stores)),
        ("entries", Cell::Count(store.entries)),
        ("expired", Cell::Count(expired.entries)),
        ("counts_calls", counts.map_or(Cell::Null, Cell::Bool)),
        ("undo_entries", Cell::Count(kept.usage.entries)),
        ("undo_size", Cell::Size(kept.usage.bytes)),
        (
            "undo_until",
            kept.until
                .map_or(Cell::Null, |until| Cell::Time(until.as_millis())),
        ),
    ];
    let format = context.format(args.format);
    // One object to a program, one line a fact to a person.
    if matches!(format, Format::Json | Format::Jsonl) {
        let columns = facts.each_ref().map(|(name, _)| Column::text(name));
        let mut rows = context.rows(format, &columns)?;
        rows.row(&facts.map(|(_, cell)| cell))?;
        rows.finish()?;
    } else {
        let columns = [Column::whole("fact"), Column::text("value")];
        let mut rows = context.rows(format, &columns)?;
        for (name, cell) in facts {
            rows.row(&[Cell::from(name), cell])?;
        }
        rows.finish()?;
    }
    Ok(Exit::Done)
}
