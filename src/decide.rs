//! The product in one file: a request and a session come in, a delivery or a refusal goes out.
//!
//! Everything is handed in as a value: the policy, the peer, the clock's reading, the token's id.
//! Nothing here waits, reads a clock or touches a socket, so every case can be played in a test.
//! The order of the checks is the order of the refusals in DESIGN 5: the first that applies is given.

mod browser;
mod chosen;
mod entry;

pub use browser::{BROWSERS, SEC_FETCH_DEST};
pub use chosen::account;
pub use entry::{Entry, beside, is_apart, stay, subject};

use crate::claims::{Fault, Inputs, Used};
use crate::config::model::{
    Account, Address, Carrier, Delivery, From, Integration, Integrations, Jwt, LoginPart, Policy, Target,
};
use crate::evidence::{Finding, State, Whose};
use crate::http1::lines::Lines;
use crate::http1::target;
use crate::protected::{Breach, Protected};
use crate::query::{self, TOKEN};
use crate::refusal::{Code, Refusal};
use crate::route::{self, By, Door, Owner};
use crate::slug::is_slug;
use crate::token::{Around, Moment, Payload, TenantToken};
use crate::trust::{Caller, TrustedPeer};
use crate::value::Session;
use http::header::HOST;
use http::uri::Authority;
use http::{Method, Uri, Version};

/// The head of a request, and who sent it.
#[derive(Clone, Copy)]
pub struct Head<'a> {
    /// `GET` and so on.
    pub method: &'a Method,
    /// What it is for.
    pub target: target::Target<'a>,
    /// The protocol's version.
    pub version: Version,
    /// The header lines.
    pub headers: Lines<'a>,
    /// Who sent it.
    pub caller: Caller<'a>,
}

/// What a request turned out to be, before anybody asks who the visitor is.
pub enum Screened<'p, 'a> {
    /// The app's own. A trusted peer's word about the request is kept.
    Pass(Option<TrustedPeer>),
    /// A visitor who wants to be sent to Pandium.
    Install(Ask<'p, 'a>),
    /// A visitor who is at Pandium's pages, as we show them.
    Enter(Entry<'p, 'a>),
}

/// A visitor's wish, from a peer that may say who the visitor is.
#[derive(Clone, Copy)]
pub struct Ask<'p, 'a> {
    /// How the token is to be handed over.
    pub by: By,
    /// Where to.
    pub target: &'p Target,
    /// The integration's name as it was asked for: another than its own where that is `*`, and none for
    /// the marketplace.
    pub requested: Option<&'a str>,
    /// The account, where the session has no say in it.
    pub account: Option<&'p Account>,
    /// The right to read the session from the request, where the peer has it.
    pub trusted: Option<TrustedPeer>,
    /// Whether Pandium's pages are shown where this was asked.
    pub here: bool,
}

impl Ask<'_, '_> {
    /// Whether we show Pandium's page ourselves.
    pub fn is_by_proxy(&self) -> bool {
        self.by == By::Leading && self.target.deliver == Delivery::Proxy
    }
}

/// Looks at the head of a request: is it well formed, whose is it, may it ask?
pub fn screen<'p, 'a>(policy: &'p Policy, head: Head<'a>) -> Result<Screened<'p, 'a>, Refusal> {
    check_host(head)?;
    let path = head.target.path;
    let trusted = policy.trust.admit(head.caller, head.headers);
    let here = entry::is_home(policy, head.target, head.headers);
    match route::owner(path, &policy.routes) {
        Owner::Ambiguous(_) => {
            Err(Refusal::new(Code::AmbiguousPath, "the path is ours only in one reading of it"))
        }
        Owner::App if here && entry::is_at_host(policy) => entry::enter(policy, head, path, trusted),
        Owner::App => {
            check_method_of_app(head.method)?;
            trusted.map_or(Ok(()), |_| check_hygiene(policy, head.headers))?;
            Ok(Screened::Pass(trusted))
        }
        Owner::Ours(route) => {
            let Some(by) = route.door.hands_over() else {
                let below = path.strip_prefix(route.pattern.prefix()).unwrap_or_default();
                return entry::enter(policy, head, below, trusted);
            };
            check_method(head.method, route.door)?;
            browser::check(head.headers, route.door, policy.install.cross_site_iframe)?;
            check_carriers(policy, head, trusted)?;
            let account = chosen::choose(policy, head.headers, trusted)?;
            let (requested, target) = chosen::find(policy, route, head, trusted)?;
            let ask = Ask { by, target, requested, account, trusted, here };
            entry::check_shown(policy, ask)?;
            Ok(Screened::Install(ask))
        }
    }
}

/// Whether whoever vouches for the visitor on the request itself may, and does so in one way alone.
fn check_carriers(policy: &Policy, head: Head<'_>, trusted: Option<TrustedPeer>) -> Result<(), Refusal> {
    if trusted.is_none() && policy.from == From::Headers {
        return Err(untrusted(policy, head.caller));
    }
    trusted.map_or(Ok(()), |_| check_hygiene(policy, head.headers))?;
    match &policy.from {
        From::Jwt(Jwt { carrier: Carrier::Header { protected, .. }, .. }) => {
            refuse_breach(policy, protected, head.headers)
        }
        _ => Ok(()),
    }
}

/// RFC 9112 §3.2: one `Host`, which agrees with the target where that names one too.
fn check_host(head: Head<'_>) -> Result<(), Refusal> {
    let refuse =
        |detail: &'static str| Err(Refusal::new(Code::BadHost, detail).about(Finding::of("header host")));
    let mut hosts = head.headers.all(&HOST);
    let host = hosts.next();
    if hosts.next().is_some() {
        return refuse("more than one Host");
    }
    if host.is_some_and(|host| !is_host(host)) {
        return refuse("not a host name with an optional port");
    }
    match (head.target.authority, host) {
        (Some(authority), Some(host)) if !agree(authority, host) => {
            refuse("Host and the target's authority disagree")
        }
        (Some(authority), _) if !is_host(authority.as_str().as_bytes()) => {
            refuse("the target's authority is not a host name with an optional port")
        }
        (None, None) if head.version != Version::HTTP_10 => refuse("no Host"),
        (Some(_), None) if head.version == Version::HTTP_11 => refuse("no Host"),
        _ => Ok(()),
    }
}

fn agree(authority: &Authority, host: &[u8]) -> bool {
    authority.as_str().as_bytes().eq_ignore_ascii_case(host)
}

/// A name, an IPv4 address or a bracketed IPv6 address, and a port from 1 to 65535 or none. Narrower
/// than RFC 3986 §3.2.2, whose sub-delims and percent-escapes no real host name has.
fn is_host(text: &[u8]) -> bool {
    let bracketed = text.first() == Some(&b'[');
    let end = if bracketed {
        text.iter().position(|&byte| byte == b']').map_or(0, |at| at + 1)
    } else {
        text.iter().position(|&byte| byte == b':').unwrap_or(text.len())
    };
    let (name, port) = text.split_at(end);
    let name_byte = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let name_fits =
        if bracketed { is_bracketed(name) } else { !name.is_empty() && name.iter().all(name_byte) };
    name_fits && (port.is_empty() || is_port(port))
}

fn is_bracketed(name: &[u8]) -> bool {
    let inner = name.strip_prefix(b"[").and_then(|rest| rest.strip_suffix(b"]")).unwrap_or_default();
    std::str::from_utf8(inner).is_ok_and(|inner| inner.parse::<std::net::Ipv6Addr>().is_ok())
}

fn is_port(colon_and_port: &[u8]) -> bool {
    let digits = colon_and_port.strip_prefix(b":").unwrap_or_default();
    digits.iter().all(u8::is_ascii_digit)
        && std::str::from_utf8(digits).is_ok_and(|digits| digits.parse::<u16>().is_ok_and(|port| port > 0))
}

/// We are no forward proxy (RFC 9110 §9.3.6).
fn check_method_of_app(method: &Method) -> Result<(), Refusal> {
    if method == Method::CONNECT {
        return Err(Refusal::new(Code::MethodNotAllowed, "CONNECT"));
    }
    Ok(())
}

/// A token is minted for `GET` alone; `HEAD` would spend one unseen. A proxy that asks for a decision
/// does so with the method of its visitor's own request.
fn check_method(method: &Method, door: Door) -> Result<(), Refusal> {
    if method == Method::GET || door == Door::Decision {
        return Ok(());
    }
    Err(Refusal::new(Code::MethodNotAllowed, "only GET is answered here"))
}

/// A session from request headers, and nobody who may say so.
pub fn untrusted(policy: &Policy, caller: Caller<'_>) -> Refusal {
    Refusal::new(Code::UntrustedPeer, policy.trust.doubt(caller))
}

/// A trusted peer's request may carry each identity header once, under its own name.
fn check_hygiene(policy: &Policy, headers: Lines<'_>) -> Result<(), Refusal> {
    refuse_breach(policy, &policy.protected, headers)
}

fn refuse_breach(policy: &Policy, protected: &Protected, headers: Lines<'_>) -> Result<(), Refusal> {
    let Some(breach) = protected.breach(headers) else { return Ok(()) };
    let (code, detail, state, name) = match breach {
        Breach::Nominated(name) => (Code::NominatedHeader, "named in Connection", State::Nominated, name),
        Breach::Aliased(name) => (Code::AliasHeader, "sent in another spelling too", State::Aliased, name),
        Breach::Doubled(name) => (Code::DuplicateHeader, "sent more than once", State::Doubled, name),
    };
    let field = policy.fields.iter().find(|field| field.source.is_header(name));
    let finding = field.map_or_else(|| Finding::of(format!("header {name}")), |field| field.finding(state));
    Err(Refusal::new(code, detail).about(finding.state(state)))
}

impl Integrations {
    /// The integration of that name, or the one that stands for all others.
    pub fn get(&self, name: &str) -> Option<&Integration> {
        self.named.get(name).or(self.any.as_ref()).filter(|_| is_slug(name))
    }
}

/// The address of the login for a visitor who asked for this, and comes back to it.
pub fn login(parts: &[LoginPart], uri: &Uri, target: Option<&Target>) -> String {
    let mut address = String::new();
    for part in parts {
        match part {
            LoginPart::Literal(text) => address.push_str(text),
            LoginPart::Path => query::encode(uri.path(), &mut address),
            LoginPart::PathAndQuery => {
                let mut carried = String::new();
                if let (Some(query), Some(target)) = (uri.query(), target) {
                    query::carry_over(query, &target.query, &mut carried);
                }
                let separator = if carried.is_empty() { "" } else { "?" };
                let wanted = format!("{}{separator}{}", uri.path(), carried.trim_start_matches('&'));
                query::encode(&wanted, &mut address);
            }
        }
    }
    address
}

/// What a token is made of, besides the policy.
#[derive(Clone, Copy)]
pub struct Minting<'a> {
    /// For what.
    pub target: &'a Target,
    /// The integration's name as it was asked for; none for the marketplace.
    pub requested: Option<&'a str>,
    /// For which account.
    pub account: &'a Account,
    /// Who the visitor is.
    pub session: &'a Session<'a>,
    /// The query of the visitor's address.
    pub query: Option<&'a str>,
    /// The request's id.
    pub request_id: &'a str,
    /// The clock's reading, and the token's id.
    pub moment: Moment,
}

/// Mints the token of one visitor, in the address where it is to be delivered.
pub fn mint(policy: &Policy, minting: Minting<'_>) -> Result<TenantToken, Refusal> {
    let payload = payload(policy, minting)?;
    let Some(signer) = &minting.account.secret.signer else {
        return Err(Refusal::new(Code::KeyUnavailable, "there is no signing key"));
    };
    let address = address(minting)?;
    let named;
    let before = match address {
        Address::Fixed { before, .. } => before,
        Address::Named { before, .. } => {
            named = format!("{before}{}?{TOKEN}=", minting.requested.unwrap_or_default());
            &named
        }
    };
    let carried;
    let after = match carry_over(minting, address) {
        None => address.after(),
        Some(more) => {
            carried = more;
            &carried
        }
    };
    let token = signer.sign(&payload, Around { before, after });
    if token.address_length() > policy.url_bytes {
        let length = token.address_length();
        let detail = format!("the address has {length} bytes, limits.url_bytes allows {}", policy.url_bytes);
        return Err(Refusal::new(Code::TokenTooLarge, detail));
    }
    Ok(token)
}

/// The claims of the token of one visitor.
pub fn payload(policy: &Policy, minting: Minting<'_>) -> Result<Payload, Refusal> {
    let template = &minting.target.template;
    let inputs = inputs(minting);
    let members = |out: &mut Vec<u8>| template.write_members(&inputs, out);
    Payload::write(policy.life, minting.moment, template.size_hint(), members)
        .map_err(|fault| refuse_claim(policy, &fault))
}

/// What the template reads from.
pub fn inputs(minting: Minting<'_>) -> Inputs<'_> {
    let requested = minting.requested.unwrap_or_default();
    let id = match minting.target.addresses.get(minting.account.index) {
        Some(Address::Fixed { id, .. }) => id,
        Some(Address::Named { .. }) | None => requested,
    };
    Inputs {
        id,
        session: minting.session,
        integration: requested,
        account: minting.account.slug.as_str(),
        request_id: minting.request_id,
    }
}

/// Where the account has the integration.
fn address(minting: Minting<'_>) -> Result<&Address, Refusal> {
    let nowhere = || Refusal::new(Code::UnknownIntegration, "this account has no address for it");
    minting.target.addresses.get(minting.account.index).ok_or_else(nowhere)
}

/// The query behind the token, where the visitor's own has a say in it.
fn carry_over(minting: Minting<'_>, address: &Address) -> Option<String> {
    let allowed = &minting.target.query;
    let query = minting.query.filter(|_| !allowed.is_empty())?;
    let mut after = address.after().to_owned();
    query::carry_over(query, allowed, &mut after);
    Some(after)
}

impl Address {
    fn after(&self) -> &str {
        match self {
            Self::Fixed { after, .. } | Self::Named { after, .. } => after,
        }
    }
}

/// A claim that cannot be made of what the session holds.
fn refuse_claim(policy: &Policy, fault: &Fault) -> Refusal {
    let refusal = Refusal::new(Code::InvalidValue, format!("claim {fault}"));
    let whose = if fault.cause.is_of_one_value() { Whose::Value } else { Whose::Nobody };
    let refusal = refusal.of(whose);
    let field = match &fault.used {
        Some(Used::Field { index, .. }) => policy.fields.get(*index),
        _ => None,
    };
    match field {
        Some(field) => refusal.about(field.finding(State::Present)),
        None => refusal,
    }
}
