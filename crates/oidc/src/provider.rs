//! One provider, asked.

mod told;

use std::sync::Arc;

use model::clock::{Clock, Timestamp};
use openidconnect::{
    AccessToken, AccessTokenHash, AdditionalProviderMetadata, AuthType, AuthorizationCode,
    ClaimsVerificationError, ClientId, ClientSecret, CsrfToken, DiscoveryError, EndpointMaybeSet,
    EndpointNotSet, EndpointSet, IdTokenVerifier, IssuerUrl, Nonce, NonceVerifier,
    OAuth2TokenResponse as _, PkceCodeChallenge, PkceCodeVerifier, ProviderMetadata, RedirectUrl,
    RefreshToken, Scope, SignatureVerificationError, TokenResponse as _,
    core::{
        CoreAuthDisplay, CoreAuthPrompt, CoreAuthenticationFlow, CoreClaimName, CoreClaimType,
        CoreClient, CoreClientAuthMethod, CoreGrantType, CoreIdToken, CoreJsonWebKey,
        CoreJweContentEncryptionAlgorithm, CoreJweKeyManagementAlgorithm, CoreJwsSigningAlgorithm,
        CoreResponseMode, CoreResponseType, CoreSubjectIdentifierType, CoreTokenResponse,
    },
    http::{Request, StatusCode, header},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use subtle::ConstantTimeEq as _;
use tokio::sync::Mutex;
use url::Url;

use self::told::{quoted, told};
use crate::{
    Arrived, Begun, Flow, Grant, Refused, Returned, Settings, SettingsError, Still, claims,
    transport::Transport,
};

/// How long what a provider says of itself is believed.
const KNOWN_SECONDS: i64 = 600;
/// The same when somebody is about to be sent there: nobody is led to a place that does not answer, and
/// nobody makes us ask it for each click.
const BEGIN_SECONDS: i64 = 5;
/// How soon it is asked anew for its keys: a token with a key nobody knows must cost it little.
const AGAIN_SECONDS: i64 = 30;

/// What is asked of a provider's metadata beside the standard's.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Announced {
    #[serde(default)]
    end_session_endpoint: Option<String>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

impl AdditionalProviderMetadata for Announced {}

type Metadata = ProviderMetadata<
    Announced,
    CoreAuthDisplay,
    CoreClientAuthMethod,
    CoreClaimName,
    CoreClaimType,
    CoreGrantType,
    CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm,
    CoreJsonWebKey,
    CoreResponseMode,
    CoreResponseType,
    CoreSubjectIdentifierType,
>;

type Client = CoreClient<
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// Why a provider cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// What is configured cannot work.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// Its roots, or the system's.
    #[error("its root certificates cannot be used: {0}")]
    Roots(#[from] rustls::Error),
}

/// A provider: asked when somebody signs in, and again while they are here.
pub struct Provider {
    settings: Settings,
    transport: Transport,
    clock: Arc<dyn Clock>,
    /// What it said of itself last, or why it did not, and when.
    known: Mutex<Option<(Result<Metadata, Refused>, Timestamp)>>,
}

impl std::fmt::Debug for Provider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Provider").field(&self.settings).finish()
    }
}

impl Provider {
    /// Sets one up; nothing is asked yet, so that a provider that is down stops no start.
    pub fn new(settings: Settings, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        settings.check()?;
        let transport = Transport::new(settings.roots.as_deref())?;
        Ok(Self {
            settings,
            transport,
            clock,
            known: Mutex::default(),
        })
    }

    /// What is configured.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Begins a sign-in that comes back to `back`.
    pub async fn begin(&self, back: &str) -> Result<Begun, Refused> {
        let known = self.known(BEGIN_SECONDS).await?;
        let client = self.client(&known, back)?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let scopes = self.settings.scopes.iter().cloned().map(Scope::new);
        let flow = CoreAuthenticationFlow::AuthorizationCode;
        let mut request = client
            .authorize_url(flow, CsrfToken::new_random, Nonce::new_random)
            .add_scopes(scopes)
            .set_pkce_challenge(challenge);
        if self.settings.asks_consent {
            request = request.add_prompt(CoreAuthPrompt::Consent);
        }
        let (address, state, nonce) = request.url();
        if address.scheme() != "https" {
            return Err(self.misfit("its sign-in page is not on https"));
        }
        Ok(Begun {
            address: address.into(),
            flow: Flow {
                state: state.secret().clone(),
                nonce: nonce.secret().clone(),
                verifier: verifier.secret().clone(),
            },
        })
    }

    /// Who came back with this answer to that question.
    pub async fn finish(
        &self,
        back: &str,
        flow: &Flow,
        returned: &Returned,
    ) -> Result<Arrived, Refused> {
        let known = self.known(KNOWN_SECONDS).await?;
        self.is_ours(&known, flow, returned)?;
        let client = self.client(&known, back)?;
        let code = returned.code.clone().unwrap_or_default();
        let asked = client
            .exchange_code(AuthorizationCode::new(code))
            .map_err(|_| self.misfit("it names no place to ask for tokens"))?
            .set_pkce_verifier(PkceCodeVerifier::new(flow.verifier.clone()));
        let answer = asked.request_async(&self.transport).await;
        let answer = answer.map_err(|error| match self.token_error(&error) {
            // Here it is the code that is over, not the person.
            Refused::Over { .. } => Refused::Declined {
                provider: self.settings.label.clone(),
                why: "the sign-in took too long, or was used before; begin again".to_owned(),
            },
            other => other,
        })?;
        let token = answer
            .id_token()
            .ok_or_else(|| self.token("there is no ID token"))?;
        let nonce = Nonce::new(flow.nonce.clone());
        let said = self.believed(known, back, token, &answer, &nonce).await?;
        let subject = claims::subject(&said).ok_or_else(|| self.token("it names nobody"))?;
        let info = self
            .user_info(answer.access_token().secret(), &subject)
            .await?;
        let mut names = claims::names(&said);
        names.splice(0..0, info.iter().flat_map(claims::names));
        Ok(Arrived {
            groups: self.groups(info.as_ref(), Some(&said)),
            names,
            subject,
            grant: grant_of(&answer, token.to_string(), None),
        })
    }

    /// Whether the provider still stands for `subject`, and in which groups they are by now.
    pub async fn again(&self, grant: &Grant, subject: &str) -> Result<Still, Refused> {
        let still = self.look(grant, subject).await;
        if still.as_ref().is_err_and(Refused::is_unreachable) {
            // What it said of itself a moment ago is no word that it answers now.
            *self.known.lock().await = None;
        }
        still
    }

    async fn look(&self, grant: &Grant, subject: &str) -> Result<Still, Refused> {
        let Some(refresh) = &grant.refresh else {
            let info = self.user_info(&grant.access, subject).await?;
            let info = info.ok_or_else(|| self.over())?;
            return Ok(Still {
                groups: self.groups(Some(&info), None),
                grant: grant.clone(),
            });
        };
        let known = self.known(KNOWN_SECONDS).await?;
        let client = self.client(&known, &self.settings.issuer)?;
        let refresh = RefreshToken::new(refresh.clone());
        let asked = client
            .exchange_refresh_token(&refresh)
            .map_err(|_| self.misfit("it names no place to ask for tokens"))?;
        let answer = asked.request_async(&self.transport).await;
        let answer = answer.map_err(|error| self.token_error(&error))?;
        let mut said = None;
        let mut id_token = grant.id_token.clone();
        if let Some(token) = answer.id_token() {
            // A refreshed token need not repeat the nonce (Core 1.0, 12.2).
            let any = |_: Option<&Nonce>| Ok(());
            let issuer = self.settings.issuer.clone();
            let found = self.believed(known, &issuer, token, &answer, any).await?;
            if claims::subject(&found).as_deref() != Some(subject) {
                return Err(self.token("it is about somebody else"));
            }
            said = Some(found);
            id_token = token.to_string();
        }
        let info = self
            .user_info(answer.access_token().secret(), subject)
            .await?;
        Ok(Still {
            groups: self.groups(info.as_ref(), said.as_ref()),
            grant: grant_of(&answer, id_token, Some(refresh.secret())),
        })
    }

    /// Where a browser goes to sign out at the provider too, and comes back to `after`; none: it has
    /// no such place, or does not answer now.
    pub async fn farewell(&self, grant: &Grant, after: &str) -> Option<String> {
        let known = self.known(BEGIN_SECONDS).await.ok()?;
        let place = known.additional_metadata().end_session_endpoint.clone()?;
        let mut url: Url = place.parse().ok()?;
        if url.scheme() != "https" {
            return None;
        }
        url.query_pairs_mut()
            .append_pair("id_token_hint", &grant.id_token)
            .append_pair("client_id", &self.settings.client_id)
            .append_pair("post_logout_redirect_uri", after);
        Some(url.into())
    }

    /// Whether the answer is to our question, and from whom it should be.
    fn is_ours(&self, known: &Metadata, flow: &Flow, returned: &Returned) -> Result<(), Refused> {
        let state = returned.state.as_deref().unwrap_or_default();
        if !bool::from(state.as_bytes().ct_eq(flow.state.as_bytes())) {
            return Err(Refused::Foreign);
        }
        let announces = known
            .additional_metadata()
            .authorization_response_iss_parameter_supported;
        let is_theirs = match &returned.iss {
            Some(iss) => *iss == self.settings.issuer,
            None => !announces,
        };
        if !is_theirs {
            let provider = self.settings.label.clone();
            return Err(Refused::OtherIssuer { provider });
        }
        if let Some(error) = &returned.error {
            let why = match error.as_str() {
                "access_denied" => "you or it said no".to_owned(),
                other => quoted(other),
            };
            return Err(Refused::Declined {
                provider: self.settings.label.clone(),
                why,
            });
        }
        if returned.code.as_deref().is_none_or(str::is_empty) {
            return Err(Refused::Foreign);
        }
        Ok(())
    }

    /// What a token says, if it holds. Keys are asked for anew once where one is not known.
    async fn believed<N>(
        &self,
        known: Metadata,
        back: &str,
        token: &CoreIdToken,
        answer: &CoreTokenResponse,
        nonce: N,
    ) -> Result<Value, Refused>
    where
        N: NonceVerifier + Copy,
    {
        let mut client = self.client(&known, back)?;
        let checked = token.claims(&verifier(&client, &known), nonce).map(drop);
        let is_unknown = matches!(
            checked,
            Err(ClaimsVerificationError::SignatureVerification(
                SignatureVerificationError::NoMatchingKey
            ))
        );
        let mut known = known;
        if is_unknown {
            known = self.known(AGAIN_SECONDS).await?;
            client = self.client(&known, back)?;
        }
        let verifier = verifier(&client, &known);
        let said = token
            .claims(&verifier, nonce)
            .map_err(|error| self.token(told(&error)))?;
        if let Some(expected) = said.access_token_hash() {
            let made = token
                .signing_alg()
                .ok()
                .zip(token.signing_key(&verifier).ok());
            let made = made.and_then(|(alg, key)| {
                AccessTokenHash::from_token(answer.access_token(), alg, key).ok()
            });
            if made.as_ref() != Some(expected) {
                return Err(self.token("it belongs to another access token"));
            }
        }
        claims::of_token(&token.to_string()).ok_or_else(|| self.token("it cannot be read"))
    }

    /// What the provider says of `subject` to whoever holds `access`; none: it has no such place.
    async fn user_info(&self, access: &str, subject: &str) -> Result<Option<Value>, Refused> {
        let known = self.known(KNOWN_SECONDS).await?;
        let Some(place) = known.userinfo_endpoint() else {
            return Ok(None);
        };
        // A token with a line break would be a header of its own.
        if !access.bytes().all(|it| it.is_ascii_graphic()) {
            return Err(self.token("the access token is malformed"));
        }
        let request = Request::get(place.as_str())
            .header(header::ACCEPT, "application/json")
            .header(header::AUTHORIZATION, format!("Bearer {access}"))
            .body(Vec::new())
            .map_err(|_| self.misfit("its address for user information"))?;
        let answer = self.transport.send(request).await;
        let answer = answer.map_err(|error| self.unreachable(&error.to_string()))?;
        match answer.status() {
            StatusCode::OK => {}
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => return Err(self.over()),
            other => return Err(self.unreachable(&format!("user information: {other}"))),
        }
        // Signed or encrypted answers are not asked for, and not read: the ID token is there.
        let Ok(said) = serde_json::from_slice::<Value>(answer.body()) else {
            return Ok(None);
        };
        // Core 1.0, 5.3.2: another subject is somebody else's answer.
        if claims::subject(&said).as_deref() != Some(subject) {
            return Err(self.token("the user information is about somebody else"));
        }
        Ok(Some(said))
    }

    /// The groups: by the user information, which is of now, else by the token.
    fn groups(&self, info: Option<&Value>, token: Option<&Value>) -> Option<Vec<String>> {
        let name = &self.settings.groups_claim;
        info.and_then(|it| claims::groups(it, name))
            .or_else(|| token.and_then(|it| claims::groups(it, name)))
    }

    /// What the provider says of itself, at most `seconds` old. A failure is believed for a moment: who
    /// clicks again does not wait again.
    async fn known(&self, seconds: i64) -> Result<Metadata, Refused> {
        let mut known = self.known.lock().await;
        let now = self.clock.now();
        if let Some((found, at)) = &*known {
            let good_for = if found.is_ok() {
                seconds
            } else {
                BEGIN_SECONDS
            };
            if (0..good_for).contains(&now.seconds_since(*at)) {
                return found.clone();
            }
        }
        let found = self.discover().await;
        *known = Some((found.clone(), self.clock.now()));
        found
    }

    async fn discover(&self) -> Result<Metadata, Refused> {
        let issuer = IssuerUrl::new(self.settings.issuer.clone());
        let issuer = issuer.map_err(|_| self.misfit("its issuer is no address"))?;
        let found = Metadata::discover_async(issuer, &self.transport).await;
        found.map_err(|error| match error {
            DiscoveryError::Request(failed) => self.unreachable(&failed.to_string()),
            DiscoveryError::Validation(_) => self.misfit("it calls itself otherwise than `issuer`"),
            DiscoveryError::Response(status, ..) => {
                self.unreachable(&format!("it answered {status}"))
            }
            _ => self.unreachable("what it says of itself cannot be read"),
        })
    }

    fn client(&self, known: &Metadata, back: &str) -> Result<Client, Refused> {
        let back = RedirectUrl::new(back.to_owned());
        let back = back.map_err(|_| self.misfit("the console has no address to come back to"))?;
        let secret = self.settings.secret.as_deref();
        let secret = secret.cloned().map(ClientSecret::new);
        let id = ClientId::new(self.settings.client_id.clone());
        let client = CoreClient::from_provider_metadata(known.clone(), id, secret);
        let methods = known.token_endpoint_auth_methods_supported();
        let has = |method| methods.is_some_and(|it| it.contains(&method));
        let in_body = has(CoreClientAuthMethod::ClientSecretPost)
            && !has(CoreClientAuthMethod::ClientSecretBasic);
        let by = if in_body {
            AuthType::RequestBody
        } else {
            AuthType::BasicAuth
        };
        Ok(client.set_redirect_uri(back).set_auth_type(by))
    }
}

/// Signatures only, by keys the provider publishes: neither `none` nor a secret both sides hold, which
/// anybody who reads the configuration could sign with.
fn verifier<'a>(client: &'a Client, known: &Metadata) -> IdTokenVerifier<'a, CoreJsonWebKey> {
    use CoreJwsSigningAlgorithm as A;
    let announced = known.id_token_signing_alg_values_supported();
    let by_key = announced
        .iter()
        .filter(|alg| !matches!(alg, A::None | A::HmacSha256 | A::HmacSha384 | A::HmacSha512));
    client
        .id_token_verifier()
        .set_allowed_algs(by_key.cloned().collect::<Vec<_>>())
}

fn grant_of(answer: &CoreTokenResponse, id_token: String, refresh: Option<&String>) -> Grant {
    let new: Option<&String> = answer.refresh_token().map(RefreshToken::secret);
    Grant {
        // One that is not replaced stays good (RFC 6749, 6).
        refresh: new.or(refresh).cloned(),
        access: AccessToken::secret(answer.access_token()).clone(),
        id_token,
    }
}
