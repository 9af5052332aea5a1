//! "Did you mean", where it is not a word in another spelling: what other programs would have taken.

use super::net::host_and_port;
use crate::route::Pattern;
use crate::suggest::closest;
use ipnet::IpNet;
use std::net::IpAddr;

/// Words of other programs, and ours for them.
const HABITS: [(&str, &str); 16] = [
    ("live", "production"),
    ("url", "percent"),
    ("urlencoded", "percent"),
    ("uri", "percent"),
    ("iso-8859-1", "latin1"),
    ("iso8859-1", "latin1"),
    ("windows-1252", "latin1"),
    ("number", "int"),
    ("text", "string"),
    ("str", "string"),
    ("array", "list"),
    ("object", "json"),
    ("map", "json"),
    ("fatal", "error"),
    ("verbose", "debug"),
    ("console", "text"),
];

/// The one of these words that was meant.
pub(super) fn word<'c>(text: &str, words: &[&'c str]) -> Option<&'c str> {
    let lower = text.to_ascii_lowercase();
    let habit = || {
        let (_, ours) = HABITS.iter().find(|(theirs, ours)| *theirs == lower && words.contains(ours))?;
        words.iter().copied().find(|word| word == ours)
    };
    let begins = |word: &&str| word.starts_with(&lower) || word.len() >= 3 && lower.starts_with(*word);
    let beginning = || {
        let mut all = words.iter().copied().filter(|word| lower.len() >= 3 && begins(word));
        all.next().filter(|_| all.next().is_none())
    };
    closest(text, words.iter().copied()).or_else(habit).or_else(beginning)
}

/// The JSON pointer for a path with dots, as other programs have one, and for a name that is an address.
pub(super) fn pointer(text: &str) -> Option<String> {
    if text.starts_with('/') || text.contains('~') {
        return None;
    }
    if text.contains("://") {
        return Some(format!("/{}", text.replace('/', "~1")));
    }
    let bare = text.trim_start_matches(['$', '.']).replace(['"', '\'', ']'], "").replace(['.', '['], "/");
    let bare = bare.trim_start_matches('/');
    let sound = !bare.is_empty() && bare.split('/').all(|segment| !segment.is_empty());
    sound.then(|| format!("/{bare}"))
}

/// The duration in units that are read here.
pub(super) fn duration(text: &str) -> Option<String> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(end)?;
    let (times, unit) = match unit.trim().to_ascii_lowercase().as_str() {
        "ms" | "msec" | "millis" | "milliseconds" => (1, "ms"),
        "" | "s" | "sec" | "secs" | "second" | "seconds" => (1, "s"),
        "m" | "min" | "mins" | "minute" | "minutes" => (1, "m"),
        "h" | "hr" | "hrs" | "hour" | "hours" => (1, "h"),
        "d" | "day" | "days" => (24, "h"),
        "w" | "week" | "weeks" => (7 * 24, "h"),
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(times).map(|number| format!("{number}{unit}"))
}

/// The web address of a host, a port, or an address with another scheme. `plain` is the scheme where
/// nothing asks for TLS.
pub(super) fn web_address(text: &str, plain: &str) -> Option<String> {
    if let Ok(port) = text.trim_start_matches(':').parse::<u16>() {
        return (plain == "http").then(|| format!("http://127.0.0.1:{port}"));
    }
    let Some((scheme, rest)) = text.split_once("://") else {
        return host_and_port(text).map(|_| format!("{plain}://{text}"));
    };
    let scheme = match scheme.to_ascii_lowercase().as_str() {
        "https" | "wss" => "https",
        "http" | "ws" | "tcp" => plain,
        _ => return None,
    };
    host_and_port(rest.split('/').next()?).map(|_| format!("{scheme}://{rest}"))
}

/// Where to listen, of an address with a scheme, or with a star for its host.
pub(super) fn listen(text: &str) -> Option<String> {
    let bare = text.split_once("://").map_or(text, |(_, rest)| rest).trim_end_matches('/');
    let bare = bare.strip_prefix('*').map_or(bare.to_owned(), |port| format!("0.0.0.0{port}"));
    host_and_port(&bare).and_then(|(_, port)| port).map(|_| bare)
}

/// The network of an address with a mask or a port, or of this machine by its name.
pub(super) fn network(text: &str) -> Option<String> {
    if text.eq_ignore_ascii_case("localhost") {
        return Some("127.0.0.1".to_owned());
    }
    if let Some((address, mask)) = text.split_once('/') {
        let net = IpNet::with_netmask(address.parse().ok()?, mask.parse().ok()?).ok()?;
        return Some(net.trunc().to_string());
    }
    let (host, port) = host_and_port(text)?;
    port.and_then(|_| host.parse::<IpAddr>().ok()).map(|address| address.to_string())
}

/// The route's path, where its parameter is written as other routers have it.
pub(super) fn pattern(text: &str) -> Option<String> {
    let odd = |segment: &str| segment.starts_with(['{', '<', ':', '*', '$', '[']);
    let named: Vec<&str> =
        text.split('/').map(|segment| if odd(segment) { ":integration" } else { segment }).collect();
    let named = named.join("/");
    (named != text && Pattern::parse(&named).is_ok()).then_some(named)
}

#[cfg(test)]
mod tests {
    use super::{duration, listen, network, pattern, pointer, web_address, word};

    fn all(advice: impl Fn(&str) -> Option<String>, rows: &[(&str, Option<&str>)]) {
        for (text, meant) in rows {
            assert_eq!(advice(text).as_deref(), *meant, "{text}");
        }
    }

    #[test]
    fn habits_of_other_programs_are_known() {
        let of = |words: &'static [&'static str]| move |text: &str| word(text, words).map(str::to_owned);
        all(
            of(&["production", "sandbox", "demo"]),
            &[
                ("prod", Some("production")),
                ("live", Some("production")),
                ("Sandbox", Some("sandbox")),
                ("x", None),
                ("pr", None),
                ("staging", None),
            ],
        );
        all(
            of(&["utf8", "latin1", "percent", "base64", "base64url"]),
            &[
                ("url", Some("percent")),
                ("ISO-8859-1", Some("latin1")),
                ("percent-encoding", Some("percent")),
                ("zebra", None),
            ],
        );
        all(
            of(&["string", "list", "int", "bool", "json"]),
            &[
                ("integer", Some("int")),
                ("boolean", Some("bool")),
                ("array", Some("list")),
                ("object", Some("json")),
            ],
        );
        all(of(&["error", "warn", "info"]), &[("warning", Some("warn")), ("WARN", Some("warn"))]);
        all(
            pointer,
            &[
                ("user.id", Some("/user/id")),
                ("$.user.id", Some("/user/id")),
                ("user/id", Some("/user/id")),
                (".orgs[0].id", Some("/orgs/0/id")),
                ("$['user']['id']", Some("/user/id")),
                ("sub", Some("/sub")),
                ("https://acme.example/org", Some("/https:~1~1acme.example~1org")),
                ("", None),
                ("$", None),
                ("a..b", None),
                ("/a~2", None),
            ],
        );
        all(
            duration,
            &[
                ("1d", Some("24h")),
                ("2 weeks", Some("336h")),
                ("75", Some("75s")),
                ("5sec", Some("5s")),
                ("5 M", Some("5m")),
                ("10 minutes", Some("10m")),
                ("1y", None),
                ("h", None),
                ("1h30m", None),
                ("99999999999999999999d", None),
            ],
        );
    }

    #[test]
    fn addresses_and_paths_of_other_programs_are_known() {
        all(
            |text| web_address(text, "http"),
            &[
                ("3000", Some("http://127.0.0.1:3000")),
                (":3000", Some("http://127.0.0.1:3000")),
                ("app:3000", Some("http://app:3000")),
                ("ws://app:3000", Some("http://app:3000")),
                ("WSS://app/x", Some("https://app/x")),
                ("tcp://app:3000", Some("http://app:3000")),
                ("ftp://app", None),
                ("user:word@app", None),
                ("http//app", None),
            ],
        );
        all(
            |text| web_address(text, "https"),
            &[("imp.pandium.com", Some("https://imp.pandium.com")), ("3000", None)],
        );
        all(
            listen,
            &[
                ("http://0.0.0.0:80/", Some("0.0.0.0:80")),
                ("*:8080", Some("0.0.0.0:8080")),
                ("0.0.0.0", None),
                ("app", None),
                ("a b:80", None),
            ],
        );
        all(
            network,
            &[
                ("localhost", Some("127.0.0.1")),
                ("10.0.0.0/255.0.0.0", Some("10.0.0.0/8")),
                ("10.1.2.3/255.255.0.0", Some("10.1.0.0/16")),
                ("10.0.0.1:80", Some("10.0.0.1")),
                ("[::1]:80", Some("::1")),
                ("app:80", None),
                ("app", None),
                ("10.0.0.0/33", None),
            ],
        );
        all(
            pattern,
            &[
                ("/p/{integration}", Some("/p/:integration")),
                ("/p/<name>/x", Some("/p/:integration/x")),
                ("/p/:name", Some("/p/:integration")),
                ("/p/*", Some("/p/:integration")),
                ("/p/:integration", None),
                ("/{a}/{b}", None),
                ("/{a}", None),
                ("p/{a}", None),
            ],
        );
    }
}
