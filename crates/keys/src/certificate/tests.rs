use std::{os::unix::fs::PermissionsExt as _, sync::Arc, time::Duration};

use model::clock::{Clock, FixedClock};
use rustls::client::danger::ServerCertVerifier as _;
use rustls::pki_types::{ServerName, UnixTime};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::*;
use crate::{Handshakes, KeysError, handshake::tests::certificate_verify};

pub(crate) const NOW: Timestamp = Timestamp(1_800_000_000_000);
const DAY: i64 = 24 * 3600;

pub(crate) fn names() -> Vec<String> {
    ["localhost", "keep.localhost", "127.0.0.1", "::1"]
        .map(str::to_owned)
        .to_vec()
}

pub(crate) fn open(
    dir: &Path,
    names: &[String],
    clock: Arc<dyn Clock>,
) -> Result<Handshakes, KeysError> {
    Handshakes::own(dir, names, clock)
}

pub(crate) fn root(held: &Handshakes) -> String {
    held.present().unwrap().chain.root.unwrap()
}

pub(crate) fn leaf(dir: &Path) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_slice_iter(&fs::read(dir.join("leaf.pem")).unwrap())
        .collect::<Result<_, _>>()
        .unwrap()
}

/// As a client that imported the root would check it.
pub(crate) fn check(
    ca: &str,
    chain: &[CertificateDer<'static>],
    name: &str,
    at: Timestamp,
) -> Result<(), String> {
    let mut roots = rustls::RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(ca.as_bytes()).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier =
        rustls::client::WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .unwrap();
    let seconds = u64::try_from(at.unix_seconds()).unwrap();
    let now = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
    let name = ServerName::try_from(name.to_owned()).unwrap();
    verifier
        .verify_server_cert(&chain[0], &chain[1..], &name, &[], now)
        .map(|_| ())
        .map_err(|error| error.to_string())
}

#[test]
fn a_client_with_the_root_trusts_every_name_and_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(FixedClock::new(NOW));
    let certificates = open(dir.path(), &names(), clock).unwrap();
    let ca = root(&certificates);
    let chain = leaf(dir.path());
    for name in names() {
        check(&ca, &chain, &name, NOW).unwrap();
    }
    assert!(check(&ca, &chain, "example.com", NOW).is_err());
    assert!(check(&ca, &chain, "localhost", NOW.plus_seconds(8 * DAY)).is_err());
}

#[test]
fn the_root_cannot_vouch_for_other_names() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(FixedClock::new(NOW));
    let certificates = open(dir.path(), &names(), clock).unwrap();
    let kept = fs::read(dir.path().join("authority.json")).unwrap();
    let kept: serde_json::Value = serde_json::from_slice(&kept).unwrap();
    let ca = root(&certificates);
    let params = rcgen::CertificateParams::new(vec!["bank.example".to_owned()]).unwrap();
    // Whichever key is stolen: the root's, or that of the certificate that issues.
    for stolen in ["root", "issuing"] {
        let text = |what: &str| kept[stolen][what].as_str().unwrap();
        let key = rcgen::KeyPair::from_pem(text("key")).unwrap();
        let issuer = rcgen::Issuer::from_ca_cert_pem(text("pem"), key).unwrap();
        let forged = params
            .signed_by(&rcgen::KeyPair::generate().unwrap(), &issuer)
            .unwrap();
        let above = CertificateDer::from_pem_slice(text("pem").as_bytes()).unwrap();
        let chain = [forged.der().clone(), above];
        let refused = check(&ca, &chain, "bank.example", NOW).unwrap_err();
        assert!(refused.contains("NameConstraint"), "{stolen}: {refused}");
    }
}

#[test]
fn keys_are_for_the_owner_alone() {
    let dir = tempfile::tempdir().unwrap();
    let tls = dir.path().join("tls");
    open(&tls, &names(), Arc::new(FixedClock::new(NOW))).unwrap();
    assert_eq!(
        fs::metadata(&tls).unwrap().permissions().mode() & 0o777,
        0o700
    );
    for entry in fs::read_dir(&tls).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{:?}", entry.file_name());
    }
}

#[test]
fn the_leaf_is_renewed_when_a_third_is_left_and_the_root_stays() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(FixedClock::new(NOW));
    let certificates = open(dir.path(), &names(), Arc::clone(&clock) as _).unwrap();
    let (ca, first) = (root(&certificates), leaf(dir.path()));
    let old = certificates.present().unwrap();
    clock.advance(4 * DAY);
    certificates.present().unwrap();
    assert_eq!(leaf(dir.path()), first, "not before it is due");
    clock.advance(DAY);
    certificates.present().unwrap();
    let second = leaf(dir.path());
    assert_ne!(second[0], first[0]);
    assert_eq!(root(&certificates), ca);
    // A handshake that began with the old one ends well.
    let scheme = SignatureScheme::ECDSA_NISTP256_SHA256;
    old.sign(scheme, &certificate_verify(32)).unwrap();
    let (_, parsed) = X509Certificate::from_der(&second[0]).unwrap();
    assert_eq!(
        parsed.validity().not_after.timestamp(),
        clock.now().unix_seconds() + 7 * DAY
    );
    let again = open(dir.path(), &names(), clock).unwrap();
    assert_eq!(root(&again), ca);
    assert_eq!(leaf(dir.path()), second);
}

#[test]
fn a_new_name_needs_a_new_root_and_a_half_written_file_is_made_anew() {
    let dir = tempfile::tempdir().unwrap();
    let clock: Arc<dyn Clock> = Arc::new(FixedClock::new(NOW));
    let first = root(&open(dir.path(), &names()[..1], Arc::clone(&clock)).unwrap());
    let all = open(dir.path(), &names(), Arc::clone(&clock)).unwrap();
    assert_ne!(root(&all), first);
    assert!(dir.path().join("ca.pem.old").exists());
    check(&root(&all), &leaf(dir.path()), "keep.localhost", NOW).unwrap();
    fs::write(dir.path().join("leaf.pem"), "-----BEGIN CERT").unwrap();
    open(dir.path(), &names(), clock).unwrap();
    assert_eq!(leaf(dir.path()).len(), 2);
}

#[test]
fn own_files_are_taken_and_wrong_ones_are_explained() {
    let dir = tempfile::tempdir().unwrap();
    let clock: Arc<dyn Clock> = Arc::new(FixedClock::new(NOW));
    open(dir.path(), &names(), Arc::clone(&clock)).unwrap();
    let leaf = dir.path().join("leaf.pem");
    let own = Handshakes::files(&leaf, &leaf).present().unwrap();
    assert_eq!(own.chain.root, None);
    let refused = |certificate: &Path, key: &Path| {
        let refused = Handshakes::files(certificate, key).present();
        refused.unwrap_err().to_string()
    };
    let wrong = refused(&leaf, &dir.path().join("authority.json"));
    assert!(wrong.contains("authority.json"), "no key: {wrong}");
    let shared = dir.path().join("open.pem");
    fs::copy(&leaf, &shared).unwrap();
    fs::set_permissions(&shared, fs::Permissions::from_mode(0o644)).unwrap();
    let shared = refused(&leaf, &shared);
    assert!(shared.contains("chmod"), "{shared}");
    assert!(refused(&dir.path().join("none"), &leaf).contains("none"));
    fs::write(dir.path().join("long.pem"), vec![b' '; (1 << 20) + 1]).unwrap();
    assert!(refused(&dir.path().join("long.pem"), &leaf).contains("longer"));
    let bad = open(dir.path(), &["a b".to_owned()], clock).unwrap_err();
    assert!(bad.to_string().contains("cannot stand"), "{bad}");
}

#[test]
fn a_certificates_key_signs_handshakes_in_its_own_way_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(FixedClock::new(NOW));
    let held = open(dir.path(), &names(), clock)
        .unwrap()
        .present()
        .unwrap();
    let message = certificate_verify(32);
    let ours = SignatureScheme::ECDSA_NISTP256_SHA256;
    assert_eq!(held.chain.schemes, [ours]);
    assert!(!held.sign(ours, &message).unwrap().is_empty());
    for (scheme, message, refusal) in [
        (
            SignatureScheme::RSA_PSS_SHA256,
            &message[..],
            Refusal::Scheme,
        ),
        (SignatureScheme::ED25519, &message, Refusal::Scheme),
        (ours, b"x", Refusal::NotAHandshake),
    ] {
        assert_eq!(held.sign(scheme, message), Err(refusal.into()));
    }
}
