//! A node looks for Redkeep's data, keys and secrets, by every path it can think of.

use serde_json::json;
use testkit::Redkeep;

use crate::package::intrude;

#[tokio::test(flavor = "multi_thread")]
async fn a_node_cannot_read_redkeeps_data_and_keys() {
    let redkeep = Redkeep::up().await;
    let author = redkeep.author().await;
    let data = redkeep.path();
    for secret in ["redkeep.db", "keys", "tls", "run/control.sock"] {
        assert!(
            data.join(secret).exists(),
            "{secret} is not where the attack looks for it"
        );
    }
    let outcomes = intrude(&redkeep, &author, "read_secrets", &json!(data)).await;
    let secrets = [
        "redkeep.db",
        "redkeep.db-wal",
        "keys",
        "keys/master",
        "tls",
        "tls/authority.json",
        "run",
        "run/control.sock",
        "redkeep.lock",
        "shadow",
        "home",
    ];
    for secret in secrets {
        let how = &outcomes[secret];
        let is_empty = how == "done " || how == "done 0";
        assert!(
            !how.starts_with("done") || is_empty,
            "{secret}: {how}\n{outcomes:#?}"
        );
    }
    for (name, how) in &outcomes {
        let leads_out = name.starts_with("/proc/") && !name.ends_with("/maps");
        assert!(!leads_out, "another process is open to it: {name}: {how}");
    }
    assert_eq!(
        outcomes["credential_secret"], "none",
        "there is no secret to steal in the jail"
    );
    for name in outcomes["environment"].split(',') {
        assert!(
            !name.contains("REDKEEP"),
            "Redkeep's environment is passed on: {name}"
        );
    }
}
