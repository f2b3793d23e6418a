//! Scopes and bounds of limits as settings.

use super::*;

fn scope(names: Filter, is_each: bool) -> LimitScope {
    LimitScope::new(&names, is_each)
}

fn glob(text: &str) -> Pattern {
    Pattern::glob(text).expect("a pattern")
}

#[test]
fn a_limit_comes_back_from_its_setting() {
    let odd = "100% of a\nname = ~each\u{a0}東京";
    let scopes = [
        scope(Filter::default(), false),
        scope(
            Filter {
                collections: vec![glob("*")],
                stores: vec![Pattern::exact(odd), glob(odd)],
                datasets: vec![DatasetPattern::Unlinked],
                keys: vec![Pattern::exact("dropped")],
                ..Filter::default()
            },
            false,
        ),
        scope(
            Filter {
                users: vec![glob("*")],
                operators: vec![Pattern::exact("@acme/stats")],
                prompts: vec![Pattern::exact("")],
                datasets: vec![DatasetPattern::exact(Some("6b03"))],
                ..Filter::default()
            },
            true,
        ),
    ];
    let texts = scopes.each_ref().map(ToString::to_string);
    assert_eq!(texts[0], "everything");
    assert_eq!(
        texts[2],
        "dataset=6b03 user~* operator=@acme/stats prompt= each"
    );
    let bounds = Bounds {
        max_bytes: Some(4 << 20),
        max_entries: Some(0),
        min_free_percent: Some(10),
        default_ttl_ms: Some(604_800_000),
        min_cost_ms: Some(50),
    };
    for scope in scopes {
        let limit = Limit {
            scope: scope.clone(),
            bounds,
        };
        let read = Limit::read(&scope.setting(), &bounds.setting()).expect("a limit");
        assert_eq!(read.scope.to_string(), scope.to_string());
        assert_eq!(read.bounds, limit.bounds);
    }
    for (name, value) in [
        ("undo_keep", "1"),
        ("limit store", ""),
        ("limit planet=mars", ""),
        ("limit everything", "max_size=many"),
        ("limit everything", "max_age=1"),
    ] {
        assert_eq!(Limit::read(name, value), None, "{name} {value}");
    }
}

#[test]
fn the_same_names_in_another_order_are_the_same_scope() {
    let of = |names: [&str; 3]| {
        let stores = Filter {
            stores: names.map(Pattern::exact).into(),
            ..Filter::default()
        };
        scope(stores, false)
    };
    assert_eq!(of(["b", "a", "b"]), of(["a", "b", "a"]));
    assert_eq!(of(["b", "a", "b"]).setting(), "limit store=a store=b");
}

#[test]
fn each_has_a_group_for_each_name() {
    let users = scope(
        Filter {
            users: vec![glob("a*")],
            ..Filter::default()
        },
        true,
    );
    let store = StoreAddress::new("s");
    let of = |user| LimitNames {
        store: &store,
        user,
        operator: None,
        prompt: None,
    };
    assert!(users.matches(&of(Some("ann"))));
    assert!(!users.matches(&of(Some("bob"))));
    assert!(!users.matches(&of(None)));
    assert_eq!(users.group(&of(Some("ann"))).to_string(), "user=ann");
    let all = scope(Filter::default(), false);
    assert!(all.matches(&of(None)));
    assert_eq!(all.group(&of(Some("ann"))).to_string(), "everything");
    assert!(users.narrowness() > all.narrowness());
}
