use proptest::prelude::*;

use super::*;

const JWT: &str = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N_XgL0";

#[test]
fn secrets_are_masked_and_what_is_around_them_stays() {
    for (text, masked) in [
        ("Authorization: Bearer abc", "Authorization: Bearer ***"),
        (
            "authorization:Basic dXNlcjpwYXNz",
            "authorization:Basic ***",
        ),
        (
            "Proxy-Authorization: open sesame now",
            "Proxy-Authorization: open ***",
        ),
        ("Authorization: abc", "Authorization: ***"),
        ("X-Api-Key: abc def", "X-Api-Key: *** def"),
        ("Cookie: session=1; id=2", "Cookie: ***"),
        ("bearer abcdefghijklmnop", "bearer ***"),
        ("Bearer a1b2c3d4", "Bearer ***"),
        ("password=sesame", "password=***"),
        ("--password=open sesame", "--password=***"),
        ("DB_PASSWORD=sesame psql", "DB_PASSWORD=*** psql"),
        (
            "host=x password=sesame user=ann",
            "host=x password=*** user=ann",
        ),
        (
            "curl -d 'password=open sesame' x",
            "curl -d 'password=***' x",
        ),
        (
            "curl -H \"Authorization: Bearer abc\" x",
            "curl -H \"Authorization: Bearer ***\" x",
        ),
        (
            "{\"password\": \"open sesame\", \"n\": 1}",
            "{\"password\": \"***\", \"n\": 1}",
        ),
        (
            "{\\\"token\\\":\\\"abc\\\",\\\"n\\\":1}",
            "{\\\"token\\\":\\\"***\\\",\\\"n\\\":1}",
        ),
        ("client_secret: abc", "client_secret: ***"),
        ("https://x/?api_key=abc&n=1", "https://x/?api_key=***&n=1"),
        (
            "https://x/?n=1&X-Amz-Signature=abc",
            "https://x/?n=1&X-Amz-Signature=***",
        ),
        ("https://x/b?sv=2&sig=a%2Fb", "https://x/b?sv=2&sig=***"),
        (
            "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG",
            "aws_secret_access_key = ***",
        ),
        ("AKIAIOSFODNN7EXAMPLE", "***"),
        ("id:AKIAIOSFODNN7EXAMPLE!", "id:***!"),
        ("postgres://ann:sesame@db/x", "postgres://ann:***@db/x"),
        ("redis://:sesame@db:6379/0", "redis://:***@db:6379/0"),
        ("https://ann:se@me@x", "https://ann:***@x"),
        ("https://ann:ses/ame@x/y", "https://ann:***@x/y"),
        ("https://a1b2c3d4e5f6g7h8i9j0@x", "https://***@x"),
        ("ghp_abcdefghijklmnopqrstuvwxyz0123456789", "***"),
        ("x sk-proj-abcdefghij0123456789 y", "x *** y"),
        ("xoxb-1234567890-abc", "***"),
        ("AIzaSyA1234567890abcdefghijklmnopqrstuv", "***"),
        (
            "a\n-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\nb",
            "a\n-----BEGIN RSA PRIVATE KEY-----***-----END RSA PRIVATE KEY-----\nb",
        ),
        (
            "-----BEGIN PRIVATE KEY-----\nMIIE",
            "-----BEGIN PRIVATE KEY-----***",
        ),
        ("é password=ключ é", "é password=*** é"),
    ] {
        assert_eq!(mask(text), masked, "{text}");
    }
    assert_eq!(mask(&format!("x {JWT}, y")), "x ***, y");
}

#[test]
fn text_that_is_not_a_secret_stays() {
    for text in [
        "",
        "-s",
        "https://example.com:8080/a@b?page=2#token",
        "ssh://git@github.com/acme/project.git",
        "git@github.com:acme/project.git",
        "user@host:/path",
        "--max-tokens=100",
        "max_token: 5",
        "nextToken=abc",
        "--password-file=/run/secrets/db",
        "--token=$TOKEN",
        "password=${DB_PASSWORD}",
        "--password=@file",
        "password={}",
        "password=",
        "secret=false",
        "/etc/passwd:/etc/passwd:ro",
        "Token::new",
        "tokenizer=bert",
        "primary_key=id",
        "the bearer of bad news",
        "Bearer authentication",
        "sort -k 2 -t : /etc/passwd",
        "sk-learn",
        "sk-a-name-of-many-words-and-more",
        "hf_transformers",
        "eyJ",
        "AKIA",
        "6b03de1228195dbc2df5c505",
        "5b7f5a53d9c3b7c703b322558d5709d944faf1d79bd95ca8a02d20b6f58696f3",
        "-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----",
        "select * from t where key = 'x'",
        "s3://bucket/AKIA/x",
        "***",
    ] {
        assert_eq!(mask(text), text);
    }
}

#[test]
fn arguments_are_masked_one_by_one_and_by_the_flag_before() {
    for (arguments, masked) in [
        (r#"["-s", "https://x"]"#, r#"["-s", "https://x"]"#),
        (
            r#"["--password", "sesame", "x"]"#,
            r#"["--password", "***", "x"]"#,
        ),
        (
            r#"["--password", "--verbose"]"#,
            r#"["--password", "--verbose"]"#,
        ),
        (r#"["--max-tokens", "100"]"#, r#"["--max-tokens", "100"]"#),
        (r#"["-token", "$TOKEN"]"#, r#"["-token", "$TOKEN"]"#),
        (r#"["-u", "ann:sesame"]"#, r#"["-u", "ann:***"]"#),
        (r#"["-u", "1000:1000"]"#, r#"["-u", "1000:1000"]"#),
        (r#"["-u", "ann"]"#, r#"["-u", "ann"]"#),
        (
            r#"[{"password": "sesame", "n": [1.0]}]"#,
            r#"[{"password": "***", "n": [1.0]}]"#,
        ),
        (r#"[["token=abc"], 1e400]"#, r#"[["token=***"], Infinity]"#),
        ("no JSON, token=abc", "no JSON, token=***"),
    ] {
        assert_eq!(mask_arguments(arguments), masked, "{arguments}");
    }
}

/// Texts around a secret, which is in the place of `{}`.
const AROUND: [&str; 14] = [
    "--password={}",
    "Authorization: Bearer {}",
    "X-Auth-Token: {}",
    "curl -H 'Authorization: Bearer {}' https://x",
    "https://ann:{}@example.com/",
    "postgres://:{}@db:5432/x",
    "https://x/?access_token={}&n=1",
    "{\"client_secret\": \"{}\"}",
    "export API_KEY={}; curl x",
    "AccountName=x;AccountKey={};Suffix=y",
    "-----BEGIN EC PRIVATE KEY-----\n{}\n-----END EC PRIVATE KEY-----",
    "token ghp_{}",
    "eyJhbGciOiJIUzI1NiJ9.{}.x",
    "a bearer {}",
];

proptest! {
    #[test]
    fn a_masked_text_never_has_the_secret(
        secret in "[A-Za-z][0-9][A-Za-z0-9_]{28,60}",
        around in prop::sample::select(&AROUND[..]),
        before in "([a-z ,/]{0,9} )?",
        after in "( [a-z ,/]{0,9})?",
    ) {
        let text = format!("{before}{}{after}", around.replace("{}", &secret));
        let masked = mask(&text);
        prop_assert!(!masked.contains(&secret), "{masked}");
        prop_assert!(masked.contains(MASK));
        let arguments = Json::Array(vec![Json::from(&*text), Json::from("--token"), Json::from(&*secret)]).dumps();
        let masked = mask_arguments(&arguments);
        prop_assert!(!masked.contains(&secret), "{masked}");
        prop_assert!(Json::parse(masked.as_bytes()).is_ok());
    }

    #[test]
    fn a_text_is_masked_once(
        text in prop_oneof!["\\PC*", "([a-z:=/@'\"\\\\ .é-]|password|token|Bearer |://|eyJ|\\*\\*\\*|1){0,24}"],
    ) {
        let masked = mask(&text).into_owned();
        let again = mask(&masked);
        prop_assert_eq!(&again, &masked);
    }
}
