//! The identity of a function with `#[execution_cache]`: recorded in its entries and unique in the
//! program.
//!
//! A module path and a name are not enough: items in function bodies and in the `impl` blocks of
//! traits share both. The compiler's name of a type declared with the function includes everything
//! that encloses it. Only blocks have no names, so an item in a function body also gets its
//! position in the file. Other items do not, so an edit above them keeps their entries valid. Items
//! of one macro call share a position, so the compiler's number of the type is added for them. The
//! default store name stays readable, like FiftyOne's: module and function.
//!
//! The version of a crate is not part of an identity. If it were, each release would leave the
//! results of the one before unread, also where nothing changed that they depend on; and the part
//! by which Cargo tells two versions in one program, such as 0.3, changes with most releases of
//! young crates. The option `version` is for what a function computes: its author changes it along
//! with the function, which is right for two releases as well as for two versions in one program.
//! In a process the second of them to be called gets an identity of its own (see [`claim`]), so
//! they only share results that one of them left in the store before.

use std::any::{TypeId, type_name};
use std::collections::HashMap;
use std::sync::Mutex;

use crate::execution_cache::Options;
use crate::key::Preimage;
use crate::stored::StoredError;
use crate::sync::lock;

/// The declaration site of a cached function.
#[derive(Clone, Copy, Debug)]
pub struct Declaration {
    /// `module_path!()`
    pub module: &'static str,
    /// The function's name
    pub name: &'static str,
    /// Line and column of the attribute, or of the macro call that it comes from
    pub place: (u32, u32),
    /// Line and column of the attribute in the macro that it comes from, if there is one
    pub attribute: (u32, u32),
    /// The package being compiled
    pub package: Option<&'static str>,
    /// The binary target being compiled, if it is one
    pub binary: Option<&'static str>,
    /// Set if it is an integration test or a benchmark that is compiled
    pub is_test: bool,
    /// The `TypeId` of the companion type, a type that is declared with the function
    pub companion_id: TypeId,
    /// The `type_name` of the companion type
    pub companion_name: fn() -> &'static str,
    /// Set for a method: one of its companion functions declares the companion type
    pub is_method: bool,
}

/// Names derived from the path of a companion type.
struct FunctionNames {
    /// The function and the items that enclose it
    path: String,
    /// The default store name
    readable: String,
    /// The type or trait whose method it is, without parameters
    owner: Option<String>,
    is_in_a_body: bool,
}

impl Declaration {
    /// Returns the default options of the function.
    #[must_use]
    pub fn options(&self) -> Options {
        let name = (self.companion_name)();
        let names = if self.is_method {
            self.method_names(name)
        } else {
            self.function_names(name)
        };
        self.options_of(names, self.companion_id)
    }

    fn function_names(&self, companion: &str) -> FunctionNames {
        let path = companion.replace("r#", "");
        let readable = format!("{}::{}", self.module, self.name).replace("r#", "");
        FunctionNames {
            is_in_a_body: path != readable,
            path,
            readable,
            owner: None,
        }
    }

    fn method_names(&self, companion: &str) -> FunctionNames {
        let companion = companion.replace("r#", "");
        let module = self.module.replace("r#", "");
        // Drops two segments: the type, and the companion function that declares it.
        let enclosing = companion.rsplitn(3, "::").nth(2).unwrap_or(&companion);
        // `impl dyn Trait`
        let object = enclosing
            .strip_prefix("<dyn ")
            .and_then(|rest| rest.strip_suffix('>'));
        let within = object
            .unwrap_or(enclosing)
            .strip_prefix(&module)
            .and_then(|rest| rest.strip_prefix("::"));
        // Such an `impl` may be in a block without a name, as in `const _: () = { … }`.
        let implemented = within.and_then(|rest| {
            let rest = rest.trim_start_matches("_::");
            rest.strip_prefix("<impl ")?.strip_suffix('>')
        });
        let is_in_a_block = within.is_some_and(|rest| rest.starts_with("_::"));
        let owner = implemented.unwrap_or(enclosing);
        let bare = without_parameters(owner);
        let readable = if let Some(object) = object {
            format!("{object}::{}", self.name)
        } else if bare.starts_with('<') {
            let last = bare.rsplit("::").next().unwrap_or(bare);
            format!("{module}::{last}::{}", self.name)
        } else {
            format!("{bare}::{}", self.name)
        };
        FunctionNames {
            path: format!("{enclosing}::{}", self.name),
            readable,
            owner: Some(bare.to_owned()),
            is_in_a_body: is_in_a_block
                || implemented.is_none()
                    && within.is_none_or(|rest| without_parameters(rest).contains("::")),
        }
    }

    /// Returns what tells this crate from the others of its name: the library and a program or test
    /// of one package, or programs, examples and build scripts of several packages.
    fn target(&self) -> String {
        let name = self.module.split("::").next();
        let package = self.package.map(|package| package.replace('-', "_"));
        let mut target = match self.binary {
            Some(binary) => format!(" in binary {binary}"),
            None if self.is_test => " in a test".to_owned(),
            None => String::new(),
        };
        if let Some(package) = self.package.filter(|_| package.as_deref() != name) {
            target.push_str(&format!(" of package {package}"));
        }
        target
    }

    fn options_of(&self, names: FunctionNames, companion: TypeId) -> Options {
        let mut identity = names.path;
        if names.is_in_a_body {
            let (line, column) = self.place;
            identity.push_str(&format!(" at {line}:{column}"));
            if self.attribute != self.place {
                identity.push_str(&format!(" as {companion:?}"));
            }
        }
        identity.push_str(&self.target());
        Options {
            readable_name: names.readable.into(),
            owner: names.owner.map(Into::into),
            ..Options::new(claim(identity, companion))
        }
    }
}

/// Returns the type without its parameters. In a path that begins with `<`, the first angle
/// brackets name an `impl` of a trait and are not parameters.
fn without_parameters(path: &str) -> &str {
    let mut depth = 0_usize;
    for (at, byte) in path.bytes().enumerate() {
        match byte {
            b'<' if depth == 0 && at > 0 && !path[..at].ends_with("::") => return &path[..at],
            b'<' => depth += 1,
            b'>' if at > 0 && !path[..at].ends_with('-') => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    path
}

/// Returns an identity that no other function of this process has.
fn claim(identity: String, companion: TypeId) -> String {
    static CLAIMED: Mutex<Option<HashMap<String, TypeId>>> = Mutex::new(None);
    let mut claimed = lock(&CLAIMED);
    let claimed = claimed.get_or_insert_default();
    match claimed.get(&identity) {
        Some(first) if *first != companion => {
            log::warn!(
                "two functions are both called {identity}; the results of the second one are kept \
                 apart: give one of them another name, or use one version of its crate"
            );
            // The `TypeId` tells this function from the first in other processes as well.
            format!("{identity} as {companion:?}")
        }
        Some(_) => identity,
        None => {
            claimed.insert(identity.clone(), companion);
            identity
        }
    }
}

impl Options {
    /// Adds the type whose method is called to the arguments, if the function's identity does not
    /// determine it: for a generic type and for a default method of a trait.
    ///
    /// # Errors
    /// None; the signature matches [`Preimage::push`].
    #[doc(hidden)]
    pub fn push_self_type<T: ?Sized>(&self, arguments: &mut Preimage) -> Result<(), StoredError> {
        let name = type_name::<T>();
        if name.contains('<') || self.owner.as_deref() != Some(without_parameters(name)) {
            return arguments.push_type::<T>();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DECLARATION: Declaration = Declaration {
        module: "app::reports",
        name: "load",
        place: (7, 5),
        attribute: (7, 5),
        package: Some("app"),
        binary: None,
        is_test: false,
        companion_id: TypeId::of::<()>(),
        companion_name: type_name::<()>,
        is_method: false,
    };

    fn method(companion: &str) -> (String, String, bool) {
        let names = DECLARATION.method_names(&format!("{companion}::load_execution_cache::Is"));
        assert_eq!(names.path, format!("{companion}::load"));
        let owner = names.owner.expect("an owner");
        (names.readable, owner, names.is_in_a_body)
    }

    #[test]
    fn a_methods_names_come_from_its_companions_path() {
        let expected = |readable: &str, owner: &str, is_in_a_body| {
            (readable.to_owned(), owner.to_owned(), is_in_a_body)
        };
        let model = "app::reports::Model";
        assert_eq!(
            method("app::reports::Model<T>"),
            expected("app::reports::Model::load", model, false)
        );
        assert_eq!(
            method("app::reports::<impl app::models::Model<alloc::vec::Vec<T>>>"),
            expected("app::models::Model::load", "app::models::Model", false)
        );
        assert_eq!(
            method("app::reports::_::<impl app::reports::Model<u8>>"),
            expected("app::reports::Model::load", model, true)
        );
        let object = "<dyn app::reports::Shown>";
        assert_eq!(
            method(object),
            expected("app::reports::Shown::load", object, false)
        );
        let local = "<dyn app::reports::outer::Shown>";
        assert_eq!(
            method(local),
            expected("app::reports::outer::Shown::load", local, true)
        );
        assert_eq!(
            method("app::reports::outer::Model"),
            expected(
                "app::reports::outer::Model::load",
                "app::reports::outer::Model",
                true
            )
        );
        let local = "<app::reports::X as app::reports::Tr>::go::Local";
        assert_eq!(
            method(local),
            expected("app::reports::Local::load", local, true)
        );
    }

    #[test]
    fn a_binary_and_a_library_may_have_functions_of_one_path() {
        struct InLibrary;
        struct InBinary;
        let library = Declaration {
            companion_id: TypeId::of::<InLibrary>(),
            companion_name: type_name::<InLibrary>,
            ..DECLARATION
        };
        let binary = Declaration {
            binary: Some("app"),
            companion_id: TypeId::of::<InBinary>(),
            companion_name: type_name::<InBinary>,
            ..DECLARATION
        };
        let (library, binary) = (library.options(), binary.options());
        assert!(binary.function.ends_with(" in binary app"), "{binary:?}");
        assert_ne!(library.function, binary.function);
        struct InExample;
        let example = Declaration {
            package: Some("other"),
            binary: Some("app"),
            companion_id: TypeId::of::<InExample>(),
            companion_name: type_name::<InExample>,
            ..DECLARATION
        };
        let example = example.options();
        assert!(
            example
                .function
                .ends_with(" in binary app of package other"),
            "{example:?}"
        );
        assert_eq!(library.store(), "app::reports::load");
        assert_eq!(binary.store(), "app::reports::load");
    }

    #[test]
    fn crates_of_one_name_have_functions_of_their_own() {
        let target = |name, binary, is_test, package| {
            let declaration = Declaration {
                module: name,
                binary,
                is_test,
                package,
                ..DECLARATION
            };
            declaration.target()
        };
        assert_eq!(target("app", None, false, Some("app")), "");
        assert_eq!(target("app_core::a", None, false, Some("app-core")), "");
        let apart = [
            target("app", Some("app"), false, Some("app")),
            target("app", None, true, Some("app")),
            // Two packages with an example, a library or a build script of one name.
            target("app", Some("app"), false, Some("one")),
            target("app", Some("app"), false, Some("two")),
            target("app", None, false, Some("one")),
            target("app", None, false, Some("two")),
        ];
        for (index, target) in apart.iter().enumerate() {
            assert!(!target.is_empty());
            assert!(!apart[..index].contains(target), "{target}");
        }
    }

    #[test]
    fn functions_of_one_macro_call_have_identities_of_their_own() {
        struct One;
        struct Two;
        let one = Declaration {
            companion_id: TypeId::of::<One>(),
            attribute: (3, 9),
            ..DECLARATION
        };
        let two = Declaration {
            companion_id: TypeId::of::<Two>(),
            ..one
        };
        let names = || one.function_names("app::reports::enclosing::load");
        let identity = |declaration: Declaration| {
            let options = declaration.options_of(names(), declaration.companion_id);
            options.function.into_owned()
        };
        // Whichever is called first in a process, neither has the other's identity.
        assert_eq!(identity(two), identity(two));
        assert_ne!(identity(one), identity(two));
        assert!(identity(one).starts_with("app::reports::enclosing::load at 7:5 as TypeId("));
    }

    #[test]
    fn a_claimed_identity_is_not_given_away() {
        let claimed = |companion| claim("app::twice".to_owned(), companion);
        let (one, two) = (TypeId::of::<u8>(), TypeId::of::<u16>());
        assert_eq!(claimed(one), "app::twice");
        assert_ne!(claimed(two), "app::twice");
        assert_eq!(claimed(one), "app::twice");
        assert_eq!(claimed(two), claimed(two));
    }
}
