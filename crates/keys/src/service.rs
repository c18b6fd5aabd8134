//! Answering on a lane, in the process that holds the keys.

use std::{
    io::{self, BufReader, Write as _},
    os::unix::net::UnixStream,
    sync::{Arc, Mutex, PoisonError},
};

use model::clock::Clock;
use zeroize::Zeroizing;

use crate::{
    KeysError, Signing,
    certificate::Certificates,
    vault::Vault,
    wire::{self, Frame, Lane, Request},
};

/// Everything that is held.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) vault: Vault,
    pub(crate) certificates: Mutex<Certificates>,
    pub(crate) clock: Arc<dyn Clock>,
}

/// Answers one request after the other until the other end closes. Whatever is asked wrongly gets
/// an answer that says so, and hurts nobody else.
///
/// Errors: the other end was cut off within a request.
pub(crate) fn serve(stream: UnixStream, lane: Lane, held: &Held) -> io::Result<()> {
    let mut stream = BufReader::with_capacity(1024, stream);
    loop {
        let answer = match wire::read(&mut stream, |kind| wire::bytes_max(lane, kind))? {
            Frame::End => return Ok(()),
            Frame::Refused(refusal) => Err(refusal.into()),
            Frame::Said(kind, body) => wire::decode(kind, &body)
                .map_err(KeysError::from)
                .and_then(|request| held.answer(&request)),
        };
        stream.get_mut().write_all(&wire::answer(&answer))?;
    }
}

impl Held {
    fn answer(&self, request: &Request<'_>) -> Result<Zeroizing<Vec<u8>>, KeysError> {
        let public = |bytes: &[u8]| Zeroizing::new(bytes.to_vec());
        Ok(match *request {
            Request::Seal { purpose, plain } => self.vault.seal(purpose, plain)?.into(),
            Request::Unseal { purpose, sealed } => {
                public(self.vault.unseal(purpose, sealed)?.expose())
            }
            Request::Digest { purpose, bytes } => {
                public(self.vault.digest(purpose, bytes)?.as_bytes())
            }
            Request::Sign { purpose, message } => {
                public(&self.vault.sign(Signing::from_number(purpose)?, message))
            }
            Request::PublicKey { purpose } => {
                public(&self.vault.public_key(Signing::from_number(purpose)?))
            }
            Request::Certificate => {
                let mut held = self.certificates();
                let chain = held.present(self.clock.now());
                let chain = chain.map_err(|error| KeysError::Certificate(error.to_string()))?;
                wire::encode_chain(chain)
            }
            Request::Handshake {
                id,
                scheme,
                message,
            } => self.certificates().sign(id, scheme, message)?.into(),
            Request::Authority => {
                let state = self.certificates().authority(self.clock.now())?;
                let state = serde_json::to_vec(&state);
                state
                    .map_err(|error| KeysError::Certificate(error.to_string()))?
                    .into()
            }
            Request::Rotate { days } => {
                self.certificates().rotate(days, self.clock.now())?;
                Zeroizing::default()
            }
            Request::CancelRotation => {
                self.certificates().cancel_rotation(self.clock.now())?;
                Zeroizing::default()
            }
            Request::Revoke { serial } => {
                self.certificates().revoke(serial, self.clock.now())?;
                Zeroizing::default()
            }
        })
    }

    fn certificates(&self) -> std::sync::MutexGuard<'_, Certificates> {
        self.certificates
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
