use super::value;
use crate::config::leaf::{Wrong, boolean, duration, header, integer, size, slug, text, word};
use crate::config::net::{PlainHttp, address, base_url, network};
use crate::config::tree::Node;
use std::fmt::Debug;
use std::time::Duration;

/// What a leaf makes of each `a: …`: its value in `Debug`, or `!` and what is wrong.
fn table<T: Debug>(leaf: impl Fn(&Node) -> Result<T, Wrong>, rows: &[(&str, &str)]) {
    for (written, expected) in rows {
        let read = match leaf(&value(&format!("a: {written}"))) {
            Ok(value) => format!("{value:?}"),
            Err(Wrong { message, suggestion: Some(word) }) => format!("!{message} -> {word}"),
            Err(Wrong { message, .. }) => format!("!{message}"),
        };
        let meets = if let Some(part) = expected.strip_prefix('~') {
            read.contains(part) && read.starts_with('!')
        } else {
            read == *expected
        };
        assert!(meets, "{written}: {read} instead of {expected}");
    }
}

#[test]
fn text_is_what_was_written_or_says_how_to_quote() {
    let clear = |node: &Node| text(node).map(str::to_owned);
    table(
        clear,
        &[
            ("x y", r#""x y""#),
            ("42", r#""42""#),
            ("0042", r#""0042""#),
            ("-5", r#""-5""#),
            ("99999999999999999999999999", r#""99999999999999999999999999""#),
            ("'no'", r#""no""#),
            ("'1.10'", r#""1.10""#),
            ("|-\n  x", r#""x""#),
            ("1.2.3", r#""1.2.3""#),
            ("none", r#""none""#),
            ("snake_1", r#""snake_1""#),
            ("", "!text is wanted here, and this is null; write \"\" if empty text is meant"),
            ("~", "~this is null"),
            ("true", "!text is wanted here, and this is a boolean; write \"true\""),
            ("no", "!text is wanted here, and this is a boolean to many readers of YAML; write \"no\""),
            ("Off", "~write \"Off\""),
            ("yes", "~write \"yes\""),
            ("1.10", "!text is wanted here, and this is a number, not its digits; write \"1.10\""),
            ("1e3", "~write \"1e3\""),
            (
                "0x1F",
                "!text is wanted here, and this is a number in another base, or with a sign; write \"0x1F\"",
            ),
            ("0o17", "~write \"0o17\""),
            ("+5", "~write \"+5\""),
            ("1_000", "!text is wanted here, and this is a number to many readers of YAML; write \"1_000\""),
            (
                "|\n  x\n",
                "!this block ends in a line break, which would be part of the text; write `|-` or `>-`",
            ),
            (">\n  x\n", "~write `|-` or `>-`"),
            ("[x]", "!text is wanted here, not a list; write one value, without [ ] or `- `"),
            ("{x: y}", "!text is wanted here, not a map"),
        ],
    );
}

#[test]
fn numbers_and_truths() {
    table(
        boolean,
        &[
            ("true", "true"),
            ("false", "false"),
            ("'true'", "!write true or false (without quotes), not `true`"),
            ("no", "!write true or false (without quotes), not `no`"),
            ("1", "~not `1`"),
        ],
    );
    table(
        |node| integer(node, 1..=100),
        &[
            ("1", "1"),
            ("100", "100"),
            ("0", "!a number from 1 to 100 is wanted here, not `0`"),
            ("101", "~not `101`"),
            ("-1", "~not `-1`"),
            ("0x1F", "~not `0x1F`"),
            ("1.0", "~not `1.0`"),
            ("'5'", "~write it without quotes"),
            ("007", "~leading zeros"),
            ("x", "~not `x`"),
            ("99999999999999999999999999", "~1 to 100"),
            ("[1]", "~not a list"),
        ],
    );
}

#[test]
fn durations_and_sizes() {
    table(
        duration,
        &[
            ("500ms", "500ms"),
            ("5s", "5s"),
            ("2m", "120s"),
            ("1h", "3600s"),
            ("'0s'", "0ns"),
            (
                "5",
                "!a duration is wanted here, such as 500ms, 5s, 2m or 1h, not `5`: the unit is missing -> 5s",
            ),
            ("5d", "~not `5d` -> 120h"),
            ("'75 sec'", "~-> 75s"),
            ("1m30s", "~not `1m30s`"),
            ("-5s", "~not `-5s`"),
            ("1.5s", "~not `1.5s`"),
            ("99999999999h", "~too long"),
            ("true", "~not `true`"),
        ],
    );
    assert_eq!(duration(&value("a: 1h")), Ok(Duration::from_hours(1)));
    table(
        size,
        &[
            ("4096", "4096"),
            ("64KiB", "65536"),
            ("1MiB", "1048576"),
            ("64KB", "!a size is wanted here, such as 4096, 64KiB or 1MiB, not `64KB` -> 64KiB"),
            ("64k", "~-> 64KiB"),
            ("64 KiB", "~not `64 KiB` -> 64KiB"),
            ("99999999999999GiB", "~wanted"),
            ("-1", "~not `-1`"),
            ("1.5", "~not `1.5`"),
        ],
    );
}

#[test]
fn words_and_names() {
    table(
        |node| word(node, &[("utf8", 8), ("latin1", 1), ("percent", 0)]),
        &[
            ("utf8", "8"),
            ("utf-8", "!one of `utf8`, `latin1` or `percent` is wanted here, not `utf-8` -> utf8"),
            ("url", "~not `url` -> percent"),
            ("zebra", "!one of `utf8`, `latin1` or `percent` is wanted here, not `zebra`"),
            ("8", "~not `8`"),
        ],
    );
    table(
        |node| header(node).map(|header| (header.name, header.written)),
        &[
            ("X-Account-Id", r#"("x-account-id", "X-Account-Id")"#),
            ("SM_USER", r#"("sm_user", "SM_USER")"#),
            ("X Account", "!`X Account` is not the name of a header"),
            ("'X-Account:'", "~-> X-Account"),
            ("é", "~not the name of a header"),
            ("''", "~not the name of a header"),
        ],
    );
    table(
        |node| slug(node).map(|slug| slug.to_string()),
        &[
            ("gwt2hs", r#""gwt2hs""#),
            ("1121", r#""1121""#),
            ("a/b", "!`a/b` is not a name here: 1 to 64 of A-Z a-z 0-9 _ and -"),
            ("''", "~1 to 64"),
            ("1.0", "!`1.0` is not a name here: 1 to 64 of A-Z a-z 0-9 _ and -"),
            ("~", "!a value is wanted here, and this is null; drop the key if none is meant"),
        ],
    );
}

#[test]
fn addresses() {
    table(
        |node| address(node).map(|address| address.to_string()),
        &[
            ("127.0.0.1:8710", r#""127.0.0.1:8710""#),
            ("localhost:0", r#""localhost:0""#),
            ("'[::1]:80'", r#""[::1]:80""#),
            ("unix:/run/x.sock", r#""unix:/run/x.sock""#),
            ("unix:x", "!an address is wanted here, host:port or unix:/path, not `unix:x` -> unix:/path"),
            ("8710", "~-> 127.0.0.1:8710"),
            ("':8710'", "~-> 127.0.0.1:8710"),
            ("::1:80", "~host:port"),
            ("localhost", "~host:port"),
            ("localhost:99999", "~host:port"),
            ("localhost:+80", "~host:port"),
            ("1.2.3:80", "~host:port"),
            ("a b:80", "~host:port"),
            ("http://x:80", "~-> x:80"),
            ("'*:80'", "~-> 0.0.0.0:80"),
        ],
    );
    let url = |plain| move |node: &Node| base_url(node, plain).map(|url| url.to_string());
    table(
        url(PlainHttp::Loopback),
        &[
            ("https://imp.pandium.com", r#""https://imp.pandium.com""#),
            ("https://IMP.pandium.com:8443/", r#""https://imp.pandium.com:8443""#),
            ("http://127.0.0.1:3000", r#""http://127.0.0.1:3000""#),
            ("'http://[::1]:3000'", r#""http://[::1]:3000""#),
            ("http://localhost", r#""http://localhost""#),
            ("http://imp.pandium.com", "~in the clear"),
            ("http://127.0.0.1.evil.example", "~in the clear"),
            ("https://u:p@x", "!no user or password belongs in this address"),
            ("https://x/y", "!no path, query or fragment belongs in this address -> https://x"),
            ("'https://x?y'", "~no path"),
            ("'https://x\\y'", "~no path"),
            ("ftp://x", "~begins with https://"),
            ("https://", "~no host"),
            ("https://x:y", "~no such port"),
            ("https://-x", "~no host"),
        ],
    );
    table(url(PlainHttp::Anywhere), &[("http://app:3000", r#""http://app:3000""#)]);
}

#[test]
fn networks() {
    table(
        |node| network(node).map(|net| net.to_string()),
        &[
            ("10.0.0.0/8", r#""10.0.0.0/8""#),
            ("127.0.0.1", r#""127.0.0.1/32""#),
            ("::1", r#""::1/128""#),
            ("fd00::/8", r#""fd00::/8""#),
            ("::ffff:10.1.2.3", r#""10.1.2.3/32""#),
            ("::ffff:10.0.0.0/104", r#""10.0.0.0/8""#),
            ("10.0.0.1/8", "!`10.0.0.1/8` has bits behind its prefix -> 10.0.0.0/8"),
            ("10.0.0.0/33", "~an address or CIDR is wanted here"),
            ("localhost", "~not `localhost`: a name is not looked up -> 127.0.0.1"),
            ("edge.internal", "~a name is not looked up"),
            ("10.0.0.0/255.0.0.0", "~-> 10.0.0.0/8"),
            ("10.0.0.1:80", "~-> 10.0.0.1"),
            ("10", "~an address or CIDR is wanted here"),
        ],
    );
}
