use serde_json::json;

use super::*;

fn one(kind: &str, node: &Value) -> Vec<String> {
    let said = say(kind, None, node.as_object());
    said.into_iter()
        .map(|said| format!("{} {}", said.about, said.after.unwrap_or_default()))
        .collect()
}

fn two(kind: &str, before: &Value, after: &Value) -> Vec<String> {
    let said = say(kind, before.as_object(), after.as_object());
    let side = |text: Option<String>| text.unwrap_or_else(|| "–".to_owned());
    said.into_iter()
        .map(|said| {
            format!(
                "{} {} > {}",
                said.about,
                side(said.before),
                side(said.after)
            )
        })
        .collect()
}

#[test]
fn cron_expressions_are_said() {
    for (text, words) in [
        ("*/5 * * * *", "every 5 minutes"),
        ("* * * * *", "every minute"),
        ("0 * * * *", "every hour"),
        ("0 */5 * * *", "at 00:00, 05:00, 10:00, 15:00, 20:00"),
        ("0 */6 * * *", "every 6 hours"),
        ("00 08 * * 1-5", "at 08:00 on Mon–Fri"),
        ("30 7,19 * * *", "at 07:30, 19:30"),
        ("15 * * * *", "at minute 15 of every hour"),
        (
            "*/10 8-16 * * 1,2",
            "every 10 minutes from 08:00 to 16:59 on Mon, Tue",
        ),
        ("0 0 1 * *", "at 00:00 on day 1 of the month"),
        (
            "0 0 1 1,7 *",
            "at 00:00 on day 1 of the month in January, July",
        ),
        (
            "0 12 13 * FRI",
            "at 12:00 on day 13 of the month and on Fri",
        ),
        ("0 0 12 * * MON", "at 12:00 on Mon"),
        ("0 0 * * 0,6", "at 00:00 on Sun, Sat"),
        ("0 0 * * 7", "at 00:00 on Sun"),
        ("0 0 * * */7", "at 00:00 on Sun"),
        ("0 0 * * */2", "at 00:00 on Sun, Tue, Thu, Sat"),
        ("0 0 * * */1", "at 00:00"),
        ("61 * * * *", ""),
        ("1-5/2 * * * *", ""),
        ("*/7 * * * *", ""),
        ("+1 * * * *", ""),
        ("", ""),
    ] {
        assert_eq!(cron::words(text).unwrap_or_default(), words, "{text}");
    }
}

#[test]
fn spans_are_said_in_the_unit_that_fits() {
    for (amount, unit, words) in [
        (300.0, "seconds", "5 minutes"),
        (1.0, "second", "1 second"),
        (90.0, "s", "90 seconds"),
        (1.5, "hr", "90 minutes"),
        (0.1, "seconds", "100 milliseconds"),
        (2.0, "days", "2 days"),
        (0.0, "ms", "0 milliseconds"),
        (1.0, "fortnights", ""),
        (-1.0, "s", ""),
        (f64::NAN, "s", ""),
    ] {
        assert_eq!(
            duration::words(amount, unit).unwrap_or_default(),
            words,
            "{amount} {unit}"
        );
    }
}

#[test]
fn when_an_inject_runs_is_said() {
    let inject = |repeat: &str, crontab: &str, once: bool| json!({"repeat": repeat, "crontab": crontab, "once": once, "onceDelay": 0.1});
    assert_eq!(
        two(
            "inject",
            &inject("300", "", false),
            &inject("18000", "", false)
        ),
        ["Runs every 5 minutes > every 5 hours"]
    );
    assert_eq!(
        two(
            "inject",
            &inject("", "", false),
            &inject("", "00 08 * * 1-5", true)
        ),
        [
            "Runs only when somebody presses its button > at 08:00 on Mon–Fri, and once, 100 milliseconds after the flows start"
        ]
    );
    assert_eq!(
        one("inject", &inject("", "1-5/2 * * * *", false)),
        ["Runs by the schedule “1-5/2 * * * *”"]
    );
    let sends = json!({"props": [{"p": "payload"}, {"p": "topic", "vt": "str"}, {"p": "n", "v": "3", "vt": "num"}], "payload": "on", "payloadType": "str", "topic": "t"});
    assert_eq!(
        one("inject", &sends)[1..],
        [
            "Sends msg.payload = “on”",
            "Sends msg.topic = “t”",
            "Sends msg.n = 3"
        ]
    );
}

#[test]
fn switch_rules_are_said() {
    let node = |rules: Value| json!({"property": "payload", "propertyType": "msg", "checkall": "true", "rules": rules});
    let limit = |v: &str| node(json!([{"t": "gt", "v": v, "vt": "num"}, {"t": "else"}]));
    assert_eq!(
        two("switch", &limit("80"), &limit("90")),
        [
            "Rule if msg.payload is greater than 80 → output 1 > if msg.payload is greater than 90 → output 1"
        ]
    );
    assert_eq!(
        one(
            "switch",
            &node(json!([
                {"t": "btwn", "v": "1", "vt": "num", "v2": "5", "v2t": "num"},
                {"t": "regex", "v": "^a", "vt": "str", "case": true},
                {"t": "eq", "v": "limit", "vt": "flow"},
                {"t": "istype", "v": "array", "vt": "array"},
                {"t": "jsonata_exp", "v": "$x > 1", "vt": "jsonata"},
                {"t": "else"},
                {"t": "from the future"},
                7,
            ]))
        ),
        [
            "Sends by every rule that fits",
            "Rule if msg.payload is between 1 and 5 → output 1",
            "Rule if msg.payload matches /^a/, upper and lower case alike → output 2",
            "Rule if msg.payload equals flow.limit → output 3",
            "Rule if msg.payload is of the type array → output 4",
            "Rule if the JSONata “$x > 1” is true → output 5",
            "Rule otherwise → output 6",
        ]
    );
}

#[test]
fn change_rules_are_said() {
    let node = json!({"rules": [
        {"t": "set", "p": "topic", "pt": "msg", "to": "pump/3", "tot": "str"},
        {"t": "change", "p": "payload", "pt": "msg", "from": "a", "fromt": "str", "to": "b", "tot": "str"},
        {"t": "delete", "p": "x", "pt": "flow"},
        {"t": "move", "p": "a", "pt": "msg", "to": "b", "tot": "msg"},
    ]});
    assert_eq!(
        one("change", &node),
        [
            "Rule set msg.topic to “pump/3”",
            "Rule in msg.payload, replace “a” with “b”",
            "Rule delete flow.x",
            "Rule move msg.a to msg.b",
        ]
    );
    let first = json!({"rules": [{"t": "delete", "p": "x"}]});
    let both = json!({"rules": [{"t": "delete", "p": "y"}, {"t": "delete", "p": "x"}]});
    assert_eq!(
        two("change", &first, &both),
        ["Rule – > delete msg.y"],
        "one put in front is one sentence"
    );
}

#[test]
fn delays_and_triggers_are_said() {
    let delay = json!({"pauseType": "delay", "timeout": "5", "timeoutUnits": "minutes"});
    assert_eq!(one("delay", &delay), ["Delays each message by 5 minutes"]);
    let rate = |drop: bool| json!({"pauseType": "rate", "rate": "1", "nbRateUnits": "10", "rateUnits": "second", "drop": drop});
    assert_eq!(
        two("delay", &rate(false), &rate(true)),
        [
            "Lets through 1 message every 10 seconds; others wait > 1 message every 10 seconds; others are dropped"
        ]
    );
    let random = json!({"pauseType": "random", "randomFirst": "1", "randomLast": "5", "randomUnits": "seconds"});
    assert_eq!(
        one("delay", &random),
        ["Delays each message by a random time from 1 second to 5 seconds"]
    );
    let trigger = |duration: &str| json!({"op1": "1", "op1type": "str", "op2": "", "op2type": "nul", "duration": duration, "units": "s", "extend": true});
    assert_eq!(
        one("trigger", &trigger("30")),
        [
            "When a message comes sends “1”, waits 30 seconds, then sends nothing; each message starts the wait anew"
        ]
    );
    assert_eq!(
        one("trigger", &trigger("0")),
        ["When a message comes sends “1”, then waits until it is reset"]
    );
    assert_eq!(
        one("trigger", &trigger("-60")),
        ["When a message comes sends “1” every minute until it is reset"]
    );
}

#[test]
fn what_reaches_out_is_said() {
    let mqtt = |topic: &str, qos: &str| json!({"topic": topic, "qos": qos});
    assert_eq!(
        two("mqtt in", &mqtt("pump/3", "0"), &mqtt("#", "2")),
        [
            "Listens to pump/3 > every topic (#)",
            "Delivery at most once (QoS 0) > exactly once (QoS 2)"
        ]
    );
    let broker = |host: &str, tls: bool| json!({"broker": host, "port": "8883", "usetls": tls, "keepalive": "60"});
    assert_eq!(
        two("mqtt-broker", &broker("a", true), &broker("b", false)),
        [
            "Connects to a:8883 > b:8883",
            "Connection is encrypted (TLS) > not encrypted"
        ]
    );
    assert_eq!(
        one("http in", &json!({"method": "post", "url": "/x"})),
        ["Answers POST /x"]
    );
    assert_eq!(
        one("http request", &json!({"method": "use", "url": ""})),
        ["Requests the method msg.method names the address msg.url names"]
    );
    assert_eq!(
        one("udp in", &json!({"port": "53"})),
        ["Listens on port 53"]
    );
    assert_eq!(
        one(
            "tcp out",
            &json!({"host": "h", "port": "1", "beserver": "client"})
        ),
        ["Connects to h:1"]
    );
    assert_eq!(
        one(
            "exec",
            &json!({"command": "rm", "append": "-r", "addpay": true, "timer": "60"})
        ),
        [
            "Runs the command “rm -r”, with msg.payload behind it",
            "Stops it after 1 minute"
        ]
    );
    assert_eq!(
        two(
            "file",
            &json!({"filename": "/a", "overwriteFile": "false"}),
            &json!({"filename": "/a", "overwriteFile": "delete"})
        ),
        ["Deletes – > /a", "Appends to /a > –"]
    );
}

#[test]
fn ranges_and_switches_of_state_are_said() {
    let range = |max: &str| json!({"minin": "0", "maxin": "1023", "minout": "0", "maxout": max, "action": "clamp", "round": true});
    assert_eq!(
        one("range", &range("100")),
        [
            "Scales msg.payload from 0–1023 to 0–100, held within that range, rounded to whole numbers"
        ]
    );
    assert_eq!(
        two(
            "tab",
            &json!({"disabled": false}),
            &json!({"disabled": true})
        ),
        ["Is enabled > disabled: does not run"]
    );
    assert_eq!(
        two("any node", &json!({}), &json!({"d": true})),
        ["Is enabled > disabled: does not run"]
    );
    assert_eq!(
        two("debug", &json!({"active": true}), &json!({"active": false})),
        ["Output is on > off: shows nothing"]
    );
    assert_eq!(wires(2, 1).unwrap().after.as_deref(), Some("1 wire"));
    assert_eq!(wires(2, 2), None);
}

#[test]
fn any_shape_is_taken() {
    let shapes = [
        json!(null),
        json!(-1e308),
        json!("\u{0}"),
        json!([[1], {"t": "set"}]),
        json!({"a": 1}),
        json!(true),
    ];
    let kinds = [
        "inject",
        "delay",
        "trigger",
        "range",
        "debug",
        "switch",
        "change",
        "mqtt in",
        "mqtt-broker",
        "http in",
        "tcp in",
        "exec",
        "file",
        "tab",
    ];
    let keys = [
        "rules",
        "repeat",
        "crontab",
        "duration",
        "units",
        "timeout",
        "pauseType",
        "rate",
        "qos",
        "port",
        "broker",
        "props",
        "minin",
        "maxin",
        "minout",
        "maxout",
        "d",
        "disabled",
        "addpay",
        "command",
    ];
    for kind in kinds {
        for shape in &shapes {
            let node: Properties = keys
                .iter()
                .map(|key| ((*key).to_owned(), shape.clone()))
                .collect();
            assert!(
                say(kind, Some(&node), Some(&node)).is_empty(),
                "{kind} {shape}"
            );
            assert!(say(kind, None, Some(&node)).len() <= SAID_MAX);
        }
    }
}
