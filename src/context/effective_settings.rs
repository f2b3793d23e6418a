//! The settings that are in force, and where each came from.

use clap::ValueEnum;
use ecache_core::location;

use super::location::Origin;
use super::{Collections, Context};
use crate::config::KEYS;
use crate::variables::{BKT_TTL, variable};

/// A setting that is in force.
pub(crate) struct InForce {
    /// Sections and name, as in `run.ttl`
    pub(crate) key: String,
    /// Its value; `None` if there is none
    pub(crate) value: Option<String>,
    /// The option, the variable or the file it came from, or `default`
    pub(crate) origin: &'static str,
    /// Its meaning; `None` for one of a store or a dataset
    pub(crate) about: Option<&'static str>,
}

/// A value, and where it came from.
type Given = (String, &'static str);

impl Origin {
    /// Returns the name of an origin of the store's location.
    fn name(self) -> &'static str {
        match self {
            Self::Flag => "--db",
            Self::File => "--db-file",
            Self::Environment => "ECACHE_DB",
            Self::Config => FILE,
            Self::Default => DEFAULT,
        }
    }
}

/// The name of the file of settings.
const FILE: &str = "config.toml";

/// The origin of a setting that has its default value.
const DEFAULT: &str = "default";

/// The variables that decide about colours where nothing else does, and what they say.
const COLORS: [(&str, Option<&str>, &str); 4] = [
    ("NO_COLOR", None, "never"),
    ("CLICOLOR_FORCE", None, "always"),
    ("CLICOLOR", Some("0"), "never"),
    ("TERM", Some("dumb"), "never"),
];

impl Context {
    /// Returns every setting in force: those of a fixed name in their order, then those of the file
    /// for stores and datasets.
    ///
    /// For a file that cannot be read, or has an unknown key or value, there is the error, and
    /// nothing of it is in force.
    pub(crate) fn settings_in_force(&self) -> (Vec<InForce>, Option<anyhow::Error>) {
        let (in_file, problem) = match self.config() {
            Ok(config) => (config.all(), None),
            Err(error) => (Vec::new(), Some(error)),
        };
        let mut settings = Vec::new();
        for setting in KEYS {
            let in_file = in_file.iter().find(|(key, _)| key == setting.key);
            let of_file = || in_file.map(|(_, value)| (value.clone(), FILE));
            let of_default = || {
                let value = Some(setting.default).filter(|value| !value.is_empty());
                value.map(|value| (value.to_owned(), DEFAULT))
            };
            let given = self.given(setting.key).or_else(of_file);
            let given = given.or_else(|| variables(setting.key)).or_else(of_default);
            let (value, origin) = given.unzip();
            settings.push(InForce {
                key: setting.key.to_owned(),
                value,
                origin: origin.unwrap_or(DEFAULT),
                about: Some(setting.about),
            });
        }
        for (key, value) in in_file {
            if KEYS.iter().all(|setting| setting.key != key) {
                settings.push(InForce {
                    key,
                    value: Some(value),
                    origin: FILE,
                    about: None,
                });
            }
        }
        (settings, problem)
    }

    /// Returns the value that an option or a variable sets over the file.
    fn given(&self, key: &str) -> Option<Given> {
        let word = |value: &dyn Fn() -> Option<clap::builder::PossibleValue>, option| {
            Some((value()?.get_name().to_owned(), option))
        };
        match key {
            "db" => {
                let (path, origin) = self.named_location().ok()?;
                Some((location::shown(path.as_os_str()), origin.name()))
            }
            "db_file" => {
                let file = self.db_file.as_ref()?;
                Some((file.display().to_string(), "--db-file"))
            }
            "collection" => match &self.collections {
                Collections::Named(names) => Some((names.join(", "), "--collection")),
                Collections::All => Some(("all".to_owned(), "--all-collections")),
                Collections::Configured(_) | Collections::Default => None,
            },
            "color" => word(&|| self.typed.color?.to_possible_value(), "--color"),
            "time" => word(&|| self.typed.time?.to_possible_value(), "--time"),
            "run.ttl" => Some((variable(BKT_TTL)?.to_string_lossy().into_owned(), BKT_TTL)),
            _ => None,
        }
    }
}

/// Returns the value that a variable has in the place of a default.
fn variables(key: &str) -> Option<Given> {
    if key != "color" {
        return None;
    }
    COLORS.iter().find_map(|(name, meant, value)| {
        let found = variable(name)?;
        let is_meant = meant.is_none_or(|meant| found == meant);
        is_meant.then(|| ((*value).to_owned(), *name))
    })
}
