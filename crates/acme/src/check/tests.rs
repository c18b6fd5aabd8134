use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

use super::*;

const NOW: Timestamp = Timestamp(1_800_000_000_000);
const DAY: i64 = 24 * 3600;

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

fn authority(name: &str) -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let key = KeyPair::generate().unwrap();
    let pem = params.self_signed(&key).unwrap().pem();
    Authority {
        issuer: Issuer::new(params, key),
        pem,
    }
}

/// A leaf good from `days.0` to `days.1`, and its key.
fn leaf(by: &Authority, names: &[&str], days: (i64, i64)) -> (String, String) {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    let at = |day: i64| {
        let seconds = u64::try_from(NOW.unix_seconds() + day * DAY).unwrap();
        rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(seconds)
    };
    (params.not_before, params.not_after) = (at(days.0), at(days.1));
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::generate().unwrap();
    let leaf = params.signed_by(&key, &by.issuer).unwrap();
    (leaf.pem(), key.serialize_pem())
}

fn wanted(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

#[test]
fn a_good_one_passes_and_tells_what_stands_in_it() {
    let ca = authority("Test authority");
    let (leaf, key) = leaf(
        &ca,
        &["plant.example", "*.plant.example", "192.0.2.1"],
        (0, 90),
    );
    let pem = format!("{leaf}{}{key}", ca.pem);
    let names = wanted(&["192.0.2.1", "*.plant.example"]);
    let good = Certificate::new(&pem, &names, NOW).unwrap();
    assert_eq!(good.facts.issuer, "Test authority");
    assert_eq!(
        good.facts.names,
        wanted(&["*.plant.example", "192.0.2.1", "plant.example"])
    );
    assert_eq!(good.facts.not_after, NOW.plus_seconds(90 * DAY));
    assert!((good.facts.left(NOW.plus_seconds(60 * DAY)) - 1.0 / 3.0).abs() < 0.001);
    assert!(!format!("{good:?}").contains("PRIVATE"));
}

#[test]
fn broken_ones_are_refused_with_the_reason() {
    let (ca, other) = (authority("Test authority"), authority("Another"));
    let (good, key) = leaf(&ca, &["plant.example"], (0, 90));
    let (_, others_key) = leaf(&ca, &["plant.example"], (0, 90));
    let (later, later_key) = leaf(&ca, &["plant.example"], (2, 90));
    let (over, over_key) = leaf(&ca, &["plant.example"], (-90, -1));
    let chain = format!("{good}{}", ca.pem);
    let refused = [
        (format!("{chain}{others_key}"), "key"),
        (
            format!("{chain}{key}").replace("CERTIFICATE", "SOMETHING"),
            "no certificate",
        ),
        (format!("{good}{}{key}", other.pem), "hold together"),
        (format!("{later}{}{later_key}", ca.pem), "from 2027"),
        (format!("{over}{}{over_key}", ca.pem), "until 2027"),
        (chain.clone(), "key"),
        (String::new(), "no certificate"),
    ];
    for (pem, why) in refused {
        let error = Certificate::new(&pem, &wanted(&["plant.example"]), NOW).unwrap_err();
        assert!(error.contains(why), "{error:?} does not say {why:?}");
    }
    let names = wanted(&["plant.example", "keep.plant.example"]);
    let error = Certificate::new(&format!("{chain}{key}"), &names, NOW).unwrap_err();
    assert!(error.contains("keep.plant.example"), "{error}");
}
