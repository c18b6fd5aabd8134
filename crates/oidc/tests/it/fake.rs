//! A provider on loopback that says exactly what a test tells it to.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_lc_rs::{
    hmac,
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use data_encoding::BASE64URL_NOPAD;
use model::{
    access::Role,
    clock::{FixedClock, Timestamp},
};
use oidc::{Accounts, Arrived, Flow, GroupRole, Provider, Refused, Returned, Settings};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    task::AbortHandle,
};
use tokio_rustls::TlsAcceptor;

pub(crate) const BACK: &str = "https://keep.localhost:8444/sign-in/back/fake";
pub(crate) const SECRET: &str = "lantern-pump-38";
/// Far beyond the life of any test.
const LATER: i64 = 4_000_000_000;

/// How a token is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signed {
    /// By the key the provider publishes.
    Well,
    /// By another key under the same name.
    Otherwise,
    /// Not at all: `alg` says `none`.
    Not,
    /// By the client's secret: `alg` says `HS256`.
    BySecret,
}

/// What it says.
#[derive(Debug)]
pub(crate) struct Says {
    pub(crate) claims: Value,
    pub(crate) signed: Signed,
    /// What is said of somebody to whoever holds an access token; none: 401.
    pub(crate) info: Option<Value>,
    /// What stands in place of the token endpoint's answer: status and body.
    pub(crate) instead: Option<(u16, String)>,
    pub(crate) metadata: Value,
    pub(crate) access: String,
    /// Bodies the token endpoint was sent.
    pub(crate) asked: Vec<String>,
    /// Whether refreshed answers hold an ID token.
    pub(crate) repeats: bool,
}

pub(crate) struct Fake {
    pub(crate) issuer: String,
    pub(crate) provider: Provider,
    says: Arc<Mutex<Says>>,
    task: AbortHandle,
}

struct Keys {
    well: EcdsaKeyPair,
    other: EcdsaKeyPair,
}

impl Fake {
    /// One that says what it should.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!(
            "https://localhost:{}",
            listener.local_addr().unwrap().port()
        );
        let (root, acceptor) = certificates();
        let new = || EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let keys = Arc::new(Keys {
            well: new(),
            other: new(),
        });
        let says = Arc::new(Mutex::new(Says {
            claims: json!({
                "iss": issuer, "aud": "redkeep", "sub": "u-1", "iat": 1_800_000_000, "exp": LATER,
                "groups": ["keepers"],
            }),
            signed: Signed::Well,
            info: Some(json!({ "sub": "u-1", "groups": ["keepers"], "preferred_username": "ann" })),
            instead: None,
            metadata: metadata(&issuer),
            access: "an-access-token".to_owned(),
            asked: Vec::new(),
            repeats: true,
        }));
        let serving = says.clone();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, says, keys) = (acceptor.clone(), serving.clone(), keys.clone());
                tokio::spawn(async move {
                    if let Ok(mut stream) = acceptor.accept(stream).await {
                        drop(serve(&mut stream, &says, &keys).await);
                        drop(stream.shutdown().await);
                    }
                });
            }
        });
        let settings = Settings {
            id: "fake".to_owned(),
            label: "Fake".to_owned(),
            issuer: issuer.clone(),
            client_id: "redkeep".to_owned(),
            secret: Some(SECRET.to_owned().into()),
            roots: Some(vec![root]),
            scopes: vec!["groups".to_owned()],
            asks_consent: false,
            groups_claim: "groups".to_owned(),
            roles: vec![GroupRole {
                group: "keepers".to_owned(),
                role: Role::Reviewer,
            }],
            accounts: Accounts::JustInTime,
        };
        Self {
            issuer,
            provider: Provider::new(
                settings,
                Arc::new(FixedClock::new(Timestamp(1_800_000_000_000))),
            )
            .unwrap(),
            says,
            task: task.abort_handle(),
        }
    }

    pub(crate) fn says(&self) -> MutexGuard<'_, Says> {
        self.says.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins; the token will carry the nonce that was asked for.
    pub(crate) async fn begin(&self) -> (Flow, Returned) {
        let begun = self.provider.begin(BACK).await.unwrap();
        let address: url::Url = begun.address.parse().unwrap();
        let get = |name: &str| {
            let mut pairs = address.query_pairs();
            pairs
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.into_owned())
        };
        assert_eq!(get("code_challenge_method").as_deref(), Some("S256"));
        assert_eq!(get("redirect_uri").as_deref(), Some(BACK));
        assert_eq!(get("scope").as_deref(), Some("openid groups"));
        self.says().claims["nonce"] = json!(get("nonce").unwrap());
        let returned = Returned {
            code: Some("a-code".to_owned()),
            state: get("state"),
            iss: Some(self.issuer.clone()),
            error: None,
        };
        (begun.flow, returned)
    }

    pub(crate) async fn finish(
        &self,
        flow: &Flow,
        returned: &Returned,
    ) -> Result<Arrived, Refused> {
        self.provider.finish(BACK, flow, returned).await
    }

    /// A whole sign-in.
    pub(crate) async fn sign_in(&self) -> Result<Arrived, Refused> {
        let (flow, returned) = self.begin().await;
        self.finish(&flow, &returned).await
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub(crate) fn metadata(issuer: &str) -> Value {
    json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/auth"),
        "token_endpoint": format!("{issuer}/token"),
        "userinfo_endpoint": format!("{issuer}/me"),
        "end_session_endpoint": format!("{issuer}/end"),
        "jwks_uri": format!("{issuer}/jwks"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        // It would sign in every way there is: what is believed is not its to say.
        "id_token_signing_alg_values_supported": ["ES256", "RS256", "HS256", "none"],
        "authorization_response_iss_parameter_supported": true,
    })
}

fn certificates() -> (CertificateDer<'static>, TlsAcceptor) {
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = params.self_signed(&key).unwrap();
    let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], private)
        .unwrap();
    (
        certificate.der().clone(),
        TlsAcceptor::from(Arc::new(config)),
    )
}

async fn serve(
    stream: &mut (impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin),
    says: &Mutex<Says>,
    keys: &Keys,
) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).to_lowercase();
    let length = head
        .lines()
        .find_map(|it| it.strip_prefix("content-length: "));
    let length: usize = length.and_then(|it| it.trim().parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    let (status, answer) = {
        let mut says = says.lock().unwrap_or_else(PoisonError::into_inner);
        answer(&head, &String::from_utf8_lossy(&body), &mut says, keys)
    };
    let length = answer.len();
    let head = format!(
        "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\
         connection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(answer.as_bytes()).await
}

fn answer(head: &str, body: &str, says: &mut Says, keys: &Keys) -> (u16, String) {
    let path = head.split(' ').nth(1).unwrap_or_default();
    match path {
        "/.well-known/openid-configuration" => (200, says.metadata.to_string()),
        "/jwks" => (200, jwks(&keys.well).to_string()),
        "/token" => {
            says.asked.push(body.to_owned());
            if let Some(instead) = &says.instead {
                return instead.clone();
            }
            let mut tokens = json!({
                "access_token": says.access, "token_type": "Bearer", "refresh_token": "r-1",
            });
            if says.repeats || body.contains("grant_type=authorization_code") {
                tokens["id_token"] = json!(token(says, keys));
            }
            (200, tokens.to_string())
        }
        "/me" => match &says.info {
            Some(info) => (200, info.to_string()),
            None => (401, "{}".to_owned()),
        },
        _ => (404, "{}".to_owned()),
    }
}

fn jwks(key: &EcdsaKeyPair) -> Value {
    let point = key.public_key().as_ref();
    let part = |range| BASE64URL_NOPAD.encode(&point[range]);
    json!({ "keys": [{
        "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": "k-1",
        "x": part(1..33), "y": part(33..65),
    }] })
}

fn token(says: &Says, keys: &Keys) -> String {
    let alg = match says.signed {
        Signed::Well | Signed::Otherwise => "ES256",
        Signed::Not => "none",
        Signed::BySecret => "HS256",
    };
    let encode = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
    let header = json!({ "alg": alg, "kid": "k-1", "typ": "JWT" });
    let text = format!("{}.{}", encode(&header), encode(&says.claims));
    let by = |key: &EcdsaKeyPair| {
        let signature = key.sign(&SystemRandom::new(), text.as_bytes()).unwrap();
        signature.as_ref().to_vec()
    };
    let signature = match says.signed {
        Signed::Well => by(&keys.well),
        Signed::Otherwise => by(&keys.other),
        Signed::Not => Vec::new(),
        Signed::BySecret => {
            let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
            hmac::sign(&key, text.as_bytes()).as_ref().to_vec()
        }
    };
    format!("{text}.{}", BASE64URL_NOPAD.encode(&signature))
}
