//! What the demo's app and its Pandium both know of: the account and its integrations, as in
//! `demo.yaml`.

/// The account at Pandium: the company that makes the app.
pub const ACCOUNT: &str = "acme";

/// One integration.
#[derive(Debug)]
pub struct Integration {
    /// Its name in the sidecar's addresses, and `xti.integration_name`.
    pub name: &'static str,
    /// Its id at Pandium.
    pub id: &'static str,
    /// `xti.connector_name`.
    pub connector: &'static str,
    /// What people call it.
    pub title: &'static str,
    /// What it does, in one sentence.
    pub blurb: &'static str,
}

/// The integrations, the one that is shown first at the head.
pub static INTEGRATIONS: [Integration; 2] = [
    Integration {
        name: "gwt2hs",
        id: "1121",
        connector: "gwt",
        title: "HubSpot",
        blurb: "Turns finished work orders into deals, and keeps contacts the same on both sides.",
    },
    Integration {
        name: "gwt2slack",
        id: "1122",
        connector: "gwt",
        title: "Slack",
        blurb: "Tells a channel when a work order is late, done, or waits for somebody.",
    },
];

/// The integration that is meant, or the first.
pub fn chosen(name: Option<&str>) -> &'static Integration {
    let [first, ..] = &INTEGRATIONS;
    INTEGRATIONS.iter().find(|one| Some(one.name) == name).unwrap_or(first)
}
