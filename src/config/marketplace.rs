//! `routes.marketplace`: the token that is for no integration.

use super::integrations::{Context, behind_token, compile};
use super::model::{Account, Address, Delivery, Target};
use super::proxied;
use super::reader::Reader;
use super::routes::Marketplace;
use crate::claims::{Tree, Written, without_integration};
use crate::query::TOKEN;

/// Where the visitor is sent, with the claims that are left without an integration.
pub(super) fn read(
    index: usize,
    marketplace: &Marketplace,
    claims: &Written,
    context: &Context<'_>,
    root: &Reader<'_>,
) -> Option<Target> {
    let (left, dropped) = without_integration(claims);
    if let Some((path, place)) = dropped.iter().find(|(path, _)| path == "sub") {
        let message = "`sub` is made of the integration, and the marketplace is for none: make it of the session \
            alone, or drop `routes.marketplace`";
        root.error_at(*place, &format!("claims.{path}"), message);
        return None;
    }
    if !dropped.is_empty() && !says_more_than_whose(&left) {
        let message = "nothing but `sub` is left of the claims without those that use `integration.…`";
        root.warn_at(marketplace.place, "routes.marketplace", message);
    }
    let template = compile(&left, &[], None, root, context);
    let after = behind_token(&marketplace.params);
    let addresses = context.pandium?.accounts.iter().map(|account| address(account, &after));
    let addresses = addresses.collect::<Option<_>>()?;
    Some(Target {
        index,
        addresses,
        query: Vec::new(),
        template: template?,
        deliver: deliver(marketplace, context, root)?,
    })
}

fn says_more_than_whose(claims: &Written) -> bool {
    let Tree::Map(entries) = &claims.tree else { return true };
    entries.iter().any(|(key, _, value)| key != "sub" && value.says_something())
}

/// None where it is not known: that was reported.
fn address(account: &Account, after: &str) -> Option<Address> {
    let url = account.marketplace_url.as_ref()?;
    let before = format!("{url}/{}?{TOKEN}=", account.slug);
    Some(Address::Fixed { id: String::new(), before, after: after.to_owned() })
}

/// One host of Pandium's is shown for an account: that of its installs.
fn deliver(marketplace: &Marketplace, context: &Context<'_>, root: &Reader<'_>) -> Option<Delivery> {
    let (deliver, place) = marketplace.deliver;
    let elsewhere = |account: &Account| account.marketplace_url.as_ref() != Some(&account.base_url);
    let message = match context.pandium? {
        pandium if deliver == Delivery::Proxy && pandium.proxy.is_none() => proxied::NEEDED,
        pandium if deliver == Delivery::Proxy && pandium.accounts.iter().any(elsewhere) => {
            "this marketplace is at another host than the installs, and one host alone is proxied: `redirect` \
             leads to it"
        }
        _ => return Some(deliver),
    };
    root.error_at(place, "routes.marketplace.deliver", message);
    None
}
