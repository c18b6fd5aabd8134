//! Brotli (RFC 7932) away from the threads that serve: whole texts, in one go. Blocks.

use std::io::{self, Cursor};

use brotli::{BrotliDecompressStream, BrotliResult, BrotliState, enc::StandardAlloc};

/// Bytes unpacked at a time.
const CHUNK: usize = 64 * 1024;

/// Compresses. `quality` 0 to 11: a second and more for a megabyte at 11, a few hundredths at 5.
pub(crate) fn press(text: &[u8], quality: i32) -> io::Result<Vec<u8>> {
    let mut pressed = Vec::with_capacity(text.len() / 4);
    let params = brotli::enc::BrotliEncoderParams {
        quality,
        // As far back as any browser follows (RFC 7932, 9.1).
        lgwin: 22,
        size_hint: text.len(),
        ..Default::default()
    };
    brotli::BrotliCompress(&mut Cursor::new(text), &mut pressed, &params)?;
    Ok(pressed)
}

/// Unpacks, handing the text over piece by piece. False if it is no Brotli, is cut off, is followed
/// by anything, or holds more than `max` bytes: a small file can be gigabytes unpacked.
pub(crate) fn unpress(pressed: &[u8], max: u64, mut take: impl FnMut(&[u8])) -> bool {
    let alloc = StandardAlloc::default;
    let mut state = BrotliState::new(alloc(), alloc(), alloc());
    let (mut left, mut at) = (pressed.len(), 0);
    let mut buffer = vec![0; CHUNK];
    let mut total = 0;
    loop {
        let (mut room, mut filled) = (CHUNK, 0);
        let result = BrotliDecompressStream(
            &mut left,
            &mut at,
            pressed,
            &mut room,
            &mut filled,
            &mut buffer,
            &mut total,
            &mut state,
        );
        if total as u64 > max {
            return false;
        }
        take(buffer.get(..filled).unwrap_or_default());
        match result {
            BrotliResult::ResultSuccess => return left == 0,
            BrotliResult::NeedsMoreOutput => {}
            BrotliResult::NeedsMoreInput | BrotliResult::ResultFailure => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unpressed(pressed: &[u8], max: u64) -> Option<Vec<u8>> {
        let mut text = Vec::new();
        unpress(pressed, max, |piece| text.extend_from_slice(piece)).then_some(text)
    }

    #[test]
    fn what_was_pressed_comes_back_and_nothing_else_does() {
        let text = "var a = 1;\n".repeat(20_000).into_bytes();
        let max = text.len() as u64;
        for quality in [5, 9] {
            let pressed = press(&text, quality).unwrap();
            assert!(pressed.len() < 1000, "{}", pressed.len());
            assert_eq!(unpressed(&pressed, max).as_ref(), Some(&text));
            // One byte less is allowed than there is: it could have no end.
            assert_eq!(unpressed(&pressed, max - 1), None);
            assert_eq!(unpressed(&pressed[..pressed.len() - 1], max), None);
            assert_eq!(unpressed(&[pressed.as_slice(), b"x"].concat(), max), None);
        }
        assert_eq!(unpressed(b"", max), None);
        assert_eq!(unpressed(b"no brotli at all", max), None);
        assert_eq!(unpressed(&press(b"", 5).unwrap(), 0), Some(Vec::new()));
    }
}
