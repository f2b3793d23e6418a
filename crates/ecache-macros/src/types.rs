//! Properties of a type that its syntax tells.

use proc_macro2::{Ident, TokenStream, TokenTree};
use syn::{GenericArgument, Lifetime, Path, PathArguments, PathSegment, PointerMutability, Type};

/// Names of common types that are arguments and never contexts.
pub(crate) const DATA: [&str; 40] = [
    "str",
    "String",
    "Path",
    "PathBuf",
    "OsStr",
    "OsString",
    "CStr",
    "CString",
    "Vec",
    "VecDeque",
    "Option",
    "Result",
    "HashMap",
    "BTreeMap",
    "HashSet",
    "BTreeSet",
    "Cow",
    "Duration",
    "SystemTime",
    "IpAddr",
    "Ipv4Addr",
    "Ipv6Addr",
    "SocketAddr",
    "bool",
    "char",
    "u8",
    "u16",
    "u32",
    "u64",
    "u128",
    "usize",
    "i8",
    "i16",
    "i32",
    "i64",
    "i128",
    "isize",
    "f32",
    "f64",
    "Uuid",
];

/// Visits a type and the types that it is made of; bounds of `impl` and `dyn` are not types.
pub(crate) fn walk<'a>(ty: &'a Type, visit: &mut dyn FnMut(&'a Type)) {
    visit(ty);
    match ty {
        Type::Array(ty) => walk(&ty.elem, visit),
        Type::Slice(ty) => walk(&ty.elem, visit),
        Type::Group(ty) => walk(&ty.elem, visit),
        Type::Paren(ty) => walk(&ty.elem, visit),
        Type::Ptr(ty) => walk(&ty.elem, visit),
        Type::Reference(ty) => walk(&ty.elem, visit),
        Type::Tuple(ty) => ty.elems.iter().for_each(|elem| walk(elem, visit)),
        Type::Path(ty) => {
            for argument in ty.path.segments.iter().flat_map(arguments) {
                if let GenericArgument::Type(ty) = argument {
                    walk(ty, visit);
                }
            }
        }
        _ => {}
    }
}

/// Returns the first type that satisfies `wanted`: `ty` itself or one that it is made of.
pub(crate) fn find(ty: &Type, wanted: impl Fn(&Type) -> bool) -> Option<&Type> {
    let mut found = None;
    walk(ty, &mut |ty| {
        if found.is_none() && wanted(ty) {
            found = Some(ty);
        }
    });
    found
}

/// Returns the type without the invisible group that a `$type:ty` of a macro puts around it, and
/// without parentheses.
pub(crate) fn ungrouped(ty: &Type) -> &Type {
    match ty {
        Type::Group(ty) => ungrouped(&ty.elem),
        Type::Paren(ty) => ungrouped(&ty.elem),
        ty => ty,
    }
}

/// Reports whether a function can write through the type.
pub(crate) fn is_mutable(ty: &Type) -> bool {
    match ty {
        Type::Reference(ty) => ty.mutability.is_some(),
        Type::Ptr(ty) => matches!(ty.mutability, PointerMutability::Mut(_)),
        _ => false,
    }
}

/// Reports whether the type borrows from a value that does not live forever.
pub(crate) fn is_borrowed(ty: &Type) -> bool {
    let ends = |lifetime: &Lifetime| lifetime.ident != "static";
    match ty {
        Type::Reference(ty) => ty.lifetime.as_ref().is_none_or(ends),
        Type::Path(ty) => ty.path.segments.iter().flat_map(arguments).any(
            |argument| matches!(argument, GenericArgument::Lifetime(lifetime) if ends(lifetime)),
        ),
        _ => false,
    }
}

/// Reports whether the type is made of the type parameter `name`.
pub(crate) fn names(ty: &Type, name: &Ident) -> bool {
    find(ty, |ty| match ty {
        Type::Path(path) => path
            .path
            .segments
            .iter()
            .any(|segment| segment.ident == *name),
        _ => false,
    })
    .is_some()
}

/// Returns the last segment of a path, which is usually the name of the type.
pub(crate) fn last_word(ty: &Type) -> Option<String> {
    match ty {
        Type::Path(ty) => ty.path.segments.last().map(|last| last.ident.to_string()),
        Type::Paren(ty) => last_word(&ty.elem),
        Type::Group(ty) => last_word(&ty.elem),
        _ => None,
    }
}

/// Reports whether a type is spelled like one of the language whose values hide nothing. If a type
/// of the program has that name, what it hides cannot be seen, and its calls are not cached.
pub(crate) fn is_plain(ty: &Type) -> bool {
    const PLAIN: [&str; 17] = [
        "bool", "char", "f32", "f64", "i8", "i16", "i32", "i64", "i128", "isize", "str", "String",
        "u8", "u16", "u32", "u64", "usize",
    ];
    match ty {
        Type::Reference(reference) => is_plain(&reference.elem),
        Type::Path(path) if path.path.get_ident().is_some() => {
            last_word(ty).is_some_and(|word| PLAIN.contains(&&*word))
        }
        _ => false,
    }
}

/// Returns the first type in a path's last `<T, …>`.
pub(crate) fn first_argument(path: &Path) -> Option<&Type> {
    arguments(path.segments.last()?).find_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    })
}

fn arguments(segment: &PathSegment) -> impl Iterator<Item = &GenericArgument> {
    let arguments = match &segment.arguments {
        PathArguments::AngleBracketed(arguments) => Some(&arguments.args),
        _ => None,
    };
    arguments.into_iter().flatten()
}

/// Collects the names of the lifetimes in tokens: those that `for<…>` declares, and all.
pub(crate) fn lifetimes(tokens: TokenStream, declared: &mut Vec<Ident>, used: &mut Vec<Ident>) {
    let mut is_lifetime = false;
    let mut is_binder = false;
    for token in tokens {
        match token {
            TokenTree::Group(group) => lifetimes(group.stream(), declared, used),
            TokenTree::Ident(name) if is_lifetime => {
                if is_binder {
                    declared.push(name.clone());
                }
                used.push(name);
                is_lifetime = false;
            }
            TokenTree::Ident(word) => is_binder = word == "for",
            TokenTree::Punct(mark) => {
                is_lifetime = mark.as_char() == '\'';
                is_binder &= mark.as_char() != '>';
            }
            TokenTree::Literal(_) => {}
        }
    }
}
