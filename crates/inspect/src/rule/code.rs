//! Code: what runs inside Node-RED or beside it.

use model::flow::finding::Severity::{Danger, Note, Warning};

use super::{Example, Rule};

pub(crate) static COMMAND: Rule = Rule {
    name: "exec-command",
    severity: Danger,
    what: "A node whose purpose is to run commands or programs comes, or changes what it runs.",
    why: "The command runs on the machine with all rights of Node-RED.",
    fires: Example::new(r#"{"type": "exec", "command": "reboot"}"#),
    quiet: Example::change(
        r#"{"type": "exec", "command": "date", "name": "now"}"#,
        r#"{"type": "exec", "command": "date", "name": "today"}"#,
    ),
};

pub(crate) static FUNCTION: Rule = Rule {
    name: "function-code",
    severity: Warning,
    what: "JavaScript comes or changes.",
    why: "It runs inside Node-RED and can do whatever Node-RED can.",
    fires: Example::change(
        r#"{"type": "function", "func": "return msg;"}"#,
        r#"{"type": "function", "func": "return null;"}"#,
    ),
    quiet: Example::new(r#"{"type": "function", "func": "\n// nothing yet\nreturn msg;"}"#),
};

pub(crate) static LOADS: Rule = Rule {
    name: "code-loads",
    severity: Danger,
    what: "Code loads a module by itself, or gets hold of a loader.",
    why: "With a loader, code reaches commands, files and the network of the machine.",
    fires: Example::new(
        r#"{"type": "function", "func": "const fs = global.get('require')('fs'); const p = require('child_process'); return msg;"}"#,
    ),
    quiet: Example::new(r#"{"type": "function", "func": "msg.require = 1; return msg;"}"#),
};

pub(crate) static PROCESS: Rule = Rule {
    name: "code-process",
    severity: Danger,
    what: "Code touches Node.js' own process.",
    why: "It can end Node-RED, read its whole environment, or change how it runs.",
    fires: Example::new(r#"{"type": "function", "func": "process.exit(1);"}"#),
    quiet: Example::new(
        r#"{"type": "function", "func": "// process the data\nmsg.process = 1; return msg;"}"#,
    ),
};

pub(crate) static ESCAPE: Rule = Rule {
    name: "code-escape",
    severity: Danger,
    what: "Code reaches for what lies outside a function node's sandbox.",
    why: "Past it, the code has all rights of Node-RED. Ordinary code has no reason to.",
    fires: Example::new(
        r#"{"type": "function", "func": "msg.constructor.constructor('return 1')(); return msg;"}"#,
    ),
    quiet: Example::new(r#"{"type": "function", "func": "msg.kind = 'constructor'; return msg;"}"#),
};

pub(crate) static DYNAMIC: Rule = Rule {
    name: "code-dynamic",
    severity: Danger,
    what: "Code makes code out of text, or runs compiled code or workers.",
    why: "What runs is not what stands here to be read.",
    fires: Example::new(r#"{"type": "function", "func": "eval(msg.payload); return msg;"}"#),
    quiet: Example::new(
        r#"{"type": "function", "func": "msg.evaluation = JSON.parse(msg.payload); return msg;"}"#,
    ),
};

pub(crate) static HIDES: Rule = Rule {
    name: "code-hides",
    severity: Danger,
    what: "Code writes names so that a search does not find them, or looks as if it was not to be read.",
    why: "Somebody did not want it to be found.",
    fires: Example::new(r#"{"type": "function", "func": "pro\\u0063ess.exit();"}"#),
    quiet: Example::new(r#"{"type": "function", "func": "msg.unit = '\\u00b0C'; return msg;"}"#),
};

pub(crate) static MACHINE: Rule = Rule {
    name: "code-machine",
    severity: Danger,
    what: "Code runs commands or touches files of the machine.",
    why: "It does so with all rights of Node-RED.",
    fires: Example::new(
        r#"{"type": "function", "libs": [{"var": "fs", "module": "fs"}], "func": "fs.writeFileSync('/etc/crontab', msg.payload); return msg;"}"#,
    ),
    quiet: Example::new(
        r#"{"type": "function", "func": "const fs = msg.fs; fs.writeFile('/x', 1); return msg;"}"#,
    ),
};

pub(crate) static NETWORK: Rule = Rule {
    name: "code-network",
    severity: Warning,
    what: "Code talks to the network or listens on it.",
    why: "Data can leave, and commands come in, past the nodes that are drawn.",
    fires: Example::new(
        r#"{"type": "function", "libs": [{"var": "http", "module": "http"}], "func": "http.get('http://198.51.100.7/x'); return msg;"}"#,
    ),
    quiet: Example::new(r#"{"type": "function", "func": "msg.http = {get: 1}; return msg;"}"#),
};

pub(crate) static ENVIRONMENT: Rule = Rule {
    name: "code-environment",
    severity: Note,
    what: "Code reads or changes environment variables.",
    why: "Secrets are often kept there.",
    fires: Example::new(
        r#"{"type": "function", "func": "msg.key = env.get('API_KEY'); return msg;"}"#,
    ),
    quiet: Example::new(r#"{"type": "function", "func": "msg.env = 1; return msg;"}"#),
};

pub(crate) static CREDENTIALS: Rule = Rule {
    name: "code-credentials",
    severity: Warning,
    what: "Code reads credentials.",
    why: "From code they can be sent or logged anywhere.",
    fires: Example::new(
        r#"{"type": "function", "func": "msg.x = node.credentials.password; return msg;"}"#,
    ),
    quiet: Example::new(r#"{"type": "function", "func": "msg.text = 'credentials'; return msg;"}"#),
};

pub(crate) static CONTEXT: Rule = Rule {
    name: "code-context",
    severity: Note,
    what: "Code reads or writes context that other nodes share.",
    why: "Whoever else uses these names depends on it, without a wire that shows it.",
    fires: Example::new(
        r#"{"type": "function", "func": "global.set('limit', msg.payload); return msg;"}"#,
    ),
    quiet: Example::new(
        r#"{"type": "function", "func": "context.set('n', 1); msg.global = 1; return msg;"}"#,
    ),
};

pub(crate) static ENDLESS: Rule = Rule {
    name: "code-endless",
    severity: Warning,
    what: "Code has a loop with no way out, or a timer that is never stopped.",
    why: "A loop without end halts all of Node-RED; timers pile up with each deployment.",
    fires: Example::new(r#"{"type": "function", "func": "while (true) { msg.n++; }"}"#),
    quiet: Example::new(
        r#"{"type": "function", "func": "while (true) { if (msg.n++ > 3) break; } return msg;"}"#,
    ),
};

pub(crate) static UNREAD: Rule = Rule {
    name: "code-unread",
    severity: Danger,
    what: "Code is so long or so deeply nested that it was not read to its end, or is no text.",
    why: "What it does is not known, and nobody writes such code by hand.",
    fires: Example::new(r#"{"type": "function", "func": "return ⟨3000 × (⟩1;"}"#),
    quiet: Example::new(r#"{"type": "function", "func": "return ((((1))));"}"#),
};

pub(crate) static BROKEN: Rule = Rule {
    name: "code-broken",
    severity: Warning,
    what: "Code is not JavaScript.",
    why: "The node will not start; and what cannot be read cannot be reviewed.",
    fires: Example::new(r#"{"type": "function", "func": "retrun msg payload;"}"#),
    quiet: Example::new(r#"{"type": "function", "func": "msg.a = 1; return msg;"}"#),
};

pub(crate) static MODULES: Rule = Rule {
    name: "function-modules",
    severity: Danger,
    what: "A function node asks Node-RED to load modules.",
    why: "Node-RED would install them from outside, and their install scripts and code run with all its rights.",
    fires: Example::new(
        r#"{"type": "function", "libs": [{"var": "x", "module": "left-pad@file:/x"}]}"#,
    ),
    quiet: Example::new(r#"{"type": "function", "libs": []}"#),
};

pub(crate) static PAGE_SCRIPT: Rule = Rule {
    name: "page-script",
    severity: Warning,
    what: "A template or another text holds script for a page.",
    why: "It runs in the browser of whoever opens that page, with what they may do there.",
    fires: Example::new(
        r#"{"type": "ui_template", "format": "<button onclick=\"send()\">go</button><SCRIPT>alert(1)</SCRIPT>"}"#,
    ),
    quiet: Example::new(r#"{"type": "ui_template", "format": "<b>script</b>"}"#),
};

pub(crate) static JSONATA: Rule = Rule {
    name: "jsonata",
    severity: Note,
    what: "A JSONata expression comes or changes.",
    why: "It is a small program that sees the message, the context and the environment.",
    fires: Example::new(
        r#"{"type": "change", "rules": [{"t": "set", "p": "payload", "to": "$sum(payload)", "tot": "jsonata"}]}"#,
    ),
    quiet: Example::new(
        r#"{"type": "change", "rules": [{"t": "set", "p": "payload", "to": "jsonata", "tot": "str"}]}"#,
    ),
};

pub(crate) static JSONATA_REACH: Rule = Rule {
    name: "jsonata-reach",
    severity: Warning,
    what: "A JSONata expression makes code out of text, reads the environment, or reads shared context.",
    why: "`$eval` runs what the message says; secrets are often kept in the environment.",
    fires: Example::new(
        r#"{"type": "inject", "payload": "$env('SECRET') & $eval(payload)", "payloadType": "jsonata"}"#,
    ),
    quiet: Example::new(
        r#"{"type": "inject", "payload": "\"see $env in the manual\"", "payloadType": "jsonata"}"#,
    ),
};

pub(crate) static RULES: [&Rule; 19] = [
    &COMMAND,
    &LOADS,
    &PROCESS,
    &ESCAPE,
    &DYNAMIC,
    &HIDES,
    &MACHINE,
    &UNREAD,
    &MODULES,
    &NETWORK,
    &CREDENTIALS,
    &ENDLESS,
    &BROKEN,
    &FUNCTION,
    &PAGE_SCRIPT,
    &JSONATA_REACH,
    &JSONATA,
    &ENVIRONMENT,
    &CONTEXT,
];
