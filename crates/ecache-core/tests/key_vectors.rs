//! The keys that FiftyOne itself made, 473 of them.

use ecache_core::key::{self, CallScopes, DeclaredScopes, Key, Scope};
use serde::Deserialize;

#[derive(Deserialize)]
struct Vector {
    args: String,
    scopes: Scopes,
    skip: bool,
    preimage: String,
    key: String,
}

/// The value of each scope: `None` if it is off, an empty text if the context has no value.
#[derive(Deserialize)]
struct Scopes {
    operator_uri: Option<String>,
    prompt_id: Option<String>,
    user_request_token: Option<String>,
    user_id: Option<String>,
}

fn scope(value: &Option<String>) -> Scope<'_> {
    match value {
        Some(value) => Scope::On(Some(value)),
        None => Scope::Off,
    }
}

#[test]
fn keys_are_fiftyones() {
    let vectors = include_str!("data/key_vectors.jsonl").lines();
    let count = vectors.clone().count();
    for line in vectors {
        let vector: Vector = serde_json::from_str(line).expect(line);
        let Scopes {
            operator_uri,
            prompt_id,
            user_request_token,
            user_id,
        } = &vector.scopes;
        let declared = DeclaredScopes {
            operator_uri: scope(operator_uri),
            prompt_id: scope(prompt_id),
            user_request_token: scope(user_request_token),
            user_id: scope(user_id),
        };
        assert_eq!(declared.resolve().is_none(), vector.skip, "{line}");

        // FiftyOne names a key even for the calls that it skips.
        let scopes = declared.resolve().unwrap_or(CallScopes {
            operator_uri: operator_uri.as_deref(),
            prompt_id: prompt_id.as_deref(),
            user_request_token: user_request_token.as_deref(),
            user_id: user_id.as_deref(),
        });
        let arguments = key::parse_arguments(vector.args.as_bytes()).expect(line);
        assert_eq!(key::preimage(&arguments, &scopes), vector.preimage);
        assert_eq!(Key::of_call(&arguments, &scopes).as_str(), vector.key);
    }
    assert_eq!(count, 473);
}
