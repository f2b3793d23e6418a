//! The scopes that are part of a key.

/// The values that a call's scopes add to its key, in this order; one that is empty adds nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallScopes<'a> {
    /// The operator that is executing
    pub operator_uri: Option<&'a str>,
    /// The operator prompt that is open
    pub prompt_id: Option<&'a str>,
    /// The user's JWT: a secret
    pub user_request_token: Option<&'a str>,
    /// The user
    pub user_id: Option<&'a str>,
}

impl<'a> CallScopes<'a> {
    /// Returns those that have a value.
    pub(super) fn known(&self) -> [Option<&'a str>; 4] {
        [
            known(self.operator_uri),
            known(self.prompt_id),
            known(self.user_request_token),
            known(self.user_id),
        ]
    }
}

/// Returns the value of a scope, if it is one.
fn known(value: Option<&str>) -> Option<&str> {
    value.filter(|value| !value.is_empty())
}

/// One scope of a cached function: its declaration, and its value in the call's context.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scope<'a> {
    /// The function does not depend on it
    #[default]
    Off,
    /// The function does, and the context has this value, if any
    On(Option<&'a str>),
}

impl<'a> Scope<'a> {
    fn value(self) -> Option<&'a str> {
        match self {
            Scope::Off => None,
            Scope::On(value) => known(value),
        }
    }

    fn lacks_value(self) -> bool {
        matches!(self, Scope::On(value) if known(value).is_none())
    }
}

/// The scopes that a cached function declares, for one call.
///
/// Only [`resolve`](DeclaredScopes::resolve) makes [`CallScopes`] of them, so that no call gets a
/// key that FiftyOne would not cache.
///
/// ```
/// use ecache_core::key::{DeclaredScopes, Scope};
///
/// let anonymous = DeclaredScopes { user_id: Scope::On(None), ..Default::default() };
/// assert_eq!(anonymous.resolve(), None);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeclaredScopes<'a> {
    /// The operator that is executing
    pub operator_uri: Scope<'a>,
    /// The operator prompt that is open
    pub prompt_id: Scope<'a>,
    /// The user's JWT: a secret
    pub user_request_token: Scope<'a>,
    /// The user
    pub user_id: Scope<'a>,
}

impl<'a> DeclaredScopes<'a> {
    /// Returns the values that go into the key, or `None` if the call must not be cached.
    ///
    /// It must not when the user or the JWT is declared and unknown: its result would be served to
    /// every user. An unknown operator or prompt only leaves its part of the key out.
    #[must_use]
    pub fn resolve(self) -> Option<CallScopes<'a>> {
        if self.user_request_token.lacks_value() || self.user_id.lacks_value() {
            return None;
        }
        Some(CallScopes {
            operator_uri: self.operator_uri.value(),
            prompt_id: self.prompt_id.value(),
            user_request_token: self.user_request_token.value(),
            user_id: self.user_id.value(),
        })
    }
}
