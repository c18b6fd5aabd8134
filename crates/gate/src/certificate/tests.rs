use std::os::unix::fs::PermissionsExt as _;

use model::clock::FixedClock;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::pki_types::{ServerName, UnixTime};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::*;

const NOW: Timestamp = Timestamp(1_800_000_000_000);
const DAY: i64 = 24 * 3600;

fn names() -> Vec<String> {
    ["localhost", "keep.localhost", "127.0.0.1", "::1"]
        .map(str::to_owned)
        .to_vec()
}

fn leaf(dir: &Path) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_slice_iter(&fs::read(dir.join("leaf.pem")).unwrap())
        .collect::<Result<_, _>>()
        .unwrap()
}

/// As a client that imported the root would check it.
fn check(
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
    let certificates = Certificates::open(dir.path(), &names(), clock).unwrap();
    let ca = certificates.ca_pem().unwrap();
    let chain = leaf(dir.path());
    for name in names() {
        check(&ca, &chain, &name, NOW).unwrap();
    }
    assert!(check(&ca, &chain, "example.com", NOW).is_err());
    assert!(check(&ca, &chain, "localhost", NOW.plus_seconds(91 * DAY)).is_err());
}

#[test]
fn the_root_cannot_vouch_for_other_names() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(FixedClock::new(NOW));
    let certificates = Certificates::open(dir.path(), &names(), clock).unwrap();
    let key =
        rcgen::KeyPair::from_pem(&fs::read_to_string(dir.path().join("ca.key")).unwrap()).unwrap();
    let ca = certificates.ca_pem().unwrap();
    let issuer = rcgen::Issuer::from_ca_cert_pem(&ca, key).unwrap();
    let params = rcgen::CertificateParams::new(vec!["bank.example".to_owned()]).unwrap();
    let stolen = params
        .signed_by(&rcgen::KeyPair::generate().unwrap(), &issuer)
        .unwrap();
    let refused = check(&ca, &[stolen.der().clone()], "bank.example", NOW).unwrap_err();
    assert!(refused.contains("NameConstraint"), "{refused}");
}

#[test]
fn keys_are_for_the_owner_alone() {
    let dir = tempfile::tempdir().unwrap();
    let tls = dir.path().join("tls");
    Certificates::open(&tls, &names(), Arc::new(FixedClock::new(NOW))).unwrap();
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
    let certificates = Certificates::open(dir.path(), &names(), Arc::clone(&clock) as _).unwrap();
    let (ca, first) = (certificates.ca_pem(), leaf(dir.path()));
    clock.advance(59 * DAY);
    certificates.renew_if_due().unwrap();
    assert_eq!(leaf(dir.path()), first, "not before it is due");
    clock.advance(2 * DAY);
    certificates.renew_if_due().unwrap();
    let second = leaf(dir.path());
    assert_ne!(second[0], first[0]);
    assert_eq!(certificates.ca_pem(), ca);
    let (_, parsed) = X509Certificate::from_der(&second[0]).unwrap();
    assert_eq!(
        parsed.validity().not_after.timestamp(),
        clock.now().unix_seconds() + 90 * DAY
    );
    let again = Certificates::open(dir.path(), &names(), clock).unwrap();
    assert_eq!(again.ca_pem(), ca);
    assert_eq!(leaf(dir.path()), second);
}

#[test]
fn a_new_name_needs_a_new_root_and_a_half_written_file_is_made_anew() {
    let dir = tempfile::tempdir().unwrap();
    let clock: Arc<dyn Clock> = Arc::new(FixedClock::new(NOW));
    let first = Certificates::open(dir.path(), &names()[..1], Arc::clone(&clock))
        .unwrap()
        .ca_pem();
    let all = Certificates::open(dir.path(), &names(), Arc::clone(&clock)).unwrap();
    assert_ne!(all.ca_pem(), first);
    assert!(dir.path().join("ca.pem.old").exists());
    check(
        &all.ca_pem().unwrap(),
        &leaf(dir.path()),
        "keep.localhost",
        NOW,
    )
    .unwrap();
    fs::write(dir.path().join("leaf.pem"), "-----BEGIN CERT").unwrap();
    Certificates::open(dir.path(), &names(), clock).unwrap();
    assert_eq!(leaf(dir.path()).len(), 2);
}

#[test]
fn own_files_are_taken_and_wrong_ones_are_explained() {
    let dir = tempfile::tempdir().unwrap();
    let clock: Arc<dyn Clock> = Arc::new(FixedClock::new(NOW));
    Certificates::open(dir.path(), &names(), Arc::clone(&clock)).unwrap();
    let leaf = dir.path().join("leaf.pem");
    let own = Certificates::from_files(&leaf, &leaf, Arc::clone(&clock)).unwrap();
    assert_eq!(own.ca_pem(), None);
    let wrong = Certificates::from_files(&leaf, &dir.path().join("ca.key"), Arc::clone(&clock));
    assert!(
        matches!(wrong, Err(CertificateError::Unusable { .. })),
        "another's key"
    );
    let open = dir.path().join("open.pem");
    fs::copy(&leaf, &open).unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o644)).unwrap();
    let open = Certificates::from_files(&leaf, &open, Arc::clone(&clock)).unwrap_err();
    assert!(open.to_string().contains("chmod"), "{open}");
    let none = Certificates::from_files(&dir.path().join("none"), &leaf, clock);
    assert!(matches!(none, Err(CertificateError::File { .. })));
    let bad = Certificates::open(
        dir.path(),
        &["a b".to_owned()],
        Arc::new(FixedClock::new(NOW)),
    );
    assert!(matches!(bad, Err(CertificateError::Name { .. })));
}

#[tokio::test(start_paused = true)]
async fn other_files_are_taken_within_seconds_and_broken_ones_are_not() {
    let dir = tempfile::tempdir().unwrap();
    let clock: Arc<dyn Clock> = Arc::new(FixedClock::new(NOW));
    let make = |name: &str| {
        let dir = dir.path().join(name);
        Certificates::open(&dir, &names(), Arc::clone(&clock)).unwrap();
        fs::read(dir.join("leaf.pem")).unwrap()
    };
    let (first, second) = (make("first"), make("second"));
    let path = dir.path().join("own.pem");
    let put = |bytes: &[u8]| {
        let new = dir.path().join("own.new");
        fs::write(&new, bytes).unwrap();
        fs::set_permissions(&new, fs::Permissions::from_mode(0o600)).unwrap();
        fs::rename(&new, &path).unwrap();
    };
    put(&first);
    let own = Certificates::from_files(&path, &path, Arc::clone(&clock)).unwrap();
    let own = Arc::new(own);
    let before = own.leaf().unwrap();
    let (kept, stop) = (Arc::clone(&own), CancellationToken::new());
    let ends = stop.clone();
    let task = tokio::spawn(async move { kept.keep_renewed(ends).await });
    // Time is the test's own: ten seconds pass at once.
    let pass = || tokio::time::sleep(Duration::from_secs(10));
    pass().await;
    put(b"-----BEGIN CERTIFICATE-----");
    pass().await;
    assert_eq!(own.leaf().unwrap(), before, "the old one is kept");
    let trouble = own.trouble().unwrap();
    assert!(trouble.contains("still served"), "{trouble}");
    put(&second);
    pass().await;
    assert_ne!(own.leaf().unwrap(), before);
    assert_eq!(own.trouble(), None);
    stop.cancel();
    task.await.unwrap();
}
