//! Our own authority, as the console sees it.

use console::{AuthorityStatus, IssuedStatus, RootStatus};
use keys::{AuthorityState, RootState};
use rustls::pki_types::{CertificateDer, pem::PemObject as _};

pub(super) fn status(state: &AuthorityState) -> AuthorityStatus {
    let rotation = state.rotation.as_ref();
    let issued = state.issued.iter().map(|leaf| IssuedStatus {
        serial: leaf.serial.clone(),
        until: leaf.until,
        revoked: leaf.revoked,
    });
    AuthorityStatus {
        root: root(&state.root),
        is_root_key_here: state.is_root_key_here,
        issuing_until: state.issuing_until,
        old_root: rotation.map(|it| root(&it.old)),
        both_until: rotation.map(|it| it.until),
        issued: issued.collect(),
        list: state.crl.clone(),
    }
}

fn root(state: &RootState) -> RootStatus {
    let der = CertificateDer::from_pem_slice(state.pem.as_bytes());
    RootStatus {
        pem: state.pem.clone(),
        der: der.map(|der| der.to_vec()).unwrap_or_default(),
        fingerprint: state.fingerprint,
        until: state.until,
    }
}

/// The bytes of a serial number as people copy it: hexadecimal digits in any case, colons between.
pub(super) fn serial(text: &str) -> Option<Vec<u8>> {
    let digits: String = text.chars().filter(|c| *c != ':').collect();
    let digits = digits.to_ascii_lowercase();
    let bytes = data_encoding::HEXLOWER.decode(digits.as_bytes()).ok()?;
    (1..=20).contains(&bytes.len()).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_serial_number_is_read_as_programs_print_it() {
        assert_eq!(serial("4F:a0"), Some(vec![0x4f, 0xa0]));
        assert_eq!(serial("4fa0"), Some(vec![0x4f, 0xa0]));
        for wrong in ["", "4", "xy", &"00".repeat(21)] {
            assert_eq!(serial(wrong), None, "{wrong}");
        }
    }
}
