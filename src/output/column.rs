//! The columns of rows: their names for programs, and how a table for people lays them out.

use super::terminal::Times;

/// A column: its name, as JSON and headers have it, and its place in a table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    pub(super) name: &'static str,
    pub(super) title: Option<&'static str>,
    pub(super) content: Content,
    pub(super) presence: Presence,
    /// Its rank in a table that ranks its own columns
    rank: Option<u8>,
}

/// The content of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// Text, cut where a row would not fit the terminal
    Text,
    /// Text that is never cut
    Whole,
    /// A number, aligned to the right and never cut
    Number,
    /// The time since something was written, in one unit
    Age,
    /// The text that stands last in a row and gets the remaining width: a call, a command, a value
    Free,
}

/// The conditions under which a column is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Presence {
    /// If it fits, and says something
    Core,
    /// If the free text has enough room beside it
    Optional,
    /// In any case as long as it fits, also where it says nothing: it was asked for
    Asked,
    /// In any case, before all others but the key: the rows are sorted or selected by it
    Kept,
    /// In any case, before all others: the rows are in its order
    Leading,
}

/// The way in which a text is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// Never
    Never,
    /// A hash after its first digits, a name at its end
    Key,
    /// An ObjectId before its last digits
    Id,
    /// A function at its start, which is its module; other names in their middle
    Store,
    /// At its start
    Start,
    /// In its middle
    Middle,
    /// At its end
    End,
}

/// The look of a column's cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    Plain,
    /// Names: bold
    Name,
}

/// A column as a table of a given width shows it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    pub(super) title: &'static str,
    /// Columns of low rank are the last to go
    pub(super) rank: u8,
    /// The width below which a column goes rather than being cut further
    pub(super) floor: usize,
    /// Cells up to this width are not cut: other columns go instead
    pub(super) whole: usize,
    /// The width up to which a column grows before optional columns are added
    pub(super) comfort: usize,
    pub(super) cut: Cut,
    pub(super) tone: Tone,
    /// A column that is left out where it is the same in all rows
    pub(super) is_scope: bool,
    pub(super) is_optional: bool,
}

/// The rank of a column that leads a table. Columns up to this rank go after the free text.
pub(super) const LEADING: u8 = 1;

/// The rank of the key, the last to go.
const KEY: u8 = 0;

/// The rank of the free text, behind that of the key.
pub(super) const FREE: u8 = 2;

/// The width to which a name is cut before another column goes, in a table that ranks its own
/// columns or has those that were asked for.
const NAME_FLOOR: usize = 12;

/// The width to which names grow before calls and values get more room.
const NAME_COMFORT: usize = 24;

/// The rank of the first column of a table without a rank of its own.
const UNRANKED: u8 = 20;

impl Column {
    const fn new(name: &'static str, content: Content) -> Self {
        Self {
            name,
            title: None,
            content,
            presence: Presence::Core,
            rank: None,
        }
    }

    /// Makes a column of text, shortened where a row would not fit the terminal.
    pub(crate) const fn text(name: &'static str) -> Self {
        Self::new(name, Content::Text)
    }

    /// Makes a column of text that is never shortened, such as a time.
    pub(crate) const fn whole(name: &'static str) -> Self {
        Self::new(name, Content::Whole)
    }

    /// Makes a column of numbers, aligned to the right and never shortened.
    pub(crate) const fn number(name: &'static str) -> Self {
        Self::new(name, Content::Number)
    }

    /// Makes a column of times that a table shows as ages.
    pub(crate) const fn age(name: &'static str) -> Self {
        Self::new(name, Content::Age)
    }

    /// Makes the column of free text, the last of a table.
    pub(crate) const fn free(name: &'static str) -> Self {
        Self::new(name, Content::Free)
    }

    /// Returns its name.
    pub(crate) const fn name(self) -> &'static str {
        self.name
    }

    /// Reports whether its cells are names, which are read again.
    pub(super) fn holds_names(self) -> bool {
        let names = [
            "key",
            "store_name",
            "dataset_id",
            "dataset_name",
            "user_id",
            "operator_uri",
            "prompt_id",
            "collection",
        ];
        names.contains(&self.name)
    }

    /// Returns the word above it in a table.
    pub(crate) fn header(self) -> String {
        let look = self.look(0, None, Times::Relative);
        match look.title {
            "" => title(self.name),
            title => title.to_owned(),
        }
    }

    /// Gives a table's header another title than the one that follows from the name.
    pub(crate) const fn titled(self, title: &'static str) -> Self {
        Self {
            title: Some(title),
            ..self
        }
    }

    /// Gives the column its rank in this table, behind the leading one, instead of its usual place.
    pub(crate) const fn ranked(self, rank: u8) -> Self {
        Self {
            rank: Some(LEADING.saturating_add(rank)),
            ..self
        }
    }

    /// Shows the column only where there is room.
    pub(crate) const fn optional(self) -> Self {
        Self {
            presence: Presence::Optional,
            ..self
        }
    }

    /// Shows the column even if it says nothing, since it was asked for.
    pub(crate) const fn asked(self) -> Self {
        Self {
            presence: Presence::Asked,
            ..self
        }
    }

    /// Shows the column before all others but the key, since the rows are sorted or selected by it.
    pub(crate) const fn kept(self) -> Self {
        Self {
            presence: Presence::Kept,
            ..self
        }
    }

    /// Shows the column in any case, since the rows are in its order.
    pub(crate) const fn leading(self) -> Self {
        Self {
            presence: Presence::Leading,
            ..self
        }
    }

    /// Returns the look of the column at a place of a table that is `line_width` columns wide.
    pub(super) fn look(self, place: usize, line_width: Option<usize>, times: Times) -> Look {
        let is_below = |width| line_width.is_some_and(|line| line < width);
        let room = Room {
            key_floor: if is_below(60) { 9 } else { 13 },
            // A time in full takes the room of half a name.
            is_narrow: is_below(80) || times != Times::Relative && is_below(100),
            times,
        };
        let mut look = self.usual_look(Look::at(place), room);
        if self.content == Content::Free {
            look = Look {
                rank: FREE,
                floor: 22,
                comfort: 32,
                ..look
            };
        }
        if let Some(title) = self.title {
            look.title = title;
        }
        if let Some(rank) = self.rank {
            look.rank = rank;
            look.is_optional = false;
        }
        let has_place = self.rank.is_some() || self.presence == Presence::Asked;
        if has_place && self.content == Content::Text && look.cut != Cut::Never {
            // A name gives way before the numbers of its row.
            look.floor = look.floor.min(NAME_FLOOR);
        }
        match self.presence {
            Presence::Core => {}
            Presence::Optional => look.is_optional = true,
            Presence::Asked => look.is_optional = false,
            // Behind the key, which stands before it.
            Presence::Kept | Presence::Leading => {
                look.rank = LEADING;
                look.is_optional = false;
            }
        }
        look
    }
}

/// The room for the columns of a line.
#[derive(Clone, Copy)]
struct Room {
    key_floor: usize,
    is_narrow: bool,
    times: Times,
}

impl Column {
    /// Returns the look that a column has by its name, or else by its content.
    fn usual_look(self, usual: Look, room: Room) -> Look {
        let Room {
            key_floor,
            is_narrow,
            times,
        } = room;
        match self.name {
            "key" => usual
                .ranked("KEY", KEY)
                .cut(Cut::Key, key_floor, NAME_COMFORT),
            "store_name" => Look {
                whole: if is_narrow { 0 } else { NAME_COMFORT },
                tone: Tone::Name,
                is_scope: true,
                ..usual.ranked("STORE", 3).cut(
                    Cut::Store,
                    if is_narrow { NAME_FLOOR } else { NAME_COMFORT },
                    NAME_COMFORT,
                )
            },
            // The columns that tell the rows of a list apart.
            "seen_at" => usual.ranked("TIME", 0),
            "change" | "reason" | "state" => usual.ranked("", 1),
            "expires_at" => usual.ranked("EXPIRES", 4),
            // Times that were asked for stay, and the expiry goes first.
            "updated_at" if times != Times::Relative => usual.ranked("UPDATED", 4),
            "updated_at" => usual.ranked("UPDATED", 5),
            "cost_ms" => usual.ranked("COST", 6),
            "size" => usual.ranked("SIZE", 7),
            "worth" => usual.ranked("WORTH", 7),
            "dataset_id" | "dataset_name" => usual.scope("DATASET", 8, Cut::Id),
            "user_id" => usual.scope("USER", 9, Cut::Id),
            "operator_uri" => usual.scope("OPERATOR", 10, Cut::Start),
            "prompt_id" => usual.scope("PROMPT", 11, Cut::Id),
            "hits" => usual.ranked("HITS", 12).optional(),
            "saved_ms" => usual.ranked("SAVED", 13).optional(),
            "kind" => usual.scope("KIND", 14, Cut::Never),
            "policy" => usual.scope("POLICY", 15, Cut::Never),
            "collection" => usual.scope("COLLECTION", 16, Cut::Middle),
            "created_at" => usual.titled("CREATED"),
            "last_used_at" => usual.titled("USED"),
            "key_type" => usual.titled("TYPE"),
            "jwt_sha256" => usual.titled("TOKEN").cut(Cut::Key, key_floor, usize::MAX),
            "hit_percent" => usual.titled("HIT RATE"),
            "time_percent" => usual.titled("BY TIME"),
            "bytes" => usual.titled("SIZE"),
            // Wide enough for `everything`, and for the kind of a scope and a part of its name.
            "scope" => usual.cut(Cut::End, 16, 32),
            _ if self.content == Content::Text => usual.cut(Cut::End, 8, 32),
            _ => usual,
        }
    }
}

impl Look {
    /// Returns the look of a column that has none of its own, at a place of a table.
    fn at(place: usize) -> Self {
        Self {
            title: "",
            rank: UNRANKED.saturating_add(u8::try_from(place).unwrap_or(u8::MAX)),
            floor: usize::MAX,
            whole: 0,
            comfort: usize::MAX,
            cut: Cut::Never,
            tone: Tone::Plain,
            is_scope: false,
            is_optional: false,
        }
    }

    fn titled(self, title: &'static str) -> Self {
        Self { title, ..self }
    }

    fn ranked(self, title: &'static str, rank: u8) -> Self {
        Self {
            title,
            rank,
            ..self
        }
    }

    fn cut(self, cut: Cut, floor: usize, comfort: usize) -> Self {
        Self {
            cut,
            floor,
            comfort,
            ..self
        }
    }

    fn optional(self) -> Self {
        Self {
            is_optional: true,
            ..self
        }
    }

    /// Makes it that of a column that is left out where it is the same in all rows.
    fn scope(self, title: &'static str, rank: u8, cut: Cut) -> Self {
        Self {
            cut,
            is_scope: true,
            ..self.ranked(title, rank).optional()
        }
    }
}

impl Column {
    /// Returns the width that is kept for the cells of a column before they are known.
    pub(super) fn usual_width(self, look: &Look, line_width: Option<usize>) -> usize {
        match (self.content, self.name) {
            (Content::Free, _) => line_width.unwrap_or(usize::MAX / 2),
            (_, "size" | "seen_at") => 8,
            (_, "cost_ms" | "change") => 7,
            (Content::Number, _) => 6,
            _ => look.floor.min(24),
        }
    }
}

/// Returns the title of a column that has none of its own. Durations are shown with their units,
/// so the title has none.
pub(super) fn title(name: &str) -> String {
    let name = name.strip_suffix("_ms").unwrap_or(name);
    name.replace('_', " ").to_uppercase()
}
