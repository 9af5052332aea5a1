//! For all sessions: what is written is the JSON that was meant, and nothing else.

use super::{compile, members, session};
use crate::value::Value;
use proptest::prelude::*;
use serde_json::{Value as Json, json};

/// All characters, and those that could end a string more often than chance would have it.
fn texts() -> impl Strategy<Value = String> {
    let nasty = prop::sample::select(vec![
        "\"",
        "\\",
        "\\\"",
        "\u{0}",
        "\n",
        "\u{2028}",
        "\u{7f}",
        "${session.user_name}",
        "\",\"sub\":\"x",
        "}",
        "{{x}}",
    ]);
    let piece = prop_oneof![any::<String>(), nasty.prop_map(str::to_owned)];
    prop::collection::vec(piece, 0..5).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn the_members_are_the_claims(
        account in texts(), user in prop::option::of(texts()), items in prop::option::of(prop::collection::vec(texts(), 0..4)),
        seats in prop::option::of(any::<i64>()), profile in texts(),
    ) {
        prop_assume!(!account.is_empty());
        let template = compile(&json!({
            "sub": "${session.account_id}",
            "ti": {
                "ufn": "${session.user_name}", "ili": "${session.installed}", "aid": "<${session.account_id}>",
                "udn": "${session.user_name} of ${session.account_id}", "both": ["${session.user_name}", "${session.seats}"],
                "xti": { "profile": "${session.profile}", "seats": "${session.seats | default(1)}" },
            },
            "end": true,
        })).0.unwrap();
        let mut values = vec![
            ("account_id", Value::Text(account.as_str().into())),
            ("profile", Value::Json(json!({ "p": profile }))),
        ];
        values.extend(user.as_deref().map(|user| ("user_name", Value::Text(user.into()))));
        let borrowed = |items: &'_ Vec<String>| Value::List(items.iter().map(|item| item.clone().into()).collect());
        values.extend(items.as_ref().map(|items| ("installed", borrowed(items))));
        values.extend(seats.map(|seats| ("seats", Value::Int(seats))));

        let mut ti = serde_json::Map::new();
        ti.extend(user.as_ref().map(|user| ("ufn".to_owned(), json!(user))));
        ti.extend(items.as_ref().map(|items| ("ili".to_owned(), json!(items))));
        ti.insert("aid".to_owned(), json!(format!("<{account}>")));
        ti.extend(user.as_ref().map(|user| ("udn".to_owned(), json!(format!("{user} of {account}")))));
        let both: Vec<Json> = user.iter().map(|user| json!(user)).chain(seats.iter().map(|n| json!(n))).collect();
        ti.insert("both".to_owned(), json!(both));
        ti.insert("xti".to_owned(), json!({ "profile": { "p": profile }, "seats": seats.unwrap_or(1) }));
        let expected = json!({ "iat": 1, "sub": account, "ti": ti, "end": true });

        // Byte for byte what serde_json writes: no value leaves its string, no key comes twice.
        prop_assert_eq!(members(&template, &session(&values)), Ok(expected.to_string()));
    }

    #[test]
    fn the_parser_never_panics(text in "(\\$\\{|[a-z. |(),='\"}{$#é]|session\\.account_id|map\\(){0,12}") {
        let _ = compile(&super::around(&json!(text)));
    }
}
