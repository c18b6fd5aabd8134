use std::fs;

use proptest::prelude::*;

use super::*;
use crate::{Refusal, is_signed_by};

fn vault(dir: &Path) -> Vault {
    Vault::open(&Folder::open(&dir.join("keys")).unwrap()).unwrap()
}

#[test]
fn a_signature_is_for_one_purpose_and_message() {
    let dir = tempfile::tempdir().unwrap();
    let vault = vault(dir.path());
    let signature = vault.sign(Signing::Audit, b"head");
    let (audit, export) = (
        vault.public_key(Signing::Audit),
        vault.public_key(Signing::DeploymentExport),
    );
    assert!(is_signed_by(&audit, b"head", &signature));
    assert!(!is_signed_by(&export, b"head", &signature));
    assert!(!is_signed_by(&audit, b"tail", &signature));
    assert_ne!(
        vault.digest("credentials", b"x").unwrap(),
        vault.digest("recovery-code", b"x").unwrap()
    );
    assert!(!format!("{vault:?}").contains("Secret(["));
}

#[test]
fn what_earlier_versions_sealed_and_signed_still_reads() {
    let dir = tempfile::tempdir().unwrap();
    let folder = Folder::open(&dir.path().join("keys")).unwrap();
    folder.write_whole(MASTER, &[7; KEY_LEN]).unwrap();
    let vault = vault(dir.path());
    // Worked out by other programs from RFC 5869, 2104 and 8032: data directories depend on them.
    assert_eq!(
        vault.digest("recovery-code", b"1 abc").unwrap().to_string(),
        "2ba64933c359ab9ee9ad95e20bd56006db5e1128e440cb37c3395806607520e8"
    );
    assert_eq!(
        Hash::from_bytes(vault.public_key(Signing::Audit)).to_string(),
        "405044fd194c38a8dc91189046223d338409b8b6a52108418eeff40a2b854c07"
    );
}

#[test]
fn no_key_is_kept_for_what_is_not_listed() {
    let dir = tempfile::tempdir().unwrap();
    let vault = vault(dir.path());
    let refused = KeysError::Refused(Refusal::UnknownPurpose);
    assert_eq!(vault.seal("backup", b"x").unwrap_err(), refused);
    assert_eq!(vault.unseal("backup", b"x").unwrap_err(), refused);
    assert_eq!(vault.digest("backup", b"x").unwrap_err(), refused);
}

#[test]
fn keys_others_can_read_are_refused_and_a_key_half_written_is_made_anew() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let keys = dir.path().join("keys");
    let folder = Folder::open(&keys).unwrap();
    fs::write(keys.join("master.key.new"), b"half").unwrap();
    let one = vault(dir.path()).public_key(Signing::Audit);
    assert_eq!(vault(dir.path()).public_key(Signing::Audit), one);
    fs::set_permissions(keys.join(MASTER), fs::Permissions::from_mode(0o640)).unwrap();
    let refused = Vault::open(&folder).unwrap_err().to_string();
    assert!(
        refused.contains("0640") && refused.contains("chmod 0600"),
        "{refused}"
    );
    fs::set_permissions(keys.join(MASTER), fs::Permissions::from_mode(0o600)).unwrap();
    for wrong in [&[1; 31][..], &[1; 33]] {
        fs::write(keys.join(MASTER), wrong).unwrap();
        assert!(matches!(
            Vault::open(&folder),
            Err(KeysError::Damaged { .. })
        ));
    }
}

proptest! {
    #[test]
    fn what_is_sealed_opens_for_its_purpose_only(
        plain in proptest::collection::vec(any::<u8>(), 0..200),
        user in "[a-z]{1,12}",
        other in "[a-z]{1,12}",
        flip in any::<proptest::sample::Index>(),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let vault = vault(dir.path());
        let purpose = format!("second-factor of {user}");
        let sealed = vault.seal(&purpose, &plain).unwrap();
        let opened = vault.unseal(&purpose, &sealed).unwrap();
        prop_assert_eq!(opened.expose(), &plain[..]);
        prop_assert_ne!(&vault.seal(&purpose, &plain).unwrap(), &sealed);
        if other != user {
            let other = format!("second-factor of {other}");
            prop_assert!(vault.unseal(&other, &sealed).is_err());
        }
        let at = flip.index(sealed.len());
        let mut altered = sealed.clone();
        altered[at] ^= 1;
        prop_assert!(vault.unseal(&purpose, &altered).is_err());
        prop_assert!(vault.unseal(&purpose, &sealed[..at]).is_err());
    }
}
