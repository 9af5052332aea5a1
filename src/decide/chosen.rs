//! Which account a request is for, and which integration, if not the marketplace.

use super::{Ask, Head, refuse_claim};
use crate::config::model::{Account, Choice, Policy, Target};
use crate::evidence::{Finding, State};
use crate::http1::lines::Lines;
use crate::refusal::{Code, Refusal};
use crate::route::{Asked, Door, Route};
use crate::slug::Slug;
use crate::suggest::closest;
use crate::trust::TrustedPeer;
use crate::value::Session;
use http::HeaderName;
use std::borrow::Cow;

/// The account that the header of `overrides` names, or the file; none where the session does.
pub(super) fn choose<'p>(
    policy: &'p Policy,
    headers: Lines<'_>,
    trusted: Option<TrustedPeer>,
) -> Result<Option<&'p Account>, Refusal> {
    let pandium = &policy.pandium;
    if let Some(header) = &policy.overrides.account
        && let Some(key) = overriding(header, headers, trusted)?
    {
        let unlisted = || undeclared(header, "`pandium.accounts` does not list what this header names");
        return pandium.account(key).map(Some).ok_or_else(unlisted);
    }
    match &pandium.choice {
        Choice::One(index) => Ok(pandium.accounts.get(*index)),
        Choice::Session(_) => Ok(None),
        Choice::Header(header) => Err(unsaid(header, "account", headers, trusted)),
    }
}

/// The account of an ask: what was chosen, or what the session leads to.
pub fn account<'p>(
    policy: &'p Policy,
    ask: Ask<'p, '_>,
    session: &Session<'_>,
) -> Result<&'p Account, Refusal> {
    account_or(policy, ask.account, session)
}

/// What was chosen, or what the session leads to.
pub(super) fn account_or<'p>(
    policy: &'p Policy,
    chosen: Option<&'p Account>,
    session: &Session<'_>,
) -> Result<&'p Account, Refusal> {
    if let Some(account) = chosen {
        return Ok(account);
    }
    let unlisted = || {
        Refusal::new(Code::InvalidValue, "`pandium.accounts` does not list what `pandium.account` leads to")
    };
    let Choice::Session(owner) = &policy.pandium.choice else { return Err(unlisted()) };
    let key = owner.text(session).map_err(|fault| refuse_claim(policy, &fault))?;
    policy.pandium.account(&key).ok_or_else(unlisted)
}

/// The integration that the path names, or where it names none, the header of `overrides`; or the
/// marketplace, which is for none.
pub(super) fn find<'p, 'a>(
    policy: &'p Policy,
    route: &Route,
    head: Head<'a>,
    trusted: Option<TrustedPeer>,
) -> Result<(Option<&'a str>, &'p Target), Refusal> {
    let known = |name| Some((Some(name), &policy.integrations.get(name)?.target));
    let unknown = || Refusal::new(Code::UnknownIntegration, "`integrations` does not have it");
    if route.door == Door::Marketplace {
        let nothing = || Refusal::new(Code::UnknownIntegration, "there is nothing below the marketplace");
        let marketplace = policy.marketplace.as_ref().map(|target| (None, target));
        return marketplace.filter(|_| route.asked(head.target.path) == Asked::Unnamed).ok_or_else(nothing);
    }
    match route.asked(head.target.path) {
        Asked::Named(name) => known(name).ok_or_else(|| {
            Refusal::new(Code::UnknownIntegration, nearest(policy, name, "`integrations` does not have it"))
        }),
        Asked::Nothing => Err(unknown()),
        Asked::Unnamed => {
            let header = policy.overrides.integration.as_ref().ok_or_else(unknown)?;
            let name = overriding(header, head.headers, trusted)?;
            let name = name.ok_or_else(|| unsaid(header, "integration", head.headers, trusted))?;
            let detail = "`integrations` does not have what this header names";
            known(name).ok_or_else(|| undeclared(header, nearest(policy, name, detail)))
        }
    }
}

/// With the file's own name that was meant, as far as one can tell: the one that came is never repeated.
fn nearest(policy: &Policy, name: &str, detail: &'static str) -> Cow<'static, str> {
    let mut names: Vec<_> = policy.integrations.named.keys().map(Slug::as_str).collect();
    names.sort_unstable();
    closest(name, names).map_or(detail.into(), |meant| format!("{detail}; `{meant}` is near it").into())
}

/// What a trusted peer says by this header; `-` and nothing at all mean nothing, and so does whatever
/// anybody else says.
fn overriding<'a>(
    header: &HeaderName,
    headers: Lines<'a>,
    trusted: Option<TrustedPeer>,
) -> Result<Option<&'a str>, Refusal> {
    let Some(value) = trusted.and_then(|_| headers.get(header)) else { return Ok(None) };
    let text = visible(value).ok_or_else(|| undeclared(header, "this header holds no name"))?.trim();
    Ok(Some(text).filter(|text| !matches!(*text, "" | "-")))
}

/// The text of a value that has nothing but visible ASCII, blanks and tabs.
fn visible(value: &[u8]) -> Option<&str> {
    let visible = |byte: &u8| matches!(byte, b' '..=b'~' | b'\t');
    std::str::from_utf8(value).ok().filter(|_| value.iter().all(visible))
}

fn undeclared(header: &HeaderName, detail: impl Into<Cow<'static, str>>) -> Refusal {
    undeclared_as(header, detail, State::Undeclared)
}

fn undeclared_as(header: &HeaderName, detail: impl Into<Cow<'static, str>>, state: State) -> Refusal {
    Refusal::new(Code::UnknownOverride, detail).about(Finding::of(format!("header {header}")).state(state))
}

fn unsaid(header: &HeaderName, what: &str, headers: Lines<'_>, trusted: Option<TrustedPeer>) -> Refusal {
    let whose = if trusted.is_some() { "" } else { " from a trusted peer" };
    let detail = format!("only this header{whose} names the {what}, and it does not");
    let nothing = trusted.is_some() && headers.has(header);
    undeclared_as(header, detail, if nothing { State::Nothing } else { State::Absent })
}
