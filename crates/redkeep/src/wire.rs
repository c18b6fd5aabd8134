//! Where the rooms meet: the small traits they declared, joined.

use std::{
    path::PathBuf,
    sync::{Arc, OnceLock, Weak},
};

use deploy::{
    Deployments, FlowTarget, Rehearsals, SaveVerdict, Taken, Trial,
    futures::{Given, Known},
};
use gate::{Message, Pages};
use model::{
    deployment::DeploymentType, flow::credentials::Credentials, id::InstanceId, palette::Palette,
    rehearsal::Observation, rules::Question,
};
use runtime::{Baselines, Boxed, InstancePlan, Saved, Workshop, rehearsal};

/// The workshop as the waiting room sees it. The two need each other, so it is filled in later.
#[derive(Debug, Default)]
pub(crate) struct NodeRed(OnceLock<Weak<Workshop>>);

impl NodeRed {
    /// Joins the workshop.
    pub(crate) fn join(&self, workshop: &Arc<Workshop>) {
        // Joined once, at start; a second time would be the same workshop.
        let _already = self.0.set(Arc::downgrade(workshop)).is_err();
    }

    fn workshop(&self) -> Result<Arc<Workshop>, String> {
        let workshop = self.0.get().and_then(Weak::upgrade);
        workshop.ok_or_else(|| "Redkeep is starting or stopping".to_owned())
    }
}

impl FlowTarget for NodeRed {
    fn runs(&self, instance: &InstanceId) -> bool {
        let status = self
            .workshop()
            .ok()
            .and_then(|workshop| workshop.status(instance));
        status.is_some_and(|status| status.phase.is_up() && status.flows_run)
    }

    fn palette(&self, instance: &InstanceId) -> Known<'_, Arc<Palette>> {
        let instance = instance.clone();
        Box::pin(async move {
            let Ok(workshop) = self.workshop() else {
                return Arc::default();
            };
            match workshop.palette(&instance).await {
                Ok(palette) => palette,
                Err(error) => {
                    tracing::warn!(%instance, %error, "the node types are not known");
                    Arc::default()
                }
            }
        })
    }

    fn give(&self, instance: &InstanceId, body: String, kind: DeploymentType) -> Given<'_, Taken> {
        let instance = instance.clone();
        Box::pin(async move {
            let workshop = self.workshop()?;
            match workshop.give(&instance, body, kind).await {
                Ok(runtime::Taken::Running) => Ok(Taken::Running),
                Ok(runtime::Taken::Halted(reason)) => Ok(Taken::Halted(reason)),
                Err(error) => Err(error.to_string()),
            }
        })
    }

    fn reload(&self, instance: &InstanceId) -> Given<'_, ()> {
        let instance = instance.clone();
        Box::pin(async move {
            let workshop = self.workshop()?;
            workshop
                .reload(&instance)
                .await
                .map_err(|error| error.to_string())
        })
    }
}

/// The waiting room as the storage bridge sees it.
#[derive(Debug)]
pub(crate) struct Bridge(pub(crate) Deployments);

impl Baselines for Bridge {
    fn load(&self, instance: &InstanceId) -> Boxed<'_, Result<(Arc<str>, Credentials), String>> {
        let instance = instance.clone();
        Box::pin(async move {
            let found = self
                .0
                .store()
                .baseline(&instance)
                .await
                .map_err(|it| it.to_string())?;
            let content = found.ok_or_else(|| format!("{instance} has no baseline"))?;
            Ok((content.flows, content.credentials))
        })
    }

    fn save_credentials(
        &self,
        instance: &InstanceId,
        credentials: Credentials,
    ) -> Boxed<'_, Result<(), String>> {
        self.0.save_credentials(instance, credentials);
        Box::pin(std::future::ready(Ok(())))
    }

    fn save_flows(
        &self,
        instance: &InstanceId,
        text: Vec<u8>,
        claimed: Option<String>,
    ) -> Boxed<'_, Saved> {
        let instance = instance.clone();
        Box::pin(async move {
            match self.0.save_flows(&instance, &text, claimed).await {
                Ok(SaveVerdict::Committed | SaveVerdict::Unchanged) => Saved::Accepted,
                Ok(SaveVerdict::Refused { message }) => Saved::Refused(message),
                Err(error) => Saved::Refused(error.to_string()),
            }
        })
    }
}

/// The chronicle as the gate sees it.
#[derive(Debug)]
pub(crate) struct Histories(pub(crate) history::History);

impl gate::History for Histories {
    fn file<'a>(&'a self, instance: &'a InstanceId, path: &'a str) -> gate::File<'a> {
        Box::pin(async move {
            let found = self.0.file(instance, path).await;
            found.map_err(|error| error.to_string())
        })
    }
}

/// The workshop as the waiting room sees it when flows are to be tried.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) workshop: Arc<Workshop>,
    pub(crate) plans: Vec<InstancePlan>,
    pub(crate) dir: PathBuf,
    pub(crate) user: Option<(u32, u32)>,
}

impl Rehearsals for Stage {
    fn rehearse(&self, trial: Trial) -> Given<'_, Observation> {
        Box::pin(async move {
            let plan = self
                .plans
                .iter()
                .find(|plan| plan.instance.id == trial.instance);
            let plan = plan.ok_or_else(|| {
                format!("{} is not in the configuration any more", trial.instance)
            })?;
            let trial = rehearsal::Trial {
                plan: plan.clone(),
                dir: self.dir.clone(),
                user: self.user,
                flows: trial.flows,
                credentials: trial.credentials,
                bounds: rehearsal::Bounds::default(),
            };
            let seen = self.workshop.rehearse(trial).await;
            seen.map_err(|error| error.to_string())
        })
    }
}

/// The console's page frame as the gate sees it: HTML is written in the console alone.
#[derive(Debug)]
pub(crate) struct GatePages;

impl Pages for GatePages {
    fn message(&self, message: &Message) -> String {
        let Message {
            status,
            title,
            text,
            links,
        } = message;
        let links: Vec<_> = links
            .iter()
            .map(|(label, to)| (to.clone(), label.clone()))
            .collect();
        console::GatePages::message(status.as_u16(), title, text, &links)
    }
}

/// The gates as the console sees them.
#[derive(Debug, Default)]
pub(crate) struct Gates(pub(crate) Vec<(InstanceId, gate::Gate)>);

impl console::Doorman for Gates {
    fn would(&self, question: Question) -> console::Asked<'_> {
        Box::pin(async move {
            let gate = self
                .0
                .iter()
                .find(|(id, _)| Some(id) == question.instance.as_ref());
            let (_, gate) = gate.ok_or("there is no gate of such an instance")?;
            gate.would(&question)
                .await
                .map_err(|error| error.to_string())
        })
    }
}
