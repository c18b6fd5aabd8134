//! The connection to a provider: TLS with the system's roots or its own, bounded in time and size.

use std::{pin::Pin, sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse};
use rustls::{ClientConfig, RootCertStore, pki_types::CertificateDer};
use rustls_platform_verifier::BuilderVerifierExt as _;

/// A request, from the connection to the last byte of the answer: somebody stands before a page.
const REQUEST: Duration = Duration::from_secs(10);
/// Bytes of an answer: metadata, keys and tokens are some kilobytes.
const ANSWER_MAX: usize = 512 * 1024;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failed {
    /// The connection, or TLS.
    #[error("no connection: {0}")]
    Connection(String),
    /// Too slow.
    #[error("no answer within {} seconds", REQUEST.as_secs())]
    Slow,
    /// Too long, or broken off.
    #[error("the answer is too long or broke off")]
    Body,
}

/// The way out. Redirects are never followed: an answer that leads elsewhere is no answer.
#[derive(Clone)]
pub(crate) struct Transport(Client<HttpsConnector<HttpConnector>, Full<Bytes>>);

impl Transport {
    /// Trusts `roots` alone, else the system's.
    ///
    /// Errors: the system's roots cannot be read, or one of `roots` is no certificate.
    pub(crate) fn new(roots: Option<&[CertificateDer<'static>]>) -> Result<Self, rustls::Error> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder =
            ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        let config = match roots {
            None => builder.with_platform_verifier()?.with_no_client_auth(),
            Some(certificates) => {
                let mut roots = RootCertStore::empty();
                for certificate in certificates {
                    roots.add(certificate.clone())?;
                }
                builder.with_root_certificates(roots).with_no_client_auth()
            }
        };
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_connect_timeout(Some(REQUEST / 2));
        let https = HttpsConnectorBuilder::new()
            .with_tls_config(config)
            // Nothing of a sign-in goes unencrypted, whatever the provider's metadata says.
            .https_only()
            .enable_all_versions()
            .wrap_connector(http);
        let client = Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .build(https);
        Ok(Self(client))
    }

    /// One request and its answer.
    pub(crate) async fn send(&self, request: HttpRequest) -> Result<HttpResponse, Failed> {
        let request = request.map(|body| Full::new(Bytes::from(body)));
        let answer = async {
            let asked = self.0.request(request).await;
            let (parts, body) = asked
                .map_err(|error| Failed::Connection(causes(&error)))?
                .into_parts();
            let body = Limited::new(body, ANSWER_MAX).collect().await;
            let body = body.map_err(|_| Failed::Body)?.to_bytes().to_vec();
            Ok(HttpResponse::from_parts(parts, body))
        };
        tokio::time::timeout(REQUEST, answer)
            .await
            .map_err(|_| Failed::Slow)?
    }
}

/// As the protocol's library sends.
impl<'c> AsyncHttpClient<'c> for Transport {
    type Error = Failed;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, Failed>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.send(request))
    }
}

/// An error with what it came from: the first words alone say "client error".
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
