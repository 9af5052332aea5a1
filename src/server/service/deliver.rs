//! The token, and the way it takes to Pandium.

use super::{Answered, Service, Visit};
use crate::decide::{self, Ask, Minting};
use crate::refusal::{Code, Refusal};
use crate::route::Door;
use crate::server::{record, reply};
use crate::token::Moment;
use crate::value::Session;

impl Service {
    /// Mints for a visitor of this session, and answers with it as the route delivers.
    pub(super) fn mint(
        &self,
        ask: Ask<'_, '_>,
        visit: &Visit<'_>,
        session: &Session<'_>,
    ) -> Result<Answered, Refusal> {
        let minting = Minting {
            target: ask.target,
            requested: ask.requested,
            account: decide::account(&self.config.policy, ask, session)?,
            session,
            query: visit.parts.uri.query(),
            request_id: visit.id.as_str(),
            moment: Moment::fresh(),
        };
        let token = decide::mint(&self.config.policy, minting)?;
        record::minted(minting);
        let unwritable = |_| Refusal::new(Code::TokenTooLarge, "the address cannot be written as a header");
        let response = match ask.door {
            Door::Install | Door::Marketplace => reply::redirect(token, visit.id),
            Door::Link => {
                let ttl = self.config.policy.life.ttl;
                let expires = ttl.map(|ttl| minting.moment.now.saturating_add(ttl.as_secs()));
                Ok(reply::link(&token, ask.requested.unwrap_or_default(), expires, visit.id))
            }
            Door::Decision => reply::decision(token, visit.id),
        };
        Ok(Answered {
            response: response.map_err(unwritable)?,
            code: "minted",
            target: Some(ask.target.index),
        })
    }
}
