//! Revoking leafs, and the list that says which (RFC 5280, 5).

use model::clock::Timestamp;
use rcgen::{
    CertificateRevocationListParams, KeyIdMethod, RevocationReason, RevokedCertParams, SerialNumber,
};
use sandbox::folder::Folder;

use super::{Authority, DAY, IssuedState, Pair, make};
use crate::certificate::CertificateError;

/// Bytes of a serial number at most (RFC 5280, 4.1.2.2).
pub(crate) const SERIAL_BYTES_MAX: usize = 20;
/// Leafs that are remembered; one is issued every few days.
pub(super) const ISSUED_MAX: usize = 256;
/// How long a list is good. It is signed anew each hour.
const LIST_SECONDS: i64 = 7 * DAY;

impl Authority {
    /// Puts a leaf on the list.
    pub(crate) fn revoke(
        &mut self,
        folder: &Folder,
        serial: &[u8],
        now: Timestamp,
    ) -> Result<(), CertificateError> {
        let serial = make::hex(serial);
        let mut issued = self.kept.issued.iter_mut();
        let found = issued.find(|leaf| leaf.serial == serial);
        let Some(leaf) = found else {
            return Err(CertificateError::Refused(format!(
                "no certificate of ours that is still good has the serial number {serial}: \
                 `redkeep ca show` lists them"
            )));
        };
        if leaf.revoked.is_none() {
            leaf.revoked = Some(now);
            self.save(folder)?;
        }
        Ok(())
    }
}

/// The list of now (DER), by whoever issues.
pub(super) fn list(
    issuing: &Pair,
    issued: &[IssuedState],
    now: Timestamp,
) -> Result<Vec<u8>, CertificateError> {
    let revoked = issued.iter().filter_map(|leaf| {
        Some(RevokedCertParams {
            serial_number: SerialNumber::from_slice(&bytes(&leaf.serial)),
            revocation_time: make::at(leaf.revoked?),
            reason_code: Some(RevocationReason::Unspecified),
            invalidity_date: None,
        })
    });
    // It only has to grow.
    let number = now.unix_seconds().to_be_bytes();
    let params = CertificateRevocationListParams {
        this_update: make::at(now),
        next_update: make::at(now.plus_seconds(LIST_SECONDS)),
        crl_number: SerialNumber::from_slice(&number),
        issuing_distribution_point: None,
        revoked_certs: revoked.collect(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    let list = params.signed_by(&make::issuer(issuing)?);
    list.map(|list| list.der().to_vec()).map_err(make::made)
}

/// The bytes of hexadecimal digits we wrote.
fn bytes(hex: &str) -> Vec<u8> {
    let pairs = hex.as_bytes().chunks(2);
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    pairs.filter_map(byte).collect()
}
