//! The function under the attribute: its receiver, its parameters and their roles.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{
    Error, FnArg, GenericParam, Generics, Ident, ItemFn, Lifetime, Pat, PatType, ReceiverKind,
    Result, ReturnType, Token, Type, TypeParamBound, TypeReference, WherePredicate,
};

use crate::signature::{
    refuse_argument, refuse_borrowed_output, refuse_condition, refuse_keyword, refuse_mutable_self,
};
use crate::spans::{at, core_item, moved};
use crate::types;

/// A function that can be cached.
pub(crate) struct Function {
    pub(crate) item: ItemFn,
    pub(crate) receiver: Option<TokenStream>,
    /// All parameters but the receiver; the context, if any, is the first
    pub(crate) parameters: Vec<Parameter>,
}

/// A parameter with a name, whatever its pattern is.
pub(crate) struct Parameter {
    pub(crate) name: Ident,
    pub(crate) ty: Type,
    role: Role,
    /// Set if its type is part of the key, because `impl Trait` does not name it
    hides_its_type: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    /// The call's context
    Context,
    /// A reference whose target type decides whether it is a context or an argument
    First,
    /// A reference
    Reference,
    /// `impl AsRef<T>`
    AsRef,
    Owned,
}

impl Parameter {
    fn new(name: Ident, ty: Type, role: Option<Role>) -> Self {
        let role = role.unwrap_or(match &ty {
            Type::Reference(_) => Role::Reference,
            ty if as_ref_target(ty).is_some() => Role::AsRef,
            _ => Role::Owned,
        });
        let hides = |ty: &Type| match ty {
            Type::ImplTrait(ty) => role != Role::AsRef || ty.bounds.len() > 1,
            _ => false,
        };
        Self {
            name,
            hides_its_type: role != Role::Context && types::find(&ty, hides).is_some(),
            ty,
            role,
        }
    }

    pub(crate) fn is_context(&self) -> bool {
        self.role == Role::Context
    }

    /// Reports whether only the compiler knows if it is a context.
    pub(crate) fn may_be_context(&self) -> bool {
        self.role == Role::First
    }

    /// Returns the parameter of a function that only borrows it; a context lives as long as
    /// `context`.
    pub(crate) fn borrowed(&self, context: &Lifetime) -> TokenStream {
        let Self { name, ty, .. } = self;
        match (self.role, ty) {
            (Role::Context | Role::First, Type::Reference(TypeReference { elem, .. })) => {
                quote!(#name: &#context #elem)
            }
            (Role::Context | Role::First | Role::Reference, _) => quote!(#name: #ty),
            // `&impl A + B` is not a type.
            (_, Type::ImplTrait(several)) if several.bounds.len() > 1 => quote!(#name: &(#ty)),
            _ => quote!(#name: &#ty),
        }
    }

    /// Returns the argument for a [borrowed](Self::borrowed) parameter.
    pub(crate) fn lent(&self) -> TokenStream {
        let name = &self.name;
        match self.role {
            Role::Context | Role::First | Role::Reference => quote!(#name),
            Role::AsRef | Role::Owned => quote!(&#name),
        }
    }

    /// Returns the reference that a [borrowed](Self::borrowed) parameter is to its value.
    pub(crate) fn reference(&self) -> TokenStream {
        let name = &self.name;
        match as_ref_target(&self.ty) {
            Some(target) if self.role == Role::AsRef => {
                quote_spanned!(at(&self.ty)=> ::core::convert::AsRef::<#target>::as_ref(#name))
            }
            _ => quote!(#name),
        }
    }

    /// Returns the argument of the call that a [borrowed](Self::borrowed) parameter is.
    pub(crate) fn argument(&self, krate: &syn::Path) -> Option<TokenStream> {
        let (name, reference) = (&self.name, self.reference());
        let span = self.ty.span();
        match self.role {
            Role::Context => None,
            Role::First => Some(
                quote_spanned!(span=> (&#krate::__macro::First(#name)).argument().checked().shown()),
            ),
            Role::AsRef => Some(pushed(krate, &reference, span)),
            // Fewer methods to find make 200 functions compile faster.
            _ if types::is_plain(&self.ty) => {
                Some(quote_spanned!(span=> #krate::__macro::argument(#reference)))
            }
            _ => {
                Some(quote_spanned!(span=> #krate::__macro::argument(#reference).checked().shown()))
            }
        }
    }

    /// Returns its type as an argument of the call, if that is needed.
    pub(crate) fn type_argument(&self, krate: &syn::Path) -> Option<TokenStream> {
        let name = &self.name;
        self.hides_its_type
            .then(|| quote!(#krate::__macro::type_of(#name)))
    }

    /// Returns the code that makes it outlive the call, under its own name, and the argument that
    /// is then passed to the function.
    pub(crate) fn owned(&self, krate: &syn::Path) -> (TokenStream, TokenStream) {
        let name = &self.name;
        let (of, given) = match (self.role, &self.ty) {
            (Role::Context | Role::First, _) => (quote!(#name), quote!(&#name)),
            (Role::Reference, Type::Reference(reference)) => {
                let target = &reference.elem;
                if self.hides_its_type {
                    let kind = format_ident!("kind_of_{name}", span = Span::mixed_site());
                    let own = self.own(krate, &quote!(#name));
                    return (
                        quote!(let #kind = #krate::__macro::kind(#name); #own),
                        quote!(#krate::__macro::lent(#kind, &#name)),
                    );
                }
                let given = quote!(::core::borrow::Borrow::<#target>::borrow(&#name));
                (quote!(#name), given)
            }
            (Role::AsRef, ty) => {
                let target = as_ref_target(ty);
                (
                    quote!(::core::convert::AsRef::<#target>::as_ref(&#name)),
                    quote!(::core::borrow::Borrow::<#target>::borrow(&#name)),
                )
            }
            _ => return (self.crosses(krate), quote!(#name)),
        };
        (self.own(krate, &of), given)
    }

    /// Returns the code that copies what it refers to.
    fn own(&self, krate: &syn::Path, of: &TokenStream) -> TokenStream {
        let (name, span, crosses) = (&self.name, self.target_span(), self.crosses(krate));
        quote_spanned!(span=> let #name = (&#krate::__macro::Borrowed(#of)).own(); #crosses)
    }

    /// Returns the check that another thread may have its value.
    fn crosses(&self, krate: &syn::Path) -> TokenStream {
        let (name, span) = (&self.name, self.target_span());
        let crosses = core_item(krate, "crosses", span);
        let name = moved(name.to_token_stream(), span);
        quote_spanned!(span=> #crosses(&#name);)
    }

    /// Returns the place of its type, without the reference that it may be.
    fn target_span(&self) -> Span {
        match &self.ty {
            Type::Reference(reference) => at(&reference.elem),
            ty => at(ty),
        }
    }
}

/// Returns the argument of a reference that the program's own code makes, which may panic.
pub(crate) fn pushed(krate: &syn::Path, reference: &TokenStream, span: Span) -> TokenStream {
    let list = Ident::new("list", Span::mixed_site());
    quote_spanned!(span=> #krate::__macro::pushed(|#list| {
        #[allow(unused_imports)]
        use #krate::__macro::{Argument as _, Unchecked as _, Unshown as _};
        #krate::__macro::argument(#reference).checked().shown().push_to(#list)
    }))
}

/// Traits whose methods tell nothing of a value that its `AsRef` does not.
const SILENT: [&str; 7] = [
    "Clone",
    "Copy",
    "RefUnwindSafe",
    "Send",
    "Sync",
    "Unpin",
    "UnwindSafe",
];

/// Returns the `T` of `impl AsRef<T>`, unless another trait may tell more of the value.
fn as_ref_target(ty: &Type) -> Option<Type> {
    let Type::ImplTrait(ty) = ty else { return None };
    let mut views = 0;
    for bound in &ty.bounds {
        if let TypeParamBound::Trait(bound) = bound {
            let name = &bound.path.segments.last()?.ident;
            if name == "AsRef" {
                views += 1;
            } else if !SILENT.iter().any(|silent| name == silent) {
                return None;
            }
        }
    }
    if views != 1 {
        return None;
    }
    ty.bounds.iter().find_map(|bound| match bound {
        TypeParamBound::Trait(bound) if bound.path.segments.last()?.ident == "AsRef" => {
            types::first_argument(&bound.path).cloned()
        }
        _ => None,
    })
}

impl Function {
    /// Parses a function; with `has_cache` it has a cache of its own and thus no context.
    pub(crate) fn new(item: ItemFn, has_cache: bool, has_key_fn: bool) -> Result<Self> {
        if let Some(again) = item.attrs.iter().find(|attribute| {
            let last = attribute.path().segments.last();
            last.is_some_and(|segment| segment.ident == "execution_cache")
        }) {
            let message =
                "a function is cached once: give this attribute's options to the other one";
            return Err(Error::new_spanned(again.path(), message));
        }
        let signature = &item.sig;
        refuse_keyword(signature)?;
        refuse_mutable_self(signature)?;
        refuse_borrowed_output(&signature.output)?;
        let typed = signature.inputs.iter().filter_map(|input| match input {
            FnArg::Typed(typed) => Some(typed),
            FnArg::Receiver(_) => None,
        });
        let mut parameters = Vec::new();
        for (index, parameter) in typed.enumerate() {
            refuse_condition(parameter)?;
            let ty = types::ungrouped(&parameter.ty);
            let role = match index {
                0 => context_role(ty, &signature.generics, has_cache)?,
                _ => None,
            };
            if role != Some(Role::Context) {
                refuse_argument(ty, role.is_none(), has_key_fn)?;
            }
            parameters.push(Parameter::new(name(parameter, index), ty.clone(), role));
        }
        let receiver = signature.receiver().map(|receiver| {
            // Only the function itself may change its `self`.
            let mut receiver = receiver.clone();
            receiver.mutability = None;
            receiver.to_token_stream()
        });
        Ok(Self {
            receiver,
            parameters,
            item,
        })
    }

    /// Returns the function's name without `r#`.
    pub(crate) fn name(&self) -> String {
        self.item.sig.ident.unraw().to_string()
    }

    /// Reports whether its first parameter is a context, as far as its type tells.
    pub(crate) fn takes_context(&self) -> bool {
        let first = self.parameters.first();
        first.is_some_and(|first| first.is_context() || first.may_be_context())
    }

    /// Reports whether it takes `self` by reference.
    pub(crate) fn borrows_self(&self) -> bool {
        let receiver = self.item.sig.receiver();
        receiver.is_some_and(|receiver| match &receiver.kind {
            ReceiverKind::Reference(..) => true,
            ReceiverKind::Typed(_, ty) => matches!(**ty, Type::Reference(_)),
            _ => false,
        })
    }

    /// Reports whether it uses a lifetime that it does not declare, as only a method may.
    pub(crate) fn has_foreign_lifetime(&self) -> bool {
        let signature = &self.item.sig;
        let generics = &signature.generics;
        let mut declared: Vec<Ident> = generics
            .lifetimes()
            .map(|parameter| parameter.lifetime.ident.clone())
            .collect();
        let mut used = Vec::new();
        let (inputs, output) = (&signature.inputs, &signature.output);
        let clauses = &generics.where_clause;
        types::lifetimes(quote!(#inputs #output #clauses), &mut declared, &mut used);
        used.iter()
            .any(|name| name != "static" && name != "_" && !declared.contains(name))
    }

    /// Returns the names of its parameters, in their order.
    pub(crate) fn values(&self) -> impl Iterator<Item = &Ident> {
        self.parameters.iter().map(|parameter| &parameter.name)
    }

    /// Returns the type of its results: `()` if it declares none.
    pub(crate) fn output(&self) -> Type {
        match &self.item.sig.output {
            ReturnType::Type(_, ty) => (**ty).clone(),
            ReturnType::Default => syn::parse_quote!(()),
        }
    }

    /// Returns the span of its results' type, or of its name if it declares none.
    pub(crate) fn output_span(&self) -> Span {
        match &self.item.sig.output {
            ReturnType::Type(_, ty) => ty.span(),
            ReturnType::Default => self.item.sig.ident.span(),
        }
    }

    /// Returns the names of its type parameters.
    pub(crate) fn type_parameters(&self) -> impl Iterator<Item = &Ident> {
        let generics = &self.item.sig.generics;
        generics.type_params().map(|parameter| &parameter.ident)
    }

    /// Returns the names of its const parameters.
    pub(crate) fn const_parameters(&self) -> impl Iterator<Item = &Ident> {
        let generics = &self.item.sig.generics;
        generics.const_params().map(|parameter| &parameter.ident)
    }

    /// Returns its type and const parameters as in a call, `::<T, { N }>`, in the order of their
    /// declaration.
    pub(crate) fn turbofish(&self) -> Option<TokenStream> {
        let parameters = self.item.sig.generics.params.iter();
        let names = parameters.filter_map(|parameter| match parameter {
            GenericParam::Type(parameter) => Some(parameter.ident.to_token_stream()),
            // Without braces, it would be a type of that name, if there is one.
            GenericParam::Const(parameter) => {
                let name = &parameter.ident;
                Some(quote!({ #name }))
            }
            GenericParam::Lifetime(_) => None,
        });
        let names: Vec<TokenStream> = names.collect();
        (!names.is_empty()).then(|| quote!(::<#(#names),*>))
    }
}

/// Returns the name of a parameter; makes one for a pattern that has none.
fn name(parameter: &PatType, index: usize) -> Ident {
    match &*parameter.pat {
        Pat::Ident(pattern) if pattern.subpat.is_none() => pattern.ident.clone(),
        // No parameter that has a name of its own can have this one.
        pattern => {
            let span = Span::mixed_site().located_at(pattern.span());
            format_ident!("argument_{index}", span = span)
        }
    }
}

/// Returns the role of a first parameter; `None` for an ordinary argument.
fn context_role(ty: &Type, generics: &Generics, has_cache: bool) -> Result<Option<Role>> {
    let is_context = types::find(ty, |ty| {
        types::last_word(ty).is_some_and(|word| word == "ExecutionContext")
            || matches!(ty, Type::ImplTrait(ty) if bound_to_context(&ty.bounds))
            || matches!(ty, Type::TraitObject(ty) if bound_to_context(&ty.bounds))
            || is_context_parameter(ty, generics)
    });
    let reference = match ty {
        Type::Reference(reference) if reference.mutability.is_none() => Some(&*reference.elem),
        _ => None,
    };
    if let Some(context) = is_context {
        if has_cache {
            let message = "a function with a context gets its cache from there: leave out either \
                           the context or `cache = …`";
            return Err(Error::new_spanned(context, message));
        }
        if reference.is_none_or(|elem| !std::ptr::eq(elem, context)) {
            let message = "a context is taken by shared reference: `ctx: &ExecutionContext`";
            return Err(Error::new_spanned(ty, message));
        }
        return Ok(Some(Role::Context));
    }
    let Some(Type::Path(path)) = reference else {
        return Ok(None);
    };
    let is_parameter = |word: &str| {
        let mut parameters = generics.type_params();
        parameters.any(|parameter| parameter.ident == word)
    };
    let word = types::last_word(&Type::Path(path.clone())).unwrap_or_default();
    let is_data = types::DATA.contains(&&*word) || is_parameter(&word) || has_cache;
    Ok((!is_data).then_some(Role::First))
}

fn bound_to_context(bounds: &Punctuated<TypeParamBound, Token![+]>) -> bool {
    bounds.iter().any(|bound| match bound {
        TypeParamBound::Trait(bound) => {
            let last = bound.path.segments.last();
            last.is_some_and(|last| last.ident == "CacheContext")
        }
        _ => false,
    })
}

/// Reports whether `ty` is a type parameter with a context bound.
fn is_context_parameter(ty: &Type, generics: &Generics) -> bool {
    let Type::Path(path) = ty else { return false };
    let declared = generics.type_params().any(|parameter| {
        path.path.is_ident(&parameter.ident) && bound_to_context(&parameter.bounds)
    });
    let clauses = generics.where_clause.iter();
    let mut clauses = clauses.flat_map(|clause| &clause.predicates);
    declared
        || clauses.any(|clause| match clause {
            WherePredicate::Type(clause) => {
                let is_it = matches!(&clause.bounded_ty, Type::Path(bounded)
                    if bounded.path.get_ident() == path.path.get_ident());
                is_it && path.path.get_ident().is_some() && bound_to_context(&clause.bounds)
            }
            _ => false,
        })
}
