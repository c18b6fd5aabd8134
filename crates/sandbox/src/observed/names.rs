//! A resolver that knows every name: with an address that leads nowhere, and back to the name.
//!
//! Without it, a program in an empty network would never get as far as connecting, and all that
//! was seen is that it asks for names.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};

/// Names that get an address.
const NAMES_MAX: usize = 256;
/// RFC 2544: set aside for measurements, never on the internet.
const FIRST: u32 = u32::from_be_bytes([198, 18, 0, 1]);
const QUESTION_BYTES_MAX: usize = 512;
const HEADER_BYTES: usize = 12;
const ADDRESS_RECORD: u16 = 1;

/// The names that were asked for; the place of each makes its address.
#[derive(Debug)]
pub(super) struct Names {
    socket: UdpSocket,
    known: Vec<String>,
}

impl Names {
    /// Listens on the loopback address of an empty network.
    pub(super) fn open() -> io::Result<Self> {
        let socket = UdpSocket::bind(HERE)?;
        socket.set_nonblocking(true)?;
        Ok(Self {
            socket,
            known: Vec::new(),
        })
    }

    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// Answers one waiting question; the name that was asked for.
    pub(super) fn answer_one(&mut self) -> Option<String> {
        let mut question = [0; QUESTION_BYTES_MAX];
        let (length, from) = self.socket.recv_from(&mut question).ok()?;
        let (answer, name) = self.answer(question.get(..length)?)?;
        // Who does not take the answer asks again, or gives up.
        self.socket.send_to(&answer, from).ok();
        Some(name)
    }

    fn answer(&mut self, question: &[u8]) -> Option<(Vec<u8>, String)> {
        let (name, kind, end) = read(question)?;
        let address = (kind == ADDRESS_RECORD)
            .then(|| self.address(&name))
            .flatten();
        let mut answer = question.get(..2)?.to_vec();
        // A response, recursion asked for and had, no error; one question; answers, or none.
        answer.extend([0x81, 0x80, 0, 1, 0, u8::from(address.is_some()), 0, 0, 0, 0]);
        answer.extend(question.get(HEADER_BYTES..end)?);
        if let Some(address) = address {
            // The name as in the question, an internet address, good for a minute.
            answer.extend([0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
            answer.extend(address.octets());
        }
        Some((answer, name))
    }

    fn address(&mut self, name: &str) -> Option<Ipv4Addr> {
        let place = self.known.iter().position(|known| known == name);
        let place = match place {
            Some(place) => place,
            None if self.known.len() < NAMES_MAX => {
                self.known.push(name.to_owned());
                self.known.len() - 1
            }
            None => return None,
        };
        Some(Ipv4Addr::from(FIRST + u32::try_from(place).ok()?))
    }

    /// What was asked for before this address was used, else the address.
    pub(super) fn name_of(&self, address: IpAddr) -> String {
        let name = match address {
            IpAddr::V4(address) => u32::from(address)
                .checked_sub(FIRST)
                .and_then(|place| self.known.get(usize::try_from(place).ok()?)),
            IpAddr::V6(_) => None,
        };
        name.cloned().unwrap_or_else(|| address.to_string())
    }
}

/// Where the resolver is.
pub(super) const HERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 53);

/// The name asked for, the kind of record, and where the question ends.
fn read(question: &[u8]) -> Option<(String, u16, usize)> {
    let is_response = question.get(2)? & 0x80 != 0;
    if is_response || question.get(4..6)? != [0, 1] {
        return None;
    }
    let mut labels = Vec::new();
    let mut at = HEADER_BYTES;
    loop {
        let length = usize::from(*question.get(at)?);
        at += 1;
        match length {
            0 => break,
            // More than 63 is a reference into the message, which no question holds.
            1..=63 => {
                let label = question.get(at..at + length)?;
                labels.push(String::from_utf8_lossy(label).to_ascii_lowercase());
                at += length;
            }
            _ => return None,
        }
    }
    let kind = u16::from_be_bytes([*question.get(at)?, *question.get(at + 1)?]);
    question.get(at + 3)?;
    Some((labels.join("."), kind, at + 4))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names {
        Names {
            socket: UdpSocket::bind("127.0.0.1:0").unwrap(),
            known: Vec::new(),
        }
    }

    fn question(name: &str, kind: u8) -> Vec<u8> {
        let mut bytes = vec![7, 9, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        for label in name.split('.') {
            bytes.push(u8::try_from(label.len()).unwrap());
            bytes.extend(label.bytes());
        }
        bytes.extend([0, 0, kind, 0, 1]);
        bytes
    }

    #[test]
    fn a_name_gets_an_address_that_leads_back_to_it() {
        let mut names = names();
        let (first, name) = names.answer(&question("Broker.Example", 1)).unwrap();
        assert_eq!(name, "broker.example");
        assert_eq!(&first[..2], &[7, 9]);
        assert!(first.ends_with(&[0, 4, 198, 18, 0, 1]));
        let (second, _) = names.answer(&question("plc.example", 1)).unwrap();
        assert!(second.ends_with(&[198, 18, 0, 2]));
        let (again, _) = names.answer(&question("broker.example", 1)).unwrap();
        assert!(again.ends_with(&[198, 18, 0, 1]));
        let name = |text: &str| names.name_of(text.parse().unwrap());
        assert_eq!(name("198.18.0.2"), "plc.example");
        assert_eq!(name("198.18.0.3"), "198.18.0.3");
        assert_eq!(name("::1"), "::1");
    }

    #[test]
    fn another_kind_of_record_is_answered_with_none() {
        let (answer, name) = names().answer(&question("broker.example", 28)).unwrap();
        assert_eq!((answer[7], name.as_str()), (0, "broker.example"));
    }

    #[test]
    fn what_is_no_question_is_not_answered() {
        let whole = question("broker.example", 1);
        for length in 0..whole.len() {
            assert!(names().answer(&whole[..length]).is_none(), "{length}");
        }
        let mut response = whole.clone();
        response[2] |= 0x80;
        assert!(names().answer(&response).is_none());
        let mut reference = whole;
        reference[12] = 0xc0;
        assert!(names().answer(&reference).is_none());
    }

    #[test]
    fn names_are_counted() {
        let mut names = names();
        for number in 0..=NAMES_MAX {
            names.answer(&question(&format!("h{number}"), 1)).unwrap();
        }
        assert_eq!(names.known.len(), NAMES_MAX);
    }
}
