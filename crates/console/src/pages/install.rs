//! How a device comes to trust this Redkeep: the root of our own authority, for everybody. It holds
//! nothing secret, so nobody signs in for it; whoever installs it compares its fingerprint.

use askama::Template;
use axum::{
    extract::State,
    http::{HeaderName, header},
    response::{Html, IntoResponse as _, Response},
};
use data_encoding::BASE64;

use crate::{
    App, AuthorityStatus, RootStatus, assets,
    problem::{PageError, Problem},
    qr::{self, Qr},
    shell::page as render,
};

#[derive(Template)]
#[template(path = "install.html")]
struct InstallPage {
    style: &'static str,
    host: String,
    fingerprint: Vec<String>,
    until: String,
    /// The root before, and until when it is good.
    old: Option<(Vec<String>, String)>,
    origin: String,
    qr: Option<Qr>,
}

/// `GET /install`.
pub(crate) async fn page(State(app): State<App>) -> Result<Html<String>, PageError> {
    let state = authority(&app)?;
    let origin = &app.addresses.console_origin;
    let old = state.old_root.as_ref().zip(state.both_until);
    render(&InstallPage {
        style: assets::style_path(),
        host: host(&app),
        fingerprint: groups(&state.root),
        until: day(state.root.until),
        old: old.map(|(root, until)| (groups(root), day(until))),
        origin: origin.clone(),
        qr: qr::draw(&format!("{origin}/install")),
    })
}

/// `GET /install/redkeep-root.pem`.
pub(crate) async fn pem(State(app): State<App>) -> Result<Response, PageError> {
    let root = authority(&app)?.root;
    Ok(file(
        "application/x-pem-file",
        "redkeep-root.pem",
        root.pem.into_bytes(),
    ))
}

/// `GET /install/redkeep-root.crt`: as DER, which phones and Windows take.
pub(crate) async fn der(State(app): State<App>) -> Result<Response, PageError> {
    let root = authority(&app)?.root;
    Ok(file(
        "application/x-x509-ca-cert",
        "redkeep-root.crt",
        root.der,
    ))
}

/// `GET /install/redkeep-root.mobileconfig`: a configuration profile with the root, for iOS and macOS.
pub(crate) async fn profile(State(app): State<App>) -> Result<Response, PageError> {
    let root = authority(&app)?.root;
    let text = mobileconfig(&root, &host(&app));
    let kind = "application/x-apple-aspen-config";
    Ok(file(kind, "redkeep-root.mobileconfig", text.into_bytes()))
}

/// `GET /install/authority.crl`: the revocation list, also to be had by plain HTTP at the gate.
pub(crate) async fn list(State(app): State<App>) -> Result<Response, PageError> {
    let list = authority(&app)?.list;
    Ok(file("application/pkix-crl", "authority.crl", list))
}

fn authority(app: &App) -> Result<AuthorityStatus, Problem> {
    let issuing = app.issuing.as_ref();
    let state = issuing.and_then(|issuing| issuing.authority());
    state.ok_or_else(|| Problem::not_found("root to install: the certificate is not Redkeep's own"))
}

fn file(kind: &'static str, name: &'static str, bytes: Vec<u8>) -> Response {
    let disposition = format!("attachment; filename=\"{name}\"");
    let headers: [(HeaderName, String); 2] = [
        (header::CONTENT_TYPE, kind.to_owned()),
        (header::CONTENT_DISPOSITION, disposition),
    ];
    (headers, bytes).into_response()
}

fn host(app: &App) -> String {
    let origin = app.addresses.console_origin.trim_start_matches("https://");
    let host = origin.rsplit_once(':').map_or(origin, |(host, _)| host);
    host.to_owned()
}

/// In groups of four pairs: eight are read aloud and compared more easily than 64 digits.
fn groups(root: &RootStatus) -> Vec<String> {
    let pairs = root.readable();
    let pairs: Vec<&str> = pairs.split(':').collect();
    pairs.chunks(4).map(|group| group.join(":")).collect()
}

fn day(at: model::clock::Timestamp) -> String {
    at.to_string().chars().take(10).collect()
}

/// Identifiers come from the fingerprint, so that the same root takes its own place when it is
/// installed again. Nothing in it comes from a stranger but the host, which is a host name.
fn mobileconfig(root: &RootStatus, host: &str) -> String {
    let digits = root.fingerprint.to_string();
    let part = |from: usize, to: usize| digits.get(from..to).unwrap_or_default().to_uppercase();
    let uuid = |at: usize| {
        format!(
            "{}-{}-4{}-8{}-{}",
            part(at, at + 8),
            part(at + 8, at + 12),
            part(at + 13, at + 16),
            part(at + 17, at + 20),
            part(at + 20, at + 32)
        )
    };
    let entry = |key: &str, value: &str| format!("<key>{key}</key><string>{value}</string>\n");
    let data = BASE64.encode(&root.der);
    let short = root.fingerprint.short();
    let certificate = [
        entry("PayloadType", "com.apple.security.root"),
        entry(
            "PayloadIdentifier",
            &format!("redkeep.root.{short}.certificate"),
        ),
        entry("PayloadUUID", &uuid(0)),
        entry("PayloadDisplayName", &format!("Redkeep root of {host}")),
        "<key>PayloadVersion</key><integer>1</integer>\n".to_owned(),
        format!("<key>PayloadContent</key><data>{data}</data>\n"),
    ];
    let profile = [
        entry("PayloadType", "Configuration"),
        entry("PayloadIdentifier", &format!("redkeep.root.{short}")),
        entry("PayloadUUID", &uuid(32)),
        entry("PayloadDisplayName", &format!("Redkeep at {host}")),
        "<key>PayloadVersion</key><integer>1</integer>\n".to_owned(),
    ];
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST \
         1.0//EN\" \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n<plist version=\"1.0\">\n\
         <dict>\n{}<key>PayloadContent</key><array><dict>\n{}</dict></array>\n</dict>\n</plist>\n",
        profile.concat(),
        certificate.concat()
    )
}

#[cfg(test)]
mod tests {
    use model::{clock::Timestamp, id::Hash};

    use super::*;

    #[test]
    fn a_profile_carries_the_root_and_identifiers_that_stay() {
        let der = vec![0x30, 1, 2, 3];
        let root = RootStatus {
            pem: String::new(),
            fingerprint: Hash::of(&der),
            der,
            until: Timestamp(0),
        };
        let text = mobileconfig(&root, "keep.localhost");
        assert!(text.contains("<data>MAECAw==</data>"), "{text}");
        assert!(text.contains("com.apple.security.root"), "{text}");
        let uuids: Vec<&str> = text
            .split("<key>PayloadUUID</key><string>")
            .skip(1)
            .filter_map(|rest| rest.split('<').next())
            .collect();
        assert_eq!(uuids.len(), 2);
        assert_ne!(uuids[0], uuids[1]);
        for uuid in uuids {
            let lengths: Vec<usize> = uuid.split('-').map(str::len).collect();
            assert_eq!(lengths, [8, 4, 4, 4, 12], "{uuid}");
        }
        assert_eq!(text, mobileconfig(&root, "keep.localhost"));
    }
}
