//! What types look like where nothing is known of their package: Node-RED's own colours, and simple
//! glyphs of ours in place of its icons.

/// A type's looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Looks {
    /// Its colour, `#rrggbb`.
    pub(super) colour: &'static str,
    /// The glyph, as a path to be stroked in a 30 × 30 field.
    pub(super) glyph: &'static str,
}

const ARROW: &str = "M8 15h12M15 10l5 5-5 5";
const LINES: &str = "M9 10h12M9 15h12M9 20h8";
const ALERT: &str = "M15 8l7.5 13h-15zM15 13v4M15 19v.1";
const PULSE: &str = "M7 15h4l2-5 4 10 2-5h4";
const LINK_IN: &str = "M8 15h9M13 11l4 4-4 4M21 10v10";
const LINK_OUT: &str = "M9 10v10M12 15h9M17 11l4 4-4 4";
const BUBBLE: &str = "M8 9h14v9h-8l-3 4v-4H8z";
const FUNCTION: &str = "M19 9c-3-1-4 .5-4.4 3L13 20c-.4 2-1.5 2.8-4 2M11 14h7";
const BRANCH: &str = "M8 15h4l4-5h6M12 15l4 5h6";
const SWAP: &str = "M8 12h13l-3-3M22 18H9l3 3";
const SCALE: &str = "M9 9v12M21 11v8M12 15h6M16 13l2 2-2 2";
const BRACES: &str = "M12 8c-3.5 0-.5 6-4 7 3.5 1 .5 7 4 7M18 8c3.5 0 .5 6 4 7-3.5 1-.5 7-4 7";
const CLOCK: &str = "M15 8a7 7 0 1 0 .01 0zM15 11v4l3 2";
const STEP: &str = "M8 20h5V10h5v10h4";
const COG: &str = "M15 12a3 3 0 1 0 .01 0zM15 8v2M15 20v2M8 15h2M20 15h2M10 10l1.5 1.5M18.5 18.5L20 20M20 10l-1.5 1.5M11.5 18.5L10 20";
const FUNNEL: &str = "M8 9h14l-5 7v6l-4-2v-4z";
const WAVES: &str = "M9 9a12 12 0 0 1 12 12M9 14a7 7 0 0 1 7 7M10 20v.1";
const GLOBE: &str = "M15 8a7 7 0 1 0 .01 0zM8 15h14M15 8c-4 4-4 10 0 14M15 8c4 4 4 10 0 14";
const PLUGS: &str = "M8 15h5M17 15h5M13 11v8M17 11v8";
const FILE: &str = "M10 8h7l4 4v10H10zM17 8v4h4";
const EYE: &str = "M7 15c4-7 12-7 16 0-4 7-12 7-16 0zM15 13a2 2 0 1 0 .01 0z";
const TAGS: &str = "M12 10l-5 5 5 5M18 10l5 5-5 5";
const FORK: &str = "M8 15h5M13 9v12M13 9h8M13 15h8M13 21h8";
const JOIN: &str = "M22 15h-5M17 9v12M17 9H9M17 15H9M17 21H9";
const SORT: &str = "M9 9h4M9 13h7M9 17h10M9 21h13";
const BATCH: &str = "M8 10h4v4H8zM8 17h4v4H8zM15 12h7M15 19h7";
const BOXES: &str = "M8 9h7v5H8zM15 16h7v5h-7zM11 14v4h4";
const GAUGE: &str = "M8 20a7 7 0 1 1 14 0M15 20l4-5";
const CYLINDER: &str = "M9 11c0-3 12-3 12 0s-12 3-12 0v8c0 3 12 3 12 0v-8";
const LETTER: &str = "M8 10h14v10H8zM8 10l7 6 7-6";
const SQUARE: &str = "M11 11h8v8h-8z";

/// The looks of `kind`. Types that are not in Node-RED's core get the colour most of their kin
/// have, or a neutral one.
pub(super) fn looks(kind: &str) -> Looks {
    let (colour, glyph) = core(kind).unwrap_or_else(|| kin(kind));
    Looks { colour, glyph }
}

fn core(kind: &str) -> Option<(&'static str, &'static str)> {
    Some(match kind {
        "inject" => ("#a6bbcf", ARROW),
        "debug" => ("#87a980", LINES),
        "complete" => ("#c0edc0", ALERT),
        "catch" => ("#e49191", ALERT),
        "status" => ("#94c1d0", PULSE),
        "link in" | "link call" => ("#dddddd", LINK_IN),
        "link out" => ("#dddddd", LINK_OUT),
        "comment" => ("#ffffff", BUBBLE),
        "unknown" => ("#ffeeee", SQUARE),
        "function" => ("#fdd0a2", FUNCTION),
        "switch" => ("#e2d96e", BRANCH),
        "change" => ("#e2d96e", SWAP),
        "range" => ("#e2d96e", SCALE),
        "rbe" => ("#e2d96e", FUNNEL),
        "split" => ("#e2d96e", FORK),
        "join" => ("#e2d96e", JOIN),
        "sort" => ("#e2d96e", SORT),
        "batch" => ("#e2d96e", BATCH),
        "template" => ("#f3b567", BRACES),
        "delay" => ("#e6e0f8", CLOCK),
        "trigger" => ("#e6e0f8", STEP),
        "exec" => ("#e9967a", COG),
        "mqtt in" | "mqtt out" => ("#d8bfd8", WAVES),
        "http in" | "http response" | "http request" => ("#e7e7ae", GLOBE),
        "websocket in" | "websocket out" => ("#d7d7a0", GLOBE),
        "tcp in" | "tcp out" | "tcp request" | "udp in" | "udp out" => ("#c0c0c0", PLUGS),
        "file" | "file in" => ("#deb887", FILE),
        "watch" => ("#deb887", EYE),
        "csv" | "html" | "json" | "xml" | "yaml" => ("#debd5c", TAGS),
        _ => return None,
    })
}

fn kin(kind: &str) -> (&'static str, &'static str) {
    let has = |words: &[&str]| words.iter().any(|word| kind.contains(word));
    if kind.starts_with("subflow:") {
        ("#ddaa99", BOXES)
    } else if kind.starts_with("ui_") || kind.starts_with("ui-") {
        ("#3fadb5", GAUGE)
    } else if has(&["sql", "influx", "mongo", "redis", "postgres", "database"]) {
        ("#e97b00", CYLINDER)
    } else if has(&["mail", "telegram", "slack", "pushover"]) {
        ("#c7e9c0", LETTER)
    } else if has(&["modbus", "s7 ", "opcua", "OpcUa", "serial", "rpi", "gpio"]) {
        ("#e9967a", PLUGS)
    } else if has(&["cron", "schedule", "timer", "sun"]) {
        ("#e6e0f8", CLOCK)
    } else {
        ("#d9dde2", SQUARE)
    }
}

#[cfg(test)]
mod tests {
    use model::palette::Colour;

    use super::*;

    #[test]
    fn every_type_has_looks() {
        for kind in [
            "inject",
            "subflow:x",
            "ui_button",
            "mysql",
            "anything else",
            "",
        ] {
            let colour = looks(kind).colour;
            let read = Colour::read(colour).map(|it| it.to_string());
            assert_eq!(read.as_deref(), Some(colour));
        }
    }
}
