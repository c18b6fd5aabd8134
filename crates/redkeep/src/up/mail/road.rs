//! The way to the mail server: the connection, its TLS, and how much it may say.
//!
//! What is said before STARTTLS is read byte by byte here, so that nothing somebody slipped in
//! before the encryption (CVE-2011-0411 and its kin) is taken for an answer after it.

use std::{
    fmt, io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use lettre::transport::smtp::client::AsyncTokioStream;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use rustls_platform_verifier::BuilderVerifierExt as _;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::trouble::Trouble;
use crate::config::mail::{Mail, Protection};

/// Bytes a server may say in one conversation.
const HEARD_MAX: usize = 64 * 1024;
/// Bytes of one of its answers before STARTTLS.
const ANSWER_MAX: usize = 4 * 1024;
/// Bytes of a file of root certificates.
const ROOTS_MAX: u64 = 1 << 20;

/// How Redkeep calls itself to a mail server. Its host's name is none of the server's business.
pub(super) const HELLO: &str = "redkeep.invalid";

/// A protected connection on which the server's greeting comes first.
pub(super) struct Road {
    stream: Stream,
    peer: SocketAddr,
    /// A greeting that was read already, to be read again.
    again: &'static [u8],
    left: usize,
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Road {
    /// Connects as configured. Needs a bound in time around it.
    pub(super) async fn take(mail: &Mail) -> Result<Self, Trouble> {
        let tcp = TcpStream::connect((mail.host.as_str(), mail.port))
            .await
            .map_err(Trouble::Unreachable)?;
        let peer = tcp.peer_addr().map_err(Trouble::Unreachable)?;
        let (stream, again) = match mail.protection {
            Protection::Loopback => (Stream::Plain(tcp), &b""[..]),
            Protection::Tls => (encrypt(tcp, mail).await?, &b""[..]),
            Protection::StartTls => {
                let tcp = start_tls(tcp).await?;
                // The dialogue begins anew, without a greeting.
                (encrypt(tcp, mail).await?, &b"220 redkeep\r\n"[..])
            }
        };
        Ok(Self {
            stream,
            peer,
            again,
            left: HEARD_MAX,
        })
    }
}

async fn encrypt(tcp: TcpStream, mail: &Mail) -> Result<Stream, Trouble> {
    let name = ServerName::try_from(mail.host.clone());
    let name = name.map_err(|_| Trouble::Trust("its name cannot stand in a certificate".into()))?;
    let connector = TlsConnector::from(Arc::new(trust(mail)?));
    let tls = connector.connect(name, tcp).await.map_err(Trouble::Tls)?;
    Ok(Stream::Tls(Box::new(tls)))
}

/// Whom to believe: the file's certificates alone, else the system's.
fn trust(mail: &Mail) -> Result<ClientConfig, Trouble> {
    let failed = |why: String| Trouble::Trust(why);
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(error.to_string()))?;
    let Some(file) = &mail.trust else {
        let builder = builder.with_platform_verifier();
        return Ok(builder
            .map_err(|error| failed(error.to_string()))?
            .with_no_client_auth());
    };
    let shown = file.display();
    let size = std::fs::metadata(file).map_err(|error| failed(format!("{shown}: {error}")))?;
    if size.len() > ROOTS_MAX {
        return Err(failed(format!(
            "{shown} is too large for root certificates"
        )));
    }
    let mut roots = RootCertStore::empty();
    let read = CertificateDer::pem_file_iter(file);
    for certificate in read.map_err(|error| failed(format!("{shown}: {error}")))? {
        let certificate = certificate.map_err(|error| failed(format!("{shown}: {error}")))?;
        roots
            .add(certificate)
            .map_err(|error| failed(format!("{shown}: {error}")))?;
    }
    if roots.is_empty() {
        return Err(failed(format!("{shown} holds no certificate")));
    }
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// The dialogue up to the moment the encryption begins.
async fn start_tls(mut tcp: TcpStream) -> Result<TcpStream, Trouble> {
    expect(&mut tcp, "220").await?;
    say(&mut tcp, &format!("EHLO {HELLO}")).await?;
    let offered = expect(&mut tcp, "250").await?;
    let mut lines = offered.lines().filter_map(|line| line.get(4..));
    if !lines.any(|word| word.trim().eq_ignore_ascii_case("STARTTLS")) {
        return Err(Trouble::NoStartTls);
    }
    say(&mut tcp, "STARTTLS").await?;
    expect(&mut tcp, "220").await?;
    Ok(tcp)
}

async fn say(tcp: &mut TcpStream, words: &str) -> Result<(), Trouble> {
    let line = format!("{words}\r\n");
    tcp.write_all(line.as_bytes())
        .await
        .map_err(Trouble::Broken)
}

/// An answer with this code, all its lines.
async fn expect(tcp: &mut TcpStream, code: &str) -> Result<String, Trouble> {
    let mut answer = Vec::new();
    loop {
        let start = answer.len();
        loop {
            let byte = tcp.read_u8().await.map_err(Trouble::Broken)?;
            answer.push(byte);
            if answer.len() > ANSWER_MAX {
                return Err(Trouble::NoMailServer);
            }
            if byte == b'\n' {
                break;
            }
        }
        let line = answer.get(start..).unwrap_or_default();
        if !line.starts_with(code.as_bytes()) {
            return Err(Trouble::NoMailServer);
        }
        if line.get(3) != Some(&b'-') {
            return Ok(String::from_utf8_lossy(&answer).into_owned());
        }
    }
}

impl fmt::Debug for Road {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Road")
            .field("peer", &self.peer)
            .finish_non_exhaustive()
    }
}

impl AsyncTokioStream for Road {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.peer)
    }
}

impl AsyncRead for Road {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.again.is_empty() {
            let count = self.again.len().min(buf.remaining());
            let (now, later) = self.again.split_at(count);
            buf.put_slice(now);
            self.again = later;
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        let read = match &mut self.stream {
            Stream::Plain(tcp) => Pin::new(tcp).poll_read(cx, buf),
            Stream::Tls(tls) => Pin::new(tls).poll_read(cx, buf),
        };
        let count = buf.filled().len().saturating_sub(before);
        // A line without an end would be kept whole by whoever reads lines.
        match self.left.checked_sub(count) {
            Some(left) => self.left = left,
            None => return Poll::Ready(Err(io::Error::other("the server says too much"))),
        }
        read
    }
}

impl AsyncWrite for Road {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.stream {
            Stream::Plain(tcp) => Pin::new(tcp).poll_write(cx, bytes),
            Stream::Tls(tls) => Pin::new(tls).poll_write(cx, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Plain(tcp) => Pin::new(tcp).poll_flush(cx),
            Stream::Tls(tls) => Pin::new(tls).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Plain(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Stream::Tls(tls) => Pin::new(tls).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    /// A connection to a server that greets, hears EHLO, and then says each of these in one piece.
    async fn connected(answers: &'static [&'static str]) -> TcpStream {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut tcp, _) = listener.accept().await.unwrap();
            tcp.write_all(b"220 here\r\n").await.unwrap();
            for answer in answers {
                let mut heard = [0; 256];
                let _ = tcp.read(&mut heard).await.unwrap();
                tcp.write_all(answer.as_bytes()).await.unwrap();
            }
            // It stays on the line.
            let mut heard = [0; 256];
            while tcp.read(&mut heard).await.is_ok_and(|count| count > 0) {}
        });
        TcpStream::connect(address).await.unwrap()
    }

    #[tokio::test]
    async fn nothing_goes_to_a_server_without_encryption() {
        let tcp = connected(&["250-here\r\n250 AUTH PLAIN\r\n", "220 go\r\n"]).await;
        let trouble = start_tls(tcp).await.unwrap_err();
        assert!(matches!(trouble, Trouble::NoStartTls), "{trouble}");
    }

    #[tokio::test]
    async fn what_is_slipped_in_before_the_encryption_is_no_answer_after_it() {
        let tcp = connected(&["250-here\r\n250 STARTTLS\r\n", "220 go\r\n250 x\r\n"]).await;
        let mut tcp = start_tls(tcp).await.unwrap();
        // None of it was taken in: it meets the handshake, which it breaks.
        let mut left = [0; 7];
        tcp.read_exact(&mut left).await.unwrap();
        assert_eq!(&left, b"250 x\r\n");
    }
}
