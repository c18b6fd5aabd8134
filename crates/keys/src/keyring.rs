//! What the master key is for: secrets sealed, digests keyed, statements signed.

use std::{path::Path, sync::Arc};

use model::id::Hash;
use sandbox::folder::Folder;
use zeroize::Zeroizing;

use crate::{
    Keeper, KeysError, Secret, Signing, is_signed_by,
    secret::random,
    vault::Vault,
    wire::{Lane, Request},
};

/// The installation's keys, wherever they are held.
#[derive(Debug)]
pub struct Keyring(Holder);

#[derive(Debug)]
enum Holder {
    /// In this process.
    Here(Vault),
    /// In the keys process; its public keys are known.
    There {
        keeper: Arc<Keeper>,
        public: [[u8; 32]; Signing::ALL.len()],
    },
}

impl Keyring {
    /// Opens `<dir>/master.key`, or makes it (mode 0600, in a directory of mode 0700), in the memory
    /// of this process: for verbs on a stopped installation. Refuses a directory or key that others
    /// than its owner may read.
    pub fn open(dir: &Path) -> Result<Self, KeysError> {
        let folder = Folder::open(dir).map_err(|error| KeysError::File {
            path: dir.to_owned(),
            why: error.to_string(),
        })?;
        Ok(Self(Holder::Here(Vault::open(&folder)?)))
    }

    /// The keys that this keeper's process holds.
    pub fn kept(keeper: Arc<Keeper>) -> Result<Self, KeysError> {
        let mut public = [[0; 32]; Signing::ALL.len()];
        for (public, purpose) in public.iter_mut().zip(Signing::ALL) {
            let purpose = purpose.number();
            let bytes = keeper.ask(Lane::Secrets, &Request::PublicKey { purpose })?;
            *public = fixed(&bytes)?;
        }
        Ok(Self(Holder::There { keeper, public }))
    }

    /// Seals `plain` (AES-256-GCM, random nonce) for `purpose`; the purpose is authenticated too.
    pub fn seal(&self, purpose: &str, plain: &[u8]) -> Result<Vec<u8>, KeysError> {
        match &self.0 {
            Holder::Here(vault) => vault.seal(purpose, plain),
            Holder::There { keeper, .. } => {
                let sealed = keeper.ask(Lane::Secrets, &Request::Seal { purpose, plain })?;
                Ok(sealed.to_vec())
            }
        }
    }

    /// Opens what [`Keyring::seal`] made for the same purpose.
    pub fn unseal(&self, purpose: &str, sealed: &[u8]) -> Result<Secret, KeysError> {
        match &self.0 {
            Holder::Here(vault) => vault.unseal(purpose, sealed),
            Holder::There { keeper, .. } => {
                let request = Request::Unseal { purpose, sealed };
                let mut plain: Zeroizing<Vec<u8>> = keeper.ask(Lane::Secrets, &request)?;
                Ok(Secret::new(std::mem::take(&mut *plain)))
            }
        }
    }

    /// HMAC-SHA-256 under the key for `purpose`: equal or not, and nothing to guess from.
    pub fn digest(&self, purpose: &str, bytes: &[u8]) -> Result<Hash, KeysError> {
        match &self.0 {
            Holder::Here(vault) => vault.digest(purpose, bytes),
            Holder::There { keeper, .. } => {
                let digest = keeper.ask(Lane::Secrets, &Request::Digest { purpose, bytes })?;
                Ok(Hash::from_bytes(fixed(&digest)?))
            }
        }
    }

    /// Signs with the Ed25519 key for `purpose`.
    pub fn sign(&self, purpose: Signing, message: &[u8]) -> Result<[u8; 64], KeysError> {
        match &self.0 {
            Holder::Here(vault) => Ok(vault.sign(purpose, message)),
            Holder::There { keeper, .. } => {
                let purpose = purpose.number();
                fixed(&keeper.ask(Lane::Secrets, &Request::Sign { purpose, message })?)
            }
        }
    }

    /// The Ed25519 public key for `purpose` (raw, 32 bytes).
    pub fn public_key(&self, purpose: Signing) -> [u8; 32] {
        match &self.0 {
            Holder::Here(vault) => vault.public_key(purpose),
            Holder::There { public, .. } => public[usize::from(purpose.number())],
        }
    }

    /// Whether `signature` over `message` was made by [`Keyring::sign`] for the same purpose.
    pub fn is_signed(&self, purpose: Signing, message: &[u8], signature: &[u8]) -> bool {
        is_signed_by(&self.public_key(purpose), message, signature)
    }

    /// `N` random bytes from the system.
    pub fn random<const N: usize>() -> [u8; N] {
        random()
    }
}

fn fixed<const N: usize>(bytes: &[u8]) -> Result<[u8; N], KeysError> {
    let wrong = |_| KeysError::Unavailable("its answer has another length".to_owned());
    bytes.try_into().map_err(wrong)
}
