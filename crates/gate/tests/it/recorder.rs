//! A raw upstream in Node-RED's place: it writes down what it really received, and reads HTTP/1.1
//! as strictly as RFC 9112 allows, so that a request which has two readings has none here.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{UnixListener, UnixStream},
};

/// One request as it lay on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Heard {
    /// From the method to the empty line.
    pub(crate) head: String,
    /// The body, taken out of its chunks.
    pub(crate) body: String,
    /// None: it was whole. Else why it is no request.
    pub(crate) fault: Option<&'static str>,
}

/// The recorder.
#[derive(Debug, Clone)]
pub(crate) struct Recorder {
    pub(crate) socket: PathBuf,
    heard: Arc<Mutex<Vec<Heard>>>,
}

impl Recorder {
    pub(crate) fn start(dir: &Path) -> Self {
        let socket = dir.join("recorder.sock");
        let listener = UnixListener::bind(&socket).expect("a socket");
        let recorder = Self {
            socket,
            heard: Arc::default(),
        };
        let serving = recorder.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.expect("a connection");
                tokio::spawn(serving.clone().serve(stream));
            }
        });
        recorder
    }

    /// What was heard since it was asked last.
    pub(crate) fn take(&self) -> Vec<Heard> {
        std::mem::take(&mut *self.heard.lock().unwrap())
    }

    async fn serve(self, mut stream: UnixStream) {
        let mut wire = Wire::default();
        while let Some(heard) = wire.request(&mut stream).await {
            let target = heard.head.split(' ').nth(1).unwrap_or("").to_owned();
            let is_broken = heard.fault.is_some();
            self.heard.lock().unwrap().push(heard);
            if is_broken || stream.write_all(&answer(&target)).await.is_err() {
                return;
            }
        }
    }
}

/// What it answers: the target it was asked for, or what the target asks for.
fn answer(target: &str) -> Vec<u8> {
    let plain = |text: &str| {
        format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{text}",
            text.len()
        )
    };
    let text = match target.split_once("answer=").map(|(_, kind)| kind) {
        Some("426") => "HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\n\r\n".to_owned(),
        Some("101") => "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\
                        Upgrade: websocket\r\nSec-WebSocket-Accept: wrong\r\n\r\n"
            .to_owned(),
        Some("twice") => plain(target) + &plain("an answer nobody asked for"),
        Some("both") => {
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n\
                         0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"
                .to_owned()
        }
        _ => plain(target),
    };
    text.into_bytes()
}

#[derive(Debug, Default)]
struct Wire {
    bytes: Vec<u8>,
}

impl Wire {
    /// The next request; none when the connection ended between two.
    async fn request(&mut self, stream: &mut UnixStream) -> Option<Heard> {
        let broken = |head: String, body: String, fault| {
            Some(Heard {
                head,
                body,
                fault: Some(fault),
            })
        };
        let Some(head) = self.until(stream, b"\r\n\r\n").await else {
            let rest = text(&std::mem::take(&mut self.bytes));
            return (!rest.is_empty())
                .then(|| broken(rest, String::new(), "cut off"))
                .flatten();
        };
        let head = without_key(&text(&head));
        let Some(framing) = framing(&head) else {
            return broken(head, String::new(), "ambiguous");
        };
        let mut body = Vec::new();
        let read = match framing {
            Framing::Length(length) => self.exactly(stream, length, &mut body).await.map(|()| true),
            Framing::Chunked => self.chunks(stream, &mut body).await,
        };
        let body = text(&body);
        match read {
            Some(true) => Some(Heard {
                head,
                body,
                fault: None,
            }),
            Some(false) => broken(head, body, "ambiguous"),
            None => broken(head, body, "cut off"),
        }
    }

    async fn chunks(&mut self, stream: &mut UnixStream, body: &mut Vec<u8>) -> Option<bool> {
        loop {
            let line = self.until(stream, b"\r\n").await?;
            let digits = text(&line[..line.len() - 2]);
            let is_plain = (1..=8).contains(&digits.len())
                && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
            if !is_plain {
                return Some(false);
            }
            let length = usize::from_str_radix(&digits, 16).ok()?;
            self.exactly(stream, length, body).await?;
            // After the last chunk: no trailers, they are one more place to hide a header in.
            if self.until(stream, b"\r\n").await? != b"\r\n" {
                return Some(false);
            }
            if length == 0 {
                return Some(true);
            }
        }
    }

    async fn until(&mut self, stream: &mut UnixStream, end: &[u8]) -> Option<Vec<u8>> {
        loop {
            let mut windows = self.bytes.windows(end.len());
            if let Some(at) = windows.position(|window| window == end) {
                return Some(self.bytes.drain(..at + end.len()).collect());
            }
            self.more(stream).await?;
        }
    }

    async fn exactly(
        &mut self,
        stream: &mut UnixStream,
        length: usize,
        to: &mut Vec<u8>,
    ) -> Option<()> {
        while self.bytes.len() < length {
            if self.more(stream).await.is_none() {
                to.append(&mut self.bytes);
                return None;
            }
        }
        to.extend(self.bytes.drain(..length));
        Some(())
    }

    async fn more(&mut self, stream: &mut UnixStream) -> Option<()> {
        let read = stream.read_buf(&mut self.bytes).await.unwrap_or(0);
        (read > 0).then_some(())
    }
}

/// The gate makes a key of its own for each WebSocket, another one each time.
fn without_key(head: &str) -> String {
    const NAME: &str = "sec-websocket-key: ";
    let lines = head
        .split_inclusive('\n')
        .map(|line| match line.strip_prefix(NAME) {
            Some(key) if key.len() == 24 + 2 => format!("{NAME}(a key)\r\n"),
            _ => line.to_owned(),
        });
    lines.collect()
}

enum Framing {
    Length(usize),
    Chunked,
}

/// How long the body is; none when there are two answers, or a line is not plain.
fn framing(head: &str) -> Option<Framing> {
    let mut lines = head.strip_suffix("\r\n\r\n")?.split("\r\n");
    let request: Vec<&str> = lines.next()?.split(' ').collect();
    let [_, target, "HTTP/1.1"] = request[..] else {
        return None;
    };
    if !target.starts_with('/') {
        return None;
    }
    let mut found = None;
    for line in lines {
        let (name, value) = line.split_once(':')?;
        let is_token = !name.is_empty()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_.!#$%&'*+^`|~".contains(&byte));
        if !is_token || value.contains(['\r', '\n', '\0']) {
            return None;
        }
        let value = value.trim_matches([' ', '\t']);
        let framing = match name.to_ascii_lowercase().as_str() {
            "content-length" => Framing::Length(value.parse().ok()?),
            "transfer-encoding" if value == "chunked" => Framing::Chunked,
            "transfer-encoding" => return None,
            _ => continue,
        };
        if found.replace(framing).is_some() {
            return None;
        }
    }
    Some(found.unwrap_or(Framing::Length(0)))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
