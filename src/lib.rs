//! `pandium-sidecar` stands beside a web app, maps its session headers to Pandium's tenant token,
//! and sends the visitor on. ARCHITECTURE.md is the map; modules stand here floor by floor, the
//! lowest first, and use only what stands on floors below their own.

// Floor 0: vocabulary and instruments.
pub mod evidence;
pub mod http1;
pub mod place;
pub mod redact;
pub mod refusal;
pub mod slug;
pub mod stream;
pub mod strict;
pub mod suggest;
pub mod telemetry;
pub mod tls;
pub mod value;
pub mod variable;

// Floor 1a: the domain.
pub mod claims;
pub mod fields;
pub mod protected;
pub mod query;
pub mod route;
pub mod token;
pub mod trust;

// Floor 1b: YAML to domain.
pub mod config;

// Floor 2: the product.
pub mod decide;

// Floor 3: acquiring a session, and HTTP out.
pub mod proxy;
pub mod session;

// Floor 4: HTTP in.
pub mod server;

// Floor 5: wiring and life cycle.
pub mod app;
pub mod reload;

// Floor 6: the person at the terminal.
pub mod cli;
