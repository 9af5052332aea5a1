use crate::config::error::{Problem, Problems};
use crate::config::source::Source;
use crate::place::Place;

fn render(text: &str, line: u32, column: u32) -> String {
    Problem::error(Place::new(line, column), "a.b", "wrong").render(&Source::new("c.yaml", text.as_bytes()))
}

#[test]
fn the_caret_stands_under_its_character() {
    for (text, place, expected) in [
        ("a: 1\n", (1, 4), "c.yaml:1:4: a.b: wrong\n1 | a: 1\n  |    ^\n"),
        ("\ta: 1", (1, 5), "c.yaml:1:5: a.b: wrong\n1 |  a: 1\n  |     ^\n"),
        ("日本: 1\r\n", (1, 5), "c.yaml:1:5: a.b: wrong\n1 | 日本: 1\n  |     ^\n"),
        ("a\u{202E}: 1", (1, 4), "c.yaml:1:4: a.b: wrong\n1 | a\u{FFFD}: 1\n  |    ^\n"),
        (&"\n".repeat(9).replace('\n', "x: 1\n"), (9, 1), "c.yaml:9:1: a.b: wrong\n9 | x: 1\n  | ^\n"),
        (&"x: 1\n".repeat(12), (10, 1), "c.yaml:10:1: a.b: wrong\n10 | x: 1\n   | ^\n"),
        ("a: 1", (7, 1), "c.yaml:7:1: a.b: wrong\n"),
        ("a: 1", (0, 0), "c.yaml: a.b: wrong\n"),
    ] {
        assert_eq!(render(text, place.0, place.1), expected);
    }
}

#[test]
fn a_long_line_is_cut_around_the_caret() {
    let text = format!("{}X{}", "a".repeat(300), "b".repeat(300));
    let shown = render(&text, 1, 301);
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(lines[1].chars().count(), 4 + 122);
    assert!(lines[1].starts_with("1 | …a") && lines[1].ends_with("b…"));
    assert_eq!(lines[1].find('X').map(|at| at - "…".len() + 1), lines[2].find('^'));
    let end = render(&text, 1, 601);
    assert!(end.lines().nth(1).is_some_and(|line| line.ends_with('b')));
}

#[test]
fn a_line_that_may_hold_a_secret_is_not_shown() {
    for line in [
        "secret: hunter2",
        "  Secret: *hunter2",
        "shared-secret : hunter2",
        "{ secret: hunter2 }",
        "secret: { value: hunter2 }",
        "secret: { hunter2 }",
        "secret: { env: hunter2! }",
        "secret: { file: x, hunter2",
    ] {
        assert!(!render(line, 1, 2).contains("hunter2"), "{line}");
    }
    for line in
        ["secret:", "secret: { file: /run/x, encoding: hx }", "secret: { env: A_1 }", "secret: # below"]
    {
        assert!(render(line, 1, 2).contains(line), "{line}");
    }
    let hidden = Problem { hide_line: true, ..Problem::error(Place::new(1, 1), "", "wrong") };
    assert_eq!(hidden.render(&Source::new("c.yaml", b"value: hunter2")), "c.yaml:1:1: wrong\n");
}

#[test]
fn problems_come_in_the_order_of_the_file_with_their_suggestion() {
    let problems = Problems::default();
    problems.push(Problem::warning(Place::new(2, 1), "b", "unwise"));
    problems.push(Problem::error(Place::new(2, 1), "b", "wrong").suggest(Some("c".to_owned())));
    problems.error(Place::new(1, 9), "a", "wrong");
    assert_eq!(problems.errors(), 2);
    let lines = super::headlines(problems);
    assert_eq!(lines, ["1:9: a: wrong", "2:1: b: wrong; did you mean `c`?", "2:1: warning: b: unwise"]);
}
