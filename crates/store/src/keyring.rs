//! The keys of this installation, and secrets sealed with them.
//!
//! `keys/master.key` (32 random bytes, mode 0600) is the root of all: sub-keys are derived from it
//! per purpose (HKDF-SHA-256), so that no key serves two ends.

use std::{
    fmt,
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::Path,
};

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    hkdf, hmac,
    rand::{SecureRandom as _, SystemRandom},
    signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey},
};
use model::id::Hash;
use zeroize::Zeroizing;

use crate::StoreError;

/// The format of sealed bytes: this byte, the nonce, the ciphertext with its tag.
const SEALED_VERSION: u8 = 1;
/// Bytes of every key here.
const KEY_LEN: usize = 32;

/// A secret in memory: wiped when dropped, never printed.
#[derive(Clone, Default)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes the bytes over.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes. Look at them, do not keep them.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Whether `signature` over `message` was made with the Ed25519 key of this public key.
pub fn is_signed_by(public_key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    UnparsedPublicKey::new(&ED25519, public_key)
        .verify(message, signature)
        .is_ok()
}

/// The installation's keys.
#[derive(Debug)]
pub struct Keyring {
    master: Secret,
}

impl Keyring {
    /// Opens `<dir>/master.key`, or makes it (mode 0600, in a directory of mode 0700). Refuses a
    /// directory or key that others than its owner may read.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        let failed = |path: &Path, error: &io::Error| StoreError::File {
            path: path.display().to_string(),
            why: error.to_string(),
        };
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)
            .map_err(|error| failed(dir, &error))?;
        refuse_if_others_may_read(dir, "0700")?;
        let path = dir.join("master.key");
        match read_key(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                write_key(dir, &path).map_err(|error| failed(&path, &error))?;
            }
            Err(error) => return Err(failed(&path, &error)),
            Ok(_) => {}
        }
        refuse_if_others_may_read(&path, "0600")?;
        let master = read_key(&path).map_err(|error| failed(&path, &error))?;
        if master.expose().len() != KEY_LEN {
            return Err(StoreError::Damaged {
                what: "master key".to_owned(),
                why: format!("{} is not {KEY_LEN} bytes long", path.display()),
            });
        }
        Ok(Self { master })
    }

    /// Seals `plain` (AES-256-GCM, random nonce) for `purpose`; the purpose is authenticated too.
    pub fn seal(&self, purpose: &str, plain: &[u8]) -> Vec<u8> {
        let nonce = Self::random::<NONCE_LEN>();
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
        [&[SEALED_VERSION], nonce.as_slice(), text.as_slice()].concat()
    }

    /// Opens what [`Keyring::seal`] made for the same purpose.
    pub fn unseal(&self, purpose: &str, sealed: &[u8]) -> Result<Secret, StoreError> {
        let damaged = |why: &str| StoreError::Damaged {
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

    /// HMAC-SHA-256 under the key for `purpose`: equal or not, and nothing to guess from.
    pub fn digest(&self, purpose: &str, bytes: &[u8]) -> Hash {
        let key = self.subkey("digest", purpose);
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key.as_slice()), bytes);
        let bytes = tag
            .as_ref()
            .try_into()
            .expect("an HMAC-SHA-256 has 32 bytes");
        Hash::from_bytes(bytes)
    }

    /// Signs with the Ed25519 key for `purpose`.
    pub fn sign(&self, purpose: &str, message: &[u8]) -> [u8; 64] {
        let signature = self.signing_key(purpose).sign(message);
        signature
            .as_ref()
            .try_into()
            .expect("an Ed25519 signature has 64 bytes")
    }

    /// The Ed25519 public key for `purpose` (raw, 32 bytes).
    pub fn public_key(&self, purpose: &str) -> [u8; 32] {
        let pair = self.signing_key(purpose);
        pair.public_key()
            .as_ref()
            .try_into()
            .expect("an Ed25519 public key has 32 bytes")
    }

    /// Whether `signature` over `message` was made by [`Keyring::sign`] for the same purpose.
    pub fn is_signed(&self, purpose: &str, message: &[u8], signature: &[u8]) -> bool {
        is_signed_by(&self.public_key(purpose), message, signature)
    }

    /// `N` random bytes from the system.
    pub fn random<const N: usize>() -> [u8; N] {
        let mut bytes = [0; N];
        SystemRandom::new()
            .fill(&mut bytes)
            .expect("the kernel has random bytes");
        bytes
    }

    fn sealing_key(&self, purpose: &str) -> LessSafeKey {
        let key = self.subkey("seal", purpose);
        let key = UnboundKey::new(&AES_256_GCM, key.as_slice()).expect("the key has 32 bytes");
        LessSafeKey::new(key)
    }

    fn signing_key(&self, purpose: &str) -> Ed25519KeyPair {
        let seed = self.subkey("sign", purpose);
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

fn read_key(path: &Path) -> io::Result<Secret> {
    let mut bytes = Vec::with_capacity(KEY_LEN + 1);
    File::open(path)?
        .take(KEY_LEN as u64 + 1)
        .read_to_end(&mut bytes)?;
    Ok(Secret::new(bytes))
}

/// Writes a new key beside its place and moves it there: a key is whole or not there.
fn write_key(dir: &Path, path: &Path) -> io::Result<()> {
    let draft = dir.join("master.key.new");
    if let Err(error) = fs::remove_file(&draft)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(error);
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&draft)?;
    let key = Zeroizing::new(Keyring::random::<KEY_LEN>());
    file.write_all(key.as_slice())?;
    file.sync_all()?;
    fs::rename(&draft, path)?;
    File::open(dir)?.sync_all()
}

fn refuse_if_others_may_read(path: &Path, wanted: &str) -> Result<(), StoreError> {
    let file = |why| StoreError::File {
        path: path.display().to_string(),
        why,
    };
    let mode = fs::metadata(path)
        .map_err(|error| file(error.to_string()))?
        .permissions()
        .mode();
    if mode & 0o077 == 0 {
        return Ok(());
    }
    let mode = mode & 0o777;
    Err(file(format!(
        "other users may read the installation's keys (mode {mode:04o}); run `chmod {wanted}` on \
         it, and consider the keys known to them"
    )))
}
