//! Reach: what a node connects to, listens on, reads and writes.

pub(crate) mod hosts;
mod sql;
pub(crate) mod table;
mod topics;

use model::flow::change::{Language, Subject};
use serde_json::Value;

use self::table::{Means, Row, neighbours, rows};
use crate::{
    Context,
    hit::Hits,
    look::{Look, quote},
    rule::reach::{
        CONFIG_SWITCHED, FILE_ACCESS, NEW_LISTENER, OPEN_ENDPOINT, PLC_ADDRESS, PLC_WRITE, SERIAL,
        TLS_OFF,
    },
};

pub(crate) fn look(look: &Look<'_>, context: &Context<'_>, hits: &mut Hits) {
    tls_off(look, hits);
    hosts::look(look, hits);
    config_switched(look, hits);
    let mut has_statement = false;
    for row in rows(look.kind()) {
        let others = neighbours(row.means);
        if !look.differs(row.property) && !others.iter().any(|key| look.differs(key)) {
            continue;
        }
        match row.means {
            Means::Host(_) => {}
            Means::Listens => listens(look, row, context, hits),
            Means::File(does) => file(look, row, does, hits),
            Means::Device => device(look, row, hits),
            Means::Subscribes => topics::subscribes(look, row.property, hits),
            Means::Publishes => topics::publishes(look, row.property, hits),
            Means::Reads | Means::Writes => controller(look, row, hits),
            Means::Statement => {
                has_statement = true;
                sql::look(look.text(row.property), row.property, hits);
            }
        }
    }
    if !has_statement && look.kind() != "function" {
        for property in &look.change.properties {
            if let (Language::Sql, Some(Value::String(text))) = (property.language, &property.after)
            {
                sql::look(text, &property.key, hits);
            }
        }
    }
}

fn tls_off(look: &Look<'_>, hits: &mut Hits) {
    let off = [
        "verifyservercert",
        "rejectUnauthorized",
        "verifyServerCertificate",
        "verifyCert",
        "checkServerIdentity",
    ];
    let on = [
        "insecureHTTPParser",
        "selfsign",
        "allowInsecure",
        "insecure",
        "skipVerify",
        "trustServerCertificate",
    ];
    let off = off
        .into_iter()
        .find(|key| look.becomes(key, &Value::Bool(false)));
    let on = on
        .into_iter()
        .find(|key| look.becomes(key, &Value::Bool(true)));
    if let Some(key) = off.or(on) {
        let message = "Does not check who is at the other end: anyone on the way can read and \
                       change what is sent.";
        hits.add(&TLS_OFF, message).at(key);
        return;
    }
    for key in ["usetls", "useTLS", "tls", "secure", "encrypt", "ssl"] {
        let drops = look.was(key) == Some(&Value::Bool(true))
            && look.value(key) == Some(&Value::Bool(false));
        if drops {
            let message = "Goes over to a connection without encryption: anyone on the way can read \
                           and change what is sent.";
            hits.add(&TLS_OFF, message).at(key);
        }
    }
}

/// A property that named a config node names another now.
fn config_switched(look: &Look<'_>, hits: &mut Hits) {
    if look.is_new() || !look.is_node() {
        return;
    }
    for property in &look.change.properties {
        let (Some(Value::String(was)), Some(Value::String(is))) =
            (&property.before, &property.after)
        else {
            continue;
        };
        if matches!(property.key.as_str(), "z" | "g" | "id") {
            continue;
        }
        let (Some(old), Some(new)) = (look.base.get(was), look.proposal.get(is)) else {
            continue;
        };
        if Subject::of(old) == Subject::Config && Subject::of(new) == Subject::Config {
            let message = format!(
                "Goes through {} instead of {}: all it sends and hears is elsewhere.",
                quote(&new.label()),
                quote(&old.label())
            );
            hits.add(&CONFIG_SWITCHED, message)
                .at(&property.key)
                .about(&format!("{was}\u{0}{is}"));
        }
    }
}

fn listens(look: &Look<'_>, row: &Row, context: &Context<'_>, hits: &mut Hits) {
    if look.kind() == "tcp in" && look.text("server") != "server" {
        return;
    }
    let place = look.words(row.property);
    let on = if place.is_empty() {
        String::new()
    } else {
        format!(" on {}", quote(&place))
    };
    if look.kind() == "http in" && is_open(&place, context) {
        let message = format!(
            "Answers{on} without a login, because policy opens that path: whoever reaches the gate can use it."
        );
        hits.add(&OPEN_ENDPOINT, message).at(row.property);
        return;
    }
    let message = format!("Listens{on}: whoever can reach it can send it messages.");
    hits.add(&NEW_LISTENER, message).at(row.property);
}

/// Whether policy lets everyone reach this path of Node-RED.
fn is_open(url: &str, context: &Context<'_>) -> bool {
    let url = format!("/{}", url.trim_start_matches('/'));
    let prefixes = context
        .policy
        .into_iter()
        .flat_map(|policy| &policy.public_paths);
    let is_under = |prefix: &String| {
        let prefix = prefix.trim_end_matches('/');
        let rest = url.strip_prefix(prefix);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    prefixes.into_iter().any(is_under)
}

fn file(look: &Look<'_>, row: &Row, does: &str, hits: &mut Hits) {
    let path = look.text(row.property);
    let kind = look.kind();
    if kind == "tls-config" && path.is_empty() {
        return;
    }
    let does = if kind == "file" && look.text("overwriteFile") == "delete" {
        "deletes"
    } else {
        does
    };
    let from = ["filenameType", "pathType"].map(|key| look.text(key));
    let is_named = path.is_empty()
        || from
            .iter()
            .any(|it| matches!(*it, "msg" | "flow" | "global" | "jsonata"));
    let what = if is_named {
        "files that the message names".to_owned()
    } else {
        quote(path)
    };
    let mut does = does.to_owned();
    if let Some(first) = does.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    hits.add(&FILE_ACCESS, format!("{does} {what} on the machine."))
        .at(row.property)
        .about(path);
}

fn device(look: &Look<'_>, row: &Row, hits: &mut Hits) {
    // A Modbus client keeps the field of the port it does not use.
    if look.kind() == "modbus-client" && look.text("clienttype") == "tcp" {
        return;
    }
    let is = look.words(row.property);
    if !is.is_empty() && (look.differs(row.property) || look.differs("clienttype")) {
        let message = format!(
            "Uses the device {}: what is wired to it is driven by the flow.",
            quote(&is)
        );
        hits.add(&SERIAL, message).at(row.property).about(&is);
    }
}

fn controller(look: &Look<'_>, row: &Row, hits: &mut Hits) {
    let address = |word: &dyn Fn(&str) -> String| {
        let parts = [
            row.property,
            "dataType",
            "unitid",
            "quantity",
            "instance",
            "datatype",
            "slot",
            "rack",
        ];
        let parts = parts.into_iter().map(|key| (key, word(key)));
        let named = parts.filter(|(_, it)| !it.is_empty());
        let named = named.map(|(key, it)| {
            if key == row.property {
                it
            } else {
                format!("{key} {it}")
            }
        });
        named.collect::<Vec<_>>().join(", ")
    };
    let is = address(&|key| look.words(key));
    let was = address(&|key| look.old_words(key));
    if is.is_empty() || is == was {
        return;
    }
    let before = if was.is_empty() {
        String::new()
    } else {
        format!(" instead of {}", quote(&was))
    };
    if row.means == Means::Writes {
        let message = format!(
            "Writes {}{before} in the controller: it moves things.",
            quote(&is)
        );
        hits.add(&PLC_WRITE, message).at(row.property).about(&is);
    } else {
        let message = format!(
            "Reads {}{before} in the controller: a wrong address looks like a plausible value.",
            quote(&is)
        );
        hits.add(&PLC_ADDRESS, message).at(row.property).about(&is);
    }
}
