use super::*;

fn load(toml: &str) -> anyhow::Result<Config> {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("redkeep.toml"), toml).unwrap();
    Config::load(dir.path().to_owned(), Overrides::default())
}

#[test]
fn nothing_set_gives_one_instance_on_loopback() {
    let config = load("").unwrap();
    assert_eq!(config.instances.len(), 1);
    assert!(config.instances[0].listen.ip().is_loopback());
    assert_ne!(
        config.name, config.console_name,
        "the origins must not share a host name"
    );
}

#[test]
fn an_unknown_key_is_named() {
    let error = format!("{:#}", load("lisen = \"127.0.0.1:1\"").unwrap_err());
    assert!(
        error.contains("lisen") && error.contains("redkeep.toml"),
        "{error}"
    );
}

#[test]
fn instances_need_addresses_of_their_own() {
    assert!(load("[instance.a]\n[instance.b]\n").is_err());
    let same = "[instance.a]\nlisten=\"127.0.0.1:9000\"\n[instance.b]\nlisten=\"127.0.0.1:9000\"\n";
    assert!(load(same).is_err());
    let own = "[instance.a]\n[instance.b]\nlisten=\"127.0.0.1:9001\"\nnode_red=\"4\"\n";
    assert_eq!(load(own).unwrap().instances.len(), 2);
}

#[test]
fn a_name_cannot_carry_anything_else() {
    for bad in ["a b", "A", "a/b", "", "-a", "a;b", "a\\nb"] {
        assert!(load(&format!("name = \"{bad}\"")).is_err(), "{bad:?}");
    }
}

#[test]
fn the_schema_names_every_key_and_no_other() {
    let schema: serde_json::Value =
        serde_json::from_str(include_str!("../../../../docs/configuration.schema.json")).unwrap();
    // serde names the keys it knows when it refuses one it does not.
    let known = |toml: &str| {
        let refused = toml::from_str::<File>(toml).unwrap_err().to_string();
        let mut names: Vec<String> = refused
            .split('`')
            .skip(3)
            .step_by(2)
            .map(Into::into)
            .collect();
        names.sort();
        names
    };
    let named = |pointer: &str| {
        let keys = schema
            .pointer(pointer)
            .and_then(|it| it.as_object())
            .unwrap()
            .keys();
        let mut names: Vec<String> = keys.cloned().collect();
        names.sort();
        names
    };
    assert_eq!(known("nonsense = 1"), named("/properties"));
    assert_eq!(
        known("[tls]\nnonsense = 1"),
        named("/properties/tls/properties")
    );
    assert_eq!(
        known("[watch]\nnonsense = 1"),
        named("/properties/watch/properties")
    );
    assert_eq!(
        known("[proxies]\nnonsense = 1"),
        named("/properties/proxies/properties")
    );
    assert_eq!(
        known("[keep]\nnonsense = 1"),
        named("/properties/keep/properties")
    );
    assert_eq!(
        known("[login]\nnonsense = 1"),
        named("/properties/login/properties")
    );
    assert_eq!(
        known("[[oidc]]\nnonsense = 1"),
        named("/properties/oidc/items/properties")
    );
    let instance = "/properties/instance/additionalProperties/properties";
    assert_eq!(known("[instance.main]\nnonsense = 1"), named(instance));
}

#[test]
fn proxies_are_trusted_only_by_name_and_in_one_way() {
    let decided = |toml: &str| toml::from_str::<File>(toml).unwrap().proxies.decide();
    assert_eq!(decided("").unwrap(), gate::Proxies::default());
    let some = decided("[proxies]\ntrusted = [\"10.0.0.5\"]\nspeaks = \"forwarded\"").unwrap();
    assert_eq!(some.trusted[0].to_string(), "10.0.0.5/32");
    assert_eq!(some.speaks, gate::Speaks::Forwarded);
    for bad in [
        "[proxies]\ntrusted = [\"10.0.0.5\"]",
        "[proxies]\ntrusted = [\"proxy.example\"]\nspeaks = \"proxy\"",
    ] {
        assert!(decided(bad).is_err(), "{bad}");
    }
}
