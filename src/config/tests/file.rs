use super::{headlines, tree, value};
use crate::config::error::Problems;
use crate::config::file::{MAX_BYTES, parse};
use crate::config::source::Source;
use crate::config::tree::{Kind, Node, Style};
use std::time::{Duration, Instant};

fn problems(bytes: &[u8]) -> Vec<String> {
    let problems = Problems::default();
    let tree = parse(&Source::new("c.yaml", bytes), &problems);
    assert!(tree.is_some() || problems.errors() > 0);
    headlines(problems)
}

/// A tree on one line: every value with its place.
fn sketch(node: &Node) -> String {
    let what = match &node.kind {
        Kind::Null => "null".to_owned(),
        Kind::Broken => "broken".to_owned(),
        Kind::Bool(value) => value.to_string(),
        Kind::Int(raw) => format!("int {raw}"),
        Kind::Float(raw) => format!("float {raw}"),
        Kind::Text { text, style } => format!("{style:?} {text:?}"),
        Kind::List(items) => format!("[{}]", items.iter().map(sketch).collect::<Vec<_>>().join(", ")),
        Kind::Map(entries) => {
            let entry =
                |e: &crate::config::tree::Entry| format!("{}@{}={}", e.key, e.place, sketch(&e.value));
            format!("{{{}}}", entries.iter().map(entry).collect::<Vec<_>>().join(", "))
        }
    };
    format!("{what}@{}", node.place)
}

#[test]
fn everything_has_its_place_and_its_spelling() {
    for (text, expected) in [
        ("a: 1", "{a@1:1=int 1@1:4}@1:1"),
        ("a: 0042", r#"{a@1:1=Plain "0042"@1:4}@1:1"#),
        (
            "a: [0x1F, 0o17, -5, 1.10, 1e3, .inf]",
            "{a@1:1=[int 0x1F@1:5, int 0o17@1:11, int -5@1:17, float 1.10@1:21, float 1e3@1:27, float .inf@1:32]@1:4}@1:1",
        ),
        (
            "a: 123456789012345678901234567890123456789012345",
            "{a@1:1=int 123456789012345678901234567890123456789012345@1:4}@1:1",
        ),
        (
            "a: [x, 'x', \"x\\t\\u00e9\"]",
            r#"{a@1:1=[Plain "x"@1:5, Quoted "x"@1:8, Quoted "x\té"@1:13]@1:4}@1:1"#,
        ),
        (
            "a: [true, no, ~, null, '']",
            r#"{a@1:1=[true@1:5, Plain "no"@1:11, null@1:15, null@1:18, Quoted ""@1:24]@1:4}@1:1"#,
        ),
        (
            "a:\nb: {}\nc: []\nd:\n  -\n",
            "{a@1:1=null@1:1, b@2:1={}@2:4, c@3:1=[]@3:4, d@4:1=[null@4:1]@4:1}@1:1",
        ),
        ("a: |\n  x\nb: >-\n  y\n", r#"{a@1:1=Block "x\n"@1:4, b@3:1=Block "y"@3:4}@1:1"#),
        ("a: &x 1.10\nb: *x\n", "{a@1:1=float 1.10@1:4, b@2:1=float 1.10@1:4}@1:1"),
        (
            "a: &x {k: v}\nb: *x\n",
            r#"{a@1:1={k@1:8=Plain "v"@1:11}@1:7, b@2:1={k@1:8=Plain "v"@1:11}@1:7}@1:1"#,
        ),
        ("ключ: {é: \"ö\", z: 1.5}", r#"{ключ@1:1={é@1:8=Quoted "ö"@1:11, z@1:16=float 1.5@1:19}@1:7}@1:1"#),
        (
            "a: ö\r\nb:\r\n  - x\r\n  - 7\r\n",
            r#"{a@1:1=Plain "ö"@1:4, b@2:1=[Plain "x"@3:5, int 7@4:5]@3:3}@1:1"#,
        ),
        ("a: ö\rb: 1.5\r", r#"{a@1:1=Plain "ö"@1:4, b@2:1=float 1.5@2:4}@1:1"#),
        ("\u{FEFF}a: 1\n", "{a@1:1=int 1@1:4}@1:1"),
        ("{a: 1}", "{a@1:2=int 1@1:5}@1:1"),
        ("---\n42: x\n'y z': {}\n", r#"{42@2:1=Plain "x"@2:5, y z@3:1={}@3:8}@2:1"#),
        ("a: x {{ y }}", r#"{a@1:1=Plain "x {{ y }}"@1:4}@1:1"#),
        ("a: ${x} # said\nb: 'x ${y #'", r#"{a@1:1=Plain "${x}"@1:4, b@2:1=Quoted "x ${y #"@2:4}@1:1"#),
        (
            "a: ::1\nb: [\"::1\", fe80::1]",
            r#"{a@1:1=Plain "::1"@1:4, b@2:1=[Quoted "::1"@2:5, Plain "fe80::1"@2:12]@2:4}@1:1"#,
        ),
    ] {
        assert_eq!(sketch(&tree(text)), expected, "{text}");
    }
}

const QUOTE: &str = "inside { } or [ ] an expression needs quotes: \"${…}\"";
const COLONS: &str = "inside { } or [ ] an address that begins with `::` needs quotes, such as \"::1\"";
const STAR: &str = "an unquoted `*` begins an alias; write \"*\"";
const ANCHOR: &str = "an unquoted `*` begins an alias, and nothing has this anchor; put text in quotes";
const BRACES: &str =
    "an unquoted `{{` opens a YAML map; an expression is written ${…}, other text with braces in quotes";
const CUT: &str = "` #` begins a comment here and cuts the expression off; put the whole value in quotes";
const TAG: &str = "tags (`!x`, `!!str`) are not used here; to make a value text, put it in quotes";
const INDENTED: &str =
    "this line is indented otherwise than the keys above it: the keys of one map begin in one column";
const COLON: &str = "a second `: ` in this line; text that holds `: ` needs quotes";

#[test]
fn traps_have_their_own_words_and_their_place() {
    for (text, place, message) in [
        ("a: { b: ${session.x} }", "1:9", QUOTE),
        ("ö: { é: ${session.x} }", "1:9", QUOTE),
        ("a: [ ${session.x} ]", "1:6", QUOTE),
        ("a: [ \"${y}\", x${session.x} ]", "1:15", QUOTE),
        ("a: [\n  x,\n  ${y}\n]", "3:3", QUOTE),
        ("a: [127.0.0.1, ::1]", "1:16", COLONS),
        ("a: {b: ::1}", "1:8", COLONS),
        ("a: [::ffff:10.0.0.1]", "1:5", COLONS),
        ("a:\n  - *", "2:5", STAR),
        ("integrations:\n  *: {id: 1}", "2:3", STAR),
        ("integrations: {*: {id: 1}}", "1:16", STAR),
        ("a: *foo", "1:4", ANCHOR),
        ("a: {{ session.x }}", "1:4", BRACES),
        ("a: {{ session.x }} b", "1:4", BRACES),
        ("a:\n  sub: ${session.x | default( #1)}", "2:31", CUT),
        ("a: ü ${session.x\n  | default( # x", "2:14", CUT),
        ("a: &q ${x # y", "1:11", CUT),
        ("a: !x b", "1:4", TAG),
        ("a: !!str 1", "1:4", TAG),
        ("a: &b !!int 1", "1:4", TAG),
        ("!!str a: 1", "1:1", TAG),
        ("a: !x {b: c}", "1:4", TAG),
        ("a: ${b: c}", "1:7", COLON),
        ("a: b: c", "1:5", COLON),
        ("a: 1\n  b: 2", "2:3", INDENTED),
        ("a: !!map {}", "1:4", TAG),
        ("a: !!seq [1]", "1:4", TAG),
        ("a: !!map # b!\n  c: 1", "1:4", TAG),
        ("a:\n\tb: 1", "2:1", "a tab cannot indent; use spaces"),
        ("a: @x", "1:4", "text cannot begin with this character; put it in quotes"),
        ("a: [\"{{\", @x]", "1:11", "text cannot begin with this character; put it in quotes"),
        (
            "a: \"\\d\"",
            "1:5",
            "in double quotes `\\` begins an escape, and this is none; write `\\\\`, or use single quotes",
        ),
        ("a: \"x\nb: 1", "1:4", "the quote that opens here is not closed"),
        (
            "a: [1, 2\nb: 3",
            "1:4",
            "the list in [ ] that opens here is not closed, or lacks a comma, or holds text that needs quotes",
        ),
        (
            "a: {x: 1\nb: 3",
            "1:4",
            "the map in { } that opens here is not closed, or lacks a comma, or holds text that needs quotes",
        ),
        ("- a\n-b", "2:1", "a key without `: ` behind it, or a wrong indentation"),
        (
            "a: 'it's'",
            "1:8",
            "this line does not fit: its indentation is that of no key above, or text before it needs quotes",
        ),
        ("[a, b]: c", "1:1", "a key is text, not a list or a map"),
        ("? {a: b}\n: c", "1:3", "a key is text, not a list or a map"),
        ("~: 1", "1:1", "a key is text; here it is missing, or null (which would need quotes)"),
        ("true: 1", "1:1", "a key is text, and YAML does not read `true` as such; write \"true\""),
        ("a:\n  1.10: 1", "2:3", "a key is text, and YAML does not read `1.10` as such; write \"1.10\""),
        ("<<: {a: 1}", "1:1", "the merge key `<<` is not used here; write the keys out"),
        ("a: 1\n---\nb: 2", "2:1", "one document only; a line of `---` begins another"),
        ("---\n# x\na: 1\n...\n---\nb: 2", "5:1", "one document only; a line of `---` begins another"),
        ("", "1:1", "the file is empty"),
        ("# nothing\n", "1:1", "the file is empty"),
        ("---\n", "1:1", "the file is empty"),
    ] {
        assert_eq!(problems(text.as_bytes()), [format!("{place}: {message}")], "{text}");
    }
}

#[test]
fn bytes_that_are_no_text() {
    for (bytes, expected) in [
        (
            &b"a: 1\nb: \xE9\n"[..],
            "2:4: the file is not UTF-8: the byte at 8 (from 0) belongs to no character",
        ),
        (
            b"a: \x07",
            "1:4: the character U+0007 cannot be read here; in double quotes it can be written \\u0007",
        ),
        (
            "a: ö\u{2028}".as_bytes(),
            "1:5: the character U+2028 cannot be read here; in double quotes it can be written \\u2028",
        ),
        (&vec![b'#'; MAX_BYTES + 1], " the file is larger than 1 MiB"),
    ] {
        assert_eq!(problems(bytes), [expected]);
    }
}

#[test]
fn doubled_keys_are_found_on_every_level_and_all_at_once() {
    let text = "a: 1\nb:\n  c: 1\n  'c': 2\n  d: [{e: 1, e: 2}]\na: 3\na: 4\n";
    let again = |place: &str, path: &str, line: u8| {
        format!("{place}: {path}: this key stands twice: first in line {line}, again here")
    };
    let expected =
        [again("4:3", "b.c", 3), again("5:14", "b.d[0].e", 5), again("6:1", "a", 1), again("7:1", "a", 1)];
    assert_eq!(problems(text.as_bytes()), expected);
}

#[test]
fn several_problems_come_together() {
    let found = problems(b"true: 1\na: ${b #c\na: *x\n");
    let expected = ["1:1: a key is text, and YAML does not read `true` as such; write \"true\"".to_owned()];
    assert_eq!(found, [&expected[..], &[format!("2:8: {CUT}"), format!("3:4: {ANCHOR}")]].concat());
}

#[test]
fn bombs_end_in_an_error_within_a_second() {
    let level =
        |(last, next): (char, char)| format!("{next}: &{next} [{}]\n", vec![format!("*{last}"); 9].join(","));
    let levels = "abcdefgh".chars().zip("bcdefghi".chars()).map(level);
    let laughs = std::iter::once("a: &a [x,x,x,x,x,x,x,x,x]\n".to_owned()).chain(levels).collect::<String>();
    let nested = |open: &str, n: usize| open.repeat(n);
    let key = |n| format!("{}{}:\n", nested(" ", n), nested("k", 900));
    let keys = (0..100).map(key).collect::<Vec<_>>().concat();
    for (name, text) in [
        ("laughs", laughs),
        ("lists", nested("[", 100_000)),
        ("maps", nested("{a: ", 100_000)),
        ("blocks", nested("- ", 100_000)),
        ("keys", nested("? ", 100_000)),
        ("wide", format!("a: [{}]", nested("1,", 200_000))),
        ("wide and not ASCII", format!("ö: [{}]", nested("[ü],", 60_000))),
        ("itself", "a: &a [*a, *a]".to_owned()),
        ("long paths", format!("{keys}{}[{}]", " ".repeat(100), nested("1,", 200_000))),
    ] {
        let start = Instant::now();
        let found = problems(text.as_bytes());
        assert_eq!(found.len(), 1, "{name}");
        let took = start.elapsed();
        // No measurement: what this holds off took minutes.
        assert!(took < Duration::from_mins(1), "{name} took {took:?}");
    }
}

#[test]
fn a_quoted_or_escaped_scalar_is_never_taken_for_a_plain_one() {
    let Kind::Text { text, style } = value(r#"a: "\x24{x #y""#).kind else { panic!("not text") };
    assert_eq!((text.as_str(), style), ("${x #y", Style::Quoted));
}
