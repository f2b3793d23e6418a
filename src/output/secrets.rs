//! The choice between masking and showing what looks like a secret.

use std::borrow::Cow;
use std::cell::RefCell;
use std::sync::Arc;

use ecache_core::secrets;

/// Number of names that are known to hold no secret.
const CLEAN: usize = 256;

thread_local! {
    /// Names in which nothing looks like a secret, at places by their addresses. Each is kept alive
    /// here, so that its address stays its own.
    static CLEAN_NAMES: RefCell<[Option<Arc<str>>; CLEAN]> =
        const { RefCell::new([const { None }; CLEAN]) };
}

/// The way in which suspected secrets are shown.
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

    /// Returns a name as it is shown. A list has few names in many rows, and searching one for
    /// secrets takes as long as printing it.
    pub(crate) fn name(self, name: &Arc<str>) -> Cow<'_, str> {
        if self == Self::Revealed {
            return Cow::Borrowed(name);
        }
        CLEAN_NAMES.with_borrow_mut(|clean| {
            // Names are on the heap, at least 16 bytes apart.
            let place = &mut clean[(name.as_ptr().addr() >> 4) % CLEAN];
            if place.as_ref().is_some_and(|known| Arc::ptr_eq(known, name)) {
                return Cow::Borrowed(&**name);
            }
            let shown = self.text(name);
            if matches!(shown, Cow::Borrowed(_)) {
                *place = Some(name.clone());
            }
            shown
        })
    }

    /// Returns the arguments of a call, which are JSON, as they are shown.
    pub(crate) fn arguments(self, arguments: &str) -> Cow<'_, str> {
        match self {
            Self::Masked => secrets::mask_arguments(arguments),
            Self::Revealed => arguments.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_shown_as_its_text_whatever_came_before() {
        let texts = [
            "plain",
            "--token=abcdefgh12345678",
            "https://ann:sesame@h/x",
            "",
        ];
        for round in 0..3 {
            // Freed and allocated again, mostly at the same addresses.
            for text in texts.iter().cycle().skip(round).take(100) {
                let name: Arc<str> = Arc::from(*text);
                for secrets in [Secrets::Masked, Secrets::Revealed, Secrets::Masked] {
                    assert_eq!(secrets.name(&name), secrets.text(text), "{text}");
                }
            }
        }
        let kept: Vec<Arc<str>> = texts.map(Arc::from).into_iter().collect();
        for name in kept.iter().chain(&kept) {
            assert_eq!(Secrets::Masked.name(name), Secrets::Masked.text(name));
        }
    }
}
