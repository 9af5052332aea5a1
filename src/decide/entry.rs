//! Pandium's pages under an address of ours: who may see which of them.
//!
//! A link can lead anybody there. So what a link could bring along is refused: a token of another
//! visitor's, and the way to another account. Who is there is asked anew with every request.

use super::{Ask, Head, Minting, Screened, check_carriers, chosen, inputs, refuse_claim};
use crate::config::model::{Account, Mount, Policy, Proxied};
use crate::evidence::Finding;
use crate::http1::lines::Lines;
use crate::http1::target::Target;
use crate::query::TOKEN;
use crate::refusal::{Code, Refusal};
use crate::route::{decode_fully, settled, without_parameters};
use crate::trust::TrustedPeer;
use crate::value::Session;
use http::Method;
use http::header::HOST;
use std::borrow::Cow;

/// A visitor's wish for one of Pandium's pages.
#[derive(Clone, Copy)]
pub struct Entry<'p, 'a> {
    /// Where they are shown.
    pub proxied: &'p Proxied,
    /// The account, where the session has no say in it.
    pub account: Option<&'p Account>,
    /// The path at Pandium.
    pub path: &'a str,
    /// The right to read the session from the request, where the peer has it.
    pub trusted: Option<TrustedPeer>,
}

/// Whether Pandium's pages are shown where this is asked.
pub(super) fn is_home(policy: &Policy, target: Target<'_>, headers: Lines<'_>) -> bool {
    match policy.pandium.proxy.as_ref().map(|proxied| &proxied.mount) {
        Some(Mount::Host(host)) => {
            name_of_host(target, headers).is_some_and(|name| name.eq_ignore_ascii_case(host))
        }
        Some(Mount::Path(_)) => true,
        None => false,
    }
}

/// Whether this is asked of a host that is Pandium's alone.
pub fn is_apart<'h>(policy: &Policy, target: Target<'h>, headers: impl Into<Lines<'h>>) -> bool {
    is_at_host(policy) && is_home(policy, target, headers.into())
}

/// Whether a whole host is Pandium's.
pub(super) fn is_at_host(policy: &Policy) -> bool {
    matches!(&policy.pandium.proxy, Some(Proxied { mount: Mount::Host(_), .. }))
}

/// The host that is asked, without its port and the dot of the root.
fn name_of_host<'h>(target: Target<'h>, headers: Lines<'h>) -> Option<&'h str> {
    let own = || headers.get(&HOST).and_then(|host| std::str::from_utf8(host).ok());
    let host = target.authority.map(http::uri::Authority::as_str).or_else(own)?;
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    Some(name.strip_suffix('.').unwrap_or(name))
}

/// At a host that is Pandium's, its script could read what our other routes tell the app's pages.
pub(super) fn check_shown(policy: &Policy, ask: Ask<'_, '_>) -> Result<(), Refusal> {
    if ask.here && is_at_host(policy) && !ask.is_by_proxy() {
        return Err(Refusal::new(
            Code::UnknownIntegration,
            "this host is Pandium's: only what is proxied is there",
        ));
    }
    Ok(())
}

/// Looks at a request for one of Pandium's pages.
pub(super) fn enter<'p, 'a>(
    policy: &'p Policy,
    head: Head<'a>,
    path: &'a str,
    trusted: Option<TrustedPeer>,
) -> Result<Screened<'p, 'a>, Refusal> {
    let nowhere = || Refusal::new(Code::UnknownIntegration, "nothing is proxied");
    let proxied = policy.pandium.proxy.as_ref().ok_or_else(nowhere)?;
    let path = if path.is_empty() { "/" } else { path };
    if settled(path).is_none() {
        return Err(Refusal::new(Code::AmbiguousPath, "Pandium could read this path in two ways"));
    }
    // TRACE would tell a script what we send.
    if matches!(*head.method, Method::CONNECT | Method::TRACE) {
        return Err(Refusal::new(Code::MethodNotAllowed, "no page is asked for by this method"));
    }
    if head.target.query.is_some_and(names_token) {
        let detail = "a token comes from our own routes alone: this one would let somebody else in";
        return Err(Refusal::new(Code::CrossSite, detail).about(Finding::of(format!("parameter {TOKEN}"))));
    }
    check_carriers(policy, head, trusted)?;
    let account = chosen::choose(policy, head.headers, trusted)?;
    Ok(Screened::Enter(Entry { proxied, account, path, trusted }))
}

/// Whether a query has the token's parameter, also inside another, and in whatever encoding.
fn names_token(query: &str) -> bool {
    let named = |pair: &str| {
        let name = pair.split_once('=').map_or(pair, |(name, _)| name);
        // PHP reads `tenant[]` as one of the name, and drops blanks before it.
        let name = name.split('[').next().unwrap_or_default();
        name.trim_matches(|c: char| c == '+' || c.is_whitespace() || c.is_control())
            .eq_ignore_ascii_case(TOKEN)
    };
    let parted = |text: &str| text.split(['&', ';', '?', '#']).any(named);
    parted(query) || parted(&decode_fully(query))
}

/// The account whose page it is: the visitor's own, and no other, known to us or not.
pub fn stay<'p>(
    policy: &'p Policy,
    entry: Entry<'p, '_>,
    session: &Session<'_>,
) -> Result<&'p Account, Refusal> {
    let account = chosen::account_or(policy, entry.account, session)?;
    let path = settled(entry.path).unwrap_or_default();
    let mut segments = path.split('/').skip(1).map(without_parameters);
    let (first, second) = (segments.next().unwrap_or_default(), segments.next().unwrap_or_default());
    let own = account.slug.as_str();
    let mut others =
        policy.pandium.accounts.iter().map(|other| other.slug.as_str()).filter(|slug| *slug != own);
    let of_another = others.any(|slug| slug.eq_ignore_ascii_case(first));
    if first != own && (of_another || second.eq_ignore_ascii_case("tenants")) {
        return Err(Refusal::new(Code::CrossSite, "the path is another account's"));
    }
    Ok(account)
}

/// The address of the same route at Pandium's own host; none where it is asked there.
pub fn beside<'p>(policy: &'p Policy, ask: Ask<'_, '_>) -> Option<&'p str> {
    match &policy.pandium.proxy.as_ref()?.mount {
        Mount::Host(host) if !ask.here => Some(host),
        _ => None,
    }
}

/// Whom a token would speak of: what ties Pandium's pages to a visitor.
pub fn subject(policy: &Policy, minting: Minting<'_>) -> Result<String, Refusal> {
    let subject = minting.target.template.subject(&inputs(minting));
    subject.map(Cow::into_owned).map_err(|fault| refuse_claim(policy, &fault))
}

#[cfg(test)]
mod tests {
    use super::names_token;

    #[test]
    fn a_token_is_found_in_every_dress() {
        for query in [
            "tenant=x",
            "a=b&tenant=x",
            "a;tenant=x",
            "tenant",
            "Tenant=x",
            "TENANT=x",
            "%74enant=x",
            "%2574enant=x",
            "%25252574enant=x",
            "+tenant=x",
            "%00tenant=x",
            "tenant[]=x",
            "tenant%5B%5D=x",
            "a=1%26tenant=x",
            "next=%2Fpage%3Ftenant%3Dx",
            "next=/page?tenant=x",
        ] {
            assert!(names_token(query), "{query}");
        }
        for query in ["", "tenants=1", "a=tenant", "subtenant=1", "q=my+tenant", "%xx", "a=%3Dtenant"] {
            assert!(!names_token(query), "{query}");
        }
    }
}
