//! Servers that are away, and members of a replica set.

use super::*;

#[test]
#[ignore = "needs a MongoDB server, or a replica set: tests/mongodb/with --replica-set"]
fn writes_read_the_old_entry_from_the_primary() {
    let backend = TemporaryDatabase::with("readPreference=secondaryPreferred");
    for number in 0..100 {
        let put = write(&backend, &full(), "[1]");
        let expected = if number == 0 {
            Put::Created
        } else {
            Put::Replaced
        };
        assert_eq!(put, expected);
        let one = EntryUse {
            saved_ms: 0,
            entry: full().address.into(),
            used_at: NOW,
            written_at: NOW,
            hits: 1,
        };
        crate::backend::conformance::record_uses(&*backend, &[one]).expect("hits are recorded");
    }
    let (entry, _) = hit(&backend.on_primary());
    assert_eq!(entry.hits, 100);
    let all = Filter::default().into();
    backend
        .on_primary()
        .remove(&all, NOW, &mut no_progress)
        .expect("a removal");
    assert_eq!(write(&backend, &full(), "[1]"), Put::Created);
}

#[test]
fn a_server_that_is_away_is_named_and_the_password_is_not() {
    let uri = "mongodb://ann:open-sesame@127.0.0.1:1/x?serverSelectionTimeoutMS=60000";
    let opened = MongoBackend::open(uri, Access::Write);
    let error = opened.map(drop).expect_err("no server listens there");
    let message = error.to_string();
    assert!(
        message.contains("refused"),
        "fails without waiting: {message}"
    );
    assert!(matches!(error, Error::Unreachable { .. }), "{message}");
    assert!(
        message.contains("127.0.0.1:1") && !message.contains("sesame"),
        "{message}"
    );
    let malformed = MongoBackend::open("mongodb://ann:open-sesame@h:x", Access::Write);
    let message = malformed.map(drop).expect_err("no port").to_string();
    assert!(!message.contains("sesame"), "{message}");
}

#[test]
fn writes_that_no_server_acknowledges_are_refused() {
    for uri in ["mongodb://127.0.0.1:1/x?w=0", "mongodb://127.0.0.1:1/?w=0"] {
        for access in [Access::Read, Access::Write] {
            let opened = MongoBackend::open(uri, access);
            assert!(matches!(opened, Err(Error::Unacknowledged)), "{opened:?}");
        }
    }
}
