//! The fields of an entry: their names, and their values as cells.

use std::borrow::Cow;
use std::io::Write as _;
use std::sync::Arc;

use ecache_core::entry::EntryRef;
use ecache_core::key::hex;
use ecache_core::time::Timestamp;
use ecache_core::typed_name::type_of;
use ecache_core::value::{Kind, Value, write_stored};

use super::call_text;
use crate::artifacts;
use crate::context::Context;
use crate::datasets::Datasets;
use crate::error::usage_tip;
use crate::near_names;
use crate::output::own_command;
use crate::output::{Cell, Column, Format, Secrets, stderr, stdout, three_digits, wrapped};

/// A field of an entry, in the order in which they are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::commands) enum Field {
    StoreName,
    Key,
    KeyType,
    DatasetId,
    DatasetName,
    Collection,
    Policy,
    CreatedAt,
    UpdatedAt,
    ExpiresAt,
    LastUsedAt,
    Hits,
    SavedMs,
    Size,
    Kind,
    UserId,
    OperatorUri,
    PromptId,
    JwtSha256,
    Function,
    Args,
    CostMs,
    Worth,
    Value,
    /// The command or the call as one would type it
    Call,
}

impl Field {
    /// All fields of an entry, the value last.
    pub(in crate::commands) const ALL: [Self; 24] = [
        Self::StoreName,
        Self::Key,
        Self::KeyType,
        Self::DatasetId,
        Self::DatasetName,
        Self::Collection,
        Self::Policy,
        Self::CreatedAt,
        Self::UpdatedAt,
        Self::ExpiresAt,
        Self::LastUsedAt,
        Self::Hits,
        Self::SavedMs,
        Self::Size,
        Self::Kind,
        Self::UserId,
        Self::OperatorUri,
        Self::PromptId,
        Self::JwtSha256,
        Self::Function,
        Self::Args,
        Self::CostMs,
        Self::Worth,
        Self::Value,
    ];

    /// The default fields of a list.
    pub(in crate::commands) const USUAL: [Self; 8] = [
        Self::StoreName,
        Self::Key,
        Self::DatasetId,
        Self::DatasetName,
        Self::Kind,
        Self::Size,
        Self::UpdatedAt,
        Self::ExpiresAt,
    ];

    /// Returns the name of the field in JSON and `--fields`.
    pub(in crate::commands) fn name(self) -> &'static str {
        match self {
            Self::StoreName => "store_name",
            Self::Key => "key",
            Self::KeyType => "key_type",
            Self::DatasetId => "dataset_id",
            Self::DatasetName => "dataset_name",
            Self::Collection => "collection",
            Self::Policy => "policy",
            Self::CreatedAt => "created_at",
            Self::UpdatedAt => "updated_at",
            Self::ExpiresAt => "expires_at",
            Self::LastUsedAt => "last_used_at",
            Self::Hits => "hits",
            Self::SavedMs => "saved_ms",
            Self::Size => "size",
            Self::Kind => "kind",
            Self::UserId => "user_id",
            Self::OperatorUri => "operator_uri",
            Self::PromptId => "prompt_id",
            Self::JwtSha256 => "jwt_sha256",
            Self::Function => "function",
            Self::Args => "args",
            Self::CostMs => "cost_ms",
            Self::Worth => "worth",
            Self::Value => "value",
            Self::Call => "call",
        }
    }

    /// Returns the fields that `--fields` takes.
    pub(in crate::commands) fn named() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().chain([Self::Call])
    }

    /// Returns the field of a name, or of the header of a table, in any case.
    fn by_word(word: &str, datasets: &Datasets) -> Option<Self> {
        let word = word.to_lowercase();
        match word.as_str() {
            "age" => return Some(Self::UpdatedAt),
            "unused" => return Some(Self::LastUsedAt),
            "command" => return Some(Self::Call),
            "dataset" if datasets.have_names() => return Some(Self::DatasetName),
            _ => {}
        }
        let is_meant =
            |field: &Self| field.name() == word || field.column().header().to_lowercase() == word;
        Self::named().find(is_meant)
    }

    /// Returns the column of the field.
    pub(in crate::commands) fn column(self) -> Column {
        match self {
            Self::CreatedAt | Self::UpdatedAt | Self::ExpiresAt | Self::LastUsedAt => {
                Column::whole(self.name())
            }
            Self::Hits | Self::SavedMs | Self::Size | Self::CostMs | Self::Worth => {
                Column::number(self.name())
            }
            Self::Call => Column::free(self.name()),
            _ => Column::text(self.name()),
        }
    }

    /// Reports whether the field can have a value: only a database knows the names of datasets.
    pub(in crate::commands) fn is_known(self, datasets: &Datasets) -> bool {
        self != Self::DatasetName || datasets.have_names()
    }

    /// Returns the field of an entry as a cell. `value` is the entry's value as JSON, if it was
    /// read. Secrets are masked in the recorded call, not in the value.
    pub(in crate::commands) fn cell<'a>(
        self,
        entry: impl Into<EntryRef<'a>>,
        value: Option<&'a str>,
        datasets: &'a Datasets,
        secrets: Secrets,
        now: Timestamp,
    ) -> Cell<'a> {
        let entry = entry.into();
        let text = |text: Option<&'a Arc<str>>| {
            text.map_or(Cell::Null, |text| Cell::Text(secrets.name(text)))
        };
        let time =
            |time: Option<Timestamp>| time.map_or(Cell::Null, |time| Cell::Time(time.as_millis()));
        match self {
            Self::StoreName => Cell::from(&*entry.store.store_name),
            Self::Key => Cell::from(entry.key),
            Self::KeyType => Cell::from(type_of(entry.key)),
            Self::DatasetId => Cell::from(entry.store.dataset_id.as_deref()),
            Self::DatasetName => Cell::from(datasets.name(entry.store.dataset_id.as_deref())),
            Self::Collection => Cell::from(&*entry.store.collection),
            Self::Policy => Cell::from(entry.policy.as_str()),
            Self::CreatedAt => Cell::Time(entry.created_at.as_millis()),
            Self::UpdatedAt => time(entry.updated_at),
            Self::ExpiresAt => time(entry.expires_at),
            Self::LastUsedAt => time(entry.last_used_at),
            Self::Hits => Cell::Count(entry.hits),
            Self::SavedMs => Cell::Duration(entry.saved_ms),
            Self::Size => Cell::Size(entry.size),
            Self::Kind => Cell::from(entry.kind.as_str()),
            Self::UserId => text(entry.user_id),
            Self::OperatorUri => text(entry.operator_uri),
            Self::PromptId => text(entry.prompt_id),
            Self::JwtSha256 => Cell::from(entry.jwt_sha256.map(|hash| hex(hash))),
            Self::Function => text(entry.function),
            Self::Args => {
                let args = entry.args.map(|args| Cell::Json(secrets.arguments(args)));
                args.unwrap_or(Cell::Null)
            }
            Self::CostMs => entry.cost_ms.map_or(Cell::Null, Cell::Duration),
            Self::Worth => Cell::Json(worth(&entry, now)),
            Self::Value => value.map_or(Cell::Null, |json| Cell::Json(json.into())),
            Self::Call => Cell::from(call_text::text(&entry.to_entry(), None, secrets)),
        }
    }
}

/// Returns the worth of an entry for each KiB, with three digits.
fn worth(entry: &EntryRef<'_>, now: Timestamp) -> Cow<'static, str> {
    three_digits(entry.worth(now) * 1024.0)
}

/// Returns the fields of `--fields`; those of [`Field::USUAL`] if there are none.
///
/// A field that cannot have a value is included only if it was named.
pub(in crate::commands) fn parse(
    names: &[String],
    datasets: &Datasets,
) -> anyhow::Result<Vec<Field>> {
    let known = |fields: &[Field]| -> Vec<Field> {
        let known = fields.iter().copied();
        known.filter(|field| field.is_known(datasets)).collect()
    };
    if names.is_empty() {
        return Ok(known(&Field::USUAL));
    }
    let mut fields = Vec::new();
    for name in names {
        if name == "all" {
            let all = known(&Field::ALL).into_iter();
            fields.extend(all.filter(|field| *field != Field::Value));
            continue;
        }
        let field = Field::by_word(name, datasets);
        fields.push(field.ok_or_else(|| no_field(name))?);
    }
    Ok(fields)
}

/// Returns the error for a name that no field has. A person reads which fields there are.
fn no_field(name: &str) -> anyhow::Error {
    let known: Vec<Arc<str>> = Field::named().map(|field| field.name().into()).collect();
    let near = near_names::did_you_mean(name, &known);
    let tip = near.unwrap_or_else(|| format!("{} lists them", own_command("ls --fields help")));
    usage_tip(format!("there is no field {name:?}"), tip)
}

/// Returns the fields of `--fields`, as [`parse`] does. A person who misspelt one reads what each
/// of them is.
pub(in crate::commands) fn of_option(
    context: &Context,
    names: &[String],
    datasets: &Datasets,
) -> anyhow::Result<Vec<Field>> {
    let fields = parse(names, datasets);
    if fields.is_err() && context.terminal.stderr_is_terminal {
        let _ = stderr().write_all(help(context).as_bytes());
    }
    fields
}

/// Prints the fields that `--fields` takes: name, header and meaning.
pub(in crate::commands) fn print_help(context: &Context, format: Format) -> anyhow::Result<()> {
    if format == Format::Table {
        return Ok(stdout().write_all(help(context).as_bytes())?);
    }
    let columns = ["field", "header", "about"].map(Column::text);
    let mut rows = context.rows(format, &columns)?;
    for (field, about) in described() {
        rows.row(&[
            field.name().into(),
            field.column().header().into(),
            about.into(),
        ])?;
    }
    Ok(rows.finish()?)
}

/// Returns the fields, and what each is, from the schema of formats.
fn described() -> impl Iterator<Item = (Field, String)> {
    let mut about = artifacts::fields_of("entry");
    Field::named().map(move |field| {
        let place = about.iter().position(|(name, _)| name == field.name());
        let about = place.map(|place| about.swap_remove(place).1);
        (field, about.unwrap_or_default())
    })
}

/// Returns a line for each field, or several where the terminal is narrow.
fn help(context: &Context) -> String {
    /// The width of a line where nothing else is known.
    const WIDTH: usize = 80;
    /// The room of a name and its header, and the least of a meaning.
    const ROOM: (usize, usize) = (26, 24);
    let width = context.terminal.width.unwrap_or(WIDTH);
    let mut text = String::new();
    for (field, about) in described() {
        let mut start = format!("{:<14}{:<12}", field.name(), field.column().header());
        for line in wrapped(&about, width.saturating_sub(ROOM.0).max(ROOM.1)) {
            text.push_str(&format!("{start:<0$}{line}\n", ROOM.0));
            start.clear();
        }
    }
    text.push_str("all           all of these but value and call\n");
    text
}

/// Formats a value as JSON on one line: FiftyOne's stored form. Most values have it already.
pub(in crate::commands) fn json(kind: Kind, value: &[u8]) -> Cow<'_, str> {
    if is_line_of_json(kind, value) {
        let text = str::from_utf8(value).map(Cow::Borrowed);
        return text.unwrap_or_else(|_| String::from_utf8_lossy(value));
    }
    let mut json = Vec::new();
    write_stored(kind, value, &mut json);
    text(json).into()
}

/// Formats a value that is not needed any more.
pub(in crate::commands) fn into_json(value: Value) -> String {
    if is_line_of_json(value.kind, &value.bytes) {
        return text(value.bytes);
    }
    json(value.kind, &value.bytes).into_owned()
}

/// Reports whether a value is stored as it is printed.
fn is_line_of_json(kind: Kind, value: &[u8]) -> bool {
    kind == Kind::Json && memchr::memchr2(b'\n', b'\r', value).is_none()
}

/// Bytes that mostly are text, which is checked in a fraction of the time that repairing takes.
pub(in crate::commands) fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// Adds the collection to the fields of a list that may mix several, unless it is there.
pub(in crate::commands) fn add_collection(fields: &mut Vec<Field>) {
    if !fields.contains(&Field::Collection) {
        fields.push(Field::Collection);
    }
}
