//! `redkeep status` and `redkeep logs`.

use std::time::Duration;

use model::id::InstanceId;
use serde_json::Value;

use super::{
    client::Client,
    output::{list, printable, text, time},
};
use crate::{
    exit::{Exit, Failure},
    terminal,
};

pub(crate) async fn status(client: &Client, json: bool) -> Result<Exit, Failure> {
    let status = client.get("/status").await?;
    let exit = if client.is_running() {
        Exit::Done
    } else {
        Exit::NotRunning
    };
    if json {
        terminal::line(&status.to_string());
        return Ok(exit);
    }
    if !client.is_running() {
        terminal::line("Redkeep is not running. Start it with `redkeep up`.");
        return Ok(exit);
    }
    terminal::line(&format!("Redkeep {}", text(&status, "/version")));
    terminal::line(&format!("console  {}", text(&status, "/addresses/console")));
    terminal::line("the keys, in a process of their own:");
    show_layers(&status, "/keys");
    for instance in list(&status, "/instances") {
        show_instance(instance);
    }
    terminal::line(&format!(
        "waiting for review: {}",
        text(&status, "/queue/open")
    ));
    show_mail(&status);
    Ok(exit)
}

fn show_mail(status: &Value) {
    let waiting = text(status, "/mail/waiting");
    if waiting.is_empty() {
        return;
    }
    terminal::line(&format!("mails waiting: {waiting}"));
    let trouble = text(status, "/mail/trouble");
    if !trouble.is_empty() {
        terminal::line(&format!("  why  {trouble}"));
    }
}

fn show_instance(instance: &Value) {
    let get = |pointer| text(instance, pointer);
    terminal::line(&format!(
        "\n{}  Node-RED {} on Node.js {}: {} since {}",
        get("/id"),
        get("/node_red"),
        get("/node"),
        get("/phase"),
        time(instance, "/since"),
    ));
    for (what, value) in [
        ("editor", get("/address")),
        ("memory", get("/memory")),
        ("cpu %", get("/cpu_percent")),
        ("why", get("/reason")),
        ("runs something nobody approved", get("/drift/what")),
        ("files changed on disk", get("/damage/what")),
    ] {
        if !value.is_empty() {
            terminal::line(&format!("  {what}  {value}"));
        }
    }
    show_layers(instance, "/enforcement");
}

fn show_layers(holder: &Value, pointer: &str) {
    for layer in list(holder, pointer) {
        let mark = match text(layer, "/state").as_str() {
            "enforced" => "+",
            "partial" => "~",
            _ => "-",
        };
        let (name, note) = (text(layer, "/layer"), text(layer, "/note"));
        terminal::line(&format!("  {mark} {name}: {note}"));
    }
}

pub(crate) async fn logs(
    client: &Client,
    json: bool,
    instance: &InstanceId,
    lines: u32,
    follow: bool,
) -> Result<Exit, Failure> {
    let mut after = 0;
    loop {
        let path = format!("/instances/{instance}/logs?after={after}&limit={lines}");
        let answer = client.get(&path).await?;
        for line in list(&answer, "/lines") {
            after = line
                .pointer("/sequence")
                .and_then(Value::as_i64)
                .unwrap_or(after);
            if json {
                terminal::line(&line.to_string());
            } else {
                let (level, words) = (text(line, "/level"), text(line, "/text"));
                let at = time(line, "/at");
                terminal::line(&format!("{at} {level:5} {}", printable(&words)));
            }
        }
        if !follow {
            return Ok(Exit::Done);
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}
