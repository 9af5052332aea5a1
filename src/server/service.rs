//! The life of one request.

use super::reply::{self, Failure};
use crate::config::Config;
use crate::decide::{self, Ask, Head, Minting, Screened};
use crate::protected::Protected;
use crate::proxy::body::Body;
use crate::proxy::client::Client;
use crate::proxy::forward::forward;
use crate::proxy::headers::{Seen, X_REQUEST_ID, is_framed_plainly};
use crate::refusal::{Code, Refusal};
use crate::session;
use crate::telemetry::RequestId;
use crate::token::Moment;
use crate::trust::{Peer, TrustedPeer};
use http::{Request, Response};
use hyper::body::Incoming;
use std::sync::Arc;
use std::time::Instant;

/// Everything that requests are answered from.
pub struct Service {
    config: Config,
    /// Shared with the bodies that outlive a request's handling.
    protected: Arc<Protected>,
    client: Option<Client>,
}

/// An answer, and what the access line says of it.
struct Answered {
    response: Response<Body>,
    code: &'static str,
}

impl Service {
    /// A service for this configuration.
    pub fn new(config: Config) -> Self {
        let client = config.upstream.as_ref().map(|upstream| Client::new(upstream, &config.timeouts));
        let protected = Arc::new(config.policy.protected.clone());
        Self { config, protected, client }
    }

    /// Answers one request.
    pub async fn answer(&self, peer: Peer, request: Request<Incoming>) -> Response<Body> {
        let started = Instant::now();
        let trusted = self.config.policy.trust.admit(peer);
        let id = request_id(&request, trusted);
        let ours = self.config.policy.install.path.owns(request.uri().path());
        let answered = self.route(peer, request, &id).await;
        if self.config.log.access {
            let status = answered.response.status().as_u16();
            let micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
            let code = answered.code;
            if ours {
                let route = tracing::field::display(&self.config.policy.install.path);
                tracing::info!(route, status, code, request_id = %id, micros, "request");
            } else {
                tracing::info!(route = "app", status, code, request_id = %id, micros, "request");
            }
        }
        answered.response
    }

    async fn route(&self, peer: Peer, request: Request<Incoming>, id: &RequestId) -> Answered {
        if !is_framed_plainly(request.headers()) {
            let failure = Failure::VisitorBroken;
            tracing::warn!(code = failure.as_str(), %peer, request_id = %id, "refused: the body's transfer coding");
            return Answered {
                response: reply::failure(failure, request.headers(), id),
                code: failure.as_str(),
            };
        }
        let head = Head {
            method: request.method(),
            uri: request.uri(),
            version: request.version(),
            headers: request.headers(),
            peer,
        };
        let trusted = match decide::screen(&self.config.policy, head) {
            Ok(Screened::Pass(trusted)) => trusted,
            Ok(Screened::Install(ask)) => {
                let answer = self.install(ask, &request, id);
                return answer.unwrap_or_else(|refusal| refuse(peer, &refusal, &request, id));
            }
            Err(refusal) => return refuse(peer, &refusal, &request, id),
        };
        self.pass(peer, trusted, request, id).await
    }

    /// Sends the visitor to Pandium.
    fn install(
        &self,
        ask: Ask<'_, '_>,
        request: &Request<Incoming>,
        id: &RequestId,
    ) -> Result<Answered, Refusal> {
        let policy = &self.config.policy;
        let session = session::headers::acquire(&policy.fields, request.headers(), ask.trusted)?;
        let minting = Minting {
            integration: ask.integration,
            requested: ask.requested,
            session: &session,
            query: request.uri().query(),
            request_id: id.as_str(),
            moment: Moment::fresh(),
        };
        let token = decide::mint(policy, minting)?;
        self.audit(minting);
        let unwritable = |_| Refusal::new(Code::TokenTooLarge, "the address cannot be written as a header");
        let response = reply::redirect(token, id).map_err(unwritable)?;
        Ok(Answered { response, code: "minted" })
    }

    /// One line for each token: who can be found again, and cannot be read.
    fn audit(&self, minting: Minting<'_>) {
        let policy = &self.config.policy;
        let Some(signer) =
            policy.pandium.key.signer.as_ref().filter(|_| tracing::enabled!(tracing::Level::INFO))
        else {
            return;
        };
        let subject = minting.integration.template.subject(&decide::inputs(policy, minting));
        tracing::info!(
            integration = minting.requested,
            jti = %minting.moment.jti,
            key = signer.fingerprint(),
            sub_hash = subject.ok().map(|subject| signer.hash_subject(&subject)),
            request_id = minting.request_id,
            "minted"
        );
    }

    /// Passes the request through to the app.
    async fn pass(
        &self,
        peer: Peer,
        trusted: Option<TrustedPeer>,
        request: Request<Incoming>,
        id: &RequestId,
    ) -> Answered {
        let asked = request.headers().get(http::header::ACCEPT).cloned();
        let failed = |failure: Failure| {
            let headers = asked.map(|accept| (http::header::ACCEPT, accept)).into_iter().collect();
            Answered { response: reply::failure(failure, &headers, id), code: failure.as_str() }
        };
        let Some(client) = &self.client else { return failed(Failure::NoApp) };
        let seen = Seen { peer, trusted, scheme: "http", request_id: id.as_str() };
        match forward(client, &self.protected, &self.config.timeouts, request, &seen).await {
            Ok(response) => Answered { response, code: "passed" },
            Err(error) => {
                let failure = Failure::from(&error);
                tracing::warn!(code = failure.as_str(), request_id = %id, %error, "not passed");
                failed(failure)
            }
        }
    }
}

fn refuse(peer: Peer, refusal: &Refusal, request: &Request<Incoming>, id: &RequestId) -> Answered {
    let evidence = &refusal.evidence;
    tracing::warn!(
        code = refusal.code.as_str(),
        detail = %evidence.detail,
        field = evidence.field.as_deref(),
        source = evidence.source.as_deref(),
        config_line = evidence.place.map(|place| place.line),
        %peer,
        request_id = %id,
        "refused"
    );
    Answered { response: reply::refusal(refusal, request.headers(), id), code: refusal.code.as_str() }
}

/// A trusted peer's id is taken over, so that its log and ours name the request alike.
fn request_id<B>(request: &Request<B>, trusted: Option<TrustedPeer>) -> RequestId {
    let given = trusted.and_then(|_| request.headers().get(X_REQUEST_ID));
    given.and_then(RequestId::parse).unwrap_or_else(RequestId::fresh)
}
