//! Whose signature is it? Every secret of the file is tried as every encoding reads it, because a key
//! that was taken for text, or for base64, is the likeliest reason why a right secret does not fit.

use crate::cli::load::environment;
use crate::config::model::{Account, Key};
use crate::token::is_signed_with;

/// Whose secret it is signed with, in words; or what was tried.
pub(super) fn by(token: &str, accounts: &[Account]) -> Result<String, String> {
    let (mut tried, mut absent, mut fits) = (Vec::new(), Vec::new(), Vec::new());
    for Account { key: name, secret, .. } in accounts {
        match secret.readings(&environment) {
            Err(why) => absent.push(format!("that of account {name} is not at hand: {why}")),
            Ok(readings) => {
                let fit = readings.iter().filter(|(_, reading)| is_signed_with(token, reading));
                let words: Vec<&str> = fit.map(|(word, _)| *word).collect();
                if words.is_empty() {
                    tried.push(format!("account {name}"));
                } else {
                    fits.push(format!("with the secret of account {name}, {}", described(secret, &words)));
                }
            }
        }
    }
    if !fits.is_empty() {
        return Ok(fits.join("; "));
    }
    if !tried.is_empty() {
        let accounts = tried.join(", ");
        absent.insert(0, format!("with no secret of this file, however it is encoded (tried: {accounts})"));
    }
    Err(absent.join("; "))
}

/// How the secret has to be read for it.
fn described(secret: &Key, fitting: &[&str]) -> String {
    let (encoding, source) = (secret.encoding, &secret.source);
    if fitting.contains(&encoding) {
        return format!("read as {encoding} (from {source})");
    }
    let (all, first) = (fitting.join(" or "), fitting.first().copied().unwrap_or_default());
    format!(
        "but read as {all} (from {source}); the file reads it as {encoding}, and whoever takes this token \
         takes none of ours: write `encoding: {first}`"
    )
}
