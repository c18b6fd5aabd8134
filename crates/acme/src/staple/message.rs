//! Questions and answers of RFC 6960, and what an answer must be to be believed.
#![expect(
    clippy::unnested_or_patterns,
    reason = "it is how the derive of a choice is written"
)]

use der::{
    Any, AnyRef, Choice, Decode as _, Encode as _, Enumerated, Sequence,
    asn1::{BitString, GeneralizedTime, Null, ObjectIdentifier, OctetString},
};
use model::clock::Timestamp;
use rustls::pki_types::CertificateDer;
use x509_cert::{
    Certificate,
    ext::{Extensions, pkix::ExtendedKeyUsage},
    name::Name,
    serial_number::SerialNumber,
    spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned},
};

const SHA1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.14.3.2.26");
const BASIC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1.1");
const OCSP_SIGNING: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.9");
/// The responder's clock may be ahead of ours.
const SKEW_SECONDS: i64 = 3600;
/// Certificates an answer may bring along.
const CERTIFICATES_MAX: usize = 4;

#[derive(Debug, Clone, PartialEq, Eq, Sequence)]
struct CertId {
    hash_algorithm: AlgorithmIdentifierOwned,
    issuer_name_hash: OctetString,
    issuer_key_hash: OctetString,
    serial_number: SerialNumber,
}

#[derive(Debug, Sequence)]
struct Single {
    certificate: CertId,
}

#[derive(Debug, Sequence)]
struct Asked {
    list: Vec<Single>,
}

#[derive(Debug, Sequence)]
struct Question {
    asked: Asked,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Enumerated)]
#[repr(u32)]
enum Status {
    Successful = 0,
    MalformedRequest = 1,
    InternalError = 2,
    TryLater = 3,
    SigRequired = 5,
    Unauthorized = 6,
}

#[derive(Debug, Sequence)]
struct Answer {
    status: Status,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    bytes: Option<AnswerBytes>,
}

#[derive(Debug, Sequence)]
struct AnswerBytes {
    kind: ObjectIdentifier,
    answer: OctetString,
}

#[derive(Debug, Sequence)]
struct Basic {
    /// As it was signed.
    said: Any,
    algorithm: AlgorithmIdentifierOwned,
    signature: BitString,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    certificates: Option<Vec<Certificate>>,
}

#[derive(Debug, Choice)]
enum Responder {
    #[asn1(context_specific = "1", tag_mode = "EXPLICIT", constructed = "true")]
    Name(Name),
    #[asn1(context_specific = "2", tag_mode = "EXPLICIT", constructed = "true")]
    Key(OctetString),
}

#[derive(Debug, Sequence)]
struct Said {
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    version: Option<u8>,
    responder: Responder,
    produced_at: GeneralizedTime,
    list: Vec<About>,
    #[asn1(context_specific = "1", tag_mode = "EXPLICIT", optional = "true")]
    extensions: Option<Extensions>,
}

#[derive(Debug, Sequence)]
struct About {
    certificate: CertId,
    state: State,
    this_update: GeneralizedTime,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    next_update: Option<GeneralizedTime>,
    #[asn1(context_specific = "1", tag_mode = "EXPLICIT", optional = "true")]
    extensions: Option<Extensions>,
}

#[derive(Debug, Choice)]
enum State {
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT")]
    Good(Null),
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", constructed = "true")]
    Revoked(Revoked),
    #[asn1(context_specific = "2", tag_mode = "IMPLICIT")]
    Unknown(Null),
}

#[derive(Debug, Sequence)]
struct Revoked {
    at: GeneralizedTime,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    reason: Option<Reason>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Enumerated)]
#[repr(u32)]
enum Reason {
    Unspecified = 0,
    KeyCompromise = 1,
    CaCompromise = 2,
    AffiliationChanged = 3,
    Superseded = 4,
    CessationOfOperation = 5,
    CertificateHold = 6,
    RemoveFromCrl = 8,
    PrivilegeWithdrawn = 9,
    AaCompromise = 10,
}

/// In which time an answer is good.
#[derive(Debug)]
pub(super) struct Good {
    pub(super) from: Timestamp,
    pub(super) until: Option<Timestamp>,
}

/// The question about a leaf.
pub(super) fn ask(
    leaf: &CertificateDer<'_>,
    issuer: &CertificateDer<'_>,
) -> Result<Vec<u8>, String> {
    let certificate = id(&read_certificate(leaf)?, &read_certificate(issuer)?)?;
    let asked = Asked {
        list: vec![Single { certificate }],
    };
    Question { asked }.to_der().map_err(|it| it.to_string())
}

/// Reads an answer and checks all of it but its end.
///
/// Errors: why it is not believed, for people.
pub(super) fn read(
    answer: &[u8],
    leaf: &CertificateDer<'_>,
    issuer: &CertificateDer<'_>,
    now: Timestamp,
) -> Result<Good, String> {
    let unreadable = |error: der::Error| format!("its answer cannot be read: {error}");
    let answer = Answer::from_der(answer).map_err(unreadable)?;
    if answer.status != Status::Successful {
        return Err(format!("it refused to answer: {:?}", answer.status));
    }
    let bytes = answer.bytes.ok_or("its answer is empty")?;
    if bytes.kind != BASIC {
        return Err("its answer is of an unknown kind".to_owned());
    }
    let basic = Basic::from_der(bytes.answer.as_bytes()).map_err(unreadable)?;
    let signed = basic.said.to_der().map_err(unreadable)?;
    let (leaf, issuer) = (read_certificate(leaf)?, read_certificate(issuer)?);
    let signature = basic.signature.raw_bytes();
    if !is_by_issuer(&basic, &signed, signature, &issuer, now) {
        return Err("its answer is signed by nobody the issuer named".to_owned());
    }
    let said = Said::from_der(&signed).map_err(unreadable)?;
    let wanted = id(&leaf, &issuer)?;
    let mut list = said.list.iter();
    let about = list.find(|it| is_same(&it.certificate, &wanted));
    let about = about.ok_or("its answer is about another certificate")?;
    match about.state {
        State::Good(_) => {}
        State::Revoked(_) => return Err("the certificate was revoked: replace it".to_owned()),
        State::Unknown(_) => return Err("it does not know the certificate".to_owned()),
    }
    let from = moment(&about.this_update);
    if from > now.plus_seconds(SKEW_SECONDS) {
        return Err(format!("its answer is good from {from} only"));
    }
    Ok(Good {
        from,
        until: about.next_update.as_ref().map(moment),
    })
}

/// By the issuer's own key, or by one that the issuer certified for this (RFC 6960, 4.2.2.2).
fn is_by_issuer(
    basic: &Basic,
    signed: &[u8],
    signature: &[u8],
    issuer: &Certificate,
    now: Timestamp,
) -> bool {
    let key = |of: &Certificate| of.tbs_certificate().subject_public_key_info().clone();
    let issuers = key(issuer);
    if is_signed(&issuers, &basic.algorithm, signed, signature) {
        return true;
    }
    let certificates = basic.certificates.iter().flatten();
    certificates.take(CERTIFICATES_MAX).any(|responder| {
        let body = responder.tbs_certificate();
        let validity = body.validity();
        let is_now = seconds(validity.not_before.to_unix_duration()) <= now.unix_seconds()
            && now.unix_seconds() < seconds(validity.not_after.to_unix_duration());
        let usage = body.get_extension::<ExtendedKeyUsage>();
        let is_for_this =
            usage.is_ok_and(|it| it.is_some_and(|(_, usage)| usage.0.contains(&OCSP_SIGNING)));
        let is_issuers = body.issuer() == issuer.tbs_certificate().subject()
            && body.to_der().is_ok_and(|body| {
                let (algorithm, by) = (responder.signature_algorithm(), responder.signature());
                is_signed(&issuers, algorithm, &body, by.raw_bytes())
            });
        is_now
            && is_for_this
            && is_issuers
            && is_signed(&key(responder), &basic.algorithm, signed, signature)
    })
}

fn is_signed(
    key: &SubjectPublicKeyInfoOwned,
    algorithm: &AlgorithmIdentifierOwned,
    message: &[u8],
    signature: &[u8],
) -> bool {
    let (Some(of_key), Some(of_signature)) = (content(&key.algorithm), content(algorithm)) else {
        return false;
    };
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let known = provider.signature_verification_algorithms.all.iter();
    known
        .filter(|it| it.public_key_alg_id().as_ref() == of_key)
        .filter(|it| it.signature_alg_id().as_ref() == of_signature)
        .any(|it| {
            let public = key.subject_public_key.raw_bytes();
            it.verify_signature(public, message, signature).is_ok()
        })
}

/// What stands within the SEQUENCE, as rustls names algorithms.
fn content(algorithm: &AlgorithmIdentifierOwned) -> Option<Vec<u8>> {
    let text = algorithm.to_der().ok()?;
    let any = AnyRef::from_der(&text).ok()?;
    Some(any.value().to_vec())
}

/// RFC 6960, 4.1.1: SHA-1 names a certificate here and guards nothing; responders know no other.
fn id(leaf: &Certificate, issuer: &Certificate) -> Result<CertId, String> {
    let failed = |error: der::Error| error.to_string();
    let issuer = issuer.tbs_certificate();
    let name = issuer.subject().to_der().map_err(failed)?;
    let key = issuer
        .subject_public_key_info()
        .subject_public_key
        .raw_bytes();
    let hash = |bytes: &[u8]| {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY, bytes);
        OctetString::new(digest.as_ref())
    };
    Ok(CertId {
        hash_algorithm: AlgorithmIdentifierOwned {
            oid: SHA1,
            parameters: Some(Any::null()),
        },
        issuer_name_hash: hash(&name).map_err(failed)?,
        issuer_key_hash: hash(key).map_err(failed)?,
        serial_number: leaf.tbs_certificate().serial_number().clone(),
    })
}

/// Whether both are about one certificate; some leave the parameters of SHA-1 out.
fn is_same(one: &CertId, other: &CertId) -> bool {
    one.hash_algorithm.oid == other.hash_algorithm.oid
        && one.issuer_name_hash == other.issuer_name_hash
        && one.issuer_key_hash == other.issuer_key_hash
        && one.serial_number == other.serial_number
}

fn read_certificate(der: &CertificateDer<'_>) -> Result<Certificate, String> {
    Certificate::from_der(der).map_err(|error| format!("a certificate cannot be read: {error}"))
}

fn moment(time: &GeneralizedTime) -> Timestamp {
    Timestamp(seconds(time.to_unix_duration()).saturating_mul(1000))
}

fn seconds(since: std::time::Duration) -> i64 {
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
