//! What the attribute has to know of the function that it stands on.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{
    Error, FnArg, GenericArgument, GenericParam, Ident, ItemFn, Pat, PatType, PathArguments,
    ReceiverKind, Result, ReturnType, Type, TypeParamBound,
};

/// A function that can be cached.
pub(crate) struct Function {
    pub(crate) item: ItemFn,
    pub(crate) receiver: Option<TokenStream>,
    /// The name of the context
    pub(crate) context: Ident,
    pub(crate) arguments: Vec<Argument>,
    /// Parameters, each with a name
    pub(crate) parameters: Vec<TokenStream>,
}

/// An argument behind the context.
pub(crate) struct Argument {
    pub(crate) name: Ident,
    kind: ArgumentKind,
}

enum ArgumentKind {
    /// To that type
    Reference(Box<Type>),
    /// `impl AsRef<T>`
    AsRef(Box<Type>),
    Owned,
}

impl Argument {
    fn new(name: Ident, ty: &Type) -> Self {
        let kind = match (ty, as_ref_target(ty)) {
            (Type::Reference(reference), _) => ArgumentKind::Reference(reference.elem.clone()),
            (_, Some(target)) => ArgumentKind::AsRef(Box::new(target)),
            _ => ArgumentKind::Owned,
        };
        Self { name, kind }
    }

    /// What makes it outlive the call, under its own name, and how the function is then given it.
    pub(crate) fn owned(&self) -> (TokenStream, TokenStream) {
        let name = &self.name;
        let (of, target) = match &self.kind {
            ArgumentKind::Reference(target) => (quote!(#name), target),
            ArgumentKind::AsRef(target) => (self.reference(), target),
            ArgumentKind::Owned => return (quote!(), quote!(#name)),
        };
        (
            quote_spanned!(name.span()=> let #name = ::std::borrow::ToOwned::to_owned(#of);),
            quote_spanned!(name.span()=> ::core::borrow::Borrow::<#target>::borrow(&#name)),
        )
    }

    /// A reference to it, as it goes into the key.
    pub(crate) fn reference(&self) -> TokenStream {
        let name = &self.name;
        match &self.kind {
            ArgumentKind::Reference(_) => quote!(#name),
            ArgumentKind::AsRef(target) => {
                quote!(::core::convert::AsRef::<#target>::as_ref(&#name))
            }
            ArgumentKind::Owned => quote!(&#name),
        }
    }
}

/// The `T` of `impl AsRef<T>`.
fn as_ref_target(ty: &Type) -> Option<Type> {
    let Type::ImplTrait(ty) = ty else { return None };
    ty.bounds.iter().find_map(|bound| {
        let TypeParamBound::Trait(bound) = bound else {
            return None;
        };
        let last = bound.path.segments.last()?;
        let PathArguments::AngleBracketed(arguments) = &last.arguments else {
            return None;
        };
        match arguments.args.first()? {
            GenericArgument::Type(target) if last.ident == "AsRef" => Some(target.clone()),
            _ => None,
        }
    })
}

impl Function {
    pub(crate) fn new(item: ItemFn) -> Result<Self> {
        if let Some(again) = item.attrs.iter().find(|attribute| {
            let last = attribute.path().segments.last();
            last.is_some_and(|segment| segment.ident == "execution_cache")
        }) {
            let message =
                "a function is cached once: give this attribute's options to the other one";
            return Err(Error::new_spanned(again.path(), message));
        }
        let signature = &item.sig;
        for (keyword, why) in [
            (
                signature.constness.to_token_stream(),
                "a `const fn` cannot read a cache",
            ),
            (
                signature.safety.to_token_stream(),
                "an `unsafe fn` is not cached: wrap it in a safe one",
            ),
        ] {
            if !keyword.is_empty() {
                return Err(Error::new_spanned(keyword, why));
            }
        }
        let receiver = signature.receiver().map(ToTokens::to_token_stream);
        let mut typed = signature.inputs.iter().filter_map(|input| match input {
            FnArg::Typed(typed) => Some(typed),
            FnArg::Receiver(_) => None,
        });
        let Some(first) = typed.next() else {
            let message = "a cached function takes its context first: `ctx: &ExecutionContext`";
            return Err(Error::new(signature.paren_token.span.join(), message));
        };
        match &*first.ty {
            Type::Reference(reference) if reference.mutability.is_none() => {}
            other => {
                let message = "the first argument is the context, taken by shared reference: `&ExecutionContext`, \
                               or a reference to anything that implements `CacheContext`";
                return Err(Error::new_spanned(other, message));
            }
        }
        let context = name(first, 0);
        let arguments: Vec<Argument> = typed
            .enumerate()
            .map(|(index, typed)| Argument::new(name(typed, index + 1), &typed.ty))
            .collect();
        let types = signature.inputs.iter().filter_map(|input| match input {
            FnArg::Typed(typed) => Some(&typed.ty),
            FnArg::Receiver(_) => None,
        });
        let names =
            std::iter::once(&context).chain(arguments.iter().map(|argument| &argument.name));
        let parameters = names
            .zip(types)
            .map(|(name, ty)| quote!(#name: #ty))
            .collect();
        Ok(Self {
            receiver,
            context,
            arguments,
            parameters,
            item,
        })
    }

    /// Whether it takes `self` by reference.
    pub(crate) fn borrows_self(&self) -> bool {
        let receiver = self.item.sig.receiver();
        receiver.is_some_and(|receiver| match &receiver.kind {
            ReceiverKind::Reference(..) => true,
            ReceiverKind::Typed(_, ty) => matches!(**ty, Type::Reference(_)),
            _ => false,
        })
    }

    /// The values that its parameters have, in their order.
    pub(crate) fn values(&self) -> impl Iterator<Item = &Ident> {
        std::iter::once(&self.context).chain(self.arguments.iter().map(|argument| &argument.name))
    }

    /// What its results are: `()` where it says nothing.
    pub(crate) fn output(&self) -> Type {
        match &self.item.sig.output {
            ReturnType::Type(_, ty) => (**ty).clone(),
            ReturnType::Default => syn::parse_quote!(()),
        }
    }

    /// The type in its `Option<T>` or `Result<T, …>`, by the last word of the return type.
    pub(crate) fn output_within(&self, wrapper: &str) -> Option<Type> {
        let ReturnType::Type(_, ty) = &self.item.sig.output else {
            return None;
        };
        let Type::Path(path) = &**ty else { return None };
        let last = path.path.segments.last()?;
        let PathArguments::AngleBracketed(arguments) = &last.arguments else {
            return None;
        };
        match arguments.args.first()? {
            GenericArgument::Type(within) if last.ident == wrapper => Some(within.clone()),
            _ => None,
        }
    }

    /// Where its results' type is written.
    pub(crate) fn output_span(&self) -> Span {
        match &self.item.sig.output {
            ReturnType::Type(_, ty) => ty.span(),
            ReturnType::Default => self.item.sig.ident.span(),
        }
    }

    /// The names of its type parameters.
    pub(crate) fn type_parameters(&self) -> impl Iterator<Item = &Ident> {
        let generics = &self.item.sig.generics;
        generics.type_params().map(|parameter| &parameter.ident)
    }

    /// The names of its const parameters.
    pub(crate) fn const_parameters(&self) -> impl Iterator<Item = &Ident> {
        let generics = &self.item.sig.generics;
        generics.const_params().map(|parameter| &parameter.ident)
    }

    /// Its type and const parameters in a call, as in `::<T, N>`, in the order in which they are declared.
    pub(crate) fn turbofish(&self) -> Option<TokenStream> {
        let parameters = self.item.sig.generics.params.iter();
        let names = parameters.filter_map(|parameter| match parameter {
            GenericParam::Type(parameter) => Some(&parameter.ident),
            GenericParam::Const(parameter) => Some(&parameter.ident),
            GenericParam::Lifetime(_) => None,
        });
        let names: Vec<&Ident> = names.collect();
        (!names.is_empty()).then(|| quote!(::<#(#names),*>))
    }
}

/// The name of a parameter; one for a pattern that has none.
fn name(parameter: &PatType, index: usize) -> Ident {
    match &*parameter.pat {
        Pat::Ident(pattern) if pattern.subpat.is_none() => pattern.ident.clone(),
        _ => format_ident!("argument_{index}"),
    }
}
