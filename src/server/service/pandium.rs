//! Pandium's pages under an address of ours: the first, asked for with a token, and all that follow.

use super::{Answered, Service, Visit};
use crate::config::Config;
use crate::config::model::{Account, Carrier, From, Jwt, Mount, Proxied};
use crate::decide::{self, Ask, Entry};
use crate::evidence::Whose;
use crate::protected::{Protected, X_FORWARDED_PROTO, strip_where};
use crate::proxy;
use crate::proxy::arriving::Arriving;
use crate::proxy::body::Body;
use crate::proxy::conceal::drop_lines;
use crate::proxy::forward::ForwardError;
use crate::proxy::pandium::Way;
use crate::proxy::place::Place;
use crate::proxy::rewrite::{Dressed, Manner, Mismatch, Origin, Seal, View, dress_answer, dress_request};
use crate::query;
use crate::refusal::{Code, Refusal};
use crate::server::reply::{self, Failure};
use crate::server::verdict::Verdict;
use crate::telemetry::Mark;
use crate::token::{self, Signer, TenantToken};
use crate::value::Session;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, ACCEPT_LANGUAGE, CONNECTION, HOST, HeaderMap, HeaderValue, SET_COOKIE,
    USER_AGENT,
};
use http::uri::Authority;
use http::{Request, Response, Uri};
use std::sync::Arc;
use uuid::Uuid;

/// The way to Pandium for each account: those at one address share it, and with what was there before.
pub(super) fn places(config: &Config, previous: &[Option<Arc<Place>>]) -> Vec<Option<Arc<Place>>> {
    let head = config.limits.header_bytes;
    let mut places: Vec<Option<Arc<Place>>> = Vec::new();
    for account in &config.policy.pandium.accounts {
        let place = account.remote.as_ref().map(|at| {
            let way = proxy::client::Way::to_pandium(at.clone(), &config.timeouts);
            let twin = places.iter().chain(previous).flatten().find(|place| place.is(&way, head)).cloned();
            twin.unwrap_or_else(|| Arc::new(Place::new(way, head)))
        });
        places.push(place);
    }
    places
}

/// Where one account's pages are, and how they are shown.
#[derive(Clone, Copy)]
struct Stage<'s> {
    account: &'s Account,
    proxied: &'s Proxied,
    way: Way<'s>,
    visit: &'s Visit<'s>,
}

impl<'s> Stage<'s> {
    fn view(&self, at: &'s str) -> View<'s> {
        let own = self.visit.authority();
        View { base: Origin::new(&self.account.base_url), mount: &self.proxied.mount, at, own }
    }

    /// Makes what Pandium answers an answer of ours, with these lines before its own cookies. What
    /// rewriting made of it must not tell a token either.
    fn dress(
        &self,
        response: &mut Response<Body>,
        (view, seal): (&View<'_>, &Seal),
        before: Vec<HeaderValue>,
        is_told: impl Fn(&str) -> bool,
    ) {
        let asked = &self.visit.parts.headers;
        let frame_ancestors = self.proxied.frame_ancestors.as_ref();
        dress_answer(response.headers_mut(), &Dressed { view, seal, asked, frame_ancestors });
        let headers = response.headers_mut();
        if !before.is_empty() {
            let of_page: Vec<HeaderValue> = headers.get_all(SET_COOKIE).iter().cloned().collect();
            headers.remove(SET_COOKIE);
            for line in before.into_iter().chain(of_page) {
                headers.append(SET_COOKIE, line);
            }
        }
        drop_lines(headers, is_told);
    }

    fn key(&self) -> Result<&'s Signer, Refusal> {
        let none = || Refusal::new(Code::KeyUnavailable, "there is no signing key");
        self.account.secret.signer.as_ref().ok_or_else(none)
    }

    fn away(&self, error: &ForwardError) -> Answered {
        let failure = Failure::of_pandium(error);
        let (code, Mark { id, trace }) = (failure.as_str(), self.visit.stamp.mark);
        let (account, pandium) = (self.account.key.as_str(), &self.account.base_url);
        tracing::warn!(code, account, %pandium, request_id = %id, trace_id = %trace, %error, "Pandium gave no answer");
        let response = reply::failure(failure, self.visit.form(), id);
        Answered::new(response, Verdict::Failed(failure))
    }
}

impl Visit<'_> {
    /// The host and port by which the visitor came.
    fn authority(&self) -> &str {
        let host = || self.parts.headers.get(HOST).and_then(|host| host.to_str().ok());
        self.parts.uri.authority().map(Authority::as_str).or_else(host).unwrap_or_default()
    }

    /// The scheme by which the visitor came, where whoever is in front of us may say so.
    fn scheme(&self) -> &'static str {
        let told = self.trusted.and_then(|_| self.parts.headers.get(X_FORWARDED_PROTO));
        // Of a list the first is the visitor's: each proxy adds its own behind.
        let first = told.and_then(|told| told.as_bytes().split(|&byte| byte == b',').next());
        let is = |scheme: &str| {
            first.is_some_and(|first| first.trim_ascii().eq_ignore_ascii_case(scheme.as_bytes()))
        };
        match self.origin.scheme() {
            _ if is("https") => "https",
            _ if is("http") => "http",
            own => own,
        }
    }

    /// The address of this very request at another host, with what of its query is carried over. The
    /// scheme stays the browser's, which who is in front of us need not tell.
    fn beside(&self, host: &str, ask: Ask<'_, '_>) -> String {
        let port = self
            .authority()
            .rsplit_once(':')
            .filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
        let port = port.map(|(_, port)| format!(":{port}")).unwrap_or_default();
        let mut carried = String::new();
        query::carry_over(self.parts.uri.query().unwrap_or_default(), &ask.target.query, &mut carried);
        let query = carried.replacen('&', "?", 1);
        format!("//{host}{port}{}{query}", self.parts.uri.path())
    }
}

impl Service {
    fn stage<'s>(&'s self, account: &'s Account, visit: &'s Visit<'s>) -> Result<Stage<'s>, Refusal> {
        let proxied = self.config.policy.pandium.proxy.as_ref();
        let place = self.pandium.get(account.index).and_then(Option::as_deref);
        let nowhere = || Refusal::new(Code::UnknownIntegration, "nothing is proxied");
        let (proxied, place) = proxied.zip(place).ok_or_else(nowhere)?;
        Ok(Stage { account, proxied, way: Way { place, timeouts: &self.config.timeouts }, visit })
    }

    fn manner(&self, visit: &Visit<'_>) -> Manner {
        let secure = visit.scheme() == "https";
        Manner { secure, framed_elsewhere: self.config.policy.install.cross_site_iframe }
    }

    /// Names that go to Pandium from nobody: those that say who a visitor is.
    fn guards(&self) -> Vec<&Protected> {
        let carrier = match &self.config.policy.from {
            From::Jwt(Jwt { carrier: Carrier::Header { protected, .. }, .. }) => Some(protected),
            _ => None,
        };
        [&*self.protected, &*self.hidden].into_iter().chain(carrier).collect()
    }

    /// Whether the visitor is at a host that is Pandium's.
    pub(super) fn is_at_pandium(&self, visit: &Visit<'_>) -> bool {
        decide::is_apart(&self.config.policy, (&visit.parts.uri).into(), &visit.parts.headers)
    }

    /// Pandium's own host, where the visitor came by that.
    pub(super) fn pandiums_host(&self, visit: &Visit<'_>) -> Option<&str> {
        match &self.config.policy.pandium.proxy.as_ref()?.mount {
            Mount::Host(host) if self.is_at_pandium(visit) => Some(host),
            _ => None,
        }
    }

    /// Asks Pandium with a token, and shows what it answers.
    pub(super) async fn show(
        &self,
        ask: Ask<'_, '_>,
        visit: &Visit<'_>,
        session: &Session<'_>,
    ) -> Result<Answered, Refusal> {
        let policy = &self.config.policy;
        if let Some(host) = decide::beside(policy, ask) {
            let unwritable =
                |_| Refusal::new(Code::TokenTooLarge, "the address cannot be written as a header");
            let response =
                reply::elsewhere(&visit.beside(host, ask), &visit.stamp.mark.id).map_err(unwritable)?;
            return Ok(Answered::new(response, Verdict::Elsewhere));
        }
        let account = decide::account(policy, ask, session)?;
        let stage = self.stage(account, visit)?;
        let minting = visit.minting(ask.target, ask.requested, account, session);
        let token = decide::mint(policy, minting)?;
        let bond = stage.key()?.bond(account.key.as_str(), &decide::subject(policy, minting)?);
        self.recorder.minted(minting, visit.stamp);
        let number = Uuid::new_v4().simple().to_string();
        let seal = Seal::new(bond, number, ask.requested.unwrap_or_default());
        Ok(Answered { target: Some(ask.target.index), ..self.fetch(stage, &token, &seal).await })
    }

    async fn fetch(&self, stage: Stage<'_>, token: &TenantToken, seal: &Seal) -> Answered {
        let Stage { account, proxied, way, visit } = stage;
        let at = token.expose_address().get(account.base_url.len()..).unwrap_or("/");
        let view = stage.view(at);
        let mut asked = HeaderMap::new();
        for name in [ACCEPT, ACCEPT_LANGUAGE, USER_AGENT, CONNECTION].iter().chain(&proxied.send) {
            for value in visit.parts.headers.get_all(name) {
                asked.append(name.clone(), value.clone());
            }
        }
        let mut dressed = dress_request(&asked, &view, &proxied.send, &self.guards(), None);
        // In what is compressed a token would not be found.
        dressed.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let fetched = match way.fetch(token, view, &dressed, seal).await {
            Ok(fetched) => fetched,
            Err(error) => return stage.away(&error),
        };
        let view = View { at: &fetched.at, ..view };
        let manner = self.manner(visit);
        let mut lines = visit.jar.expired(Some(seal), visit.parts.uri.path(), &view, manner);
        lines.extend(seal.tie(&view, manner).into_iter().chain(fetched.cookies));
        let mut response = fetched.answer;
        stage.dress(&mut response, (&view, seal), lines, |text| fetched.wanted.is_told(text));
        reply::shown(&mut response, &visit.stamp.mark.id);
        Answered::new(response, Verdict::Minted)
    }

    /// Shows one of Pandium's pages to the visitor for whom its first was asked for.
    pub(super) async fn enter(
        &self,
        entry: Entry<'_, '_>,
        visit: &Visit<'_>,
        body: Arriving,
        session: &Session<'_>,
    ) -> Result<Answered, Refusal> {
        let account = decide::stay(&self.config.policy, entry, session)?;
        let stage = self.stage(account, visit)?;
        let at = match visit.parts.uri.query() {
            Some(query) => format!("{}?{query}", entry.path),
            None => entry.path.to_owned(),
        };
        let view = stage.view(&at);
        match self.open(stage, session)? {
            Ok((seal, cookies)) => Ok(self.pass_on(stage, &view, body, &seal, cookies).await),
            Err(Mismatch(detail)) => {
                let mut answered = self.refuse(
                    visit,
                    None,
                    &Refusal::new(Code::IncompleteSession, detail).of(Whose::Browser),
                );
                for line in visit.jar.expired(None, visit.parts.uri.path(), &view, self.manner(visit)) {
                    answered.response.headers_mut().append(SET_COOKIE, line);
                }
                Ok(answered)
            }
        }
    }

    /// Whether the cookies are this visitor's: the minting that they are of, and those that are Pandium's.
    fn open(
        &self,
        stage: Stage<'_>,
        session: &Session<'_>,
    ) -> Result<Result<(Seal, Option<HeaderValue>), Mismatch>, Refusal> {
        let (policy, visit) = (&self.config.policy, stage.visit);
        let signer = stage.key()?;
        for name in visit.jar.integrations() {
            let target = match name {
                "" => policy.marketplace.as_ref(),
                name => policy.integrations.get(name).map(|integration| &integration.target),
            };
            let Some(target) = target else { continue };
            let requested = Some(name).filter(|name| !name.is_empty());
            let minting = visit.minting(target, requested, stage.account, session);
            let bond = signer.bond(stage.account.key.as_str(), &decide::subject(policy, minting)?);
            if let Some(seal) = visit.jar.seal(bond, name) {
                return Ok(visit.jar.opened(&seal).map(|cookies| (seal, cookies)));
            }
        }
        Ok(Err(Mismatch(
            "no cookie ties Pandium's page to this visitor: it was not opened by our route, or by another",
        )))
    }

    async fn pass_on(
        &self,
        stage: Stage<'_>,
        view: &View<'_>,
        body: Arriving,
        seal: &Seal,
        cookies: Option<HeaderValue>,
    ) -> Answered {
        let visit = stage.visit;
        let Ok(at) = Uri::try_from(view.at) else { return stage.away(&ForwardError::Target) };
        let asked = &visit.parts.headers;
        let dressed = dress_request(asked, view, &stage.proxied.send, &self.guards(), cookies);
        let request = Request::from_parts(visit.parts.clone(), body);
        match stage.way.pass(request, at, dressed, &visit.origin.switch).await {
            Ok(mut response) => {
                // Nobody remembers the token here; but it would be known again, and has no business here.
                let signer = stage.account.secret.signer.as_ref();
                let is_told = |text: &str| signer.is_some_and(|signer| signer.has_signed_in(text));
                strip_where(response.headers_mut(), |name| token::is_like_one(name.as_str()));
                drop_lines(response.headers_mut(), is_told);
                let gone = visit.jar.expired(Some(seal), visit.parts.uri.path(), view, self.manner(visit));
                stage.dress(&mut response, (view, seal), gone, is_told);
                Answered::new(response, Verdict::Passed)
            }
            Err(error) => stage.away(&error),
        }
    }
}
