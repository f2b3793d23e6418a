//! URIs, with options of FiftyOne's driver that the one here does not have.
//!
//! FiftyOne's driver ignores an option that it does not know, so a URI that works there may have
//! any. Those that could decide about safety are refused.

use mongodb::options::ConnectionString;

use crate::error::{Error, Result};

/// Beginnings of the names of options that must not be ignored: on encryption, users, servers, and
/// what a write waits for.
const DECISIVE: [&str; 14] = [
    "auth",
    "directconnection",
    "gssapi",
    "journal",
    "loadbalanced",
    "proxy",
    "read",
    "replicaset",
    "retry",
    "srv",
    "ssl",
    "tls",
    "w",
    "safe",
];

/// Options of FiftyOne's driver that begin like one of these, and decide nothing here.
const HARMLESS: [&str; 2] = ["waitqueuetimeoutms", "waitqueuemultiple"];

/// Parses a URI, and returns the names of the options that have no meaning here.
///
/// # Errors
/// [`Error::InvalidLocation`] without the URI, which may have a password, and
/// [`Error::LocationOption`].
pub(super) fn parse(uri: &str) -> Result<(ConnectionString, Vec<String>)> {
    if let Ok(parsed) = ConnectionString::parse(uri) {
        return Ok((parsed, Vec::new()));
    }
    let (servers, options) = uri.split_once('?').ok_or_else(invalid)?;
    let mut known = Vec::new();
    let mut ignored = Vec::new();
    for option in options.split('&') {
        let alone = format!("mongodb://localhost/?{option}");
        if ConnectionString::parse(alone).is_ok() {
            known.push(option);
            continue;
        }
        // Text that is not an option may belong to a password.
        let (name, _) = option.split_once('=').ok_or_else(invalid)?;
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if name.is_empty() || !name.bytes().all(is_name) {
            return Err(invalid());
        }
        if is_decisive(name) {
            let option = name.to_owned();
            return Err(Error::LocationOption { option });
        }
        ignored.push(name.to_owned());
    }
    let uri = if known.is_empty() {
        servers.to_owned()
    } else {
        format!("{servers}?{}", known.join("&"))
    };
    let parsed = ConnectionString::parse(uri).map_err(|_| invalid())?;
    Ok((parsed, ignored))
}

/// Returns the error for a URI that is none, without its text.
pub(super) fn invalid() -> Error {
    Error::InvalidLocation {
        expected: "mongodb://[user:password@]host[:port][,...]/[database][?options]",
    }
}

fn is_decisive(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    !HARMLESS.contains(&&*name) && DECISIVE.iter().any(|start| name.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_that_decide_nothing_are_ignored_and_others_are_named() {
        let ignored = |options: &str| {
            let parsed = parse(&format!("mongodb://u:p@h/x?{options}"));
            parsed.map(|(_, ignored)| ignored.join(","))
        };
        for (options, expected) in [
            ("appName=a&w=1", ""),
            ("tz_aware=true&w=1&x=y", "tz_aware,x"),
            ("appName=a&maxIdleTimeMS=x", "maxIdleTimeMS"),
        ] {
            assert_eq!(
                ignored(options).expect("it is valid"),
                expected,
                "{options}"
            );
        }
        // FiftyOne's driver has them, and whether this one has them may change.
        for options in [
            "uuidRepresentation=standard",
            "socketTimeoutMS=5",
            "timeoutMS=5",
            "compressors=zlib&zlibCompressionLevel=3",
            "waitQueueTimeoutMS=5",
        ] {
            ignored(options).expect("it is valid");
        }
        for options in [
            "tls=maybe",
            "tlsCRLFile=x",
            "authMechanism=KERBEROS",
            "w=-1",
            "readPreference=any",
        ] {
            match ignored(options) {
                Err(Error::LocationOption { option }) => assert!(options.starts_with(&option)),
                other => panic!("{options}: {other:?}"),
            }
        }
        for uri in [
            "mongodb://",
            "mongodb://u:p?q@h/x?y=z@w",
            "mongodb://u:p/q@h",
            "mongodb://u:p?q=1&w@h",
        ] {
            let error = parse(uri).map(drop).expect_err("it is invalid");
            assert!(!error.to_string().contains('q'), "{error}");
        }
    }
}
