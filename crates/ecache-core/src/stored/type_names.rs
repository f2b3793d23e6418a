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
    path.ends_with("HashSet")
        || path.ends_with("DashSet")
        || path.starts_with("hashbrown::")
        || modules.iter().any(|module| path.contains(module))
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
    use std::num::{Saturating, Wrapping};
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
