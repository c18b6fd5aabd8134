//! Whether rules would shut out who makes them.

use std::net::IpAddr;

use super::{AccessRules, Area, Facts, Verdict};
use crate::{
    id::{InstanceId, SessionId},
    principal::{Principal, Via},
};

impl AccessRules {
    /// What `who`, from `address`, can reach by these rules and could not by `after`: the console,
    /// and of each instance the editor and the ways into it. In words.
    pub fn shuts_out(
        &self,
        after: &Self,
        instances: &[InstanceId],
        who: &Principal,
        address: IpAddr,
    ) -> Vec<String> {
        let mut lost = Vec::new();
        let at_console = |rules: &Self| rules.lets_in(None, Area::Console, &[], who, address);
        if at_console(self) && !at_console(after) {
            lost.push("the console".to_owned());
        }
        // At the gate they would be there with a session of the gate, whatever they act by here.
        let at_gate = Principal {
            via: Via::GateSession {
                session: SessionId(0),
            },
            ..who.clone()
        };
        for instance in instances {
            let reaches = |rules: &Self, area, path: &[String]| {
                rules.lets_in(Some(instance), area, path, &at_gate, address)
            };
            let flows = ["flows".to_owned()];
            let loses =
                |area, path: &[String]| reaches(self, area, path) && !reaches(after, area, path);
            if loses(Area::Editor, &[])
                || loses(Area::AdminApi, &flows)
                || loses(Area::Files, &["red".to_owned()])
                || loses(Area::SignIn, &[".redkeep".to_owned()])
            {
                lost.push(format!("the editor of {instance}"));
            }
        }
        lost
    }

    fn lets_in(
        &self,
        instance: Option<&InstanceId>,
        area: Area,
        segments: &[String],
        who: &Principal,
        address: IpAddr,
    ) -> bool {
        let facts = Facts {
            instance,
            address,
            area,
            segments,
            method: "GET",
            principal: Some(who),
            shown: &[],
        };
        let decided = self.decide(&facts, &[]).verdict;
        decided == Verdict::Known || decided == Verdict::Open
    }
}
