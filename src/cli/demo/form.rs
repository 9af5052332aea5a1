//! `application/x-www-form-urlencoded`, in queries and in posted forms.

use percent_encoding::percent_decode;

/// The decoded pairs of a form, in their order.
pub fn pairs(form: &[u8]) -> impl Iterator<Item = (String, String)> {
    form.split(|&byte| byte == b'&').filter(|pair| !pair.is_empty()).map(|pair| {
        let mut halves = pair.splitn(2, |&byte| byte == b'=');
        (decoded(halves.next()), decoded(halves.next()))
    })
}

/// The first value of that name.
pub fn value(form: &[u8], name: &str) -> Option<String> {
    pairs(form).find_map(|(key, value)| (key == name).then_some(value))
}

fn decoded(half: Option<&[u8]>) -> String {
    let spaced: Vec<u8> =
        half.unwrap_or_default().iter().map(|&byte| if byte == b'+' { b' ' } else { byte }).collect();
    percent_decode(&spaced).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::{pairs, value};

    #[test]
    fn a_form_is_decoded() {
        let cases: [(&str, &[(&str, &str)]); 6] = [
            ("", &[]),
            ("a=1&b=2", &[("a", "1"), ("b", "2")]),
            ("name=Zo%C3%AB+M%C3%BCller", &[("name", "Zoë Müller")]),
            ("a=b=c&&d", &[("a", "b=c"), ("d", "")]),
            ("a=%2B%26%zz", &[("a", "+&%zz")]),
            ("a=%ff", &[("a", "\u{FFFD}")]),
        ];
        for (form, expected) in cases {
            let got: Vec<_> = pairs(form.as_bytes()).collect();
            let got: Vec<_> = got.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
            assert_eq!(got, expected, "{form}");
        }
    }

    #[test]
    fn the_first_of_a_name_counts() {
        assert_eq!(value(b"a=1&a=2", "a").as_deref(), Some("1"));
        assert_eq!(value(b"a=1", "b"), None);
    }
}
