//! Chooses the columns of a table and their widths, so that no row is wider than the terminal.
//!
//! Core columns come first, at their smallest useful width; while they do not fit, the one of the
//! highest rank goes. They grow to a comfortable width, then optional columns are added as long as
//! the free text at the end keeps room, and the rest goes to the columns that can be cut.

/// The space between two columns.
pub(super) const GAP: usize = 2;

/// The room that the free text keeps when the first optional column is added, and the room that
/// each further one has to leave in addition.
const FREE_ROOM: usize = 32;
const FREE_STEP: usize = 8;

/// The width that the free text gets before names grow beyond their comfort.
const FREE_ENOUGH: usize = 64;

/// Below this width, free text says nothing and goes.
const NARROWEST: usize = 4;

/// The demands of a column.
#[derive(Clone, Copy, Debug)]
pub(super) struct Demand {
    /// Columns of low rank are the last to go
    pub(super) rank: u8,
    /// It goes only after the free text
    pub(super) stays: bool,
    /// The width of its widest cell, or of its title
    pub(super) content: usize,
    /// The width of its title, which is never cut
    pub(super) title: usize,
    /// The width below which it goes rather than being cut further
    pub(super) floor: usize,
    /// The width up to which it grows before optional columns are added
    pub(super) comfort: usize,
    pub(super) is_optional: bool,
    pub(super) is_free: bool,
    /// It holds names, of which a part is better than none
    pub(super) is_name: bool,
}

/// The width to which names are cut that tell rows apart.
const TELLING: usize = 12;

/// The width to which such names are cut before one of their columns goes.
const SHORTEST: usize = 8;

/// The width to which the free text is cut before other columns go for such names.
const FREE_BESIDE_NAMES: usize = 16;

/// Makes some columns stay without which rows would look alike.
pub(super) fn insist(columns: &mut [Demand], naming: impl Iterator<Item = usize>) {
    for place in naming {
        let column = &mut columns[place];
        column.stays = true;
        if column.is_optional {
            column.is_optional = false;
            column.floor = column.floor.min(TELLING);
            column.comfort = column.content;
        }
    }
    for free in columns.iter_mut().filter(|column| column.is_free) {
        free.floor = free.floor.min(FREE_BESIDE_NAMES);
    }
}

impl Demand {
    /// Returns the width below which a column goes that stays as long as it can.
    fn least(&self) -> usize {
        let floor = self.floor();
        if self.is_name {
            floor.min(SHORTEST).max(self.title)
        } else {
            floor
        }
    }

    fn floor(&self) -> usize {
        self.floor.min(self.content).max(self.title)
    }
}

/// Returns the width of each column, `None` for a column that is left out. `line` is the width of
/// the terminal; without it, nothing is cut.
pub(super) fn widths(columns: &[Demand], line: Option<usize>) -> Vec<Option<usize>> {
    let Some(line) = line else {
        return columns.iter().map(|column| Some(column.content)).collect();
    };
    let mut by_rank: Vec<usize> = (0..columns.len()).collect();
    by_rank.sort_by_key(|index| columns[*index].rank);
    let core = |column: &Demand| (!column.is_optional).then(|| column.floor());
    let mut plan = Plan {
        widths: columns.iter().map(core).collect(),
        line,
    };
    plan.drop_what_does_not_fit(columns, &by_rank);
    plan.grow(columns, &by_rank, |column| column.comfort);
    plan.add_optional(columns, &by_rank);
    // Names of any length do not take the room of a call or a value.
    plan.grow(columns, &by_rank, |column| {
        if column.is_free { FREE_ENOUGH } else { 0 }
    });
    plan.grow(columns, &by_rank, |column| {
        if column.is_free { 0 } else { column.content }
    });
    plan.grow(columns, &by_rank, |column| column.content);
    plan.widths
}

struct Plan {
    widths: Vec<Option<usize>>,
    line: usize,
}

impl Plan {
    /// Returns the width of a row.
    fn total(&self) -> usize {
        let shown = self.widths.iter().flatten();
        let gaps = GAP * shown.clone().count().saturating_sub(1);
        shown.sum::<usize>() + gaps
    }

    fn room(&self) -> usize {
        self.line.saturating_sub(self.total())
    }

    fn drop_what_does_not_fit(&mut self, columns: &[Demand], by_rank: &[usize]) {
        let free = columns.iter().position(|column| column.is_free);
        let (staying, others): (Vec<usize>, Vec<usize>) = by_rank
            .iter()
            .filter(|index| Some(**index) != free)
            .partition(|index| columns[**index].stays);
        let first = by_rank.first();
        let can_go = |index: &&usize| Some(*index) != first;
        for &index in others.iter().rev().filter(can_go) {
            if self.total() <= self.line {
                return;
            }
            self.widths[index] = None;
        }
        // The free text takes the room that the others leave, however little it is.
        if let Some((index, width)) = free.and_then(|index| Some((index, self.widths[index]?))) {
            let too_much = self.total().saturating_sub(self.line);
            let left = width.saturating_sub(too_much);
            self.widths[index] = (left >= NARROWEST.max(columns[index].title)).then_some(left);
        }
        for &index in staying.iter().rev() {
            let too_much = self.total().saturating_sub(self.line);
            if let Some(width) = &mut self.widths[index] {
                *width -= too_much.min(width.saturating_sub(columns[index].least()));
            }
        }
        for &index in staying.iter().rev().filter(can_go) {
            if self.total() > self.line {
                self.widths[index] = None;
            }
        }
        // Not even the first column fits.
        if self.total() > self.line
            && let Some(width) = by_rank
                .first()
                .and_then(|index| self.widths[*index].as_mut())
        {
            *width = self.line;
        }
    }

    /// Widens the shown columns by rank, up to their content and to a limit.
    fn grow(&mut self, columns: &[Demand], by_rank: &[usize], limit: impl Fn(&Demand) -> usize) {
        for &index in by_rank {
            let (column, room) = (&columns[index], self.room());
            if let Some(width) = &mut self.widths[index] {
                let wanted = limit(column).min(column.content);
                *width += wanted.saturating_sub(*width).min(room);
            }
        }
    }

    /// Adds optional columns by rank, at their full width.
    fn add_optional(&mut self, columns: &[Demand], by_rank: &[usize]) {
        let free = columns.iter().position(|column| column.is_free);
        let free = free.filter(|index| self.widths[*index].is_some());
        let mut kept = FREE_ROOM;
        for &index in by_rank {
            let column = &columns[index];
            if !column.is_optional || self.widths[index].is_some() {
                continue;
            }
            let needed = column.content.max(column.title) + GAP;
            let (free_width, kept_free) = match free {
                Some(index) => (
                    self.widths[index].unwrap_or(0),
                    columns[index].content.min(kept),
                ),
                None => (0, 0),
            };
            if self.room() + free_width >= needed + kept_free {
                self.widths[index] = Some(needed - GAP);
                // The free text gives up what the column takes.
                if let Some(index) = free {
                    let too_much = self.total().saturating_sub(self.line);
                    self.widths[index] = Some(free_width - too_much);
                }
                kept += FREE_STEP;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn demand(rank: u8, content: usize) -> Demand {
        Demand {
            rank,
            stays: rank <= 1,
            content,
            title: 3.min(content),
            floor: content,
            comfort: content,
            is_optional: false,
            is_free: false,
            is_name: false,
        }
    }

    /// STORE, KEY, DATASET, SIZE, AGE, EXPIRES, CALL
    fn listing(store: usize, call: usize) -> Vec<Demand> {
        vec![
            Demand {
                floor: 24,
                ..demand(3, store)
            },
            demand(1, 13),
            Demand {
                is_optional: true,
                ..demand(8, 7)
            },
            demand(7, 7),
            demand(5, 3),
            demand(4, 7),
            Demand {
                floor: 22,
                comfort: 32,
                is_free: true,
                ..demand(2, call)
            },
        ]
    }

    #[test]
    fn eighty_columns_show_store_key_age_expiry_and_call() {
        let widths = widths(&listing(22, 60), Some(80));
        let expected = [22, 13, 0, 0, 3, 7, 27].map(|width| (width > 0).then_some(width));
        assert_eq!(widths, expected);
    }

    #[test]
    fn more_columns_add_what_is_optional() {
        let widths = widths(&listing(22, 60), Some(120));
        assert_eq!(widths, [22, 13, 7, 7, 3, 7, 49].map(Some));
    }

    #[test]
    fn a_terminal_too_narrow_for_the_call_keeps_the_key() {
        assert_eq!(widths(&listing(22, 60), Some(19))[6], Some(4));
        assert_eq!(widths(&listing(22, 60), Some(18))[6], None);
        assert_eq!(widths(&listing(22, 60), Some(10))[1], Some(10));
    }

    #[test]
    fn the_column_of_the_order_does_not_drive_the_key_out() {
        let mut columns = listing(22, 60);
        columns[3] = demand(1, 8);
        for line in 23..40 {
            let widths = widths(&columns, Some(line));
            assert!(widths[1].is_some() && widths[3].is_some(), "{widths:?}");
        }
        assert_eq!(widths(&columns, Some(22))[1], Some(13));
    }

    #[test]
    fn names_beyond_their_comfort_do_not_take_the_room_of_a_value() {
        let named = |name, call| {
            let mut columns = listing(name, call);
            for index in [0, 1] {
                columns[index].content = name;
                columns[index].floor = 12;
                columns[index].comfort = 24;
            }
            columns
        };
        let widths_of = |line| {
            let widths = widths(&named(54, 200), Some(line));
            [0, 1, 6].map(|index| widths[index].unwrap_or(0))
        };
        assert_eq!(widths_of(120), [24, 24, 36]);
        assert_eq!(widths_of(200), [46, 54, 64]);
        assert_eq!(widths_of(250), [54, 54, 106]);
    }

    #[test]
    fn no_row_is_wider_than_the_line() {
        for line in 1..=250 {
            for store in [3, 22, 60, 200] {
                for call in [4, 30, 500] {
                    let widths = widths(&listing(store, call), Some(line));
                    let shown = widths.iter().flatten();
                    let total = shown.clone().sum::<usize>() + GAP * (shown.count() - 1);
                    assert!(total <= line, "{widths:?} in {line}");
                }
            }
        }
    }

    #[test]
    fn without_a_terminal_nothing_is_cut() {
        let widths = widths(&listing(200, 500), None);
        assert_eq!(widths, [200, 13, 7, 7, 3, 7, 500].map(Some));
    }
}
