//! Finds FiftyOne's database as FiftyOne finds it: by its configuration, or else the server that it
//! started for itself.

#[cfg(feature = "mongodb")]
use std::borrow::Cow;
#[cfg(feature = "mongodb")]
use std::net::Ipv6Addr;
#[cfg(feature = "mongodb")]
use std::path::Path;
use std::path::PathBuf;

#[cfg(feature = "mongodb")]
use anyhow::Context as _;
use anyhow::Result;
#[cfg(feature = "mongodb")]
use serde::Deserialize;

#[cfg(feature = "mongodb")]
use crate::error::{usage, usage_tip};

/// Name of FiftyOne's database in `--db`.
pub(crate) const NAME: &str = "fiftyone";

/// The folder of FiftyOne's files, in the home folder.
#[cfg(feature = "mongodb")]
const FOLDER: &str = ".fiftyone";

/// FiftyOne's configuration, as far as it says where the database is.
#[cfg(feature = "mongodb")]
#[derive(Debug, Default, Deserialize)]
struct Config {
    database_uri: Option<String>,
    database_name: Option<String>,
    database_dir: Option<String>,
    /// Port of the server that FiftyOne started, as it tells its child processes
    #[serde(skip)]
    port: Option<String>,
}

/// FiftyOne's database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Database {
    /// Its URL
    pub(crate) url: PathBuf,
    /// A name that stays the same when its server chooses another port
    pub(crate) lasting_name: String,
}

/// Finds FiftyOne's database.
///
/// # Errors
/// If the configuration cannot be read, no server runs, or this build has no driver.
#[cfg(not(feature = "mongodb"))]
pub(crate) fn database() -> Result<Database> {
    let scheme = "mongodb".to_owned();
    Err(ecache_core::error::Error::UnsupportedScheme { scheme }.into())
}

/// Finds FiftyOne's database.
///
/// # Errors
/// If the configuration cannot be read, no server runs, or this build has no driver.
#[cfg(feature = "mongodb")]
pub(crate) fn database() -> Result<Database> {
    use ecache_core::embedded_server::Search;

    let home = std::env::home_dir();
    let config = Config::read(home.as_deref())?;
    let name = config.database_name.as_deref().unwrap_or(NAME);
    let at = |url: String, lasting_name: String| Database {
        url: url.into(),
        lasting_name,
    };
    if let Some(uri) = &config.database_uri {
        let url = with_database(&server_url(uri)?, name);
        return Ok(at(url.clone(), url));
    }
    let folder = config.folder(home.as_deref())?;
    let lasting_name = format!("{}?{name}", folder.display());
    if let Some(port) = &config.port {
        let port: u16 = port.parse().map_err(|_| {
            usage(format!(
                "FIFTYONE_PRIVATE_DATABASE_PORT is not a port: {port:?}"
            ))
        })?;
        return Ok(at(
            format!("mongodb://127.0.0.1:{port}/{name}"),
            lasting_name,
        ));
    }
    let search = Search {
        folder: &folder,
        processes: Path::new("/proc"),
        user: rustix::process::geteuid().as_raw(),
    };
    let address = search
        .address()
        .context("cannot find FiftyOne's own database server")?;
    Ok(at(format!("mongodb://{address}/{name}"), lasting_name))
}

#[cfg(feature = "mongodb")]
impl Config {
    /// Reads the configuration file; FiftyOne's environment variables take precedence.
    fn read(home: Option<&Path>) -> Result<Self> {
        let path = match std::env::var_os("FIFTYONE_CONFIG_PATH") {
            Some(path) => Some(PathBuf::from(path)),
            None => home.map(|home| home.join(FOLDER).join("config.json")),
        };
        let file = match path.filter(|path| path.is_file()) {
            None => Self::default(),
            Some(path) => {
                let attempt = || format!("cannot read FiftyOne's configuration {}", path.display());
                let text = std::fs::read(&path).with_context(attempt)?;
                serde_json::from_slice(&text).with_context(attempt)?
            }
        };
        let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        Ok(Self {
            database_uri: variable("FIFTYONE_DATABASE_URI").or(file.database_uri),
            database_name: variable("FIFTYONE_DATABASE_NAME").or(file.database_name),
            database_dir: variable("FIFTYONE_DATABASE_DIR").or(file.database_dir),
            port: variable("FIFTYONE_PRIVATE_DATABASE_PORT"),
        })
    }

    /// Returns the folder of the data of the server that FiftyOne starts.
    fn folder(&self, home: Option<&Path>) -> Result<PathBuf> {
        let home = || {
            home.ok_or_else(|| {
                usage_tip(
                    "cannot find FiftyOne's database without a home folder",
                    "set HOME",
                )
            })
        };
        match &self.database_dir {
            None => Ok(home()?.join(FOLDER).join("var/lib/mongo")),
            Some(folder) => {
                let folder = Path::new(folder);
                let folder = match folder.strip_prefix("~") {
                    Ok(rest) => home()?.join(rest),
                    Err(_) => folder.to_owned(),
                };
                let attempt = || format!("cannot find the folder {}", folder.display());
                std::path::absolute(&folder).with_context(attempt)
            }
        }
    }
}

/// Returns the URL of a server that FiftyOne's configuration names. FiftyOne's driver takes hosts
/// without a scheme, too, as in `localhost:27017`, and nothing else of the kind.
///
/// # Errors
/// If the text is neither, so that FiftyOne could not connect to it.
#[cfg(feature = "mongodb")]
fn server_url(uri: &str) -> Result<Cow<'_, str>> {
    if uri.starts_with("mongodb://") || uri.starts_with("mongodb+srv://") {
        return Ok(uri.into());
    }
    if uri.split(',').all(is_host) {
        return Ok(format!("mongodb://{uri}").into());
    }
    // Not shown, since it may have a password.
    Err(usage_tip(
        "FiftyOne's database_uri is neither a MongoDB URI nor a host",
        "set FIFTYONE_DATABASE_URI, or database_uri in FiftyOne's configuration, as in \
         mongodb://localhost:27017",
    ))
}

/// Reports whether a text is a host, with or without a port.
#[cfg(feature = "mongodb")]
fn is_host(text: &str) -> bool {
    let (host, port) = match text.strip_prefix('[').and_then(|text| text.split_once(']')) {
        Some((address, port)) if address.parse::<Ipv6Addr>().is_ok() => {
            ("v6", (!port.is_empty()).then_some(port))
        }
        Some(_) => return false,
        None => match text.find(':') {
            Some(at) => (&text[..at], Some(&text[at..])),
            None => (text, None),
        },
    };
    let is_port = |port: &str| {
        let digits = port.strip_prefix(':').unwrap_or_default();
        digits.parse::<u16>().is_ok_and(|port| port > 0)
    };
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    !host.is_empty() && host.bytes().all(is_part) && port.is_none_or(is_port)
}

/// Returns the URL of the database of that name. A database in the URI is the one that knows the
/// users.
#[cfg(feature = "mongodb")]
fn with_database(uri: &str, name: &str) -> String {
    let start = uri.find("://").map_or(0, |at| at + 3);
    let (hosts, options) = match uri.split_once('?') {
        Some((hosts, options)) => (hosts, Some(options)),
        None => (uri, None),
    };
    // A slash in a password is escaped.
    let (hosts, database) = match hosts[start..].find('/') {
        Some(at) => (&hosts[..start + at], &hosts[start + at + 1..]),
        None => (hosts, ""),
    };
    let is_said =
        options.is_some_and(|options| options.to_ascii_lowercase().contains("authsource="));
    let source = match (hosts.contains('@') && !is_said, database) {
        (false, _) => None,
        (true, "") => Some("admin"),
        (true, database) => Some(database),
    };
    let source = source.map(|source| format!("authSource={source}"));
    let options: Vec<&str> = options.into_iter().chain(source.as_deref()).collect();
    if options.is_empty() {
        format!("{hosts}/{name}")
    } else {
        format!("{hosts}/{name}?{}", options.join("&"))
    }
}

#[cfg(all(test, feature = "mongodb"))]
mod tests {
    use super::*;

    #[test]
    fn the_folder_of_the_data_is_the_one_that_fiftyone_uses() {
        let config = |folder: Option<&str>| Config {
            database_dir: folder.map(str::to_owned),
            ..Config::default()
        };
        let home = Some(Path::new("/home/ann"));
        for (folder, expected) in [
            (None, "/home/ann/.fiftyone/var/lib/mongo"),
            (Some("~/data"), "/home/ann/data"),
            (Some("~"), "/home/ann"),
            (Some("/data"), "/data"),
        ] {
            let folder = config(folder).folder(home).expect("it is known");
            assert_eq!(folder, Path::new(expected));
        }
        let relative = config(Some("data")).folder(None).expect("it is known");
        let here = std::env::current_dir().expect("there is one");
        assert_eq!(relative, here.join("data"));
        assert!(config(None).folder(None).is_err());
    }

    #[test]
    fn a_server_without_a_scheme_is_the_one_that_fiftyone_means_and_never_a_file() {
        for (uri, expected) in [
            ("localhost", "mongodb://localhost"),
            ("localhost:27017", "mongodb://localhost:27017"),
            ("a:1,b_c.d-e:65535", "mongodb://a:1,b_c.d-e:65535"),
            ("[::1]:27017", "mongodb://[::1]:27017"),
            ("[::1]", "mongodb://[::1]"),
            ("mongodb://u:p@h/x?a=b", "mongodb://u:p@h/x?a=b"),
            ("mongodb+srv://h", "mongodb+srv://h"),
        ] {
            assert_eq!(server_url(uri).expect("a server"), expected);
        }
        for uri in [
            "",
            " ",
            "localhost:",
            "localhost:0",
            "localhost:65536",
            "localhost:27017/fiftyone",
            "u:p@localhost",
            "/tmp/store.db",
            "./store.db",
            "~/store.db",
            "a,,b",
            "::1",
            "[x]:1",
            "postgres://h",
            "mongodb:/h",
            "MONGODB://h",
        ] {
            assert!(server_url(uri).is_err(), "{uri}");
        }
    }

    #[test]
    fn the_database_is_named_and_users_stay_where_they_are_known() {
        for (uri, expected) in [
            ("mongodb://h", "mongodb://h/x"),
            ("mongodb://h:1/", "mongodb://h:1/x"),
            ("mongodb://h/other?a=b", "mongodb://h/x?a=b"),
            ("mongodb://u:p@h", "mongodb://u:p@h/x?authSource=admin"),
            (
                "mongodb://u:p@h/y?a=b",
                "mongodb://u:p@h/x?a=b&authSource=y",
            ),
            (
                "mongodb://u@h/?authSource=z",
                "mongodb://u@h/x?authSource=z",
            ),
        ] {
            assert_eq!(with_database(uri, "x"), expected);
        }
    }
}
