//! Flows for tests, as the editor would send them.

use serde_json::{Value, json};

/// A tab.
pub fn tab(id: &str, label: &str) -> Value {
    json!({"id": id, "type": "tab", "label": label, "disabled": false, "info": "", "env": []})
}

/// An http-in node for `GET path`, a function with this body, and the answer: three nodes whose ids
/// begin with `id`.
pub fn endpoint(id: &str, z: &str, path: &str, body: &str) -> Vec<Value> {
    let (function, answer) = (format!("{id}-f"), format!("{id}-r"));
    vec![
        json!({"id": format!("{id}-i"), "type": "http in", "z": z, "name": "", "url": path,
            "method": "get", "upload": false, "swaggerDoc": "", "x": 100, "y": 100,
            "wires": [[function]]}),
        function_node(&function, z, body, &[&answer]),
        json!({"id": answer, "type": "http response", "z": z, "name": "", "statusCode": "",
            "headers": {}, "x": 500, "y": 100, "wires": []}),
    ]
}

/// A function node.
pub fn function_node(id: &str, z: &str, body: &str, to: &[&str]) -> Value {
    json!({"id": id, "type": "function", "z": z, "name": id, "func": body, "outputs": 1,
        "timeout": 0, "noerr": 0, "initialize": "", "finalize": "", "libs": [],
        "x": 300, "y": 100, "wires": [to]})
}

/// An inject node.
pub fn inject(id: &str, z: &str, to: &[&str]) -> Value {
    json!({"id": id, "type": "inject", "z": z, "name": id,
        "props": [{"p": "payload"}], "repeat": "", "crontab": "", "once": false,
        "onceDelay": 0.1, "topic": "", "payload": "hello", "payloadType": "str",
        "x": 100, "y": 200, "wires": [to]})
}

/// A debug node.
pub fn debug(id: &str, z: &str) -> Value {
    json!({"id": id, "type": "debug", "z": z, "name": id, "active": true, "tosidebar": true,
        "console": false, "tostatus": false, "complete": "payload", "targetType": "msg",
        "statusVal": "", "statusType": "auto", "x": 300, "y": 200, "wires": []})
}

/// A tab with one endpoint on it that answers with `text`.
pub fn greeting(path: &str, text: &str) -> Value {
    let mut flows = vec![tab("t1", "Greeting")];
    let body = format!(
        "msg.payload = {}; return msg;",
        Value::String(text.to_owned())
    );
    flows.extend(endpoint("g", "t1", path, &body));
    Value::Array(flows)
}

/// A tab with one endpoint that runs hostile code with the whole process in its hands, and answers
/// with what became of it.
///
/// A function node's sandbox is no wall (Node.js says so of `vm`): `process` is one constructor
/// away, as every attacker knows. `code` is the body of an async function with `process` and
/// `require` and gives what the endpoint answers with.
pub fn hostile(path: &str, code: &str) -> Value {
    let body = format!(
        "const process = msg.constructor.constructor('return process')();\n\
         const require = process.mainModule.require('module')\
           .createRequire(process.mainModule.filename);\n\
         const attempt = async (what) => {{ try {{ return {{done: await what()}}; }}\n\
           catch (e) {{ return {{failed: String(e.code || e.message || e)}}; }} }};\n\
         const outcome = await attempt(async () => {{ {code} }});\n\
         msg.payload = outcome; msg.headers = {{'content-type': 'application/json'}};\n\
         return msg;"
    );
    let mut flows = vec![tab("evil", "Evil")];
    flows.extend(endpoint("e", "evil", path, &body));
    Value::Array(flows)
}
