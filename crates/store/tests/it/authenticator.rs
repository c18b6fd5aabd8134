//! An authenticator in software (WebAuthn Level 2, sections 6.1, 6.5 and 8.7): one key, a counter, and knobs
//! for what an honest one never does.

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use data_encoding::BASE64URL_NOPAD;
use model::id::Hash;
use serde_json::{Value, json};

/// Somebody touched it.
pub(crate) const PRESENT: u8 = 1;
/// It verified who.
const VERIFIED: u8 = 1 << 2;
const HAS_KEY: u8 = 1 << 6;

pub(crate) struct Authenticator {
    key: EcdsaKeyPair,
    id: Vec<u8>,
    handle: String,
    rp_id: String,
    /// The page's origin, as the browser tells it.
    pub(crate) origin: String,
    /// How often it signed.
    pub(crate) counter: u32,
    /// What it says of its user.
    pub(crate) flags: u8,
}

impl Authenticator {
    /// One on the desk of somebody who looks at `origin`.
    pub(crate) fn at(origin: &str) -> Self {
        let document =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &SystemRandom::new());
        let document = document.unwrap();
        let key =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, document.as_ref()).unwrap();
        let id = Hash::of(key.public_key().as_ref()).as_bytes()[..16].to_vec();
        Self {
            key,
            id,
            handle: String::new(),
            rp_id: String::new(),
            origin: origin.to_owned(),
            counter: 0,
            flags: PRESENT | VERIFIED,
        }
    }

    /// Makes its key known: `navigator.credentials.create(options)`.
    pub(crate) fn make(&mut self, options: &str) -> String {
        let options: Value = serde_json::from_str(options).unwrap();
        let options = &options["publicKey"];
        self.handle = text(&options["user"]["id"]);
        self.rp_id = text(&options["rp"]["id"]);
        let point = self.key.public_key().as_ref();
        let mut data = self.data(HAS_KEY);
        data.extend([0; 16]);
        data.extend(u16::try_from(self.id.len()).unwrap().to_be_bytes());
        data.extend(&self.id);
        // COSE: EC2, ES256, P-256, x, y.
        data.extend([0xa5, 1, 2, 3, 0x26, 0x20, 1, 0x21, 0x58, 32]);
        data.extend(&point[1..33]);
        data.extend([0x22, 0x58, 32]);
        data.extend(&point[33..65]);
        let mut object = vec![0xa3, 0x63];
        object.extend(b"fmt");
        object.push(0x64);
        object.extend(b"none");
        object.push(0x67);
        object.extend(b"attStmt");
        object.extend([0xa0, 0x68]);
        object.extend(b"authData");
        object.extend([0x59]);
        object.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
        object.extend(&data);
        let client = self.client("webauthn.create", &text(&options["challenge"]));
        json!({
            "id": encode(&self.id), "rawId": encode(&self.id), "type": "public-key",
            "response": {
                "attestationObject": encode(&object), "clientDataJSON": encode(client.as_bytes()),
                "transports": ["usb"],
            },
        })
        .to_string()
    }

    /// Signs a challenge: `navigator.credentials.get(options)`.
    pub(crate) fn sign(&mut self, options: &str) -> String {
        let options: Value = serde_json::from_str(options).unwrap();
        self.counter += 1;
        let challenge = text(&options["publicKey"]["challenge"]);
        let client = self.client("webauthn.get", &challenge);
        let data = self.data(0);
        let signed = [data.as_slice(), Hash::of(client.as_bytes()).as_bytes()].concat();
        let signature = self.key.sign(&SystemRandom::new(), &signed).unwrap();
        json!({
            "id": encode(&self.id), "rawId": encode(&self.id), "type": "public-key",
            "response": {
                "authenticatorData": encode(&data), "clientDataJSON": encode(client.as_bytes()),
                "signature": encode(signature.as_ref()), "userHandle": self.handle,
            },
        })
        .to_string()
    }

    fn data(&self, more: u8) -> Vec<u8> {
        let mut data = Hash::of(self.rp_id.as_bytes()).as_bytes().to_vec();
        data.push(self.flags | more);
        data.extend(self.counter.to_be_bytes());
        data
    }

    fn client(&self, kind: &str, challenge: &str) -> String {
        json!({
            "type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": false,
        })
        .to_string()
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn encode(bytes: &[u8]) -> String {
    BASE64URL_NOPAD.encode(bytes)
}
