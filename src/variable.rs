//! Environment variables as the file refers to them: `${env.NAME}` and `${env.NAME:-fallback}`.

/// Whether a variable can be called so: letters, digits and `_`, and no digit first.
pub fn is_name(name: &str) -> bool {
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    plain && !name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit())
}

/// Whether it is a name as people give to variables, in capitals.
pub fn is_shouted(name: &str) -> bool {
    is_name(name) && !name.contains(|c: char| c.is_ascii_lowercase())
}

/// What a reference stands for. As in a shell, `:-` stands in for an empty variable too.
pub fn value(name: &str, fallback: Option<&str>, lookup: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let found = lookup(name).filter(|value| fallback.is_none() || !value.is_empty());
    found.or_else(|| fallback.map(str::to_owned))
}
