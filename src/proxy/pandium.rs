//! Asking Pandium for its pages: with a token, once, and then for all that they are made of.

use super::arriving::Arriving;
use super::body::{Body, Trailers};
use super::conceal::{Wanted, drop_lines};
use super::forward::{ForwardError, accept_switch, heed, with_body};
use super::headers;
use super::inbound::Inbound;
use super::place::Place;
use super::rewrite::{Seal, View};
use super::tunnel::Switch;
use crate::config::model::Timeouts;
use crate::http1::head::Reason;
use crate::protected::{Protected, strip_where};
use crate::token::TenantToken;
use http::header::{CONTENT_ENCODING, COOKIE, HeaderMap, HeaderValue, LOCATION, SET_COOKIE, TRAILER};
use http::{Request, Response, Uri, Version};

/// How often Pandium may redirect with the token in the address.
const MOST_HOPS: usize = 5;

/// The way to Pandium.
#[derive(Clone, Copy)]
pub struct Way<'w> {
    /// Connections there.
    pub place: &'w Place,
    /// Bounds on waits.
    pub timeouts: &'w Timeouts,
}

/// The answer to a token, and how it came about.
pub struct Fetched {
    /// Without a trace of the token.
    pub answer: Response<Body>,
    /// The path that it is the answer to: the token is in the query behind, and never in it.
    pub at: String,
    /// What must not be in what is made of it either.
    pub wanted: Wanted,
    /// The cookies that were set on the way there, as the visitor gets them.
    pub cookies: Vec<HeaderValue>,
}

impl Way<'_> {
    /// Passes a visitor's request on, under headers that were made ready.
    pub async fn pass(
        self,
        request: Request<Arriving>,
        at: Uri,
        dressed: HeaderMap,
        switch: &Switch,
    ) -> Result<Response<Body>, ForwardError> {
        let wants_switch = headers::asks_for_websocket(&request);
        let (mut parts, body) = request.into_parts();
        (parts.uri, parts.headers, parts.version) = (at, dressed, Version::HTTP_11);
        if wants_switch {
            headers::ask_for_websocket(&mut parts.headers);
        }
        let (request, activity) = with_body(parts, body, self.timeouts);
        let mut answer = heed(self.place.send(request, activity.as_ref()).await)?;
        answer.extensions_mut().remove::<Reason>();
        if answer.status().as_u16() == 101 {
            let switch = Some(switch).filter(|_| wants_switch).ok_or(ForwardError::Unasked)?;
            return accept_switch(answer, switch, &Protected::default()).await;
        }
        let (mut parts, body) = answer.into_parts();
        parts.version = Version::HTTP_11;
        headers::prepare_response(&mut parts.headers, &Protected::default());
        parts.headers.remove(TRAILER);
        Ok(Response::from_parts(parts, Body::answer(body, self.timeouts.stall, Trailers::Drop)))
    }

    /// Asks with a token, and goes where Pandium sends it within its own host. The token is in these
    /// requests and nowhere else.
    pub async fn fetch(
        self,
        token: &TenantToken,
        view: View<'_>,
        dressed: &HeaderMap,
        seal: &Seal,
    ) -> Result<Fetched, ForwardError> {
        let wanted = Wanted::new(token.expose());
        let (mut at, mut cookies, mut own) = (view.at.to_owned(), Vec::new(), Own::default());
        for _ in 0..=MOST_HOPS {
            let answer = self.ask(&at, dressed, &own).await?;
            let view = View { at: &at, ..view };
            let next = answer.headers().get(LOCATION).filter(|location| wanted.is_in(location));
            let Some(next) = next.filter(|_| answer.status().is_redirection()) else {
                return self.conceal(answer, wanted, &at, cookies);
            };
            let mut next =
                next.to_str().ok().and_then(|next| view.at_pandium(next)).ok_or(ForwardError::Astray)?;
            for line in answer.headers().get_all(SET_COOKIE) {
                own.take(line);
                cookies.extend(seal.set_cookie(line, &view).filter(|line| !wanted.is_in(line)));
            }
            next.truncate(next.find('#').unwrap_or(next.len()));
            // Whatever is relative to such a path would have the token in it.
            if wanted.is_in_text(next.split('?').next().unwrap_or_default()) {
                return Err(ForwardError::Astray);
            }
            at = next;
        }
        Err(ForwardError::Circles)
    }

    async fn ask(self, at: &str, dressed: &HeaderMap, own: &Own) -> Result<Response<Inbound>, ForwardError> {
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = Uri::try_from(at).map_err(|_| ForwardError::Target)?;
        request.headers_mut().clone_from(dressed);
        if let Some(line) = own.line() {
            request.headers_mut().insert(COOKIE, line);
        }
        let answer = heed(self.place.send(request, None).await)?;
        if answer.status().is_informational() { Err(ForwardError::Unasked) } else { Ok(answer) }
    }

    fn conceal(
        self,
        answer: Response<Inbound>,
        wanted: Wanted,
        at: &str,
        cookies: Vec<HeaderValue>,
    ) -> Result<Fetched, ForwardError> {
        let (mut parts, body) = answer.into_parts();
        let mut codings = parts.headers.get_all(CONTENT_ENCODING).iter();
        if codings.any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity")) {
            return Err(ForwardError::Coded);
        }
        parts.version = Version::HTTP_11;
        headers::prepare_response(&mut parts.headers, &Protected::default());
        parts.headers.remove(TRAILER);
        parts.extensions.remove::<Reason>();
        strip_where(&mut parts.headers, |name| wanted.is_in_name(name.as_str()));
        drop_lines(&mut parts.headers, |text| wanted.is_told(text));
        let body = Body::concealing(body, self.timeouts.stall, wanted.scan());
        let path = at.split('?').next().unwrap_or_default().to_owned();
        Ok(Fetched { answer: Response::from_parts(parts, body), at: path, wanted, cookies })
    }
}

/// The cookies that Pandium has set on the way, as a browser would bring them along.
#[derive(Default)]
struct Own(Vec<(String, String)>);

impl Own {
    fn take(&mut self, line: &HeaderValue) {
        if let Some((name, value)) = Seal::own_pair(line) {
            self.0.retain(|(own, _)| *own != name);
            if let Some(value) = value {
                self.0.push((name, value));
            }
        }
    }

    fn line(&self) -> Option<HeaderValue> {
        let pairs: Vec<String> = self.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
        HeaderValue::try_from(pairs.join("; ")).ok().filter(|_| !pairs.is_empty())
    }
}
