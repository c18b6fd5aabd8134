//! What is said on a lane: a length (four bytes), then a version, a kind and its fields.
//!
//! One request is under way at a time on each lane, so that what waits is bounded by who asks. Every
//! kind of request has a length of its own that is refused before a byte of it is kept.

use std::io::{self, Read};

use model::id::Hash;
use rustls::{SignatureAlgorithm, SignatureScheme, pki_types::CertificateDer};
use zeroize::Zeroizing;

use crate::{Chain, KeysError, Refusal, authority::SERIAL_BYTES_MAX, handshake};

/// The version of what is said. Both ends are the same program, so there is one.
const VERSION: u8 = 1;
/// Bytes of a purpose, a version, a kind and numbers.
const HEAD_BYTES_MAX: usize = 1024;
/// Bytes of what is sealed, opened or digested: a set of credentials has at most 8 MiB.
const SECRET_BYTES_MAX: usize = 17 << 20;
/// Bytes of what is signed: a deployment in a file holds two flows of at most 64 MiB each, as JSON
/// in JSON.
const SIGNED_BYTES_MAX: usize = 512 << 20;
/// Bytes of an answer.
pub(crate) const ANSWER_BYTES_MAX: usize = SECRET_BYTES_MAX + HEAD_BYTES_MAX;
/// Bytes of what is said at the start.
pub(crate) const SETUP_BYTES_MAX: usize = 256 << 10;

/// What a lane is for: each takes only its own requests, so that whoever holds one end of one lane
/// has no use of the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lane {
    /// TLS handshakes and certificates.
    Handshakes,
    /// What the master key is for.
    Secrets,
}

/// What can be asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Request<'a> {
    Seal {
        purpose: &'a str,
        plain: &'a [u8],
    },
    Unseal {
        purpose: &'a str,
        sealed: &'a [u8],
    },
    Digest {
        purpose: &'a str,
        bytes: &'a [u8],
    },
    Sign {
        purpose: u8,
        message: &'a [u8],
    },
    PublicKey {
        purpose: u8,
    },
    Certificate,
    Handshake {
        id: Hash,
        scheme: SignatureScheme,
        message: &'a [u8],
    },
    /// How our own authority stands.
    Authority,
    /// Another root, with so many days in which both are good.
    Rotate {
        days: u16,
    },
    CancelRotation,
    /// A leaf onto the revocation list.
    Revoke {
        serial: &'a [u8],
    },
}

const SEAL: u8 = 1;
const UNSEAL: u8 = 2;
const DIGEST: u8 = 3;
const SIGN: u8 = 4;
const PUBLIC_KEY: u8 = 5;
const CERTIFICATE: u8 = 6;
const HANDSHAKE: u8 = 7;
const AUTHORITY: u8 = 8;
const ROTATE: u8 = 9;
const CANCEL_ROTATION: u8 = 10;
const REVOKE: u8 = 11;

/// Bytes a request of this kind may have on this lane; none when it does not take it.
pub(crate) fn bytes_max(lane: Lane, kind: u8) -> Option<usize> {
    match (lane, kind) {
        (Lane::Secrets, SEAL | UNSEAL | DIGEST) => Some(SECRET_BYTES_MAX),
        (Lane::Secrets, SIGN) => Some(SIGNED_BYTES_MAX),
        (Lane::Secrets, PUBLIC_KEY)
        | (Lane::Handshakes, CERTIFICATE | AUTHORITY | ROTATE | CANCEL_ROTATION) => Some(16),
        (Lane::Handshakes, REVOKE) => Some(2 + SERIAL_BYTES_MAX),
        (Lane::Handshakes, HANDSHAKE) => Some(2 + 32 + 2 + handshake::MESSAGE_BYTES_MAX),
        _ => None,
    }
}

/// Whether a request's frame will be taken.
pub(crate) fn is_within_bounds(lane: Lane, frame: &[u8]) -> bool {
    let kind = frame.get(5).copied().unwrap_or_default();
    bytes_max(lane, kind).is_some_and(|max| frame.len() - 4 <= max)
}

impl Request<'_> {
    pub(crate) fn encode(&self) -> Zeroizing<Vec<u8>> {
        let parts: [&[u8]; 4] = match self {
            Self::Seal { purpose, plain } => [&[SEAL], &short(purpose), purpose.as_bytes(), plain],
            Self::Unseal { purpose, sealed } => {
                [&[UNSEAL], &short(purpose), purpose.as_bytes(), sealed]
            }
            Self::Digest { purpose, bytes } => {
                [&[DIGEST], &short(purpose), purpose.as_bytes(), bytes]
            }
            Self::Sign { purpose, message } => [&[SIGN], &[*purpose], message, &[]],
            Self::PublicKey { purpose } => [&[PUBLIC_KEY], &[*purpose], &[], &[]],
            Self::Certificate => [&[CERTIFICATE], &[], &[], &[]],
            Self::Handshake {
                id,
                scheme,
                message,
            } => [
                &[HANDSHAKE],
                id.as_bytes(),
                &u16::from(*scheme).to_be_bytes(),
                message,
            ],
            Self::Authority => [&[AUTHORITY], &[], &[], &[]],
            Self::Rotate { days } => [&[ROTATE], &days.to_be_bytes(), &[], &[]],
            Self::CancelRotation => [&[CANCEL_ROTATION], &[], &[], &[]],
            Self::Revoke { serial } => [&[REVOKE], serial, &[], &[]],
        };
        frame(&parts)
    }
}

fn short(purpose: &str) -> [u8; 2] {
    u16::try_from(purpose.len())
        .unwrap_or(u16::MAX)
        .to_be_bytes()
}

/// A frame of these parts, with its length and version.
pub(crate) fn frame(parts: &[&[u8]]) -> Zeroizing<Vec<u8>> {
    let length = 1 + parts.iter().map(|part| part.len()).sum::<usize>();
    let mut text = Zeroizing::new(Vec::with_capacity(4 + length));
    text.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
    text.push(VERSION);
    for part in parts {
        text.extend_from_slice(part);
    }
    text
}

/// What was read of a lane.
#[derive(Debug)]
pub(crate) enum Frame {
    /// A kind and its fields.
    Said(u8, Zeroizing<Vec<u8>>),
    /// What cannot be taken; it was passed over, and the lane goes on.
    Refused(Refusal),
    /// The other end is closed.
    End,
}

/// Reads one frame; `bytes_max` says how long one of a kind may be, none that there is no such kind.
///
/// Errors: the other end was cut off within a frame, or is silent for too long.
pub(crate) fn read(
    from: &mut impl Read,
    bytes_max: impl Fn(u8) -> Option<usize>,
) -> io::Result<Frame> {
    let mut head = [0; 4];
    if from.read(&mut head[..1])? == 0 {
        return Ok(Frame::End);
    }
    from.read_exact(&mut head[1..])?;
    let length = u32::from_be_bytes(head) as usize;
    let Some(rest) = length.checked_sub(2) else {
        pass_over(from, length)?;
        return Ok(Frame::Refused(Refusal::Unreadable));
    };
    let mut begin = [0; 2];
    from.read_exact(&mut begin)?;
    let [version, kind] = begin;
    let refused = match bytes_max(kind) {
        _ if version != VERSION => Refusal::Unreadable,
        None => Refusal::UnknownRequest,
        Some(max) if length > max => Refusal::TooLong,
        Some(_) => {
            // The length is within bounds, and the kernel gives the memory only as it is filled.
            let mut body = Zeroizing::new(vec![0; rest]);
            from.read_exact(&mut body)?;
            return Ok(Frame::Said(kind, body));
        }
    };
    pass_over(from, rest)?;
    Ok(Frame::Refused(refused))
}

fn pass_over(from: &mut impl Read, bytes: usize) -> io::Result<()> {
    let passed = io::copy(&mut from.take(bytes as u64), &mut io::sink())?;
    if passed == bytes as u64 {
        Ok(())
    } else {
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}

/// What a frame of this kind asks for.
pub(crate) fn decode(kind: u8, body: &[u8]) -> Result<Request<'_>, Refusal> {
    match kind {
        SEAL => named(body).map(|(purpose, plain)| Request::Seal { purpose, plain }),
        UNSEAL => named(body).map(|(purpose, sealed)| Request::Unseal { purpose, sealed }),
        DIGEST => named(body).map(|(purpose, bytes)| Request::Digest { purpose, bytes }),
        SIGN => {
            let (&purpose, message) = body.split_first().ok_or(Refusal::Unreadable)?;
            Ok(Request::Sign { purpose, message })
        }
        PUBLIC_KEY => match body {
            &[purpose] => Ok(Request::PublicKey { purpose }),
            _ => Err(Refusal::Unreadable),
        },
        CERTIFICATE if body.is_empty() => Ok(Request::Certificate),
        HANDSHAKE => {
            let (id, rest) = body.split_first_chunk().ok_or(Refusal::Unreadable)?;
            let (scheme, message) = rest.split_first_chunk().ok_or(Refusal::Unreadable)?;
            Ok(Request::Handshake {
                id: Hash::from_bytes(*id),
                scheme: u16::from_be_bytes(*scheme).into(),
                message,
            })
        }
        AUTHORITY if body.is_empty() => Ok(Request::Authority),
        ROTATE => match body {
            &[high, low] => Ok(Request::Rotate {
                days: u16::from_be_bytes([high, low]),
            }),
            _ => Err(Refusal::Unreadable),
        },
        CANCEL_ROTATION if body.is_empty() => Ok(Request::CancelRotation),
        REVOKE if !body.is_empty() => Ok(Request::Revoke { serial: body }),
        CERTIFICATE | AUTHORITY | CANCEL_ROTATION | REVOKE => Err(Refusal::Unreadable),
        _ => Err(Refusal::UnknownRequest),
    }
}

fn named(body: &[u8]) -> Result<(&str, &[u8]), Refusal> {
    let split = || {
        let (length, rest) = body.split_first_chunk()?;
        let (purpose, rest) = rest.split_at_checked(u16::from_be_bytes(*length).into())?;
        Some((std::str::from_utf8(purpose).ok()?, rest))
    };
    split().ok_or(Refusal::Unreadable)
}

/// Statuses of an answer.
const DONE: u8 = 0;
const DAMAGED: u8 = 100;
const NO_CERTIFICATE: u8 = 101;
const FILE: u8 = 102;
const REFUSALS: [Refusal; 7] = [
    Refusal::TooLong,
    Refusal::Unreadable,
    Refusal::UnknownRequest,
    Refusal::UnknownPurpose,
    Refusal::UnknownCertificate,
    Refusal::Scheme,
    Refusal::NotAHandshake,
];

/// An answer's frame.
pub(crate) fn answer(answer: &Result<Zeroizing<Vec<u8>>, KeysError>) -> Zeroizing<Vec<u8>> {
    match answer {
        Ok(bytes) => frame(&[&[DONE], bytes]),
        Err(KeysError::Refused(refusal)) => {
            let place = (1..).zip(REFUSALS).find(|(_, it)| it == refusal);
            frame(&[&[place.map_or(2, |(place, _)| place)]])
        }
        Err(KeysError::Damaged { what, why }) => {
            frame(&[&[DAMAGED], what.as_bytes(), b"\n", why.as_bytes()])
        }
        Err(KeysError::File { path, why }) => {
            let path = path.to_string_lossy();
            frame(&[&[FILE], path.as_bytes(), b"\n", why.as_bytes()])
        }
        Err(error) => frame(&[&[NO_CERTIFICATE], error.to_string().as_bytes()]),
    }
}

/// What an answer says. `None` when it cannot be meant.
pub(crate) fn read_answer(
    status: u8,
    body: Zeroizing<Vec<u8>>,
) -> Option<Result<Zeroizing<Vec<u8>>, KeysError>> {
    let text = || String::from_utf8_lossy(&body).into_owned();
    let two = || {
        let text = text();
        let (first, second) = text.split_once('\n')?;
        Some((first.to_owned(), second.to_owned()))
    };
    Some(match status {
        DONE => Ok(body),
        DAMAGED => {
            let (what, why) = two()?;
            Err(KeysError::Damaged { what, why })
        }
        FILE => {
            let (path, why) = two()?;
            let path = path.into();
            Err(KeysError::File { path, why })
        }
        NO_CERTIFICATE => Err(KeysError::Certificate(text())),
        refusal => {
            let place = usize::from(refusal).checked_sub(1)?;
            Err(KeysError::Refused(*REFUSALS.get(place)?))
        }
    })
}

/// A chain as bytes: digest, algorithm, schemes, root, certificates.
pub(crate) fn encode_chain(chain: &Chain) -> Zeroizing<Vec<u8>> {
    let mut text = chain.id.as_bytes().to_vec();
    text.push(chain.algorithm.into());
    let mut put = |bytes: &[u8]| {
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        text.extend_from_slice(&length.to_be_bytes());
        text.extend_from_slice(bytes);
    };
    let schemes = chain.schemes.iter();
    let schemes: Vec<u8> = schemes
        .flat_map(|scheme| u16::from(*scheme).to_be_bytes())
        .collect();
    put(&schemes);
    put(chain.root.as_deref().unwrap_or_default().as_bytes());
    chain.certificates.iter().for_each(|it| put(it));
    Zeroizing::new(text)
}

/// What [`encode_chain`] wrote.
pub(crate) fn decode_chain(text: &[u8]) -> Option<Chain> {
    let (id, text) = text.split_first_chunk()?;
    let (&algorithm, mut text) = text.split_first()?;
    let mut take = || {
        let (length, rest) = text.split_first_chunk()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let (bytes, rest) = rest.split_at_checked(length)?;
        text = rest;
        Some(bytes)
    };
    let schemes = take()?.as_chunks().0.iter();
    let root = String::from_utf8(take()?.to_vec()).ok()?;
    let certificates = std::iter::from_fn(take).map(|it| CertificateDer::from(it.to_vec()));
    Some(Chain {
        id: Hash::from_bytes(*id),
        algorithm: SignatureAlgorithm::from(algorithm),
        schemes: schemes
            .map(|it| SignatureScheme::from(u16::from_be_bytes(*it)))
            .collect(),
        certificates: certificates.collect(),
        root: (!root.is_empty()).then_some(root),
    })
}

#[cfg(test)]
mod tests;
