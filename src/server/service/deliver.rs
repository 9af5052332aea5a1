//! The token, and the way it takes to Pandium.

use super::{Answered, Service, Stamp, Visit};
use crate::config::model::{Account, Target};
use crate::decide::{self, Ask, Minting};
use crate::refusal::{Code, Refusal};
use crate::route::By;
use crate::server::reply;
use crate::server::verdict::Verdict;
use crate::token::Moment;
use crate::value::Session;

impl<'v> Stamp<'v> {
    /// What a token for this visitor is made of, who asks with this query.
    pub(super) fn minting(
        self,
        query: Option<&'v str>,
        target: &'v Target,
        requested: Option<&'v str>,
        account: &'v Account,
        session: &'v Session<'v>,
    ) -> Minting<'v> {
        Minting {
            target,
            requested,
            account,
            session,
            query,
            request_id: self.mark.id.as_str(),
            moment: Moment::fresh(),
        }
    }
}

impl<'v> Visit<'v> {
    /// The same, with the query of the visitor's address.
    pub(super) fn minting(
        &self,
        target: &'v Target,
        requested: Option<&'v str>,
        account: &'v Account,
        session: &'v Session<'v>,
    ) -> Minting<'v> {
        self.stamp.minting(self.parts.uri.query(), target, requested, account, session)
    }
}

impl Service {
    /// Mints for a visitor of this session, and answers with it as the route delivers.
    pub(super) fn mint(
        &self,
        ask: Ask<'_, '_>,
        visit: &Visit<'_>,
        session: &Session<'_>,
    ) -> Result<Answered, Refusal> {
        let account = decide::account(&self.config.policy, ask, session)?;
        let minting = visit.minting(ask.target, ask.requested, account, session);
        let token = decide::mint(&self.config.policy, minting)?;
        self.recorder.minted(minting, visit.stamp);
        let unwritable = |_| Refusal::new(Code::TokenTooLarge, "the address cannot be written as a header");
        let response = match ask.by {
            By::Leading => reply::redirect(token, &visit.stamp.mark.id),
            By::Link => {
                let ttl = self.config.policy.life.ttl;
                let expires = ttl.map(|ttl| minting.moment.now.saturating_add(ttl.as_secs()));
                Ok(reply::link(&token, ask.requested.unwrap_or_default(), expires, &visit.stamp.mark.id))
            }
            By::Decision => reply::decision(token, &visit.stamp.mark.id),
        };
        Ok(Answered {
            response: response.map_err(unwritable)?,
            verdict: Verdict::Minted,
            target: Some(ask.target.index),
        })
    }
}
