//! What `openssl ocsp`, a real responder, says of certificates it made.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use acme::{Responder, fetch, responder};
use model::clock::Timestamp;
use rustls::pki_types::{CertificateDer, pem::PemObject as _};

fn openssl(dir: &Path, line: &str) {
    let mut command = Command::new("openssl");
    let done = command.args(line.split(' ')).current_dir(dir).output();
    let done = done.expect("openssl can be run");
    assert!(done.status.success(), "{line}: {done:?}");
}

/// An authority with a leaf and a responder it named, in files.
struct Authority(tempfile::TempDir);

const EXTENSIONS: &str = "[leaf]\nsubjectAltName=DNS:plant.example\n\
     authorityInfoAccess=OCSP;URI:http://127.0.0.1:9/ask\n\
     [strict]\nsubjectAltName=DNS:plant.example\n\
     authorityInfoAccess=OCSP;URI:http://127.0.0.1:9/ask\ntlsfeature=status_request\n\
     [responder]\nextendedKeyUsage=OCSPSigning\n[other]\nextendedKeyUsage=serverAuth\n";

impl Authority {
    fn new() -> Self {
        let made = Self(tempfile::tempdir().unwrap());
        let dir = made.0.path();
        fs::write(dir.join("ext"), EXTENSIONS).unwrap();
        for name in ["ca", "stranger"] {
            let line = format!(
                "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout {name}.key \
                 -out {name}.pem -subj /CN={name} -days 30"
            );
            openssl(dir, &line);
        }
        for (serial, name) in [
            (4097, "leaf"),
            (4098, "strict"),
            (4099, "responder"),
            (4100, "other"),
        ] {
            let line = format!(
                "req -newkey rsa:2048 -nodes -keyout {name}.key -out {name}.csr -subj /CN={name}"
            );
            openssl(dir, &line);
            let line = format!(
                "x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -set_serial {serial} -out \
                 {name}.pem -days 20 -extfile ext -extensions {name}"
            );
            openssl(dir, &line);
        }
        made
    }

    fn chain(&self, name: &str) -> Vec<CertificateDer<'static>> {
        let read = |name: &str| {
            let pem = fs::read(self.0.path().join(format!("{name}.pem"))).unwrap();
            CertificateDer::from_pem_slice(&pem).unwrap()
        };
        vec![read(name), read("ca")]
    }

    /// Answers, signed by `signer`, that the leaf (serial 0x1001) is in this state.
    fn answers(&self, signer: &str, state: &str) -> Answering {
        let index = match state {
            "good" => "V\t400101000000Z\t\t1001\tunknown\t/CN=leaf\n",
            "revoked" => "R\t400101000000Z\t260101000000Z\t1001\tunknown\t/CN=leaf\n",
            _ => "",
        };
        fs::write(self.0.path().join("index"), index).unwrap();
        let (key, pem) = (format!("{signer}.key"), format!("{signer}.pem"));
        let mut process = Command::new("openssl")
            .args([
                "ocsp", "-port", "0", "-index", "index", "-CA", "ca.pem", "-ndays", "2",
            ])
            .args(["-rsigner", &pem, "-rkey", &key])
            .current_dir(self.0.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let port = lines.map_while(Result::ok).find_map(|line| {
            let address = line.strip_prefix("ACCEPT ")?.split(' ').next()?.to_owned();
            address.rsplit_once(':')?.1.parse::<u16>().ok()
        });
        Answering {
            process,
            port: port.expect("the responder says its port"),
        }
    }
}

struct Answering {
    process: Child,
    port: u16,
}

impl Drop for Answering {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

impl Answering {
    fn responder(&self) -> Responder {
        Responder {
            url: format!("http://127.0.0.1:{}/", self.port),
            is_required: false,
        }
    }
}

fn now() -> Timestamp {
    #[expect(
        clippy::disallowed_methods,
        reason = "what real programs sign has the real time"
    )]
    let now = std::time::SystemTime::now();
    let now = now.duration_since(std::time::UNIX_EPOCH).unwrap();
    Timestamp(i64::try_from(now.as_millis()).unwrap())
}

#[tokio::test]
async fn only_a_good_answer_by_whom_the_issuer_named_in_its_time_is_taken() {
    let authority = Authority::new();
    let chain = authority.chain("leaf");
    let asked = responder(&chain).unwrap();
    assert_eq!(
        (asked.url.as_str(), asked.is_required),
        ("http://127.0.0.1:9/ask", false)
    );
    assert!(responder(&authority.chain("strict")).unwrap().is_required);
    assert_eq!(responder(&authority.chain("other")), None);
    let now = now();
    for signer in ["ca", "responder"] {
        let answering = authority.answers(signer, "good");
        let staple = fetch(&answering.responder(), &chain, now).await.unwrap();
        assert!(staple.until > now.plus_seconds(47 * 3600), "{staple:?}");
        let half = staple.refresh_at.seconds_since(now);
        assert!((23 * 3600..25 * 3600).contains(&half), "{half}");
        let late = now.plus_seconds(49 * 3600);
        let over = fetch(&answering.responder(), &chain, late)
            .await
            .unwrap_err();
        assert!(over.contains("was good until"), "{over}");
    }
    // By the issuer itself: a responder that it named has a certificate with a beginning of its own.
    let answering = authority.answers("ca", "good");
    let early = now.plus_seconds(-2 * 3600);
    let early = fetch(&answering.responder(), &chain, early)
        .await
        .unwrap_err();
    assert!(early.contains("good from"), "{early}");
    drop(answering);
    // A key that the issuer certified for something else, and one that it does not know.
    for signer in ["other", "stranger"] {
        let answering = authority.answers(signer, "good");
        let forged = fetch(&answering.responder(), &chain, now)
            .await
            .unwrap_err();
        assert!(forged.contains("signed by nobody"), "{signer}: {forged}");
    }
    for (state, why) in [("revoked", "was revoked"), ("none", "does not know")] {
        let answering = authority.answers("ca", state);
        let refused = fetch(&answering.responder(), &chain, now)
            .await
            .unwrap_err();
        assert!(refused.contains(why), "{state}: {refused}");
    }
    let nobody = fetch(&asked, &chain, now).await.unwrap_err();
    assert!(nobody.contains("127.0.0.1:9"), "{nobody}");
    let alone = fetch(&asked, &chain[..1], now).await.unwrap_err();
    assert!(alone.contains("lacks"), "{alone}");
}
