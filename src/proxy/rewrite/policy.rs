//! Who may frame a page (CSP Level 3): where the file says it, Pandium does not.

use http::header::{CONTENT_SECURITY_POLICY, HeaderMap, HeaderName, HeaderValue, X_FRAME_OPTIONS};

const REPORT_ONLY: HeaderName = HeaderName::from_static("content-security-policy-report-only");
const DIRECTIVE: &str = "frame-ancestors";

/// Puts the file's directive in place of Pandium's. Policies add up, so it is taken out of each.
pub(super) fn set_ancestors(headers: &mut HeaderMap, directive: &HeaderValue) {
    headers.remove(X_FRAME_OPTIONS);
    for name in [CONTENT_SECURITY_POLICY, REPORT_ONLY] {
        let lines: Vec<HeaderValue> = headers.get_all(&name).iter().cloned().collect();
        headers.remove(&name);
        for line in lines {
            let left = match line.to_str() {
                Ok(text) => HeaderValue::try_from(without_ancestors(text)).ok(),
                Err(_) => Some(line),
            };
            if let Some(left) = left.filter(|left| !left.is_empty()) {
                headers.append(&name, left);
            }
        }
    }
    headers.append(CONTENT_SECURITY_POLICY, directive.clone());
}

/// A list of policies, each a list of directives, without this one.
fn without_ancestors(policies: &str) -> String {
    let is_it = |directive: &str| {
        directive.split_ascii_whitespace().next().is_some_and(|name| name.eq_ignore_ascii_case(DIRECTIVE))
    };
    let left = policies.split(',').map(|policy| {
        let kept: Vec<&str> =
            policy.split(';').map(str::trim).filter(|part| !part.is_empty() && !is_it(part)).collect();
        kept.join("; ")
    });
    left.filter(|policy| !policy.is_empty()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::{set_ancestors, without_ancestors};
    use http::header::{CONTENT_SECURITY_POLICY, HeaderMap, HeaderValue, X_FRAME_OPTIONS};

    #[test]
    fn one_directive_goes_and_the_others_stay() {
        for (policy, left) in [
            ("", ""),
            ("frame-ancestors 'none'", ""),
            ("Frame-Ancestors *;", ""),
            ("default-src 'self'; frame-ancestors 'none'; img-src *", "default-src 'self'; img-src *"),
            ("frame-src a; frame-ancestors-x b", "frame-src a; frame-ancestors-x b"),
            ("default-src a, frame-ancestors b; img-src c, frame-ancestors d", "default-src a, img-src c"),
        ] {
            assert_eq!(without_ancestors(policy), left, "{policy}");
        }
    }

    #[test]
    fn the_files_word_is_the_only_one() {
        let mut headers = HeaderMap::new();
        headers.append(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
        headers.append(CONTENT_SECURITY_POLICY, HeaderValue::from_static("frame-ancestors 'none'"));
        headers.append(CONTENT_SECURITY_POLICY, HeaderValue::from_static("img-src *; frame-ancestors x"));
        set_ancestors(&mut headers, &HeaderValue::from_static("frame-ancestors https://app.example"));
        let all: Vec<_> = headers.get_all(CONTENT_SECURITY_POLICY).iter().collect();
        assert_eq!(all, ["img-src *", "frame-ancestors https://app.example"]);
        assert!(!headers.contains_key(X_FRAME_OPTIONS));
    }
}
