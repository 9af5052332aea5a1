use super::{headlines, tree};
use crate::config::error::Problems;
use crate::config::leaf::{boolean, integer, text};
use crate::config::reader::Reader;

#[test]
fn every_problem_is_collected_with_its_path() {
    let root = tree(
        "verzion: 1\nlisten: [a, 1.5, [b], ~]\nsession:\n  from: 1.10\n  fields: x\ntrust: {hedaer: x, zebra: 1}\nfree:\n  b c: no\n  d: yes\n",
    );
    let problems = Problems::default();
    let all = Reader::root(&root, &problems).map().unwrap();
    assert!(all.required("version").is_none());
    assert_eq!(all.get("listen").and_then(|listen| listen.list(|node| text(node).map(str::len))), None);
    let session = all.get("session").and_then(|session| session.map()).unwrap();
    assert_eq!(session.get("from").and_then(|from| from.read(boolean)), None);
    assert!(session.get("fields").and_then(|fields| fields.map()).is_none());
    assert!(session.required("jwt").is_none());
    let trust = all.get("trust").and_then(|trust| trust.map()).unwrap();
    assert!(trust.get("header").is_none() && trust.get("peers").is_none());
    let free = all.get("free").and_then(|free| free.map()).unwrap();
    for (key, value) in free.entries() {
        value.read(|node| integer(node, 1..=9));
        value.warn(format!("{key} is free"));
    }
    drop((all, session, trust));
    let number = |word: &str| format!("a number from 1 to 9 is wanted here, not `{word}`");
    assert_eq!(
        headlines(problems),
        [
            "1:1: verzion: there is no such key here; did you mean `version`?".to_owned(),
            "2:13: listen[1]: text is wanted here, and this is a number, not its digits; write \"1.5\""
                .to_owned(),
            "2:18: listen[2]: text is wanted here, not a list; write one value, without [ ] or `- `"
                .to_owned(),
            "2:23: listen[3]: text is wanted here, and this is null; write \"\" if empty text is meant"
                .to_owned(),
            "3:1: session: `jwt` is required here".to_owned(),
            "4:9: session.from: write true or false (without quotes), not `1.10`".to_owned(),
            "5:11: session.fields: a map is wanted here, not text".to_owned(),
            "6:9: trust.hedaer: there is no such key here; did you mean `header`?".to_owned(),
            "6:20: trust.zebra: there is no such key here; known are `header` and `peers`".to_owned(),
            format!("8:8: free.\"b c\": {}", number("no")),
            "8:8: warning: free.\"b c\": b c is free".to_owned(),
            format!("9:6: free.d: {}", number("yes")),
            "9:6: warning: free.d: d is free".to_owned(),
        ]
    );
}

#[test]
fn one_value_is_a_list_of_one() {
    for (written, expected) in [("a: x", 1), ("a: [x, y]", 2), ("a: []", 0)] {
        let (root, problems) = (tree(written), Problems::default());
        let map = Reader::root(&root, &problems).map().unwrap();
        let items = map.get("a").and_then(|a| a.list(|node| text(node).map(str::len))).unwrap();
        assert_eq!(items.len(), expected);
        assert_eq!(map.get("a").map(|a| a.items().len()), Some(expected));
    }
}

#[test]
fn below_a_hiding_reader_no_line_is_shown() {
    let (root, problems) = (tree("secret:\n  vlaue: hunter2\n"), Problems::default());
    let map = Reader::root(&root, &problems).map().unwrap();
    map.get("secret").map(Reader::hiding).and_then(|secret| secret.map()).unwrap().get("file");
    drop(map);
    assert!(
        problems
            .into_sorted(&crate::config::source::Source::new("", b""))
            .iter()
            .all(|problem| problem.hide_line)
    );
}
