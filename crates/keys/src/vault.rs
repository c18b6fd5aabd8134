//! The master key, and what is made with it.
//!
//! `keys/master.key` (32 random bytes, mode 0600) is the root of all: sub-keys are derived from it
//! per purpose (HKDF-SHA-256), so that no key serves two ends.

use std::{io, path::Path};

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    hkdf, hmac,
    signature::{Ed25519KeyPair, KeyPair as _},
};
use model::id::Hash;
use sandbox::folder::Folder;
use zeroize::Zeroizing;

use crate::{
    KeysError, Secret, Signing,
    purpose::{check_digest, check_sealing},
    secret::random,
};

/// The format of sealed bytes: this byte, the nonce, the ciphertext with its tag.
const SEALED_VERSION: u8 = 1;
/// Bytes of every key here.
const KEY_LEN: usize = 32;
/// The master key's file.
pub(crate) const MASTER: &str = "master.key";

/// The master key, in the memory of whoever holds it.
#[derive(Debug)]
pub(crate) struct Vault {
    master: Secret,
}

impl Vault {
    /// Reads the master key, or makes it (mode 0600). Refuses a directory or key that others than
    /// its owner may read.
    pub(crate) fn open(folder: &Folder) -> Result<Self, KeysError> {
        let failed = |error: io::Error| file(&folder.path_of(MASTER), error.to_string());
        let mode = folder
            .mode()
            .map_err(|error| file(folder.path(), error.to_string()))?;
        refuse_if_others_may_read(folder.path(), mode, "0700")?;
        if !folder.has(MASTER) {
            let key = Zeroizing::new(random::<KEY_LEN>());
            folder.write_whole(MASTER, key.as_slice()).map_err(failed)?;
        }
        let mode = folder.mode_of(MASTER).map_err(failed)?;
        refuse_if_others_may_read(&folder.path_of(MASTER), mode, "0600")?;
        let mut master = Zeroizing::new(Vec::with_capacity(KEY_LEN));
        let read = folder.read_into(MASTER, &mut master);
        if read.is_err() || master.len() != KEY_LEN {
            return Err(KeysError::Damaged {
                what: "master key".to_owned(),
                why: format!(
                    "{} is not {KEY_LEN} bytes long; restore a backup",
                    folder.path_of(MASTER).display()
                ),
            });
        }
        let master = Secret::new(std::mem::take(&mut *master));
        Ok(Self { master })
    }

    pub(crate) fn seal(&self, purpose: &str, plain: &[u8]) -> Result<Vec<u8>, KeysError> {
        check_sealing(purpose)?;
        let nonce = random::<NONCE_LEN>();
        // Room for the tag too, so that no copy of the plain text is left behind by growing.
        let mut text = Vec::with_capacity(plain.len() + AES_256_GCM.tag_len());
        text.extend_from_slice(plain);
        self.sealing_key(purpose)
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(purpose.as_bytes()),
                &mut text,
            )
            .expect("sealing fails only beyond 64 GiB");
        Ok([&[SEALED_VERSION], nonce.as_slice(), text.as_slice()].concat())
    }

    pub(crate) fn unseal(&self, purpose: &str, sealed: &[u8]) -> Result<Secret, KeysError> {
        check_sealing(purpose)?;
        let damaged = |why: &str| KeysError::Damaged {
            what: "sealed secret".to_owned(),
            why: why.to_owned(),
        };
        let Some((&version, rest)) = sealed.split_first() else {
            return Err(damaged("it is empty"));
        };
        if version != SEALED_VERSION {
            return Err(damaged("its format is unknown"));
        }
        let Some((nonce, text)) = rest.split_first_chunk::<NONCE_LEN>() else {
            return Err(damaged("it is too short"));
        };
        let mut text = Zeroizing::new(text.to_vec());
        let length = self
            .sealing_key(purpose)
            .open_in_place(
                Nonce::assume_unique_for_key(*nonce),
                Aad::from(purpose.as_bytes()),
                &mut text,
            )
            .map_err(|_| damaged("it was altered, or sealed with another key or purpose"))?
            .len();
        Ok(Secret::new(text[..length].to_vec()))
    }

    pub(crate) fn digest(&self, purpose: &str, bytes: &[u8]) -> Result<Hash, KeysError> {
        check_digest(purpose)?;
        let key = self.subkey("digest", purpose);
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key.as_slice()), bytes);
        let bytes = tag
            .as_ref()
            .try_into()
            .expect("an HMAC-SHA-256 has 32 bytes");
        Ok(Hash::from_bytes(bytes))
    }

    pub(crate) fn sign(&self, purpose: Signing, message: &[u8]) -> [u8; 64] {
        let signature = self.signing_key(purpose).sign(message);
        signature
            .as_ref()
            .try_into()
            .expect("an Ed25519 signature has 64 bytes")
    }

    pub(crate) fn public_key(&self, purpose: Signing) -> [u8; 32] {
        let pair = self.signing_key(purpose);
        pair.public_key()
            .as_ref()
            .try_into()
            .expect("an Ed25519 public key has 32 bytes")
    }

    fn sealing_key(&self, purpose: &str) -> LessSafeKey {
        let key = self.subkey("seal", purpose);
        let key = UnboundKey::new(&AES_256_GCM, key.as_slice()).expect("the key has 32 bytes");
        LessSafeKey::new(key)
    }

    fn signing_key(&self, purpose: Signing) -> Ed25519KeyPair {
        let seed = self.subkey("sign", purpose.name());
        Ed25519KeyPair::from_seed_unchecked(seed.as_slice()).expect("the seed has 32 bytes")
    }

    /// The key for one use and purpose. The purpose goes in as a digest: HKDF's `info` is short.
    fn subkey(&self, used_to: &str, purpose: &str) -> Zeroizing<[u8; KEY_LEN]> {
        let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, b"redkeep-keyring-1");
        let purpose = Hash::of(purpose.as_bytes());
        let info = [used_to.as_bytes(), b" ", purpose.as_bytes().as_slice()];
        let mut key = Zeroizing::new([0; KEY_LEN]);
        salt.extract(self.master.expose())
            .expand(&info, hkdf::HKDF_SHA256)
            .and_then(|okm| okm.fill(key.as_mut_slice()))
            .expect("HKDF-SHA-256 gives 32 bytes");
        key
    }
}

fn file(path: &Path, why: String) -> KeysError {
    KeysError::File {
        path: path.to_owned(),
        why,
    }
}

fn refuse_if_others_may_read(path: &Path, mode: u32, wanted: &str) -> Result<(), KeysError> {
    if mode & 0o077 == 0 {
        return Ok(());
    }
    let mode = mode & 0o777;
    let why = format!(
        "other users may read the installation's keys (mode {mode:04o}); run `chmod {wanted}` on \
         it, and consider the keys known to them"
    );
    Err(file(path, why))
}

#[cfg(test)]
mod tests;
