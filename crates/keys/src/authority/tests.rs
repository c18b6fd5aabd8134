use std::{path::Path, sync::Arc};

use model::clock::{Clock as _, FixedClock};
use rustls::pki_types::CertificateRevocationListDer;
use x509_parser::prelude::{CertificateRevocationList, FromDer as _};

use super::*;
use crate::{
    Handshakes,
    certificate::tests::{NOW, check, leaf, names, open, root},
    export_root_key, forget_root_key, import_root_key,
};

struct House {
    dir: tempfile::TempDir,
    clock: Arc<FixedClock>,
    held: Handshakes,
}

impl House {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(FixedClock::new(NOW));
        let held = open(dir.path(), &names(), clock.clone()).unwrap();
        Self { dir, clock, held }
    }

    /// Whether a client that trusts this root alone takes what is presented.
    fn is_trusted(&self, ca: &str) -> bool {
        self.held.present().unwrap();
        let (chain, now) = (leaf(self.dir.path()), self.clock.now());
        check(ca, &chain, "localhost", now).is_ok()
    }

    fn state(&self) -> AuthorityState {
        self.held.authority().unwrap().unwrap()
    }
}

#[test]
fn while_a_root_is_replaced_both_are_trusted_and_then_the_new_one_alone() {
    let house = House::new();
    let old = root(&house.held);
    house.held.rotate(30).unwrap();
    let new = root(&house.held);
    assert_ne!(old, new);
    assert!(house.is_trusted(&old) && house.is_trusted(&new));
    let rotation = house.state().rotation.unwrap();
    assert_eq!(rotation.old.pem, old);
    assert_eq!(rotation.until, NOW.plus_seconds(30 * DAY));
    let twice = house.held.rotate(30).unwrap_err().to_string();
    assert!(twice.contains("under way"), "{twice}");
    // Read anew it is as before: a restart changes nothing.
    let again = open(house.dir.path(), &names(), house.clock.clone()).unwrap();
    assert_eq!(root(&again), new);
    house.clock.advance(30 * DAY - 1);
    assert!(house.is_trusted(&old) && house.is_trusted(&new));
    house.clock.advance(2);
    assert!(!house.is_trusted(&old), "the old root is retired");
    assert!(house.is_trusted(&new));
    assert_eq!(house.state().rotation, None);
    let kept = std::fs::read_to_string(house.dir.path().join(FILE)).unwrap();
    assert!(kept.contains("\"rotation\":null"), "the old key is gone");
}

#[test]
fn a_rotation_that_is_taken_back_leaves_the_old_root() {
    let house = House::new();
    let old = root(&house.held);
    assert!(house.held.cancel_rotation().is_err(), "there is none");
    house.held.rotate(30).unwrap();
    let new = root(&house.held);
    house.held.cancel_rotation().unwrap();
    assert_eq!(root(&house.held), old);
    assert!(house.is_trusted(&old) && !house.is_trusted(&new));
    for days in [0, 367] {
        assert!(house.held.rotate(days).is_err(), "{days}");
    }
}

#[test]
fn the_old_root_vouches_for_no_other_names_through_the_new_one() {
    let house = House::new();
    let old = root(&house.held);
    house.held.rotate(30).unwrap();
    house.held.present().unwrap();
    let kept = std::fs::read(house.dir.path().join(FILE)).unwrap();
    let kept: Kept = serde_json::from_slice(&kept).unwrap();
    let forged = ["bank.example".to_owned()];
    let wanted = Leaf {
        names: &forged,
        crl: None,
    };
    let (pem, _) = make::leaf(&wanted, &kept.issuing, &make::serial(), NOW).unwrap();
    let cross = kept.rotation.unwrap().cross;
    let text = [pem, kept.issuing.pem, cross].concat();
    let chain: Vec<_> = CertificateDer::pem_slice_iter(text.as_bytes())
        .collect::<Result<_, _>>()
        .unwrap();
    let refused = check(&old, &chain, "bank.example", NOW).unwrap_err();
    assert!(refused.contains("NameConstraint"), "{refused}");
}

#[test]
fn a_revoked_leaf_is_on_a_signed_list_and_replaced_at_once() {
    let house = House::new();
    let before = house.held.present().unwrap().chain.id;
    let serial = house.state().issued[0].serial.clone();
    assert!(revoked(&house.state().crl).is_empty());
    let bytes: Vec<u8> = (0..serial.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&serial[at..at + 2], 16).unwrap())
        .collect();
    let unknown = house.held.revoke(&[7; 16]).unwrap_err().to_string();
    assert!(unknown.contains("redkeep ca show"), "{unknown}");
    house.held.revoke(&bytes).unwrap();
    assert_ne!(house.held.present().unwrap().chain.id, before);
    let state = house.state();
    assert_eq!(revoked(&state.crl), [serial]);
    assert_eq!(state.issued.len(), 2);
    let list = CertificateRevocationListDer::from(state.crl);
    let (_, list) = CertificateRevocationList::from_der(&list).unwrap();
    let issuing = leaf(house.dir.path());
    let (_, issuing) = x509_parser::parse_x509_certificate(&issuing[1]).unwrap();
    list.verify_signature(issuing.public_key()).unwrap();
    assert_eq!(
        list.next_update().unwrap().timestamp(),
        NOW.plus_seconds(7 * DAY).unix_seconds()
    );
    // What is over by its dates need not be listed any more.
    house.clock.advance(8 * DAY);
    house.held.present().unwrap();
    assert!(revoked(&house.state().crl).is_empty());
}

fn revoked(list: &[u8]) -> Vec<String> {
    let (_, list) = CertificateRevocationList::from_der(list).unwrap();
    let all = list.iter_revoked_certificates();
    all.map(|it| hex(it.raw_serial())).collect()
}

#[test]
fn the_issuing_certificate_renews_itself_and_no_device_notices() {
    let house = House::new();
    let ca = root(&house.held);
    let first = house.state().issuing_until;
    house.clock.advance(240 * DAY);
    assert!(house.is_trusted(&ca));
    assert_eq!(house.state().issuing_until, first, "not before it is due");
    house.clock.advance(10 * DAY);
    assert!(house.is_trusted(&ca));
    assert!(house.state().issuing_until > first);
}

const PASSPHRASE: &str = "seven quiet herons";

fn take_away(dir: &Path) -> String {
    let exported = export_root_key(dir, PASSPHRASE).unwrap();
    forget_root_key(dir, &exported, PASSPHRASE, NOW).unwrap();
    exported
}

#[test]
fn without_the_roots_key_leafs_go_on_and_what_needs_it_says_so() {
    let house = House::new();
    let ca = root(&house.held);
    let exported = take_away(house.dir.path());
    assert!(exported.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----"));
    let kept = std::fs::read(house.dir.path().join(FILE)).unwrap();
    let kept: Kept = serde_json::from_slice(&kept).unwrap();
    assert!(kept.root.key.is_none(), "the key is gone");
    let held = open(house.dir.path(), &names(), house.clock.clone()).unwrap();
    let house = House { held, ..house };
    assert!(!house.state().is_root_key_here);
    house.clock.advance(900 * DAY);
    assert!(house.is_trusted(&ca), "for almost three years");
    let refused = house.held.rotate(30).unwrap_err().to_string();
    assert!(refused.contains("redkeep ca import"), "{refused}");
    import_root_key(house.dir.path(), &exported, PASSPHRASE).unwrap();
    let held = open(house.dir.path(), &names(), house.clock.clone()).unwrap();
    let house = House { held, ..house };
    assert_eq!(root(&house.held), ca);
    house.held.rotate(30).unwrap();
}

#[test]
fn another_key_a_wrong_passphrase_and_a_short_one_are_refused() {
    let (house, other) = (House::new(), House::new());
    let exported = export_root_key(house.dir.path(), PASSPHRASE).unwrap();
    let short = export_root_key(house.dir.path(), "eleven char").unwrap_err();
    assert!(short.to_string().contains("12"), "{short}");
    let foreign = import_root_key(other.dir.path(), &exported, PASSPHRASE).unwrap_err();
    assert!(foreign.to_string().contains("another root"), "{foreign}");
    let wrong = import_root_key(house.dir.path(), &exported, "seven loud herons").unwrap_err();
    assert!(wrong.to_string().contains("passphrase"), "{wrong}");
    let foreign = export_root_key(other.dir.path(), PASSPHRASE).unwrap();
    let kept = forget_root_key(house.dir.path(), &foreign, PASSPHRASE, NOW).unwrap_err();
    assert!(kept.to_string().contains("nothing was removed"), "{kept}");
    house.held.rotate(30).unwrap();
}

#[test]
fn a_damaged_file_is_said_and_not_written_over() {
    let house = House::new();
    std::fs::write(house.dir.path().join(FILE), b"{").unwrap();
    let refused = open(house.dir.path(), &names(), house.clock.clone()).unwrap_err();
    assert!(refused.to_string().contains("Restore"), "{refused}");
    assert_eq!(std::fs::read(house.dir.path().join(FILE)).unwrap(), b"{");
}
