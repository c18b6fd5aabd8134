//! Our own authority at the real doors: what openssl, curl and Chromium say of it, and what an
//! administrator does with it.

use std::{path::Path, process::Output};

use testkit::{Redkeep, http::place, verbs};
use tokio::process::Command;

/// Runs a program and waits for it.
async fn run(program: &str, arguments: &[&str], home: &Path) -> Output {
    let mut command = Command::new(program);
    command.args(arguments).env("HOME", home).kill_on_drop(true);
    let done = tokio::time::timeout(testkit::wait::PATIENCE, command.output()).await;
    done.expect("it ends").expect("it can be run")
}

struct Site {
    redkeep: Redkeep,
    dir: tempfile::TempDir,
    host: String,
    port: u16,
}

impl Site {
    async fn up() -> Self {
        let redkeep = Redkeep::up().await;
        let (host, port) = place(&redkeep.console().parse().unwrap()).unwrap();
        Self {
            redkeep,
            dir: tempfile::tempdir().unwrap(),
            host,
            port,
        }
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }

    /// Writes the root of now into a file.
    async fn root(&self, name: &str) -> String {
        let found = self.redkeep.cli(&["ca", "show"]).await.ok().json();
        std::fs::write(self.path(name), found["pem"].as_str().unwrap()).unwrap();
        self.path(name)
    }

    /// What curl gets of the install page when it trusts this root alone.
    async fn curl(&self, root: &str, path: &str) -> Output {
        let url = format!("https://{}:{}{path}", self.host, self.port);
        let to = format!("{}:{}:127.0.0.1", self.host, self.port);
        let arguments = [
            "-sS",
            "--noproxy",
            "*",
            "--cacert",
            root,
            "--resolve",
            &to,
            &url,
        ];
        run("curl", &arguments, self.dir.path()).await
    }

    async fn is_trusted(&self, root: &str) -> bool {
        let got = self.curl(root, "/install").await;
        if got.status.success() {
            let page = String::from_utf8_lossy(&got.stdout);
            assert!(page.contains("Trust this Redkeep"), "{page}");
        }
        got.status.success()
    }

    /// The chain that is served, and the revocation list by plain HTTP, in files.
    async fn served(&self) -> (String, String) {
        let connect = format!("127.0.0.1:{}", self.port);
        let arguments = [
            "s_client",
            "-connect",
            &connect,
            "-servername",
            &self.host,
            "-showcerts",
        ];
        let shown = run("openssl", &arguments, self.dir.path()).await;
        let text = String::from_utf8_lossy(&shown.stdout).into_owned();
        let (_, chain) = text.split_once("-----BEGIN CERTIFICATE").expect(&text);
        std::fs::write(
            self.path("chain.pem"),
            format!("-----BEGIN CERTIFICATE{chain}"),
        )
        .unwrap();
        let list = format!("{}/.redkeep/authority.crl", self.redkeep.editor());
        let list = list.replace("https://", "http://");
        let (host, port) = place(&self.redkeep.editor().parse().unwrap()).unwrap();
        let to = format!("{host}:{port}:127.0.0.1");
        let file = self.path("list.der");
        let arguments = [
            "-sSf",
            "--noproxy",
            "*",
            "--resolve",
            &to,
            "-o",
            &file,
            &list,
        ];
        assert!(
            run("curl", &arguments, self.dir.path())
                .await
                .status
                .success()
        );
        let pem = self.path("list.pem");
        let arguments = ["crl", "-inform", "DER", "-in", &file, "-out", &pem];
        assert!(
            run("openssl", &arguments, self.dir.path())
                .await
                .status
                .success()
        );
        (self.path("chain.pem"), pem)
    }

    async fn verify(&self, root: &str, chain: &str, list: &str) -> String {
        let arguments = [
            "verify",
            "-crl_check",
            "-CAfile",
            root,
            "-untrusted",
            chain,
            "-CRLfile",
            list,
            chain,
        ];
        let said = run("openssl", &arguments, self.dir.path()).await;
        let text = [said.stdout, said.stderr].concat();
        String::from_utf8_lossy(&text).into_owned()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn openssl_curl_and_chromium_trust_the_root_and_heed_rotation_and_revocation() {
    let site = Site::up().await;
    let old = site.root("old.pem").await;
    assert!(site.is_trusted(&old).await);
    chromium_trusts_it_once_it_is_installed(&site, &old).await;
    a_revoked_certificate_is_refused_and_replaced(&site, &old).await;
    a_rotation_leaves_both_trusted_until_it_is_taken_back(&site, &old).await;
    let Site { redkeep, dir, .. } = site;
    the_roots_key_is_taken_away_and_brought_back(redkeep, dir.path()).await;
}

async fn chromium_trusts_it_once_it_is_installed(site: &Site, root: &str) {
    let url = format!("https://{}:{}/install", site.host, site.port);
    let rule = format!("--host-resolver-rules=MAP {} 127.0.0.1", site.host);
    let profile = format!("--user-data-dir={}", site.path("profile"));
    let dump = || async {
        let arguments = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-proxy-server",
            "--dump-dom",
            &profile,
            &rule,
            &url,
        ];
        let dom = run("chromium", &arguments, site.dir.path()).await;
        String::from_utf8_lossy(&dom.stdout).into_owned()
    };
    let refused = dump().await;
    assert!(!refused.contains("Trust this Redkeep"), "{refused}");
    let db = format!("sql:{}", site.path(".pki/nssdb"));
    std::fs::create_dir_all(site.path(".pki/nssdb")).unwrap();
    for arguments in [
        vec!["-d", &*db, "-N", "--empty-password"],
        vec!["-d", &*db, "-A", "-t", "C,,", "-n", "Redkeep", "-i", root],
    ] {
        let done = run("certutil", &arguments, site.dir.path()).await;
        assert!(done.status.success(), "{done:?}");
    }
    let taken = dump().await;
    assert!(taken.contains("Trust this Redkeep"), "{taken}");
    // What is compared by a person is what the terminal says.
    let found = site.redkeep.cli(&["ca", "show"]).await.ok().json();
    let fingerprint = found["fingerprint"].as_str().unwrap();
    for group in fingerprint.split(':').collect::<Vec<_>>().chunks(4) {
        assert!(taken.contains(&group.join(":")), "{group:?}");
    }
    let arguments = ["x509", "-in", root, "-noout", "-fingerprint", "-sha256"];
    let said = run("openssl", &arguments, site.dir.path()).await;
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.contains(fingerprint), "{said} {fingerprint}");
    for (file, kind) in [("pem", "PEM"), ("crt", "DER")] {
        let got = site
            .curl(root, &format!("/install/redkeep-root.{file}"))
            .await;
        std::fs::write(site.path("download"), &got.stdout).unwrap();
        let path = site.path("download");
        let arguments = [
            "x509",
            "-inform",
            kind,
            "-in",
            &path,
            "-noout",
            "-fingerprint",
            "-sha256",
        ];
        let said = run("openssl", &arguments, site.dir.path()).await;
        assert!(
            String::from_utf8_lossy(&said.stdout).contains(fingerprint),
            "{said:?}"
        );
    }
}

async fn a_revoked_certificate_is_refused_and_replaced(site: &Site, root: &str) {
    let (chain, list) = site.served().await;
    let good = site.verify(root, &chain, &list).await;
    assert!(good.contains("chain.pem: OK"), "{good}");
    let arguments = ["x509", "-in", &chain, "-noout", "-serial"];
    let said = run("openssl", &arguments, site.dir.path()).await;
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    let serial = said.trim().trim_start_matches("serial=");
    std::fs::copy(&chain, site.path("revoked.pem")).unwrap();
    site.redkeep.cli(&["ca", "revoke", serial]).await.ok();
    site.redkeep.recorded("certificate-revoked", |_| true).await;
    let (chain, list) = site.served().await;
    let bad = site.verify(root, &site.path("revoked.pem"), &list).await;
    assert!(bad.contains("certificate revoked"), "{bad}");
    let good = site.verify(root, &chain, &list).await;
    assert!(good.contains("chain.pem: OK"), "{good}");
}

async fn a_rotation_leaves_both_trusted_until_it_is_taken_back(site: &Site, old: &str) {
    site.redkeep
        .cli(&["ca", "rotate", "--days", "30"])
        .await
        .ok();
    let new = site.root("new.pem").await;
    assert!(site.is_trusted(old).await && site.is_trusted(&new).await);
    let (chain, list) = site.served().await;
    for root in [old, &new] {
        let good = site.verify(root, &chain, &list).await;
        assert!(good.contains("chain.pem: OK"), "{good}");
    }
    let page = site.curl(&new, "/install").await.stdout;
    let page = String::from_utf8_lossy(&page).into_owned();
    assert!(page.contains("must install this one by"), "{page}");
    let said = site.redkeep.cli(&["ca", "show"]).await.ok().json();
    assert!(said["authority"]["both_until"].is_i64(), "{said}");
    site.redkeep.cli(&["ca", "cancel"]).await.ok();
    assert!(site.is_trusted(old).await);
    assert!(!site.is_trusted(&new).await);
    site.redkeep.recorded("authority-changed", |_| true).await;
}

async fn the_roots_key_is_taken_away_and_brought_back(redkeep: Redkeep, dir: &Path) {
    let file = dir.join("root.key").display().to_string();
    let data = redkeep.path();
    let (export, import) = (["ca", "export", &file], ["ca", "import", &file]);
    let running = verbs::cli(&data, &export, Some("seven quiet herons")).await;
    assert_ne!(running.code, Some(0), "{running:?}");
    let stopped = redkeep.stop().await;
    let data = stopped.path();
    verbs::cli(&data, &export, Some("seven quiet herons"))
        .await
        .ok();
    let arguments = [
        "pkey",
        "-in",
        &file,
        "-passin",
        "pass:seven quiet herons",
        "-noout",
        "-text",
    ];
    let opened = run("openssl", &arguments, dir).await;
    assert!(
        String::from_utf8_lossy(&opened.stdout).contains("P-256"),
        "{opened:?}"
    );
    let kept = std::fs::read_to_string(data.join("tls/authority.json")).unwrap();
    assert!(kept.contains("\"key\":null"), "the key is gone");
    let wrong = verbs::cli(&data, &import, Some("seven loud herons")).await;
    assert_ne!(wrong.code, Some(0), "{wrong:?}");
    verbs::cli(&data, &import, Some("seven quiet herons"))
        .await
        .ok();
}
