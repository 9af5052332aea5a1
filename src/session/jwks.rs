//! The issuer's keys, fetched: at the start, every few minutes, and when a token names one that we
//! have not. While nobody answers, those that we have go on counting.

use crate::config::model::{JwksUrl, Jwt, Timeouts};
use crate::proxy::body::Body;
use crate::proxy::client::{Client, Way};
use crate::token::jwks::{JwksFault, KeySet};
use crate::token::verify::{Algorithm, Verifier};
use http::header::{ACCEPT, HOST, HeaderValue, USER_AGENT};
use http::{Request, Uri};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// How often the keys are fetched anew.
const EVERY: Duration = Duration::from_mins(5);
/// How soon it is tried again while there are none at all.
const WITHOUT: Duration = Duration::from_secs(2);
/// How seldom tokens make us ask: anybody can send one with a `kid` of their own making.
const SELDOM: Duration = Duration::from_secs(30);
/// How long the whole answer may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// The largest answer that is read.
const MAX_BYTES: usize = 256 << 10;

/// Who asks: some servers answer nobody who does not say.
const OURSELVES: &str = concat!("pandium-sidecar/", env!("CARGO_PKG_VERSION"));

/// Where the keys come from.
pub struct Source {
    client: Arc<Client>,
    url: JwksUrl,
    /// Which keys are of use.
    algorithms: Vec<Algorithm>,
    /// Whom they are for: the newest configuration's.
    verifier: RwLock<Arc<Verifier>>,
    /// When they were last asked for; held while they are.
    asked: Mutex<Option<Instant>>,
}

/// Why there are no new keys.
#[derive(Debug, thiserror::Error)]
enum NoKeys {
    #[error("the question cannot be written")]
    Unaskable,
    #[error("no whole answer in time")]
    Late,
    #[error("no answer: {0}")]
    Silent(String),
    #[error("the answer is {0}, not 200")]
    Status(u16),
    #[error("the answer broke off")]
    Broken,
    #[error("the answer is larger than 256KiB")]
    Large,
    #[error("{0}")]
    Wrong(#[from] JwksFault),
}

impl Source {
    /// The source of a verifier's keys, where they do not stand in a file: the previous one with the
    /// keys that it has, if they come from the same place.
    pub fn of(jwt: &Jwt, timeouts: &Timeouts, previous: Option<&Arc<Self>>) -> Option<Arc<Self>> {
        let url = jwt.url.clone()?;
        let way = Way::to(url.at.clone(), PATIENCE, timeouts);
        let algorithms = jwt.verifier.algorithms.clone();
        let same =
            |own: &&Arc<Self>| *own.client.way() == way && own.url == url && own.algorithms == algorithms;
        if let Some(previous) = previous.filter(same) {
            previous.fill(&jwt.verifier);
            return Some(Arc::clone(previous));
        }
        let verifier = RwLock::new(Arc::clone(&jwt.verifier));
        let client = way.client(None);
        Some(Arc::new(Self { client, url, algorithms, verifier, asked: Mutex::default() }))
    }

    /// From now on the keys are for this one, and it gets those that are there.
    fn fill(&self, verifier: &Arc<Verifier>) {
        let mut own = self.verifier.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(keys) = own.public_keys() {
            verifier.replace_keys(keys);
        }
        *own = Arc::clone(verifier);
    }

    fn verifier(&self) -> RwLockReadGuard<'_, Arc<Verifier>> {
        self.verifier.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fetches the keys before anybody needs them, unless that was just done.
    pub async fn prime(self: &Arc<Self>) {
        self.ask_for_token(Instant::now()).await;
    }

    /// Keeps the keys fresh, for ever.
    pub async fn keep(self: Arc<Self>) {
        self.prime().await;
        loop {
            let wait = if self.verifier().count_keys() == 0 { WITHOUT } else { EVERY };
            tokio::time::sleep(wait).await;
            self.ask(&mut *self.asked.lock().await, Instant::now()).await;
        }
    }

    /// Asks because of a token that no key fits, unless that was just done. Whoever comes while
    /// somebody asks waits for that answer. A visitor who goes away meanwhile does not end the asking,
    /// which would leave everybody without the new keys until it is done again.
    pub async fn ask_for_token(self: &Arc<Self>, now: Instant) {
        let source = Arc::clone(self);
        let asking = tokio::spawn(async move {
            let mut asked = source.asked.lock().await;
            if asked.is_none_or(|asked| now.saturating_duration_since(asked) >= SELDOM) {
                source.ask(&mut asked, now).await;
            }
        });
        // It fails with the runtime alone.
        let _ = asking.await;
    }

    async fn ask(&self, asked: &mut Option<Instant>, now: Instant) {
        *asked = Some(now);
        let fetched = tokio::time::timeout(PATIENCE, self.fetch()).await.unwrap_or(Err(NoKeys::Late));
        match fetched {
            Ok(set) => {
                tracing::debug!(keys = set.count(), "the issuer's keys are fetched");
                self.verifier().replace_keys(Arc::new(set));
            }
            Err(error) => {
                let kept = self.verifier().count_keys();
                tracing::warn!(%error, kept, "session.jwt.jwks.url gives no keys");
            }
        }
    }

    async fn fetch(&self) -> Result<KeySet, NoKeys> {
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = Uri::try_from(&self.url.path).map_err(|_| NoKeys::Unaskable)?;
        let host = HeaderValue::from_str(&self.url.host).map_err(|_| NoKeys::Unaskable)?;
        request.headers_mut().insert(HOST, host);
        request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json"));
        request.headers_mut().insert(USER_AGENT, HeaderValue::from_static(OURSELVES));
        let answer = self.client.send(request, None).await;
        let answer = answer.map_err(|error| NoKeys::Silent(error.to_string()))?;
        // A redirect is no answer: only what the file names is asked.
        if answer.status().as_u16() != 200 {
            return Err(NoKeys::Status(answer.status().as_u16()));
        }
        let body = Limited::new(answer.into_body(), MAX_BYTES)
            .collect()
            .await
            .map_err(|error| if error.is::<LengthLimitError>() { NoKeys::Large } else { NoKeys::Broken })?;
        Ok(KeySet::parse(&body.to_bytes(), &self.algorithms)?)
    }
}
