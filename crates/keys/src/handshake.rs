//! What a TLS server signs, told from everything else.
//!
//! Whoever takes the asking process could otherwise have a certificate's key sign whatever they
//! like: an X.509 certificate, a message of another protocol, a challenge.

use rustls::{NamedGroup, SignatureScheme};

use crate::Refusal;

/// Bytes of the longest message: TLS 1.2 with a point on P-521.
pub(crate) const MESSAGE_BYTES_MAX: usize = 64 + 4 + 133;

/// RFC 8446, 4.4.3: 64 spaces, this, a zero byte, the transcript's digest.
const CONTEXT: &[u8] = b"TLS 1.3, server CertificateVerify\0";
/// Digests a transcript has: SHA-256, SHA-384.
const DIGEST_LENGTHS: [usize; 2] = [32, 48];
/// RFC 8422, 5.4: `curve_type` named curve.
const NAMED_CURVE: u8 = 3;
/// Both sides' random bytes.
const RANDOMS: usize = 64;

/// Refuses what is not signed in a handshake with this scheme.
pub(crate) fn check(scheme: SignatureScheme, message: &[u8]) -> Result<(), Refusal> {
    if is_certificate_verify(message) {
        // RFC 8446, 4.2.3: PKCS #1 signs certificates only, from TLS 1.3 on.
        let is_old = matches!(
            scheme,
            SignatureScheme::RSA_PKCS1_SHA256
                | SignatureScheme::RSA_PKCS1_SHA384
                | SignatureScheme::RSA_PKCS1_SHA512
        );
        return if is_old { Err(Refusal::Scheme) } else { Ok(()) };
    }
    if is_server_key_exchange(message) {
        return Ok(());
    }
    Err(Refusal::NotAHandshake)
}

fn is_certificate_verify(message: &[u8]) -> bool {
    let spaces = message.split_at_checked(64);
    spaces.is_some_and(|(spaces, rest)| {
        spaces.iter().all(|byte| *byte == b' ')
            && rest
                .strip_prefix(CONTEXT)
                .is_some_and(|digest| DIGEST_LENGTHS.contains(&digest.len()))
    })
}

/// RFC 8422, 5.4: both randoms, then the curve, its name and the server's point.
fn is_server_key_exchange(message: &[u8]) -> bool {
    let Some((_, parameters)) = message.split_at_checked(RANDOMS) else {
        return false;
    };
    let Some((&[kind, high, low, length], point)) = parameters.split_first_chunk() else {
        return false;
    };
    let expected = match NamedGroup::from(u16::from_be_bytes([high, low])) {
        NamedGroup::secp256r1 => 65,
        NamedGroup::secp384r1 => 97,
        NamedGroup::secp521r1 => 133,
        NamedGroup::X25519 => 32,
        NamedGroup::X448 => 56,
        _ => return false,
    };
    kind == NAMED_CURVE && usize::from(length) == expected && point.len() == expected
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// What TLS 1.3 has signed.
    pub(crate) fn certificate_verify(digest: usize) -> Vec<u8> {
        [&[b' '; 64], CONTEXT, &vec![9; digest]].concat()
    }

    fn server_key_exchange(group: u16, length: u8) -> Vec<u8> {
        let [high, low] = group.to_be_bytes();
        let point = vec![4; usize::from(length)];
        [&[1; 64][..], &[3, high, low, length], &point].concat()
    }

    #[test]
    fn handshakes_are_known_and_nothing_else_is() {
        let scheme = SignatureScheme::ECDSA_NISTP256_SHA256;
        for digest in [32, 48] {
            assert_eq!(check(scheme, &certificate_verify(digest)), Ok(()));
        }
        for (group, length) in [(23, 65), (24, 97), (25, 133), (29, 32), (30, 56)] {
            let message = server_key_exchange(group, length);
            assert_eq!(check(scheme, &message), Ok(()), "{group}");
            assert!(message.len() <= MESSAGE_BYTES_MAX);
        }
        let mut client = certificate_verify(32);
        client[72..78].copy_from_slice(b"client");
        let mut explicit = server_key_exchange(23, 65);
        explicit[64] = 1;
        for (what, message) in [
            ("nothing", Vec::new()),
            ("a text", b"pay 100 to mallory".to_vec()),
            ("a client's CertificateVerify", client),
            ("a digest of another length", certificate_verify(20)),
            ("a curve given in full", explicit),
            ("a point of another length", server_key_exchange(29, 31)),
            ("an unknown curve", server_key_exchange(1, 32)),
            (
                "one byte more",
                [server_key_exchange(29, 32), vec![0]].concat(),
            ),
            ("one space less", certificate_verify(32)[1..].to_vec()),
        ] {
            assert_eq!(
                check(scheme, &message),
                Err(Refusal::NotAHandshake),
                "{what}"
            );
        }
        let old = SignatureScheme::RSA_PKCS1_SHA256;
        assert_eq!(check(old, &certificate_verify(32)), Err(Refusal::Scheme));
        assert_eq!(check(old, &server_key_exchange(29, 32)), Ok(()));
    }
}
