//! Reach: what a node connects to, listens on, reads and writes.

use model::flow::finding::Severity::{Danger, Note, Warning};

use super::{Example, Rule};

pub(crate) static TLS_OFF: Rule = Rule {
    name: "tls-verification-off",
    severity: Danger,
    what: "A node no longer checks who is at the other end, or goes over to a connection without encryption.",
    why: "Anyone on the way can read and change what is sent.",
    fires: Example::new(r#"{"type": "tls-config", "verifyservercert": false}"#),
    quiet: Example::new(r#"{"type": "tls-config", "verifyservercert": true}"#),
};

pub(crate) static NEW_HOST: Rule = Rule {
    name: "new-host",
    severity: Warning,
    what: "A node names a host it did not name before.",
    why: "Data can leave to there, and commands come from there.",
    fires: Example::change(
        r#"{"type": "http request", "url": "http://a.example/x"}"#,
        r#"{"type": "http request", "url": "http://b.example/x"}"#,
    ),
    quiet: Example::change(
        r#"{"type": "http request", "url": "http://a.example/x"}"#,
        r#"{"type": "http request", "url": "http://a.example/y"}"#,
    ),
};

pub(crate) static NEW_PORT: Rule = Rule {
    name: "new-port",
    severity: Warning,
    what: "A node connects to another port of a host it knew.",
    why: "Another program answers there.",
    fires: Example::change(
        r#"{"type": "mqtt-broker", "broker": "a.example", "port": "8883"}"#,
        r#"{"type": "mqtt-broker", "broker": "a.example", "port": "1883"}"#,
    ),
    quiet: Example::change(
        r#"{"type": "mqtt-broker", "broker": "a.example", "port": "8883"}"#,
        r#"{"type": "mqtt-broker", "broker": "a.example", "port": 8883}"#,
    ),
};

pub(crate) static HOST_FROM_MESSAGE: Rule = Rule {
    name: "host-from-message",
    severity: Warning,
    what: "The message decides where a node connects to.",
    why: "Whoever can send it a message can send data anywhere.",
    fires: Example::new(r#"{"type": "http request", "url": ""}"#),
    quiet: Example::new(r#"{"type": "http request", "url": "http://localhost/"}"#),
};

pub(crate) static NEW_LISTENER: Rule = Rule {
    name: "new-listener",
    severity: Warning,
    what: "A node listens: HTTP, TCP, UDP, WebSocket, or a server of another protocol.",
    why: "Whoever can reach it can send it messages.",
    fires: Example::new(r#"{"type": "http in", "url": "/x", "method": "post"}"#),
    quiet: Example::new(
        r#"{"type": "tcp in", "server": "client", "host": "localhost", "port": "1"}"#,
    ),
};

pub(crate) static OPEN_ENDPOINT: Rule = Rule {
    name: "open-endpoint",
    severity: Danger,
    what: "An HTTP endpoint comes, or changes, under a path that policy opens to everyone.",
    why: "Nobody has to log in: whoever reaches the gate can use it.",
    fires: Example::new(r#"{"type": "http in", "url": "/open/order", "method": "post"}"#),
    quiet: Example::new(r#"{"type": "http in", "url": "/opened", "method": "post"}"#),
};

pub(crate) static FILE_ACCESS: Rule = Rule {
    name: "file-access",
    severity: Warning,
    what: "A node reads, writes, deletes or watches files of the machine.",
    why: "Files hold what others rely on, and secrets.",
    fires: Example::new(r#"{"type": "file in", "filename": "/etc/passwd"}"#),
    quiet: Example::change(
        r#"{"type": "file in", "filename": "/data/a", "format": "utf8"}"#,
        r#"{"type": "file in", "filename": "/data/a", "format": "lines"}"#,
    ),
};

pub(crate) static SERIAL: Rule = Rule {
    name: "serial-port",
    severity: Warning,
    what: "A node uses a serial port or another device of the machine it did not use before.",
    why: "What is wired to it is driven by the flow from then on.",
    fires: Example::new(r#"{"type": "serial-port-config", "serialport": "/dev/ttyUSB0"}"#),
    quiet: Example::change(
        r#"{"type": "serial-port-config", "serialport": "/dev/ttyUSB0", "out": "char"}"#,
        r#"{"type": "serial-port-config", "serialport": "/dev/ttyUSB0", "out": "time"}"#,
    ),
};

pub(crate) static PLC_ADDRESS: Rule = Rule {
    name: "plc-address",
    severity: Warning,
    what: "A node reads other addresses of a controller (S7, Modbus, OPC UA, EtherNet/IP and kin).",
    why: "It sees another value than before: a wrong offset looks like a plausible number.",
    fires: Example::change(
        r#"{"type": "modbus-read", "unitid": "1", "dataType": "HoldingRegister", "adr": "40", "quantity": "2"}"#,
        r#"{"type": "modbus-read", "unitid": "1", "dataType": "HoldingRegister", "adr": "41", "quantity": "2"}"#,
    ),
    quiet: Example::change(
        r#"{"type": "modbus-read", "unitid": "1", "adr": "40", "rate": "1"}"#,
        r#"{"type": "modbus-read", "unitid": "1", "adr": "40", "rate": "5"}"#,
    ),
};

pub(crate) static PLC_WRITE: Rule = Rule {
    name: "plc-write",
    severity: Danger,
    what: "A node writes to a controller, or to other addresses of it than before.",
    why: "It moves things: pumps, valves, drives.",
    fires: Example::new(
        r#"{"type": "modbus-write", "unitid": "1", "dataType": "Coil", "adr": "5", "quantity": "1"}"#,
    ),
    quiet: Example::change(
        r#"{"type": "s7 out", "variable": "Pump1", "name": "a"}"#,
        r#"{"type": "s7 out", "variable": "Pump1", "name": "b"}"#,
    ),
};

pub(crate) static TOPIC_WIDENED: Rule = Rule {
    name: "topic-widened",
    severity: Warning,
    what: "A subscription takes in more than before by a wildcard, or everything.",
    why: "Messages that were meant for others start things here.",
    fires: Example::change(
        r#"{"type": "mqtt in", "topic": "site/pump/1"}"#,
        r#"{"type": "mqtt in", "topic": "site/pump/+"}"#,
    ),
    quiet: Example::change(
        r#"{"type": "mqtt in", "topic": "site/#"}"#,
        r#"{"type": "mqtt in", "topic": "site/pump/#"}"#,
    ),
};

pub(crate) static TOPIC: Rule = Rule {
    name: "topic",
    severity: Note,
    what: "A node subscribes or publishes to another topic.",
    why: "It hears others, or others hear it, without a wire that shows it.",
    fires: Example::new(r#"{"type": "mqtt out", "topic": "site/pump/set"}"#),
    quiet: Example::change(
        r#"{"type": "mqtt out", "topic": "site/pump/set", "qos": "0"}"#,
        r#"{"type": "mqtt out", "topic": "site/pump/set", "qos": "1"}"#,
    ),
};

pub(crate) static CONFIG_SWITCHED: Rule = Rule {
    name: "config-switched",
    severity: Warning,
    what: "A node goes through another config node than before: another broker, server, database, port.",
    why: "All it sends and hears is elsewhere, though the node itself looks the same.",
    fires: Example::change(
        r#"[{"id": "a", "type": "mqtt-broker", "name": "test"}, {"id": "b", "type": "mqtt-broker", "name": "live"},
{"type": "mqtt out", "topic": "t", "broker": "a"}]"#,
        r#"[{"id": "a", "type": "mqtt-broker", "name": "test"}, {"id": "b", "type": "mqtt-broker", "name": "live"},
{"type": "mqtt out", "topic": "t", "broker": "b"}]"#,
    ),
    quiet: Example::change(
        r#"{"type": "mqtt out", "topic": "t", "broker": "a"}"#,
        r#"{"type": "mqtt out", "topic": "t", "broker": "b"}"#,
    ),
};

pub(crate) static DATABASE_DROP: Rule = Rule {
    name: "database-drop",
    severity: Danger,
    what: "A database statement drops, empties or alters tables, deletes or updates without a condition, or changes rights.",
    why: "What is gone is gone for everyone who uses the database.",
    fires: Example::new(r#"{"type": "mysql", "sql": "DELETE FROM readings"}"#),
    quiet: Example::new(
        r#"{"type": "mysql", "sql": "SELECT dropped FROM readings -- drop table x"}"#,
    ),
};

pub(crate) static DATABASE_WRITE: Rule = Rule {
    name: "database-write",
    severity: Warning,
    what: "A database statement writes.",
    why: "Others read what it leaves there.",
    fires: Example::new(r#"{"type": "postgresql", "query": "INSERT INTO readings VALUES ($1)"}"#),
    quiet: Example::new(r#"{"type": "postgresql", "query": "SELECT insert_at FROM readings"}"#),
};

pub(crate) static DATABASE_FROM_MESSAGE: Rule = Rule {
    name: "database-from-message",
    severity: Warning,
    what: "A message is put into the text of a database statement, or is the statement.",
    why: "Whoever can send the message can run any statement.",
    fires: Example::new(
        r#"{"type": "postgresql", "query": "SELECT * FROM t WHERE id = '{{ msg.payload }}'"}"#,
    ),
    quiet: Example::new(r#"{"type": "postgresql", "query": "SELECT * FROM t WHERE id = $1"}"#),
};

pub(crate) static RULES: [&Rule; 16] = [
    &TLS_OFF,
    &OPEN_ENDPOINT,
    &PLC_WRITE,
    &DATABASE_DROP,
    &NEW_HOST,
    &NEW_PORT,
    &HOST_FROM_MESSAGE,
    &NEW_LISTENER,
    &FILE_ACCESS,
    &SERIAL,
    &PLC_ADDRESS,
    &TOPIC_WIDENED,
    &CONFIG_SWITCHED,
    &DATABASE_WRITE,
    &DATABASE_FROM_MESSAGE,
    &TOPIC,
];
