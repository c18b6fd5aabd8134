//! Brings a package of `packages/` to where it attacks.

use std::{collections::BTreeMap, fs, path::Path};

use serde_json::{Value, json};
use testkit::{Browser, Client, Person, Redkeep, flows};

fn read(package: &str, file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("attacks/packages")
        .join(package)
        .join(file);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The script of a plugin's page part.
pub(crate) fn page_script(package: &str, file: &str) -> String {
    let page = read(package, file);
    let (_, rest) = page
        .split_once("<script type=\"text/javascript\">")
        .expect("a script");
    rest.split("</script>").next().expect("a script").to_owned()
}

/// A person with the editor open in a browser.
pub(crate) async fn in_the_editor(redkeep: &Redkeep, person: &Person) -> Browser {
    let browser = Browser::open().await;
    browser.goto(&format!("{}/", redkeep.editor())).await;
    browser.sign_in(&person.name, &person.password, None).await;
    browser.editor_loaded(redkeep).await;
    browser
}

/// What one attempt of the intruder gave: each try by name, `done …` or the error's code.
pub(crate) type Outcomes = BTreeMap<String, String>;

/// Has the intruder's node make one of its attempts in Node-RED's process, by an approved flow.
pub(crate) async fn intrude(
    redkeep: &Redkeep,
    author: &Client,
    attempt: &str,
    argument: &Value,
) -> Outcomes {
    let intruder = read("node-red-contrib-intruder", "intruder.js");
    let body = format!(
        "const process = msg.constructor.constructor('return process')();\n\
         const require = process.mainModule.require('module')\
           .createRequire(process.mainModule.filename);\n\
         const {{ Buffer, setTimeout }} = process.mainModule.require('vm')\
           .runInThisContext('({{ Buffer, setTimeout }})');\n\
         const module = {{ exports: {{}} }};\n\
         {intruder}\n\
         msg.payload = await module.exports.attempts[{attempt}]({{require, process}}, {argument});\n\
         return msg;",
        attempt = json!(attempt),
    );
    let mut carrier = vec![flows::tab("evil", "Evil")];
    carrier.extend(flows::endpoint("e", "evil", "/attack", &body));
    redkeep.run_flows(author, &Value::Array(carrier)).await;
    let answer = redkeep.endpoint(author, "/attack").await;
    serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{error}: {answer}"))
}

/// Fails if any try but these went through; and if it was never tried at all.
#[track_caller]
pub(crate) fn all_failed(outcomes: &Outcomes, harmless: &[&str]) {
    assert!(!outcomes.is_empty(), "nothing was tried");
    let through: Vec<_> = outcomes
        .iter()
        .filter(|(name, how)| how.starts_with("done") && !harmless.contains(&name.as_str()))
        .collect();
    assert!(
        through.is_empty(),
        "these went through: {through:#?}\nof {outcomes:#?}"
    );
    // A mistake of the attacker's own is no defence.
    let broken = [
        "is not defined",
        "is not a function",
        "Cannot find module",
        "MODULE_NOT_FOUND",
    ];
    let broken = outcomes
        .iter()
        .find(|(_, how)| broken.iter().any(|it| how.contains(it)));
    assert!(broken.is_none(), "the attack itself is broken: {broken:?}");
}
