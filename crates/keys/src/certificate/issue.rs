//! Making root and leaf.

use std::{net::IpAddr, time::Duration};

use model::clock::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    NameConstraints, PKCS_ECDSA_P256_SHA256,
};
use sandbox::folder::Folder;
use x509_parser::prelude::{FromDer as _, GeneralName, ParsedExtension, X509Certificate};
use zeroize::Zeroizing;

use super::{CertificateError, own_file};

/// The file that holds the leaf, the root, and the leaf's key.
pub(super) const LEAF: &str = "leaf.pem";
const DAY: i64 = 24 * 3600;
/// The root's life.
const ROOT_SECONDS: i64 = 10 * 365 * DAY;
/// A leaf's life.
const LEAF_SECONDS: i64 = 90 * DAY;
/// Clocks of clients may be behind.
const BACKDATED_SECONDS: i64 = 3600;

/// Makes the root and the leaf, or renews the leaf, when due.
pub(super) fn leaf(
    folder: &Folder,
    names: &[String],
    now: Timestamp,
) -> Result<(), CertificateError> {
    let fresh_root = root(folder, names, now)?;
    if fresh_root || !is_good(folder, names, now) {
        issue(folder, names, now)?;
    }
    Ok(())
}

/// Makes the root unless there is one that fits. Returns whether it was made.
fn root(folder: &Folder, names: &[String], now: Timestamp) -> Result<bool, CertificateError> {
    if folder.has("ca.pem") && folder.has("ca.key") {
        let covers = constrained_to(&own_file(folder, "ca.pem")?.1)
            .is_some_and(|permitted| names.iter().all(|name| permitted.contains(&bare(name))));
        if covers {
            return Ok(false);
        }
        crate::process::say(
            "the names have changed: a new root certificate is made, import it anew",
        );
        folder
            .rename("ca.pem", "ca.pem.old")
            .map_err(|source| CertificateError::File {
                path: folder.path_of("ca.pem.old"),
                source,
            })?;
    }
    let mut params = params(&[], now, ROOT_SECONDS)?;
    params
        .distinguished_name
        .push(DnType::CommonName, "Redkeep local root");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    // A stolen root key can vouch for these names and for no bank.
    let permitted_subtrees = names.iter().map(|name| subtree(name)).collect();
    params.name_constraints = Some(NameConstraints {
        permitted_subtrees,
        excluded_subtrees: Vec::new(),
    });
    let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(made)?;
    let root = params.self_signed(&pair).map_err(made)?;
    write(folder, "ca.key", &Zeroizing::new(pair.serialize_pem()))?;
    write(folder, "ca.pem", &root.pem())?;
    Ok(true)
}

fn issue(folder: &Folder, names: &[String], now: Timestamp) -> Result<(), CertificateError> {
    let text = |name: &str| -> Result<Zeroizing<String>, CertificateError> {
        let (path, text) = own_file(folder, name)?;
        let text = String::from_utf8(text.to_vec());
        text.map(Zeroizing::new)
            .map_err(|_| CertificateError::Unusable {
                path,
                why: "it is not PEM".to_owned(),
            })
    };
    let root = text("ca.pem")?;
    let root_key = KeyPair::from_pem(&text("ca.key")?).map_err(made)?;
    let issuer = Issuer::from_ca_cert_pem(&root, root_key).map_err(made)?;
    let mut params = params(names, now, LEAF_SECONDS)?;
    params
        .distinguished_name
        .push(DnType::CommonName, "Redkeep");
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(made)?;
    let leaf = params.signed_by(&pair, &issuer).map_err(made)?;
    // One file: a leaf and a key that do not belong together cannot come to be.
    let key = Zeroizing::new(pair.serialize_pem());
    let all = [leaf.pem().as_str(), &root, &key].concat();
    write(folder, LEAF, &Zeroizing::new(all))
}

/// Writes a file of mode 0600 whole or not at all.
fn write(folder: &Folder, name: &str, text: &str) -> Result<(), CertificateError> {
    let written = folder.write_whole(name, text.as_bytes());
    written.map_err(|source| CertificateError::File {
        path: folder.path_of(name),
        source,
    })
}

fn params(
    names: &[String],
    now: Timestamp,
    seconds: i64,
) -> Result<CertificateParams, CertificateError> {
    if let Some(name) = names.iter().find(|name| !is_name(name)) {
        return Err(CertificateError::Name { name: name.clone() });
    }
    let mut params = CertificateParams::new(names).map_err(made)?;
    params.distinguished_name = DistinguishedName::new();
    let at = |time: Timestamp| {
        let seconds = u64::try_from(time.unix_seconds()).unwrap_or(0);
        rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(seconds)
    };
    params.not_before = at(now.plus_seconds(-BACKDATED_SECONDS));
    params.not_after = at(now.plus_seconds(seconds));
    Ok(params)
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

/// A name as constraints and alternative names carry it: text, or an address's bytes.
fn bare(name: &str) -> Vec<u8> {
    match name.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => address.octets().to_vec(),
        Ok(IpAddr::V6(address)) => address.octets().to_vec(),
        Err(_) => name.as_bytes().to_vec(),
    }
}

/// What a root may vouch for.
fn constrained_to(pem: &[u8]) -> Option<Vec<Vec<u8>>> {
    let (_, pem) = x509_parser::pem::parse_x509_pem(pem).ok()?;
    let (_, root) = X509Certificate::from_der(&pem.contents).ok()?;
    let constraints =
        root.extensions()
            .iter()
            .find_map(|extension| match extension.parsed_extension() {
                ParsedExtension::NameConstraints(constraints) => Some(constraints),
                _ => None,
            })?;
    let permitted = constraints.permitted_subtrees.as_ref()?.iter();
    Some(
        permitted
            .filter_map(|subtree| match &subtree.base {
                GeneralName::DNSName(name) => Some(name.as_bytes().to_vec()),
                // The address, then its mask, of the same length.
                GeneralName::IPAddress(bytes) => Some(bytes[..bytes.len() / 2].to_vec()),
                _ => None,
            })
            .collect(),
    )
}

/// Whether the leaf is for these names and has more than a third of its life left.
fn is_good(folder: &Folder, names: &[String], now: Timestamp) -> bool {
    let check = || {
        let (_, text) = own_file(folder, LEAF).ok()?;
        let (_, pem) = x509_parser::pem::parse_x509_pem(&text).ok()?;
        let (_, leaf) = X509Certificate::from_der(&pem.contents).ok()?;
        let mut found: Vec<Vec<u8>> = leaf
            .subject_alternative_name()
            .ok()??
            .value
            .general_names
            .iter()
            .filter_map(|name| match name {
                GeneralName::DNSName(name) => Some(name.as_bytes().to_vec()),
                GeneralName::IPAddress(bytes) => Some(bytes.to_vec()),
                _ => None,
            })
            .collect();
        let mut wanted: Vec<Vec<u8>> = names.iter().map(|name| bare(name)).collect();
        found.sort();
        wanted.sort();
        let seconds = now.unix_seconds();
        let (from, to) = (
            leaf.validity().not_before.timestamp(),
            leaf.validity().not_after.timestamp(),
        );
        let is_fresh = from <= seconds && (to - seconds) * 3 > to - from;
        Some(found == wanted && is_fresh)
    };
    check().unwrap_or(false)
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "it is what `map_err` hands over"
)]
fn made(error: rcgen::Error) -> CertificateError {
    CertificateError::Made(error.to_string())
}
