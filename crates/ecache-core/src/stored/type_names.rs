//! Reads from the full name of a type how serde writes its values: nothing else tells a `HashSet`
//! from a `Vec`, or a struct from the cell around it.

/// Types of the standard library that serde writes as the value within.
const WRAPPERS: [&str; 14] = [
    "alloc::boxed::Box",
    "alloc::borrow::Cow",
    "alloc::rc::Rc",
    "alloc::rc::Weak",
    "alloc::sync::Arc",
    "alloc::sync::Weak",
    "core::cell::Cell",
    "core::cell::RefCell",
    "core::cmp::Reverse",
    "core::num::saturating::Saturating",
    "core::num::wrapping::Wrapping",
    "std::sync::poison::mutex::Mutex",
    "std::sync::poison::rwlock::RwLock",
    "core::pin::Pin",
];

/// Returns the name behind one reference or wrapper, if there is one.
fn within(name: &str) -> Option<&str> {
    if let Some(referent) = name.strip_prefix('&') {
        return Some(without_lifetime(referent).trim_start_matches("mut "));
    }
    let (path, rest) = name.split_once('<')?;
    let content = rest.strip_suffix('>')?;
    WRAPPERS
        .contains(&path)
        .then(|| without_lifetime(content).trim_start_matches(", "))
}

fn without_lifetime(name: &str) -> &str {
    name.strip_prefix("'_").unwrap_or(name).trim_start()
}

/// Returns the name of the type behind references and wrappers.
pub(super) fn bare(full_name: &str) -> &str {
    let mut name = full_name;
    while let Some(content) = within(name) {
        name = content;
    }
    name
}

/// Reports whether a function can write through a value of the type with this name.
pub(crate) fn is_mutable(full_name: &str) -> bool {
    full_name.contains("&mut ")
}

/// Reports whether values of the type with this name are written by the `Serialize` of the value
/// within.
pub(super) fn is_wrapper(full_name: &str) -> bool {
    within(full_name).is_some()
}

/// Reports whether the type with this full name is a list of bytes.
pub(super) fn is_of_bytes(full_name: &str) -> bool {
    matches!(bare(full_name), "alloc::vec::Vec<u8>" | "[u8]")
}

/// Reports whether the type with this full name has an order of its own making: a collection that
/// hashes its members, a heap, or an iterator over one of them.
pub(super) fn is_unordered(full_name: &str) -> bool {
    let mut name = bare(full_name);
    while let Some((path, content)) = name.split_once('<')
        && path.starts_with("core::iter::adapters::")
    {
        name = bare(content);
    }
    // A tuple, array or slice has the order that the program gave it, whatever its members are.
    if name.starts_with(['(', '[']) {
        return false;
    }
    let path = name.split_once('<').map_or(name, |(path, _)| path);
    let modules = ["::hash::set::", "::hash::map::", "::binary_heap::"];
    path.ends_with("HashSet") && !path.ends_with("LinkedHashSet")
        || path.ends_with("DashSet")
        || path.starts_with("hashbrown::")
        || modules.iter().any(|module| path.contains(module))
}

/// Reports whether the type of this bare name is a map with an order of the program's own, which
/// its `==` may disregard. An object of JSON has none by its standard, and FiftyOne sorts it.
pub(super) fn is_ordered_map(bare_name: &str) -> bool {
    ["IndexMap", "OrderMap", "LinkedHashMap", "LinearMap"].contains(&ident(bare_name))
}

/// Reports whether the type of this bare name is an address that is written as a text without all
/// of its parts.
pub(super) fn is_socket_address(bare_name: &str) -> bool {
    matches!(
        bare_name,
        "core::net::socket_addr::SocketAddr" | "core::net::socket_addr::SocketAddrV6"
    )
}

/// Reports whether the type of this bare name is a range that is written without the mark that it
/// is exhausted.
pub(super) fn is_span(bare_name: &str) -> bool {
    bare_name.starts_with("core::ops::range::RangeInclusive<")
}

/// Reports whether values of a type with this full name may be written without a part of them,
/// although all of its types are the language's: serde's own `Serialize` leaves that out.
pub(crate) fn is_partly_written(full_name: &str) -> bool {
    full_name.contains("::RangeInclusive<") || full_name.contains("::SocketAddr")
}

/// Reports whether a type of this bare name writes itself by code that this library can vouch for:
/// types of the language and its library, JSON, and what serde's derive generates.
pub(super) fn is_trusted(bare_name: &str) -> bool {
    if !bare_name.starts_with(|c: char| c.is_alphabetic() || c == '_') {
        return true;
    }
    let Some((first, _)) = bare_name.split_once("::") else {
        return true;
    };
    let generated = [
        "::__SerializeWith",
        "::__AdjacentlyTagged",
        "::AdjacentlyTaggedEnumVariant",
    ];
    ["core", "alloc", "std", "serde_json"].contains(&first)
        || bare_name.starts_with("ecache_core::python_json::")
        || generated.iter().any(|name| bare_name.contains(name))
}

/// Returns the last segment of a type's path, without its parameters.
pub(super) fn ident(type_name: &str) -> &str {
    let path = type_name.split('<').next().unwrap_or(type_name);
    path.rsplit("::").next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use std::any::type_name;
    use std::borrow::Cow;
    use std::cell::{Cell, RefCell};
    use std::cmp::Reverse;
    use std::collections::HashSet;
    use std::net::{IpAddr, SocketAddr, SocketAddrV6};
    use std::num::{Saturating, Wrapping};
    use std::ops::{Range, RangeInclusive};
    use std::rc::Rc;
    use std::sync::{Arc, Mutex, RwLock};

    use super::*;

    #[derive(Clone)]
    struct Content;

    #[test]
    fn the_name_behind_wrappers() {
        let names = [
            type_name::<&Content>(),
            type_name::<&&mut Content>(),
            type_name::<Box<Content>>(),
            type_name::<Cow<'_, Content>>(),
            type_name::<Rc<Arc<Content>>>(),
            type_name::<Cell<Content>>(),
            type_name::<&RefCell<Content>>(),
            type_name::<Reverse<Content>>(),
            type_name::<Saturating<Content>>(),
            type_name::<Wrapping<Content>>(),
            type_name::<Mutex<Content>>(),
            type_name::<RwLock<Content>>(),
        ];
        for name in names {
            assert_eq!(bare(name), type_name::<Content>(), "{name}");
            assert!(is_wrapper(name));
        }
        for name in [type_name::<Content>(), type_name::<Vec<Content>>()] {
            assert_eq!(bare(name), name);
        }
        assert!(is_unordered(type_name::<Arc<HashSet<u8>>>()));
        assert!(is_of_bytes(type_name::<Cow<'_, [u8]>>()));
        assert!(!is_unordered("linked_hash_set::LinkedHashSet<u8>"));
    }

    #[test]
    fn the_types_of_which_serde_leaves_something_out() {
        let (address, range) = (type_name::<SocketAddr>(), type_name::<RangeInclusive<u8>>());
        assert!(is_socket_address(address) && is_socket_address(type_name::<SocketAddrV6>()));
        assert!(is_span(range) && !is_span(type_name::<Range<u8>>()));
        let partly = [address, range, type_name::<Option<Vec<SocketAddr>>>()];
        assert!(partly.into_iter().all(is_partly_written));
        assert!(!is_partly_written(type_name::<Vec<Range<IpAddr>>>()));
    }

    #[test]
    fn types_of_the_program_are_not_trusted() {
        assert!(!is_trusted(type_name::<Content>()));
        let trusted = [
            type_name::<u8>(),
            type_name::<(Content, u8)>(),
            type_name::<[Content; 2]>(),
            type_name::<Option<Content>>(),
            type_name::<serde_json::Value>(),
        ];
        for name in trusted {
            assert!(is_trusted(name), "{name}");
        }
        assert_eq!(ident(type_name::<Vec<Content>>()), "Vec");
    }
}
