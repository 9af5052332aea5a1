//! Where everything is, as a browser sees it, and how Pandium's page comes there.

use super::Error;
use crate::tls::{Chain, PrivateKey, ServerTls};
use std::net::SocketAddr;
use std::path::PathBuf;

/// How Pandium's page comes to the visitor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Delivery {
    /// The browser is sent there.
    #[default]
    Redirect,
    /// Through the sidecar, below a path of the app's.
    BelowPath,
    /// Through the sidecar, at a host of its own.
    AtHost,
}

/// The path below which it is shown.
pub const PREFIX: &str = "/pandium/app";

/// The name of the app, where it needs one: browsers take names below `localhost` for this machine.
const NAME: &str = "gantry.localhost";

/// The host that is Pandium's, beside an app of that name.
pub fn host_beside(name: &str) -> String {
    format!("integrations.{name}")
}

/// What the person at the terminal chose.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Where the demo is opened.
    pub listen: SocketAddr,
    /// How Pandium's page comes.
    pub delivery: Delivery,
    /// Under which name, where not by its address.
    pub name: Option<String>,
    /// A PEM file with a certificate and its key, where all of it is served over TLS.
    pub tls: Option<PathBuf>,
}

impl Setup {
    /// How to be connected to over TLS.
    pub fn tls(&self) -> Result<Option<ServerTls>, Error> {
        let Some(path) = &self.tls else { return Ok(None) };
        let failed = |why: String| Error::Tls(path.clone(), why);
        let text = std::fs::read(path).map_err(|error| failed(error.to_string()))?;
        let chain = Chain::from_pem(&text).map_err(|fault| failed(fault.to_string()))?;
        let key = PrivateKey::from_pem(&text).map_err(|fault| failed(fault.to_string()))?;
        ServerTls::new(chain, key, None, false).map(Some).map_err(|fault| failed(fault.to_string()))
    }

    /// The name under which it is opened, where not by its address.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref().or((self.delivery == Delivery::AtHost).then_some(NAME))
    }

    /// The origins of a demo whose parts listen there.
    pub fn site(&self, front: SocketAddr, pandium: SocketAddr, partner: SocketAddr) -> Site {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let named = |name: &str| format!("{scheme}://{name}:{}", front.port());
        let app = self.name().map_or_else(|| format!("{scheme}://{front}"), named);
        let pandium = format!("{scheme}://{pandium}");
        let shown = match self.delivery {
            Delivery::Redirect => pandium.clone(),
            Delivery::BelowPath => app.clone(),
            Delivery::AtHost => named(&host_beside(self.name().unwrap_or(NAME))),
        };
        Site { scheme, app, shown, pandium, partner: format!("{scheme}://{partner}") }
    }
}

/// The origins.
#[derive(Clone, Debug)]
pub struct Site {
    /// `http`, or `https`.
    pub scheme: &'static str,
    /// The app, as its visitors know it.
    pub app: String,
    /// Pandium's page, as they know it.
    pub shown: String,
    /// Pandium.
    pub pandium: String,
    /// The other side of an integration.
    pub partner: String,
}

#[cfg(test)]
mod tests {
    use super::{Delivery, Setup, Site};

    fn site(delivery: Delivery, name: Option<&str>, tls: bool) -> Site {
        let [front, pandium, partner] = [1, 2, 3].map(|port| ([127, 0, 0, 1], port).into());
        let (name, tls) = (name.map(str::to_owned), tls.then(|| "both.pem".into()));
        Setup { listen: front, delivery, name, tls }.site(front, pandium, partner)
    }

    #[test]
    fn each_delivery_shows_the_page_at_an_origin() {
        let cases = [
            (Delivery::Redirect, None, false, "http://127.0.0.1:1", "http://127.0.0.1:2"),
            (Delivery::Redirect, Some("a.test"), true, "https://a.test:1", "https://127.0.0.1:2"),
            (Delivery::BelowPath, None, false, "http://127.0.0.1:1", "http://127.0.0.1:1"),
            (Delivery::BelowPath, Some("a.test"), true, "https://a.test:1", "https://a.test:1"),
            (
                Delivery::AtHost,
                None,
                false,
                "http://gantry.localhost:1",
                "http://integrations.gantry.localhost:1",
            ),
            (Delivery::AtHost, Some("a.test"), true, "https://a.test:1", "https://integrations.a.test:1"),
        ];
        for (delivery, name, tls, app, shown) in cases {
            let site = site(delivery, name, tls);
            assert_eq!((site.app.as_str(), site.shown.as_str()), (app, shown));
        }
    }
}
