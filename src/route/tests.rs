use super::{Asked, Door, Owner, Pattern, PatternError, Route, owner};

fn install() -> Pattern {
    Pattern::parse("/pandium/install/:integration").unwrap()
}

#[test]
fn a_path_is_ours_byte_for_byte_or_refused() {
    let routes = [Route { door: Door::Install, pattern: install() }];
    let (ours, ambiguous) = (Owner::Ours(&routes[0]), Owner::Ambiguous(&routes[0]));
    for (path, whose) in [
        ("/pandium/install/gwt2hs", ours),
        ("/pandium/install/", ours),
        ("/pandium/install/gwt2hs/", ours),
        ("/pandium/install", Owner::App),
        ("/pandium/installer", Owner::App),
        ("/", Owner::App),
        ("/a%2Fb/%7e", Owner::App),
        ("/x/../y;z//", Owner::App),
        ("/x/../pandium/install/gwt2hs", ambiguous),
        ("/pandium/%2e%2e/pandium/install/gwt2hs", ambiguous),
        ("/pandium%2finstall%2fgwt2hs", ambiguous),
        ("/pandium%252finstall%25252fgwt2hs", ambiguous),
        ("//pandium/install/gwt2hs", ambiguous),
        ("/pandium//install/gwt2hs", ambiguous),
        ("/pandium/install/gwt2hs;x=1", ambiguous),
        ("/pandium;v=1/install/gwt2hs", ambiguous),
        ("/x/..;/pandium/install/gwt2hs", ambiguous),
        ("/x//../pandium/install/gwt2hs", ambiguous),
        ("/pandium\\install/gwt2hs", ambiguous),
        ("/pandium%5cinstall%5Cgwt2hs", ambiguous),
        ("/pandium/./install/gwt2hs", ambiguous),
        ("/pandium/install/%67wt2hs", ambiguous),
        ("/pandium/install/gwt2hs%00", ambiguous),
        ("/pandium/install/../../admin", ambiguous),
        ("/pandium/install/gwt2hs%3Ftenant=x", ambiguous),
        ("/%70andium/install/gwt2hs", ambiguous),
        ("/pandium%2%66install/gwt2hs", ambiguous),
    ] {
        assert_eq!(owner(path, &routes), whose, "{path}");
    }
}

#[test]
fn only_a_plain_name_is_an_integration() {
    let route = install();
    assert_eq!(route.asked("/pandium/install/gwt2hs"), Asked::Named("gwt2hs"));
    let long = format!("/pandium/install/{}", "a".repeat(65));
    for path in ["/pandium/install/", "/pandium/install/a/", "/pandium/install/a/b", "/x", &long] {
        assert_eq!(route.asked(path), Asked::Nothing, "{path}");
    }
    let middle = Pattern::parse("/apps/:integration/connect").unwrap();
    assert_eq!(middle.asked("/apps/x/connect"), Asked::Named("x"));
    assert_eq!(middle.asked("/apps/x"), Asked::Nothing);
    assert_eq!(middle.path("x"), "/apps/x/connect");
}

#[test]
fn the_visitors_own_path_may_follow_the_decision_route() {
    let pattern = Pattern::parse("/pandium/decision/:integration").unwrap();
    let decision = Route { door: Door::Decision, pattern };
    for (path, integration) in [
        ("/pandium/decision/gwt2hs", Some("gwt2hs")),
        ("/pandium/decision/gwt2hs/go/there", Some("gwt2hs")),
        ("/pandium/decision/", None),
        ("/pandium/decision", None),
        ("/pandium/decision//x", None),
    ] {
        assert_eq!(decision.asked(path), integration.map_or(Asked::Nothing, Asked::Named), "{path}");
    }
    let install = Route { door: Door::Install, ..decision };
    assert_eq!(install.asked("/pandium/decision/gwt2hs/go"), Asked::Nothing);
    let unnamed = Pattern::parse("/pandium/decision").unwrap();
    let decision = Route { door: Door::Decision, pattern: unnamed };
    assert_eq!(decision.asked("/pandium/decision/go/there"), Asked::Unnamed);
    assert_eq!(decision.asked("/pandium/decision"), Asked::Unnamed);
}

#[test]
fn a_route_without_a_name_owns_itself_and_what_is_below() {
    let route = Pattern::parse("/pandium/install").unwrap();
    assert_eq!((route.path("x"), route.to_string()), ("/pandium/install".into(), "/pandium/install".into()));
    let routes = [Route { door: Door::Install, pattern: route.clone() }];
    let (ours, ambiguous) = (Owner::Ours(&routes[0]), Owner::Ambiguous(&routes[0]));
    for (path, whose, asked) in [
        ("/pandium/install", ours, Asked::Unnamed),
        ("/pandium/install/", ours, Asked::Nothing),
        ("/pandium/install/gwt2hs", ours, Asked::Nothing),
        ("/pandium/installer", Owner::App, Asked::Nothing),
        ("/pandium", Owner::App, Asked::Nothing),
        ("/pandium/install;x", ambiguous, Asked::Nothing),
        ("/pandium//install", ambiguous, Asked::Nothing),
        ("/pandium/x/../install", ambiguous, Asked::Nothing),
    ] {
        assert_eq!(owner(path, &routes), whose, "{path}");
        assert!(whose != ours || route.asked(path) == asked, "{path}");
    }
}

#[test]
fn behind_a_decision_anything_may_follow() {
    let pattern = Pattern::parse("/pandium/decision/:integration").unwrap();
    let routes = [Route { door: Door::Decision, pattern }];
    let (ours, ambiguous) = (Owner::Ours(&routes[0]), Owner::Ambiguous(&routes[0]));
    for (path, whose) in [
        ("/pandium/decision/gwt2hs", ours),
        ("/pandium/decision/gwt2hs/caf%C3%A9;x//../y", ours),
        ("/pandium/decision/gwt2hs%2Fx", ambiguous),
        ("/pandium/decision", ours),
        ("/pandium/decision/", ours),
        ("/pandium/decisions", Owner::App),
        ("/pandium", Owner::App),
        ("/pandium/decision;x", ambiguous),
        ("/pandium/./decision", ambiguous),
        ("/pandium%2fdecision", ambiguous),
        ("/pandium/decision/../x", ambiguous),
        ("//pandium/decision/gwt2hs", ambiguous),
    ] {
        assert_eq!(owner(path, &routes), whose, "{path}");
    }
}

#[test]
fn what_is_no_route_says_why() {
    for (text, error) in [
        ("pandium/:integration", PatternError::Relative),
        ("/", PatternError::Root),
        ("/pandium/:name", PatternError::Parameter),
        ("/pandium/install/", PatternError::Segment),
        ("/pandium//install", PatternError::Segment),
        ("/pandium/..", PatternError::Segment),
        ("/pandium/x:integration", PatternError::Parameter),
        ("/pandium/:integrations", PatternError::Parameter),
        ("/p/:integration/:integration", PatternError::Parameter),
        ("/:integration", PatternError::Root),
        ("//:integration", PatternError::Segment),
        ("/p//q/:integration", PatternError::Segment),
        ("/p/../:integration", PatternError::Segment),
        ("/p q/:integration", PatternError::Segment),
        ("/p%20/:integration", PatternError::Segment),
        ("/p/:integration/", PatternError::Segment),
    ] {
        assert_eq!(Pattern::parse(text), Err(error), "{text}");
    }
}
