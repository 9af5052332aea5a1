//! Claims that were expected, against those that came.

use crate::cli::hidden::{Hidden, below, presence};
use serde_json::{Map, Value};

/// The program's own claims: `exact` is said of those that the template makes.
const OWN: [&str; 3] = ["iat", "jti", "exp"];

/// Where they differ: the path, what was expected, and what came. An expected null is a claim that is
/// not there. Hidden claims are told by their length alone.
pub(super) fn claims(expected: &Value, got: &Value, exact: bool, hidden: &Hidden) -> Vec<String> {
    let mut comparison = Comparison { exact, hidden, found: Vec::new() };
    comparison.values("", expected, Some(got), false);
    comparison.found
}

struct Comparison<'h> {
    exact: bool,
    hidden: &'h Hidden,
    found: Vec<String>,
}

impl Comparison<'_> {
    fn values(&mut self, path: &str, expected: &Value, got: Option<&Value>, hidden: bool) {
        let hidden = hidden
            || self.hidden.covers(path, expected)
            || got.is_some_and(|it| self.hidden.covers(path, it));
        match (expected, got) {
            (Value::Null, None | Some(Value::Null)) => {}
            (Value::Object(expected), Some(Value::Object(got))) => self.members(path, expected, got, hidden),
            (Value::Array(expected), Some(Value::Array(got))) if expected.len() == got.len() => {
                for (at, (expected, got)) in expected.iter().zip(got).enumerate() {
                    self.values(&format!("{path}[{at}]"), expected, Some(got), hidden);
                }
            }
            (expected, Some(got)) if expected == got => {}
            (Value::Null, Some(got)) => self.tell(path, "expected none", Some(got), hidden),
            (expected, got) => {
                let expected = format!("expected {}", self.shown(path, expected, hidden));
                self.tell(path, &expected, got, hidden);
            }
        }
    }

    fn members(&mut self, path: &str, expected: &Map<String, Value>, got: &Map<String, Value>, hidden: bool) {
        for (key, value) in expected {
            self.values(&below(path, key), value, got.get(key), hidden);
        }
        let exact = self.exact;
        let own = |key: &str| path.is_empty() && OWN.contains(&key);
        let more = |key: &str| exact && !expected.contains_key(key) && !own(key);
        for (key, value) in got.iter().filter(|(key, _)| more(key)) {
            let path = below(path, key);
            let hidden = hidden || self.hidden.covers(&path, value);
            self.tell(&path, "expected none", Some(value), hidden);
        }
    }

    fn tell(&mut self, path: &str, expected: &str, got: Option<&Value>, hidden: bool) {
        let got =
            got.map_or("it is not there".to_owned(), |got| format!("got {}", self.shown(path, got, hidden)));
        self.found.push(format!("{path}: {expected}, {got}"));
    }

    fn shown(&self, path: &str, value: &Value, hidden: bool) -> String {
        let told = |value: &Value| format!("({})", presence(value));
        if hidden {
            return told(value);
        }
        let mut value = value.clone();
        self.hidden.mask(path, &mut value, &told);
        value.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::claims;
    use crate::cli::hidden::Hidden;
    use serde_json::json;

    #[test]
    fn claims_are_compared_deep_and_what_is_more_counts_where_it_has_to() {
        let got = json!({
            "iat": 1, "jti": "j", "sub": "42",
            "ti": { "ili": ["a", "b"], "aid": "", "xti": { "n": 1, "deep": [{ "a": 1, "b": 2 }] } },
        });
        for (expected, exact, differences) in [
            (json!({}), false, vec![]),
            (json!({ "sub": "42", "ti": { "xti": { "deep": [{ "b": 2 }] }, "uem": null } }), false, vec![]),
            (got.clone(), true, vec![]),
            (json!({ "sub": "42", "ti": got["ti"] }), true, vec![]),
            (json!({ "sub": "43" }), false, vec![r#"sub: expected "43", got "42""#]),
            (json!({ "sub": 42 }), false, vec![r#"sub: expected 42, got "42""#]),
            (json!({ "sub": null }), false, vec![r#"sub: expected none, got "42""#]),
            (json!({ "iat": 2 }), false, vec!["iat: expected 2, got 1"]),
            (json!({ "ti": { "ufn": "Zoë" } }), false, vec![r#"ti.ufn: expected "Zoë", it is not there"#]),
            (json!({ "ti": { "ili": ["a"] } }), false, vec![r#"ti.ili: expected ["a"], got ["a","b"]"#]),
            (
                json!({ "ti": { "ili": ["b", "a"] } }),
                false,
                vec![r#"ti.ili[0]: expected "b", got "a""#, r#"ti.ili[1]: expected "a", got "b""#],
            ),
            (
                json!({ "ti": "x" }),
                false,
                vec![
                    r#"ti: expected "x", got {"ili":["a","b"],"aid":"","xti":{"n":1,"deep":[{"a":1,"b":2}]}}"#,
                ],
            ),
            (
                json!({ "ti": { "ili": ["a", "b"], "xti": { "deep": [{ "a": 1 }] } } }),
                true,
                vec![
                    "ti.xti.deep[0].b: expected none, got 2",
                    "ti.xti.n: expected none, got 1",
                    r#"ti.aid: expected none, got """#,
                    r#"sub: expected none, got "42""#,
                ],
            ),
        ] {
            assert_eq!(claims(&expected, &got, exact, &Hidden::always()), differences, "{expected}");
        }
    }

    #[test]
    fn hidden_claims_are_told_by_their_length() {
        let got = json!({ "ti": { "xti": { "token": "kanarie" } } });
        let xti = |token| json!({ "ti": { "xti": token } });
        for (expected, exact, difference) in [
            (
                xti(json!({ "token": "kanarien" })),
                false,
                "ti.xti.token: expected (present, 8 bytes), got (present, 7 bytes)",
            ),
            (xti(json!({ "token": null })), false, "ti.xti.token: expected none, got (present, 7 bytes)"),
            (json!({ "ti": 1 }), false, r#"ti: expected 1, got {"xti":{"token":"(present, 7 bytes)"}}"#),
            (xti(json!({})), true, "ti.xti.token: expected none, got (present, 7 bytes)"),
        ] {
            assert_eq!(claims(&expected, &got, exact, &Hidden::always()), [difference]);
        }
    }
}
