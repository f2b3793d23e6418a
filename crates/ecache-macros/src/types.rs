//! What can be told of a type by how it is written.

use syn::{GenericArgument, Lifetime, Path, PathArguments, PathSegment, PointerMutability, Type};

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

/// Returns the first of the types that a type is made of for which `wanted` holds.
pub(crate) fn find(ty: &Type, wanted: impl Fn(&Type) -> bool) -> Option<&Type> {
    let mut found = None;
    walk(ty, &mut |ty| {
        if found.is_none() && wanted(ty) {
            found = Some(ty);
        }
    });
    found
}

/// Whether a function can write through it.
pub(crate) fn is_mutable(ty: &Type) -> bool {
    match ty {
        Type::Reference(ty) => ty.mutability.is_some(),
        Type::Ptr(ty) => matches!(ty.mutability, PointerMutability::Mut(_)),
        _ => false,
    }
}

/// Whether it borrows from something that ends.
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

/// The last word of a path, which is what a type is usually called.
pub(crate) fn last_word(ty: &Type) -> Option<String> {
    match ty {
        Type::Path(ty) => ty.path.segments.last().map(|last| last.ident.to_string()),
        Type::Paren(ty) => last_word(&ty.elem),
        Type::Group(ty) => last_word(&ty.elem),
        _ => None,
    }
}

/// The type in a path's last `<T, …>`.
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
