//! The choice between masking and showing what looks like a secret.

use std::borrow::Cow;

use ecache_core::secrets;

use crate::cli::RevealArgs;

/// How what looks like a secret is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Secrets {
    /// As `***`
    Masked,
    /// As it is
    Revealed,
}

impl Secrets {
    /// Returns a text as it is shown.
    pub(crate) fn text(self, text: &str) -> Cow<'_, str> {
        match self {
            Self::Masked => secrets::mask(text),
            Self::Revealed => text.into(),
        }
    }

    /// Returns the arguments of a call, which are JSON, as they are shown.
    pub(crate) fn arguments(self, arguments: &str) -> Cow<'_, str> {
        match self {
            Self::Masked => secrets::mask_arguments(arguments),
            Self::Revealed => arguments.into(),
        }
    }
}

impl From<RevealArgs> for Secrets {
    fn from(args: RevealArgs) -> Self {
        if args.reveal {
            Self::Revealed
        } else {
            Self::Masked
        }
    }
}
