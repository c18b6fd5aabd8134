//! HTTP/2 (RFC 9113) by hand: frames as they are asked for, however wrong, and just enough of
//! reading to know what came back.

use std::collections::{HashMap, HashSet};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_rustls::client::TlsStream;

use crate::house::House;

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const PRIORITY: u8 = 2;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;

/// A frame's bytes.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = length[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// HPACK (RFC 7541) without its table and its code: each field a literal that is not kept.
pub(crate) fn fields(fields: &[(&[u8], &[u8])]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            length(&mut block, text.len());
            block.extend(*text);
        }
    }
    block
}

fn length(block: &mut Vec<u8>, length: usize) {
    let Ok(short @ ..127) = u8::try_from(length) else {
        block.push(127);
        let mut rest = length - 127;
        while rest >= 128 {
            block.push(u8::try_from(rest % 128).unwrap() | 128);
            rest /= 128;
        }
        block.push(u8::try_from(rest).unwrap());
        return;
    };
    block.push(short);
}

/// What became of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Answered(u16),
    Reset(u32),
}

/// A connection.
pub(crate) struct Raw {
    stream: TlsStream<TcpStream>,
    bytes: Vec<u8>,
    /// What became of each stream.
    pub(crate) fates: HashMap<u32, Fate>,
    /// Streams the gate ended, whatever it had said on them before.
    pub(crate) resets: HashSet<u32>,
    /// Bytes of bodies that came.
    pub(crate) received: usize,
    /// Pings of the gate's: it sends one each quarter of the time a connection may be idle.
    pub(crate) pings: usize,
    /// Answers to pings.
    pub(crate) pongs: usize,
    /// Why the gate ends the connection, if it says so.
    pub(crate) goaway: Option<u32>,
    /// It is closed.
    pub(crate) is_closed: bool,
}

impl Raw {
    /// Connected, with these settings. A table of no bytes keeps the answers' heads readable.
    pub(crate) async fn open(house: &House, settings: &[(u16, u32)]) -> Self {
        let mut raw = Self {
            stream: house.connect(b"h2").await,
            bytes: Vec::new(),
            fates: HashMap::new(),
            resets: HashSet::new(),
            received: 0,
            pings: 0,
            pongs: 0,
            goaway: None,
            is_closed: false,
        };
        let mut all = vec![(1, 0)];
        all.extend(settings);
        let payload: Vec<u8> = all
            .iter()
            .flat_map(|(id, value)| [&id.to_be_bytes()[..], &value.to_be_bytes()].concat())
            .collect();
        let mut first = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        first.extend(frame(SETTINGS, 0, 0, &payload));
        raw.send(&first).await;
        raw
    }

    /// Sends; a connection that is gone is noted.
    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        if self.stream.write_all(bytes).await.is_err() || self.stream.flush().await.is_err() {
            self.is_closed = true;
        }
    }

    /// A GET with these fields more.
    pub(crate) async fn get(&mut self, house: &House, stream: u32, path: &str, cookie: &str) {
        let block = get(house, path, cookie);
        let bytes = frame(HEADERS, END_HEADERS | END_STREAM, stream, &block);
        self.send(&bytes).await;
    }

    /// Reads until this holds or the connection ends.
    pub(crate) async fn until(&mut self, is_so: impl Fn(&Self) -> bool) {
        while !is_so(self) && self.step().await {}
    }

    /// Reads one frame; false at the end.
    async fn step(&mut self) -> bool {
        while self.bytes.len() < 9 || self.bytes.len() < 9 + self.payload() {
            let read = self.stream.read_buf(&mut self.bytes).await.unwrap_or(0);
            if read == 0 {
                self.is_closed = true;
                return false;
            }
        }
        let length = 9 + self.payload();
        let frame: Vec<u8> = self.bytes.drain(..length).collect();
        self.take(frame[3], frame[4], number(&frame[5..9]), &frame[9..])
            .await;
        true
    }

    fn payload(&self) -> usize {
        usize::try_from(number(&[0, self.bytes[0], self.bytes[1], self.bytes[2]])).unwrap()
    }

    async fn take(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        match kind {
            HEADERS if flags & END_HEADERS != 0 => {
                let status = Fate::Answered(status(payload));
                self.fates.entry(stream).or_insert(status);
            }
            RST_STREAM => {
                let reset = Fate::Reset(number(payload));
                self.fates.entry(stream).or_insert(reset);
                self.resets.insert(stream);
            }
            DATA => self.received += payload.len(),
            SETTINGS if flags == 0 => self.send(&frame(SETTINGS, 1, 0, &[])).await,
            PING if flags == 0 => {
                self.pings += 1;
                self.send(&frame(PING, 1, 0, payload)).await;
            }
            PING => self.pongs += 1,
            GOAWAY => self.goaway = Some(number(&payload[4..8])),
            _ => {}
        }
    }
}

/// The fields of a GET.
pub(crate) fn get(house: &House, path: &str, cookie: &str) -> Vec<u8> {
    fields(&[
        (b":method", b"GET"),
        (b":scheme", b"https"),
        (b":authority", &house.origin.as_bytes()["https://".len()..]),
        (b":path", path.as_bytes()),
        (b"cookie", cookie.as_bytes()),
    ])
}

fn number(bytes: &[u8]) -> u32 {
    u32::from_be_bytes(bytes.try_into().unwrap())
}

/// The status, which comes first: from the static table, or three digits in RFC 7541's code.
fn status(mut block: &[u8]) -> u16 {
    // A change of the table's size.
    while let [first, rest @ ..] = block
        && first & 0b1110_0000 == 0b0010_0000
    {
        block = rest;
    }
    match block {
        [0x88, ..] => 200,
        [0x89, ..] => 204,
        [0x8a, ..] => 206,
        [0x8b, ..] => 304,
        [0x8c, ..] => 400,
        [0x8d, ..] => 404,
        [0x8e, ..] => 500,
        [0x08 | 0x48 | 0x18, length, rest @ ..] if length & 0x80 != 0 => {
            digits(&rest[..usize::from(length & 0x7f)])
        }
        [0x08 | 0x48 | 0x18, 3, rest @ ..] => {
            std::str::from_utf8(&rest[..3]).unwrap().parse().unwrap()
        }
        other => panic!("no status in {other:02x?}"),
    }
}

fn digits(code: &[u8]) -> u16 {
    let bits: Vec<u8> = code
        .iter()
        .flat_map(|byte| (0..8).rev().map(move |at| byte >> at & 1))
        .collect();
    let (mut at, mut number) = (0, 0);
    for _ in 0..3 {
        let short = bits[at..at + 5].iter().fold(0, |sum, bit| sum * 2 + bit);
        // 0, 1 and 2 have five bits, 3 to 9 have six: 011001 to 011111.
        let digit = if short <= 2 {
            at += 5;
            short
        } else {
            let long = short * 2 + bits[at + 5];
            at += 6;
            long - 0b01_1001 + 3
        };
        number = number * 10 + u16::from(digit);
    }
    number
}
