//! A limit for each user, beside one for the whole store.

use super::*;

#[test]
fn writes_of_one_user_take_no_other_users_share() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let backend = write(&folder.path().join("store.db"));
    set(&backend, &each_user(), entries(10));
    set(&backend, &everything(), entries(15));
    fn of<'a>(user: &'a str, key: &'a str) -> Made<'a> {
        Made {
            key,
            user: Some(user),
            ..USUAL
        }
    }
    for number in 0..8 {
        make(&backend, of("bob", &format!("bob {number}")), 0).expect("room");
    }
    for number in 0..200 {
        make(&backend, of("ann", &format!("ann {number}")), 1000 + number).expect("room");
    }
    let used: Vec<_> = used(&backend)
        .into_iter()
        .map(|one| (one.group, one.used.entries))
        .collect();
    let group = |name: &str| Some(format!("user={name}"));
    assert!(used.contains(&(group("bob"), 8)), "{used:?}");
    assert!(used.contains(&(group("ann"), 7)), "{used:?}");
    assert!(used.contains(&(None, 15)), "{used:?}");
}

#[test]
fn a_new_user_gets_a_place_where_shares_exceed_the_store() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let backend = write(&folder.path().join("store.db"));
    set(&backend, &each_user(), entries(10));
    set(&backend, &everything(), entries(15));
    let write = |user: &str, number: usize, cost_ms| {
        let made = Made {
            key: &format!("{user} {number}"),
            user: Some(user),
            cost_ms: Some(cost_ms),
            ..USUAL
        };
        make(&backend, made, number as i64).expect("room");
    };
    for number in 0..8 {
        write("bob", number, 1000);
    }
    for number in 0..7 {
        write("ann", number, if number == 3 { 1 } else { 1000 });
    }
    let of = |name: &str| {
        let used = used(&backend);
        let group = format!("user={name}");
        let one = used.iter().find(|one| one.group.as_ref() == Some(&group));
        one.map_or(0, |one| one.used.entries)
    };
    for number in 0..40 {
        write("eve", number, 1000);
    }
    // The least of the others went for the first entry, and eve's own for each later one.
    assert_eq!((of("bob"), of("ann"), of("eve")), (8, 6, 1));
    assert_eq!(get(&backend, "ann 3").expect("a look-up"), None);
    let pinned = Made {
        key: "pinned",
        user: Some("eve"),
        policy: Policy::Persist,
        ..USUAL
    };
    make(&backend, pinned, 100).expect("room");
    assert_eq!((of("bob"), of("ann"), of("eve")), (8, 6, 1));
}

#[test]
fn a_write_that_is_refused_leaves_no_names_behind() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let backend = write(&folder.path().join("store.db"));
    set(&backend, &each_user(), bytes(2000));
    set(&backend, &LimitScope::new(&store("s"), false), entries(1));
    let refused = Made {
        user: Some("bob"),
        size: 5000,
        ..USUAL
    };
    let error = make(&backend, refused, 0).expect_err("it takes more than a share");
    assert!(matches!(error, Error::OverLimit { .. }), "{error}");
    // The file gives the ids of the store and the user to others.
    let ann = Made {
        store: "t",
        user: Some("ann"),
        ..USUAL
    };
    make(&backend, ann, 0).expect("room");
    let rows = backend.scan(&Scan::new(Filter::default()), NOW);
    let rows: Vec<Row> = rows
        .expect("a scan")
        .map(|row| row.expect("a row"))
        .collect();
    let [Row::Entry(entry, _)] = &rows[..] else {
        panic!("{rows:?}")
    };
    assert_eq!(&*entry.address.store.store_name, "t");
    assert_eq!(entry.scopes.user_id.as_deref(), Some("ann"));
    let used: Vec<(String, u64)> = used(&backend)
        .into_iter()
        .map(|one| (one.name(), one.used.entries))
        .collect();
    assert_eq!(
        used,
        [("store=s".to_owned(), 0), ("user=ann".to_owned(), 1)]
    );
}
