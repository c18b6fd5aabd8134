use proptest::prelude::*;

use super::*;

fn said(frame: &[u8], lane: Lane) -> (u8, Zeroizing<Vec<u8>>) {
    match read(&mut &frame[..], |kind| bytes_max(lane, kind)).unwrap() {
        Frame::Said(kind, body) => (kind, body),
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_request_reads_back_on_its_lane_and_is_unknown_on_the_other() {
    let id = Hash::of(b"leaf");
    let scheme = SignatureScheme::ED25519;
    let (purpose, bytes, message) = ("console-factor", &b"secret"[..], &b"message"[..]);
    let requests = [
        (
            Lane::Secrets,
            Request::Seal {
                purpose,
                plain: bytes,
            },
        ),
        (
            Lane::Secrets,
            Request::Unseal {
                purpose,
                sealed: bytes,
            },
        ),
        (Lane::Secrets, Request::Digest { purpose, bytes }),
        (
            Lane::Secrets,
            Request::Sign {
                purpose: 1,
                message,
            },
        ),
        (Lane::Secrets, Request::PublicKey { purpose: 2 }),
        (Lane::Handshakes, Request::Certificate),
        (Lane::Handshakes, Request::Authority),
        (Lane::Handshakes, Request::Rotate { days: 30 }),
        (Lane::Handshakes, Request::CancelRotation),
        (Lane::Handshakes, Request::Revoke { serial: &[7; 20] }),
        (
            Lane::Handshakes,
            Request::Handshake {
                id,
                scheme,
                message,
            },
        ),
    ];
    for (lane, request) in requests {
        let text = request.encode();
        let (kind, body) = said(&text, lane);
        assert_eq!(decode(kind, &body), Ok(request));
        let other = match lane {
            Lane::Secrets => Lane::Handshakes,
            Lane::Handshakes => Lane::Secrets,
        };
        let refused = read(&mut &text[..], |kind| bytes_max(other, kind)).unwrap();
        assert!(matches!(refused, Frame::Refused(Refusal::UnknownRequest)));
    }
}

#[test]
fn every_error_arrives_as_what_it_was() {
    let errors = REFUSALS.map(KeysError::Refused).into_iter().chain([
        KeysError::Damaged {
            what: "sealed secret".into(),
            why: "it was altered".into(),
        },
        KeysError::File {
            path: "/keys".into(),
            why: "no".into(),
        },
        KeysError::Certificate("none".into()),
    ]);
    for error in errors {
        let text = answer(&Err(error.clone()));
        let read = read(&mut &text[..], |_| Some(ANSWER_BYTES_MAX)).unwrap();
        let Frame::Said(status, body) = read else {
            panic!("{read:?}")
        };
        assert_eq!(read_answer(status, body), Some(Err(error)));
    }
    assert_eq!(read_answer(99, Zeroizing::default()), None);
}

#[test]
fn what_is_too_long_is_passed_over_and_what_is_cut_off_is_an_error() {
    let long = frame(&[&[HANDSHAKE], &[0; 300]]);
    let mut both = [&long[..], &Request::Certificate.encode()].concat();
    let mut from = &both[..];
    let max = |kind| bytes_max(Lane::Handshakes, kind);
    assert!(matches!(
        read(&mut from, max).unwrap(),
        Frame::Refused(Refusal::TooLong)
    ));
    assert!(matches!(
        read(&mut from, max).unwrap(),
        Frame::Said(CERTIFICATE, _)
    ));
    assert!(matches!(read(&mut from, max).unwrap(), Frame::End));
    both.pop();
    let mut from = &both[..];
    drop(read(&mut from, max).unwrap());
    assert!(read(&mut from, max).is_err());
}

proptest! {
    #[test]
    fn no_bytes_make_a_request_that_was_not_sent(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut from = &bytes[..];
        while let Ok(Frame::Said(kind, body)) =
            read(&mut from, |kind| bytes_max(Lane::Secrets, kind))
        {
            if let Ok(request) = decode(kind, &body) {
                let (_, again) = said(&request.encode(), Lane::Secrets);
                prop_assert_eq!(&*again, &*body);
            }
        }
        drop(decode_chain(&bytes));
    }
}
