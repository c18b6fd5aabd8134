//! Keeping the root's key away from the machine: out, encrypted with a passphrase, and back in.
//!
//! Only on a stopped installation and by whoever may read its files: no request to the process that
//! holds the keys has a key as its answer.

use std::path::Path;

use model::clock::Timestamp;
use pkcs8::{
    EncryptedPrivateKeyInfoRef, LineEnding, PrivateKeyInfoRef, SecretDocument, pkcs5::pbes2,
};
use sandbox::folder::Folder;
use zeroize::Zeroizing;

use super::{Authority, DAY, Kept, Key, Pair, make, read};
use crate::{KeysError, certificate::CertificateError, secret::random};

/// How PKCS #8 calls it (RFC 7468, 11).
const LABEL: &str = "ENCRYPTED PRIVATE KEY";
/// Rounds of PBKDF2-HMAC-SHA-256, as OWASP advises.
const ROUNDS: u32 = 600_000;
/// Characters of the shortest passphrase.
const PASSPHRASE_MIN: usize = 12;
/// An issuing certificate's life where the root's key is kept away.
const ISSUING_SECONDS: i64 = 3 * 365 * DAY;

/// The root's key of the installation in `dir` (the folder `tls`), encrypted with the passphrase
/// (PKCS #8, PBES2: `openssl pkey` reads it). It stays where it is until
/// [`forget_root_key`].
pub fn export_root_key(dir: &Path, passphrase: &str) -> Result<String, KeysError> {
    if passphrase.chars().count() < PASSPHRASE_MIN {
        let why = format!("the passphrase has at least {PASSPHRASE_MIN} characters");
        return Err(CertificateError::Refused(why).into());
    }
    let (_, kept) = open(dir)?;
    let key = make::key(&kept.root)?;
    let plain = Zeroizing::new(key.serialize_der());
    let encrypt = || -> pkcs8::Result<String> {
        let salt = random::<16>();
        let way = pbes2::Parameters::generate_pbkdf2_sha256_aes256cbc(ROUNDS, &salt, random())?;
        let info = PrivateKeyInfoRef::try_from(plain.as_slice())?;
        let sealed = info.encrypt_with_params(way, passphrase)?;
        Ok(sealed.to_pem(LABEL, LineEnding::LF)?.to_string())
    };
    encrypt().map_err(|error| KeysError::Certificate(format!("it cannot be encrypted: {error}")))
}

/// Removes the root's key from the installation in `dir`, if `exported` is it. An issuing
/// certificate for three years is made before, so that the key can stay away for long.
pub fn forget_root_key(
    dir: &Path,
    exported: &str,
    passphrase: &str,
    now: Timestamp,
) -> Result<(), KeysError> {
    let (folder, mut kept) = open(dir)?;
    let back = decrypt(exported, passphrase)?;
    let there = make::key(&kept.root)?;
    if back.public_key_raw() != there.public_key_raw() {
        let why = "what was exported is not this root's key: nothing was removed".to_owned();
        return Err(CertificateError::Refused(why).into());
    }
    kept.issuing = make::issuing(&kept.names, &kept.root, now, ISSUING_SECONDS)?;
    kept.root.key = None;
    Ok(Authority { kept }.save(&folder)?)
}

/// Puts the root's key back into the installation in `dir`.
pub fn import_root_key(dir: &Path, exported: &str, passphrase: &str) -> Result<(), KeysError> {
    let (folder, mut kept) = open(dir)?;
    let key = decrypt(exported, passphrase)?;
    if !belongs(&kept.root, &key) {
        let why = "it is the key of another root than this installation's".to_owned();
        return Err(CertificateError::Refused(why).into());
    }
    kept.root.key = Some(Key(Zeroizing::new(key.serialize_pem())));
    Ok(Authority { kept }.save(&folder)?)
}

fn open(dir: &Path) -> Result<(Folder, Kept), KeysError> {
    let folder = Folder::open(dir).map_err(|error| KeysError::File {
        path: dir.to_owned(),
        why: error.to_string(),
    })?;
    let kept = read(&folder)?.ok_or_else(|| {
        let why = "there is no authority of our own here: it is made when `redkeep up` runs \
                   without [tls]";
        CertificateError::Refused(why.to_owned())
    })?;
    Ok((folder, kept))
}

fn decrypt(pem: &str, passphrase: &str) -> Result<rcgen::KeyPair, KeysError> {
    let refused = |why: &str| KeysError::from(CertificateError::Refused(why.to_owned()));
    let (label, sealed) = SecretDocument::from_pem(pem)
        .map_err(|_| refused("it is no encrypted private key (PKCS #8, PEM)"))?;
    if label != LABEL {
        return Err(refused("it is no encrypted private key (PKCS #8, PEM)"));
    }
    let info = EncryptedPrivateKeyInfoRef::try_from(sealed.as_bytes());
    let plain = info.and_then(|info| info.decrypt(passphrase));
    let plain = plain.map_err(|_| refused("the passphrase does not open it"))?;
    rcgen::KeyPair::try_from(plain.as_bytes())
        .map_err(|error| KeysError::Certificate(error.to_string()))
}

/// Whether the certificate is this key's.
fn belongs(pair: &Pair, key: &rcgen::KeyPair) -> bool {
    use x509_parser::prelude::{FromDer as _, X509Certificate};
    let Ok((_, pem)) = x509_parser::pem::parse_x509_pem(pair.pem.as_bytes()) else {
        return false;
    };
    let found = X509Certificate::from_der(&pem.contents);
    found.is_ok_and(|(_, found)| found.public_key().subject_public_key.data == key.public_key_raw())
}
