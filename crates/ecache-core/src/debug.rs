//! `Debug` for public types that hold a backend, a clock or a function, which have no such form.

/// Implements `Debug` for a type: its name, and those of its fields that are listed.
macro_rules! debug_fields {
    (
        impl[$($generics:tt)*] $name:ident $(<$($argument:tt),+>)? { $($field:ident),* }
    ) => {
        impl<$($generics)*> ::std::fmt::Debug for $name $(<$($argument),+>)? {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.debug_struct(stringify!($name))
                    $(.field(stringify!($field), &self.$field))*
                    .finish_non_exhaustive()
            }
        }
    };
    ($name:ident $($rest:tt)*) => { debug_fields!(impl[] $name $($rest)*); };
}
