//! The schema of the file, version by version.
//!
//! Measured on one to ten million entries before it was chosen: store names, datasets and scopes
//! are interned, so that a dataset is a handful of integers; an entry's `id` is `store << 32 |
//! sequence`, so that a store's entries are neighbours in the table and in every index on a scope
//! (whose last column is the `id`); keys of 64 hex digits are kept as 32 bytes; the value is the
//! last column, so that reading the others of a large entry does not touch its overflow pages.
//! Conditions that select few entries (expiry, size, policy `persist`, age) have indexes that begin
//! with the store.
//!
//! Columns have no types, since the checksums of a row cover the types of its values (see
//! `checksum`), and each short command parses this text. `generation` and `uses` have no
//! checksum: they are history, and lead to no entry.
//!
//! Migrations are append-only: a released step is never edited.

use rusqlite::{Connection, TransactionBehavior};

/// Marks a file as ours: the ASCII letters `ecch`.
pub(super) const APPLICATION_ID: i32 = 0x6563_6368;

/// The version that this release reads and writes.
pub(in super::super) const VERSION: i64 = MIGRATIONS.len() as i64;

/// Minimum size, in bytes, of the entries in the index of large ones.
pub(in super::super) const LARGE: u64 = 64 * 1024;

/// Step `n` brings a file from version `n` to `n + 1`.
const MIGRATIONS: &[&str] = &[VERSION_1];

/// The index of keys; an import into an empty file builds it after the rows.
macro_rules! key_index {
    () => {
        "CREATE UNIQUE INDEX entries_key ON entries(store, key)"
    };
}

const VERSION_1: &str = concat!(
    "
CREATE TABLE stores(id INTEGER PRIMARY KEY AUTOINCREMENT, collection, name, dataset, retired, checksum, \
generation, metadata, metadata_policy, metadata_created_at, metadata_updated_at, metadata_checksum, \
UNIQUE(collection, name, dataset, retired));
CREATE TABLE names(id INTEGER PRIMARY KEY AUTOINCREMENT, kind, name, checksum, UNIQUE(kind, name));
CREATE TABLE entries(id INTEGER PRIMARY KEY, store, key, user, operator, prompt, function, \
split, policy, kind, size, created_at, updated_at, expires_at, cost_ms, blob, jwt_sha256, args, \
row_checksum, checksum, value);
",
    key_index!(),
    ";
CREATE TABLE uses(entry INTEGER PRIMARY KEY, last_used_at, hits, saved_ms);
CREATE TABLE history(kind, at, id, body, PRIMARY KEY(kind, at, id)) WITHOUT ROWID;
CREATE TABLE blobs(id INTEGER PRIMARY KEY, staged_at, staged_by, replaced_at);
CREATE TABLE chunks(id INTEGER PRIMARY KEY, checksum, bytes);
"
);

/// The indexes that only filters need; an import into an empty store builds them last.
pub(super) const FILTER_INDEXES: &[(&str, &str)] = &[
    (
        "entries_user",
        "CREATE INDEX entries_user ON entries(user) WHERE user IS NOT NULL",
    ),
    (
        "entries_operator",
        "CREATE INDEX entries_operator ON entries(operator) WHERE operator IS NOT NULL",
    ),
    (
        "entries_prompt",
        "CREATE INDEX entries_prompt ON entries(prompt) WHERE prompt IS NOT NULL",
    ),
    (
        "entries_expiry",
        "CREATE INDEX entries_expiry ON entries(store, expires_at) WHERE expires_at IS NOT NULL",
    ),
    (
        "entries_written",
        "CREATE INDEX entries_written ON entries(store, coalesce(updated_at, created_at))",
    ),
    (
        "entries_large",
        "CREATE INDEX entries_large ON entries(store, size) WHERE size >= 65536",
    ),
    (
        "entries_persist",
        "CREATE INDEX entries_persist ON entries(store) WHERE policy = 0",
    ),
    (
        "entries_blob",
        "CREATE UNIQUE INDEX entries_blob ON entries(blob) WHERE blob IS NOT NULL",
    ),
];

/// The bytes of an entry's key, which an index repeats, and of its arguments.
macro_rules! text_size {
    () => {
        "2 * coalesce(octet_length(key), 0) + coalesce(octet_length(args), 0)"
    };
}
pub(in super::super) use text_size;

/// The table from which the entries that may be evicted are sampled; only a store with limits has
/// it.
///
/// Groups of eight entries that were written one after the other are spread evenly over it
/// (Fibonacci hashing), so that those that follow a random place are a random sample, whatever gaps
/// removals left in the ids. Its other columns decide which limits an entry belongs to and what it
/// is worth: a sample is a few pages of this table, and no row of `entries`.
pub(in super::super) const SAMPLE_TABLE: (&str, &str) = (
    "entries_sample",
    "CREATE TABLE entries_sample(place, id, user, operator, prompt, kind, size, text_size, cost_ms, \
     expires_at, written_at, PRIMARY KEY(place, id)) WITHOUT ROWID",
);

/// Brings a file to [`VERSION`]; safe to be called by many processes at once.
pub(in super::super) fn migrate(connection: &mut Connection) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Read again under the lock: another process may have been faster.
    let version: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let first = usize::try_from(version).unwrap_or(usize::MAX);
    for (step, sql) in MIGRATIONS.iter().enumerate().skip(first) {
        transaction.execute_batch(sql)?;
        if step == 0 {
            create_filter_indexes(&transaction)?;
        }
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()
}

/// Creates the indexes that filters need.
pub(in super::super) fn create_filter_indexes(connection: &Connection) -> rusqlite::Result<()> {
    for (_, sql) in FILTER_INDEXES {
        connection.execute(sql, ())?;
    }
    Ok(())
}

/// Creates the index of keys.
pub(in super::super) fn create_key_index(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute(key_index!(), ()).map(|_| ())
}

/// Drops the index of keys.
pub(in super::super) fn drop_key_index(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute("DROP INDEX entries_key", ()).map(|_| ())
}

/// Drops the indexes that filters need.
pub(in super::super) fn drop_filter_indexes(connection: &Connection) -> rusqlite::Result<()> {
    for (name, _) in FILTER_INDEXES {
        connection.execute(&format!("DROP INDEX {name}"), ())?;
    }
    Ok(())
}

/// Reports whether the file has our tables and indexes and nothing else. A view, a trigger, a
/// virtual table or a generated column could run foreign code when the file is read.
pub(in super::super) fn is_ours(connection: &Connection) -> rusqlite::Result<bool> {
    // Only the index of a UNIQUE constraint has no statement of its own.
    let mut statement =
        connection.prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL")?;
    let mut rows = statement.query(())?;
    let mut missing: Vec<&str> = statements().collect();
    while let Some(row) = rows.next()? {
        let sql = row.get_ref(0)?.as_str()?;
        // Mostly the first: until the file is written anew, they stand in the order in which they
        // were made.
        match missing.iter().position(|known| *known == sql) {
            Some(place) => drop(missing.remove(place)),
            None if sql == SAMPLE_TABLE.1 => {}
            None => return Ok(false),
        }
    }
    Ok(missing.is_empty())
}

/// Returns the statements that create the tables and indexes of a whole file.
fn statements() -> impl Iterator<Item = &'static str> {
    /// The table that SQLite itself creates for AUTOINCREMENT.
    const SEQUENCE: &str = "CREATE TABLE sqlite_sequence(name,seq)";
    VERSION_1
        .split(';')
        .map(str::trim)
        .filter(|sql| !sql.is_empty())
        .chain([SEQUENCE])
        .chain(FILTER_INDEXES.iter().map(|(_, sql)| *sql))
}
