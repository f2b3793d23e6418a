//! Finds arguments that are written in an order that their values do not determine, as the members
//! of a set are by `#[serde(into = "Vec<…>")]`: each call would have a key of its own, and the
//! store would grow by every one.
//!
//! The types of the standard library are recognised and written in one order. Of any other one, the
//! value that is read back is equal but was hashed anew, so it is written in another order. A few
//! values of each type tell.

use std::any::type_name;
use std::cell::RefCell;
use std::collections::HashMap;

use serde::Serialize;

use super::{StoredError, write_checked_argument};

/// Number of values that are looked at for each type. Of two members, each look finds another order
/// with a probability of one half.
const LOOKS: u32 = 16;

/// The knowledge of a type.
#[derive(Clone, Copy)]
enum KnownOrder {
    /// Equal values had one order, so many times
    Same(u32),
    /// Equal values had two orders
    Unordered,
}

thread_local! {
    static ORDERS: RefCell<HashMap<&'static str, KnownOrder>> = RefCell::default();
}

/// Checks the order in which an argument is `written`; an equal one was read back from that.
///
/// # Errors
/// If equal values of the type are written in different orders.
pub(crate) fn check_order<T: Serialize + ?Sized>(
    written: &[u8],
    equal: &T,
) -> Result<(), StoredError> {
    if !has_several_members(written) {
        return Ok(());
    }
    let name = type_name::<T>();
    let order = ORDERS.with_borrow(|orders| orders.get(name).copied());
    let looks = match order.unwrap_or(KnownOrder::Same(0)) {
        KnownOrder::Same(LOOKS..) => return Ok(()),
        KnownOrder::Same(looks) => looks,
        KnownOrder::Unordered => return Err(StoredError::Unordered(name)),
    };
    let mut again = Vec::with_capacity(written.len());
    write_checked_argument(equal, &mut again)?;
    let is_unordered = again != written && counts(&again) == counts(written);
    let order = if is_unordered {
        KnownOrder::Unordered
    } else {
        KnownOrder::Same(looks + 1)
    };
    ORDERS.with_borrow_mut(|orders| orders.insert(name, order));
    if is_unordered {
        return Err(StoredError::Unordered(name));
    }
    Ok(())
}

/// Reports whether a JSON text may have a list of two members.
fn has_several_members(text: &[u8]) -> bool {
    let list = text.iter().position(|byte| *byte == b'[');
    list.is_some_and(|at| text[at..].contains(&b','))
}

/// Returns how often each byte occurs.
pub(crate) fn counts(bytes: &[u8]) -> [usize; 256] {
    let mut counts = [0; 256];
    for byte in bytes {
        counts[usize::from(*byte)] += 1;
    }
    counts
}
