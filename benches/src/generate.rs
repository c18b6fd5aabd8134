//! Flows as they are found at sites, by number: the same number gives the same text.
//!
//! Tabs of 45 entries with inject, function, change, switch, mqtt, debug and link nodes and
//! instances of subflows, in groups; brokers and subflows beside them; about 410 bytes an entry. In
//! the second version one entry of a hundred differs: three quarters edits, a tenth moves, the rest
//! comes or goes.

use std::fmt::Write as _;

/// Which of the two versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// What runs.
    First,
    /// What is proposed.
    Second,
}

/// Entries of a tab, itself included.
pub const TAB: u64 = 45;
/// Brokers of every flow.
const BROKERS: u64 = 16;

/// A small generator of numbers (xorshift), the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

/// What happens to a node in the second version.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Stays,
    Edited,
    Moved,
    Doubled,
    Gone,
}

impl Fate {
    fn of(version: Version, dice: &mut Dice) -> Self {
        let roll = dice.roll(10_000);
        match (version, roll) {
            (Version::First, _) | (_, 100..) => Self::Stays,
            (Version::Second, 0..75) => Self::Edited,
            (Version::Second, 75..85) => Self::Moved,
            (Version::Second, 85..93) => Self::Doubled,
            (Version::Second, _) => Self::Gone,
        }
    }
}

/// A flow of `count` entries with tabs of `tab` entries (at least three); [`TAB`] is the usual.
pub fn flow(count: u64, tab: u64, version: Version) -> String {
    let mut out = String::with_capacity(usize::try_from(count * 440).unwrap_or(0));
    out.push('[');
    for broker in 0..BROKERS {
        put(
            &mut out,
            format_args!(
                r#"{{"id":"cafe0000000000{broker:02x}","type":"mqtt-broker","name":"line {broker}","broker":"broker{broker}.plant.example","port":"8883","tls":"","clientid":"","autoConnect":true,"usetls":true,"protocolVersion":"5","keepalive":"60","cleansession":true,"birthTopic":"","birthPayload":"","closeTopic":"","willTopic":"","willPayload":"","userProps":"","sessionExpiry":""}}"#
            ),
        );
    }
    let subflows = count / 1000 + 1;
    for subflow in 0..subflows {
        add_subflow(&mut out, subflow);
    }
    let mut dice = Dice(20_261_120);
    let first = BROKERS + 3 * subflows;
    for number in 0..count.saturating_sub(first) {
        let frame = number / tab;
        match number % tab {
            0 => put(
                &mut out,
                format_args!(
                    r#"{{"id":"7ab{frame:013x}","type":"tab","label":"Line {frame}","disabled":false,"info":"Line {frame} of the plant: what is measured, limited and reported.","env":[]}}"#
                ),
            ),
            1 => put(
                &mut out,
                format_args!(
                    r##"{{"id":"9e0{frame:013x}","type":"group","z":"7ab{frame:013x}","name":"Measure","style":{{"label":true,"stroke":"#999999","fill":"none"}},"nodes":["{:016x}","{:016x}","{:016x}"],"x":74,"y":39,"w":692,"h":142}}"##,
                    number + 1,
                    number + 2,
                    number + 3
                ),
            ),
            place => {
                let node = Node {
                    number,
                    place,
                    frame,
                    subflow: number % subflows,
                    tab,
                };
                match Fate::of(version, &mut dice) {
                    Fate::Stays => node.write(&mut out, number, 0, 0),
                    Fate::Edited => node.write(&mut out, number, 1, 0),
                    Fate::Moved => node.write(&mut out, number, 0, 20),
                    Fate::Doubled => {
                        node.write(&mut out, number, 0, 0);
                        node.write(&mut out, number + 0xadd_0000_0000, 0, 30);
                    }
                    Fate::Gone => {}
                }
            }
        }
    }
    out.push(']');
    out
}

fn put(out: &mut String, entry: std::fmt::Arguments<'_>) {
    if !out.ends_with('[') {
        out.push(',');
    }
    out.write_fmt(entry).expect("a String takes everything");
}

fn add_subflow(out: &mut String, number: u64) {
    put(
        out,
        format_args!(
            r##"{{"id":"5bf{number:013x}","type":"subflow","name":"Smooth {number}","info":"","category":"","in":[{{"x":60,"y":80,"wires":[{{"id":"5bfa{number:012x}"}}]}}],"out":[{{"x":520,"y":80,"wires":[{{"id":"5bfb{number:012x}","port":0}}]}}],"env":[{{"name":"WINDOW","type":"num","value":"10"}}],"meta":{{}},"color":"#DDAA99"}}"##
        ),
    );
    for (letter, next) in [
        ("a", format!(r#"["5bfb{number:012x}"]"#)),
        ("b", "[]".to_owned()),
    ] {
        put(
            out,
            format_args!(
                r#"{{"id":"5bf{letter}{number:012x}","type":"function","z":"5bf{number:013x}","name":"","func":"const kept = context.get('kept') || [];\nkept.push(msg.payload);\nwhile (kept.length > env.get('WINDOW')) kept.shift();\ncontext.set('kept', kept);\nreturn msg;","outputs":1,"timeout":0,"noerr":0,"initialize":"","finalize":"","libs":[],"x":200,"y":80,"wires":[{next}]}}"#
            ),
        );
    }
}

/// A node on a tab.
struct Node {
    number: u64,
    place: u64,
    frame: u64,
    subflow: u64,
    tab: u64,
}

impl Node {
    fn write(&self, out: &mut String, id: u64, edit: u64, shift: u64) {
        let number = self.number;
        let (kind, body) = self.properties(edit);
        let group = match self.place {
            2..5 => format!(r#","g":"9e0{:013x}""#, self.frame),
            _ => String::new(),
        };
        let wires = match (kind.as_str(), self.place + 1 == self.tab) {
            ("debug" | "mqtt out" | "link out", _) => "[]".to_owned(),
            (_, true) => "[[]]".to_owned(),
            ("switch", _) => format!(r#"[["{:016x}"],["{:016x}"]]"#, number + 1, number + 2),
            _ => format!(r#"[["{:016x}"]]"#, number + 1),
        };
        put(
            out,
            format_args!(
                r#"{{"id":"{id:016x}","type":"{kind}","z":"7ab{:013x}"{group},"name":"{kind} {number}",{body},"x":{},"y":{},"wires":{wires}}}"#,
                self.frame,
                120 + 160 * (self.place % 9) + shift,
                80 + 60 * (self.place / 9),
            ),
        );
    }

    /// The type and what belongs to it: one third are functions.
    fn properties(&self, edit: u64) -> (String, String) {
        let number = self.number;
        let kind = match number % 12 {
            0 => "inject",
            1 | 3 | 5 | 8 => "function",
            2 | 10 => "change",
            4 => "switch",
            6 => "debug",
            7 => "mqtt in",
            9 => "mqtt out",
            _ if number % 24 == 11 => "link out",
            _ => "subflow",
        };
        let body = match kind {
            "inject" => format!(
                r#""props":[{{"p":"payload"}},{{"p":"topic","vt":"str"}}],"repeat":"{}","crontab":"","once":false,"onceDelay":0.1,"topic":"line/{number}/tick","payload":"","payloadType":"date""#,
                10 + edit
            ),
            "function" => format!(
                r#""func":"// step {number}: keep what is above the limit\nconst value = Number(msg.payload.value) * {};\nif (Number.isNaN(value)) {{\n    node.warn('no number from ' + msg.topic);\n    return null;\n}}\nif (value > {}) {{\n    node.status({{ fill: 'red', text: 'high' }});\n}}\nmsg.payload = {{ value, unit: 'kPa', at: Date.now(), step: {number} }};\nreturn msg;","outputs":1,"timeout":0,"noerr":0,"initialize":"","finalize":"","libs":[]"#,
                2 + edit,
                number % 500
            ),
            "change" => format!(
                r#""rules":[{{"t":"set","p":"payload.level","pt":"msg","to":"{edit}","tot":"num"}},{{"t":"set","p":"topic","pt":"msg","to":"line {number}","tot":"str"}},{{"t":"delete","p":"payload.raw","pt":"msg"}}],"action":"","property":"","from":"","to":"","reg":false"#
            ),
            "switch" => format!(
                r#""property":"payload.value","propertyType":"msg","rules":[{{"t":"gte","v":"{}","vt":"num"}},{{"t":"else"}}],"checkall":"true","repair":false,"outputs":2"#,
                50 + edit
            ),
            "debug" => format!(
                r#""active":{},"tosidebar":true,"console":false,"tostatus":false,"complete":"payload","targetType":"msg","statusVal":"","statusType":"auto""#,
                edit == 0
            ),
            "mqtt in" => format!(
                r#""topic":"plant/{edit}/line/{number}/state","qos":"2","datatype":"auto-detect","broker":"cafe0000000000{:02x}","nl":false,"rap":true,"rh":0,"inputs":0"#,
                number % BROKERS
            ),
            "mqtt out" => format!(
                r#""topic":"plant/{edit}/line/{number}/level","qos":"1","retain":"false","respTopic":"","contentType":"","userProps":"","correl":"","expiry":"","broker":"cafe0000000000{:02x}""#,
                number % BROKERS
            ),
            "link out" => format!(r#""mode":"link","links":["{:016x}"]"#, number + 1 + edit),
            _ => format!(
                r#""env":[{{"name":"WINDOW","type":"num","value":"{}"}}]"#,
                5 + edit
            ),
        };
        let kind = match kind {
            "subflow" => format!("subflow:5bf{:013x}", self.subflow),
            kind => kind.to_owned(),
        };
        (kind, body)
    }
}
