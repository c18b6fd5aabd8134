//! The decision: facts of a request in, a verdict and the rule that gave it out.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::{AccessRules, Area, Bounds, PathPrefix, Rule, Shown, SignedBy, Who};
use crate::{
    id::InstanceId,
    principal::{Principal, Via},
};

/// What is known of a request. Paths and addresses are compared here and nowhere else.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// Behind which gate; none: at the console.
    pub instance: Option<&'a InstanceId>,
    /// Where it comes from.
    pub address: IpAddr,
    /// What it is for.
    pub area: Area,
    /// The decoded segments of its path.
    pub segments: &'a [String],
    /// Its method; GET for opening a `WebSocket`.
    pub method: &'a str,
    /// Who sent it, where that is known.
    pub principal: Option<&'a Principal>,
    /// The client certificate its connection showed, by each authority that vouches for it.
    pub shown: &'a [Shown],
}

/// Whether somebody may come at all. What they may do then is their role's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Without a login.
    Open,
    /// Whoever is known, within their role.
    Known,
    /// Nobody known sent it, and somebody known might.
    LogIn,
    /// Only with a client certificate, and none that fits was shown.
    NoCertificate,
    /// Not at all.
    Refused,
}

/// By what it was decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum By {
    /// This rule, counted from 1.
    Rule(usize),
    /// A public path of the instance's policy.
    PublicPath(String),
    /// No rule covers it: whoever is logged in.
    Default,
}

/// The decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Whether.
    pub verdict: Verdict,
    /// By what.
    pub by: By,
    /// How much.
    pub bounds: Bounds,
    /// How the request must be signed besides.
    pub signed_by: Option<SignedBy>,
}

impl AccessRules {
    /// Decides: the first rule that covers the request does; without one, a path that the
    /// instance's policy makes public (`public_paths`); without that, whoever is logged in.
    pub fn decide(&self, facts: &Facts<'_>, public_paths: &[String]) -> Decision {
        let mut rules = (1..).zip(&self.rules);
        if let Some((place, rule)) = rules.find(|(_, rule)| self.covers(rule, facts)) {
            return Decision {
                verdict: verdict(&rule.who, facts),
                by: By::Rule(place),
                bounds: rule.bounds,
                signed_by: rule.signed_by.clone(),
            };
        }
        let public = public_paths
            .iter()
            .find(|path| facts.area.can_be_public() && begins(path, facts.segments));
        let (verdict, by) = match public {
            Some(path) => (Verdict::Open, By::PublicPath(path.clone())),
            None => (verdict(&Who::Login, facts), By::Default),
        };
        Decision {
            verdict,
            by,
            bounds: Bounds::default(),
            signed_by: None,
        }
    }

    fn covers(&self, rule: &Rule, facts: &Facts<'_>) -> bool {
        let on = rule.instance.as_ref();
        (on.is_none() || on == facts.instance)
            && self.is_within(&rule.from, facts.address)
            && if rule.areas.is_empty() {
                // Rules for "everything" are written with the gate in mind: they must not shut the
                // console by the way.
                facts.area != Area::Console
            } else {
                rule.areas.contains(&facts.area)
            }
            && (rule.paths.is_empty() || rule.paths.iter().any(|path| path.covers(facts.segments)))
            && (rule.methods.is_empty() || rule.methods.iter().any(|it| it.covers(facts.method)))
    }
}

fn verdict(who: &Who, facts: &Facts<'_>) -> Verdict {
    let known = |is_one: &dyn Fn(&Principal) -> bool| match facts.principal {
        None => Verdict::LogIn,
        Some(principal) if is_one(principal) => Verdict::Known,
        Some(_) => Verdict::Refused,
    };
    match who {
        Who::Public if facts.area.can_be_public() => Verdict::Open,
        Who::Certificate(bearer) if facts.area.can_be_public() => {
            if bearer.is(facts.shown) {
                Verdict::Open
            } else {
                Verdict::NoCertificate
            }
        }
        // Elsewhere a certificate opens nothing.
        Who::Nobody | Who::Certificate(_) => Verdict::Refused,
        // Whatever a rule says, flows are read and changed by people who are known.
        Who::Public | Who::Login => known(&|_| true),
        Who::Roles(roles) => known(&|principal| roles.iter().any(|it| it.is(&principal.role))),
        Who::Token => known(&|principal| matches!(principal.via, Via::Token { .. })),
    }
}

fn begins(path: &str, segments: &[String]) -> bool {
    let path = if path.is_empty() { "/" } else { path };
    path.parse::<PathPrefix>()
        .is_ok_and(|prefix| prefix.covers(segments))
}
