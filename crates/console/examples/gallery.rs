//! The console over plain HTTP on a loopback port, filled with sample data, for looking at it:
//! `cargo run -p console --example gallery [FLOWS.json …]`, then open the address it prints.
//!
//! Plain HTTP has no `__Host-` cookies: the sessions of five sample people are chosen by the first
//! label of the host name instead (`rita.localhost`, `ada.localhost`, …; anything else: nobody).

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a tool for developers"
)]

#[path = "../tests/it/house.rs"]
#[expect(dead_code, reason = "made for the tests")]
mod house;

use std::{collections::HashMap, sync::Arc};

use axum::{
    extract::Request,
    http::{HeaderValue, header},
    middleware::{self, Next},
};
use deploy::Choice;
use house::House;
use model::{
    access::Role,
    clock::{Clock, FixedClock, Timestamp},
    deployment::Verdict,
    flow::change::ChangeId,
    id::DeploymentId,
    instance::AllowedRoute,
};
use store::{LogLevel, SessionKind};

const NOW: Timestamp = Timestamp(1_763_664_000_000);

#[tokio::main]
async fn main() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(FixedClock::new(NOW.plus_seconds(-9 * 86_400)));
    let house = House::new(dir.path(), clock.clone()).await;
    let sessions = Arc::new(fill(&house, &clock).await);
    let router = console::router(house.context()).layer(middleware::from_fn(
        move |mut request: Request, next: Next| {
            let sessions = sessions.clone();
            async move {
                let host = request
                    .headers()
                    .get(header::HOST)
                    .and_then(|h| h.to_str().ok());
                let name = host
                    .unwrap_or_default()
                    .split('.')
                    .next()
                    .unwrap_or_default();
                if let Some(secret) = sessions.get(name) {
                    let cookie = format!("__Host-redkeep-console={secret}");
                    let cookie = HeaderValue::from_str(&cookie).unwrap();
                    request.headers_mut().insert(header::COOKIE, cookie);
                }
                // What this page's own forms would send over HTTPS.
                let origin = HeaderValue::from_static(house::ORIGIN);
                request.headers_mut().insert(header::ORIGIN, origin);
                next.run(request).await
            }
        },
    ));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8099")
        .await
        .unwrap();
    println!("http://rita.localhost:8099/");
    axum::serve(listener, router).await.unwrap();
}

async fn fill(house: &House, clock: &FixedClock) -> HashMap<&'static str, String> {
    let people = [
        ("ada", Role::Administrator),
        ("rita", Role::Reviewer),
        ("ed", Role::Editor),
        ("vic", Role::Viewer),
        ("audrey", Role::Auditor),
    ];
    for (name, role) in people {
        house.user(name, role).await;
    }
    for id in ["pump-house-3", "test-bench"] {
        house.instance(&id.parse().unwrap()).await;
    }
    deployments(house, clock).await;
    logs(house, clock).await;
    let mut sessions = HashMap::new();
    for (name, _) in people {
        let user = house
            .store
            .user_by_name(&name.parse().unwrap())
            .await
            .unwrap()
            .unwrap();
        let agent = "Mozilla/5.0 (X11; Linux x86_64) Firefox/145.0";
        let address = Some("192.0.2.7".parse().unwrap());
        let (_, secret) = house
            .store
            .open_session(user.id, SessionKind::Console, None, address, agent)
            .await
            .unwrap();
        sessions.insert(name, secret.0);
    }
    clock.advance(120);
    let link = house
        .store
        .make_enrolment(
            Role::Reviewer,
            None,
            86_400,
            &model::principal::Actor::System,
        )
        .await
        .unwrap();
    println!("http://nobody.localhost:8099/enrol?token={}", link.secret);
    sessions
}

async fn deployments(house: &House, clock: &FixedClock) {
    let first = house.propose("ed", BOILER).await;
    clock.advance(3_600);
    house.apply("rita", first).await;
    clock.advance(2 * 86_400);
    let second = house
        .propose("rita", &BOILER.replace("'high'", "'High!'"))
        .await;
    house.apply("rita", second).await;
    clock.advance(4 * 86_400);
    let third = house
        .propose("ed", &BOILER.replace("boiler/temp", "boiler/temperature"))
        .await;
    let rita = house.caller("rita").await;
    let why = "The panel in the hall still listens to the old topic.";
    house.room.reject(&rita, third, why).await.unwrap();
    clock.advance(2 * 86_400 + 82_000);
    let stale = house
        .propose("rita", &BOILER.replace("\"once\":false", "\"once\":true"))
        .await;
    println!("stale soon: {stale}");
    for path in std::env::args().skip(1) {
        let flows = std::fs::read_to_string(&path).unwrap();
        let id = house
            .propose_on(&"test-bench".parse().unwrap(), "ed", &flows)
            .await;
        println!("{path}: {id}");
    }
    let pumps = "pump-house-3".parse().unwrap();
    house.propose_on(&pumps, "ed", BOILER).await;
    clock.advance(600);
    let draft = house
        .propose("ed", &CHANGED.replace("call-duty", "call-dutty"))
        .await;
    discuss(house, draft).await;
    clock.advance(900);
    let last = house.propose("ed", CHANGED).await;
    println!("to review: {last}");
    let panel = BOILER.replace("10.0.0.9", "10.0.0.8");
    let pumps = house.propose_on(&pumps, "rita", &panel).await;
    let shown = house.store.deployment(pumps).await.unwrap().proposal.hash();
    let why = "The panel in the pump house burnt; this is the spare one.";
    house
        .room
        .apply_emergency(&rita, pumps, shown, why)
        .await
        .unwrap();
}

/// Comments and decisions on a first version.
async fn discuss(house: &House, draft: DeploymentId) {
    let (ed, rita) = (house.caller("ed").await, house.caller("rita").await);
    let about = |name: &str| Some(ChangeId(name.to_owned()));
    let say = async |caller, change, text| {
        house
            .room
            .comment(caller, draft, change, text)
            .await
            .unwrap();
    };
    let why = "The new probe gives hundredths, and the alarm goes to the duty phone.";
    say(&ed, None, why).await;
    let phone = about("added:phone");
    say(&rita, phone.clone(), "Is this the script of last winter?").await;
    say(&ed, phone, "Yes, with the new number.").await;
    let shown = house.store.deployment(draft).await.unwrap().proposal.hash();
    let choice = |name: &str, verdict, comment: &str| Choice {
        change: ChangeId(name.to_owned()),
        verdict,
        comment: comment.to_owned(),
        seen: None,
    };
    let choices = vec![
        choice("changed:limit", Verdict::Approve, ""),
        choice("added:phone", Verdict::Reject, "No such script: dutty?"),
    ];
    let decided = house.room.decide(&rita, draft, shown, choices);
    decided.await.unwrap();
}

async fn logs(house: &House, clock: &FixedClock) {
    let route = AllowedRoute {
        method: "POST".to_owned(),
        path: "/serialports/scan".to_owned(),
    };
    for _ in 0..3 {
        house
            .store
            .note_refused_route(&house.main, &route)
            .await
            .unwrap();
    }
    let now = clock.now();
    let lines = [
        (LogLevel::Info, "Node-RED version: v5.0.7"),
        (LogLevel::Info, "Node.js  version: v24.11.0"),
        (LogLevel::Info, "Settings file  : /settings/settings.js"),
        (
            LogLevel::Warn,
            "[mqtt-broker:plant] Connection failed to broker: mqtt://10.0.0.5:1883",
        ),
        (LogLevel::Info, "Starting flows"),
        (LogLevel::Info, "Started flows"),
        (
            LogLevel::Error,
            "[function:scale] TypeError: Cannot read properties of undefined\n    at Function node:7f3a [scale]:2:19",
        ),
        (LogLevel::Debug, "saved context"),
    ];
    let lines: Vec<_> = lines
        .iter()
        .enumerate()
        .map(|(n, (level, text))| {
            (
                now.plus_seconds(i64::try_from(n).unwrap() - 40),
                *level,
                (*text).to_owned(),
            )
        })
        .collect();
    house.store.keep_log(&house.main, &lines).await.unwrap();
}

const BOILER: &str = r#"[
{"id":"boiler","type":"tab","label":"Boiler room","disabled":false,"info":""},
{"id":"plant","type":"mqtt-broker","name":"plant","broker":"10.0.0.5","port":"1883","usetls":false,"keepalive":"60"},
{"id":"tick","type":"inject","z":"boiler","name":"every 10 s","props":[{"p":"payload"}],"repeat":"10","once":false,"topic":"","payload":"","payloadType":"date","x":120,"y":100,"wires":[["read"]]},
{"id":"read","type":"mqtt in","z":"boiler","name":"temperature","topic":"boiler/temp","qos":"2","datatype":"auto-detect","broker":"plant","inputs":0,"x":130,"y":180,"wires":[["scale"]]},
{"id":"scale","type":"function","z":"boiler","name":"scale","func":"// tenths of a degree\nconst raw = msg.payload;\nmsg.payload = raw * 0.1;\nif (msg.payload > 80) {\n    node.status({ fill: 'red', text: 'high' });\n} else {\n    node.status({});\n}\nreturn msg;\n","outputs":1,"timeout":0,"noerr":0,"initialize":"","finalize":"","libs":[],"x":330,"y":180,"wires":[["limit","log"]]},
{"id":"limit","type":"switch","z":"boiler","name":"too hot?","property":"payload","propertyType":"msg","rules":[{"t":"gt","v":"85","vt":"num"},{"t":"else"}],"checkall":"false","repair":false,"outputs":2,"x":520,"y":160,"wires":[["alarm"],[]]},
{"id":"alarm","type":"mqtt out","z":"boiler","name":"alarm","topic":"boiler/alarm","qos":"1","retain":"true","broker":"plant","x":720,"y":140,"wires":[]},
{"id":"log","type":"debug","z":"boiler","name":"log","active":true,"tosidebar":true,"complete":"payload","x":520,"y":240,"wires":[]},
{"id":"old","type":"http request","z":"boiler","name":"old panel","method":"POST","url":"http://10.0.0.9/panel","x":720,"y":220,"wires":[[]]}
]"#;

const CHANGED: &str = r#"[
{"id":"boiler","type":"tab","label":"Boiler room","disabled":false,"info":"Alarm goes to the duty phone."},
{"id":"plant","type":"mqtt-broker","name":"plant","broker":"mqtt.plant.example","port":"8883","usetls":true,"keepalive":"60","credentials":{"user":"redkeep","password":"hunter2hunter2"}},
{"id":"tick","type":"inject","z":"boiler","name":"every 10 s","props":[{"p":"payload"}],"repeat":"10","once":false,"topic":"","payload":"","payloadType":"date","x":120,"y":60,"wires":[["read"]]},
{"id":"read","type":"mqtt in","z":"boiler","name":"temperature","topic":"boiler/temp","qos":"2","datatype":"auto-detect","broker":"plant","inputs":0,"x":130,"y":180,"wires":[["scale"]]},
{"id":"scale","type":"function","z":"boiler","name":"scale","func":"// hundredths of a degree since the new probe\nconst raw = Number(msg.payload);\nif (Number.isNaN(raw)) return null;\nmsg.payload = raw * 0.01;\nif (msg.payload > 80) {\n    node.status({ fill: 'red', text: 'high' });\n} else {\n    node.status({});\n}\nreturn msg;\n","outputs":1,"timeout":0,"noerr":0,"initialize":"","finalize":"","libs":[],"x":330,"y":180,"wires":[["limit"]]},
{"id":"limit","type":"switch","z":"boiler","name":"too hot?","property":"payload","propertyType":"msg","rules":[{"t":"gt","v":"90","vt":"num"},{"t":"else"}],"checkall":"false","repair":false,"outputs":2,"x":520,"y":160,"wires":[["alarm","phone"],["log"]]},
{"id":"alarm","type":"mqtt out","z":"boiler","name":"alarm","topic":"boiler/alarm","qos":"1","retain":"true","broker":"plant","x":720,"y":140,"wires":[]},
{"id":"phone","type":"exec","z":"boiler","name":"call duty phone","command":"/usr/local/bin/call-duty","addpay":"payload","append":"","useSpawn":"false","timer":"","x":740,"y":80,"wires":[[],[],[]]},
{"id":"log","type":"debug","z":"boiler","name":"log","active":true,"tosidebar":true,"complete":"payload","x":540,"y":260,"wires":[]}
]"#;
