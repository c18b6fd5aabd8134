//! Making root, issuing certificate and leaf.

use std::{fmt::Write as _, net::IpAddr, time::Duration};

use model::clock::Timestamp;
use pkcs8::{LineEnding, der::pem::encode_string};
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CidrSubnet, CrlDistributionPoint,
    DistinguishedName, DnType, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, NameConstraints, PKCS_ECDSA_P256_SHA256, SerialNumber,
};
use x509_parser::prelude::{FromDer as _, GeneralName, ParsedExtension, X509Certificate};
use zeroize::Zeroizing;

use super::{DAY, Key, Pair};
use crate::{certificate::CertificateError, secret::random};

/// The root's life.
const ROOT_SECONDS: i64 = 10 * 365 * DAY;
/// An issuing certificate's life where the root's key is at hand.
pub(super) const ISSUING_SECONDS: i64 = 365 * DAY;
/// A leaf's life: short, so that a stolen one is of little use where nobody reads revocation lists.
pub(super) const LEAF_SECONDS: i64 = 7 * DAY;
/// Clocks of clients may be behind.
const BACKDATED_SECONDS: i64 = 3600;
/// Certificates below a root: the next root while one takes another's place, and the issuing one.
const BELOW_ROOT: u8 = 2;

/// What a leaf is for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Leaf<'a> {
    /// Host names and addresses.
    pub(crate) names: &'a [String],
    /// Where the revocation list is.
    pub(crate) crl: Option<&'a str>,
}

/// A root that may vouch for `names`, and no bank when its key is stolen.
pub(super) fn root(names: &[String], now: Timestamp) -> Result<Pair, CertificateError> {
    let params = authority(
        "root",
        names,
        BELOW_ROOT,
        now,
        now.plus_seconds(ROOT_SECONDS),
    )?;
    let pair = new_key()?;
    let root = params.self_signed(&pair).map_err(made)?;
    Ok(Pair {
        pem: root.pem(),
        key: Some(key_of(&pair)),
    })
}

/// What issues leafs below `root`: never longer than it.
pub(super) fn issuing(
    names: &[String],
    root: &Pair,
    now: Timestamp,
    seconds: i64,
) -> Result<Pair, CertificateError> {
    let until = validity(&root.pem)?.1.min(now.plus_seconds(seconds));
    let params = authority("issuing", names, 0, now, until)?;
    let pair = new_key()?;
    let issuing = signed_by(&params, &pair, root)?;
    Ok(Pair {
        pem: issuing.pem(),
        key: Some(key_of(&pair)),
    })
}

/// The root `new`, as `old` vouches for it: whoever trusts `old` alone trusts what is below `new`
/// until then.
pub(super) fn cross(
    names: &[String],
    (old, new): (&Pair, &Pair),
    (now, until): (Timestamp, Timestamp),
) -> Result<String, CertificateError> {
    let key = key(new)?;
    let until = validity(&old.pem)?.1.min(until);
    let mut params = authority("root", names, BELOW_ROOT - 1, now, until)?;
    // The same subject and key as the new root, so that both fit what is below.
    params.distinguished_name = DistinguishedName::new();
    let name = &mut params.distinguished_name;
    name.push(DnType::CommonName, common_name(&new.pem)?);
    signed_by(&params, &key, old).map(|it| it.pem())
}

/// A leaf (PEM) and its key.
pub(super) fn leaf(
    leaf: &Leaf<'_>,
    issuing: &Pair,
    serial: &[u8],
    now: Timestamp,
) -> Result<(String, Zeroizing<String>), CertificateError> {
    let until = validity(&issuing.pem)?.1;
    let until = until.min(now.plus_seconds(LEAF_SECONDS));
    let mut params = params(leaf.names, now, until)?;
    let name = &mut params.distinguished_name;
    name.push(DnType::CommonName, "Redkeep");
    params.serial_number = Some(SerialNumber::from_slice(serial));
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let points = leaf.crl.map(|at| CrlDistributionPoint {
        uris: vec![at.to_owned()],
    });
    params.crl_distribution_points = points.into_iter().collect();
    let pair = new_key()?;
    let made = signed_by(&params, &pair, issuing)?;
    Ok((made.pem(), Zeroizing::new(pair.serialize_pem())))
}

/// A serial number: 16 bytes nobody can foresee, positive, and not beginning with zero.
pub(super) fn serial() -> [u8; 16] {
    let mut serial = random::<16>();
    serial[0] = serial[0] & 0x3f | 0x40;
    serial
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing to a string cannot fail.
        write!(text, "{byte:02x}").ok();
    }
    text
}

pub(super) fn pem(label: &'static str, der: &[u8]) -> String {
    encode_string(label, LineEnding::LF, der).unwrap_or_default()
}

/// What signs as `pair`.
pub(super) fn issuer(pair: &Pair) -> Result<Issuer<'static, KeyPair>, CertificateError> {
    Issuer::from_ca_cert_pem(&pair.pem, key(pair)?).map_err(made)
}

pub(super) fn key(pair: &Pair) -> Result<KeyPair, CertificateError> {
    let key = pair.key.as_ref().ok_or(CertificateError::KeyAway)?;
    KeyPair::from_pem(&key.0).map_err(made)
}

pub(super) fn at(time: Timestamp) -> time::OffsetDateTime {
    let seconds = u64::try_from(time.unix_seconds()).unwrap_or(0);
    rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(seconds)
}

/// From when until when.
pub(super) fn validity(pem: &str) -> Result<(Timestamp, Timestamp), CertificateError> {
    let pem = x509_parser::pem::parse_x509_pem(pem.as_bytes());
    let (_, pem) = pem.map_err(|_| unreadable())?;
    let (_, found) = X509Certificate::from_der(&pem.contents).map_err(|_| unreadable())?;
    let moment = |seconds: i64| Timestamp(seconds.saturating_mul(1000));
    let validity = found.validity();
    Ok((
        moment(validity.not_before.timestamp()),
        moment(validity.not_after.timestamp()),
    ))
}

fn common_name(pem: &str) -> Result<String, CertificateError> {
    let read = || {
        let (_, pem) = x509_parser::pem::parse_x509_pem(pem.as_bytes()).ok()?;
        let (_, found) = X509Certificate::from_der(&pem.contents).ok()?;
        let name = found.subject().iter_common_name().next()?.as_str().ok()?;
        Some(name.to_owned())
    };
    read().ok_or_else(unreadable)
}

fn unreadable() -> CertificateError {
    CertificateError::Made("a certificate of ours cannot be read".to_owned())
}

fn signed_by(
    params: &CertificateParams,
    pair: &KeyPair,
    by: &Pair,
) -> Result<Certificate, CertificateError> {
    let issuer = issuer(by)?;
    params.signed_by(pair, &issuer).map_err(made)
}

fn new_key() -> Result<KeyPair, CertificateError> {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(made)
}

fn key_of(pair: &KeyPair) -> Key {
    Key(Zeroizing::new(pair.serialize_pem()))
}

/// What may sign certificates for `names`, over at most `below` others.
fn authority(
    what: &str,
    names: &[String],
    below: u8,
    now: Timestamp,
    until: Timestamp,
) -> Result<CertificateParams, CertificateError> {
    check_names(names)?;
    let mut params = params(&[], now, until)?;
    // Of two authorities with one name, clients take the wrong one.
    let name = format!("Redkeep local {what} {}", hex(&random::<4>()));
    params.distinguished_name.push(DnType::CommonName, name);
    params.serial_number = Some(SerialNumber::from_slice(&serial()));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(below));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.name_constraints = Some(NameConstraints {
        permitted_subtrees: names.iter().map(|name| subtree(name)).collect(),
        excluded_subtrees: Vec::new(),
    });
    Ok(params)
}

fn params(
    names: &[String],
    now: Timestamp,
    until: Timestamp,
) -> Result<CertificateParams, CertificateError> {
    check_names(names)?;
    let mut params = CertificateParams::new(names).map_err(made)?;
    params.distinguished_name = DistinguishedName::new();
    params.not_before = at(now.plus_seconds(-BACKDATED_SECONDS));
    params.not_after = at(until);
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

fn check_names(names: &[String]) -> Result<(), CertificateError> {
    match names.iter().find(|name| !is_name(name)) {
        Some(name) => Err(CertificateError::Name { name: name.clone() }),
        None => Ok(()),
    }
}

fn is_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
    let is_host = !name.is_empty()
        && name.len() <= 253
        && name.bytes().all(plain)
        && name
            .split('.')
            .all(|label| !label.is_empty() && label.len() <= 63);
    is_host || name.parse::<IpAddr>().is_ok()
}

fn subtree(name: &str) -> GeneralSubtree {
    match name.parse::<IpAddr>() {
        Ok(address @ IpAddr::V4(_)) => {
            GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(address, 32))
        }
        Ok(address @ IpAddr::V6(_)) => {
            GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(address, 128))
        }
        Err(_) => GeneralSubtree::DnsName(name.to_owned()),
    }
}

/// A name as alternative names carry it: text, or an address's bytes.
fn bare(name: &str) -> Vec<u8> {
    match name.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => address.octets().to_vec(),
        Ok(IpAddr::V6(address)) => address.octets().to_vec(),
        Err(_) => name.as_bytes().to_vec(),
    }
}

/// What tells whether a leaf still serves.
pub(crate) struct Found {
    pub(crate) serial: String,
    names: Vec<Vec<u8>>,
    crl: Option<String>,
    from: i64,
    until: i64,
}

/// Reads the first certificate of a text.
pub(crate) fn find_leaf(text: &[u8]) -> Option<Found> {
    let (_, pem) = x509_parser::pem::parse_x509_pem(text).ok()?;
    let (_, leaf) = X509Certificate::from_der(&pem.contents).ok()?;
    let names = &leaf.subject_alternative_name().ok()??.value.general_names;
    let names = names.iter().filter_map(|name| match name {
        GeneralName::DNSName(name) => Some(name.as_bytes().to_vec()),
        GeneralName::IPAddress(bytes) => Some(bytes.to_vec()),
        _ => None,
    });
    let mut names: Vec<Vec<u8>> = names.collect();
    names.sort();
    let crl = leaf.extensions().iter().find_map(|extension| {
        let ParsedExtension::CRLDistributionPoints(points) = extension.parsed_extension() else {
            return None;
        };
        let point = points.points.first()?.distribution_point.as_ref()?;
        let x509_parser::extensions::DistributionPointName::FullName(names) = point else {
            return None;
        };
        match names.first()? {
            GeneralName::URI(at) => Some((*at).to_owned()),
            _ => None,
        }
    });
    Some(Found {
        serial: hex(leaf.raw_serial()),
        names,
        crl,
        from: leaf.validity().not_before.timestamp(),
        until: leaf.validity().not_after.timestamp(),
    })
}

impl Found {
    /// Whether it is what is wanted and has more than a third of its life left.
    pub(crate) fn serves(&self, wanted: &Leaf<'_>, now: Timestamp) -> bool {
        let mut names: Vec<Vec<u8>> = wanted.names.iter().map(|name| bare(name)).collect();
        names.sort();
        let seconds = now.unix_seconds();
        let is_fresh = self.from <= seconds && (self.until - seconds) * 3 > self.until - self.from;
        self.names == names && self.crl.as_deref() == wanted.crl && is_fresh
    }
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "it is what `map_err` hands over"
)]
pub(super) fn made(error: rcgen::Error) -> CertificateError {
    CertificateError::Made(error.to_string())
}
