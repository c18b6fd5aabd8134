//! A QR code as one SVG path.

use std::fmt::Write as _;

use qrcode::{Color, EcLevel, QrCode};

/// Light modules round the code, as the standard asks.
const QUIET: usize = 4;

/// What the page draws: a path of unit squares within a square view box.
#[derive(Debug)]
pub(crate) struct Qr {
    /// Width of the view box, quiet zone included.
    pub(crate) size: usize,
    /// The dark modules.
    pub(crate) path: String,
}

/// The code for `text`; none when it is too long for one.
pub(crate) fn draw(text: &str) -> Option<Qr> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
    let width = code.width();
    let mut path = String::new();
    for (index, color) in code.to_colors().into_iter().enumerate() {
        if color == Color::Dark {
            let (x, y) = (index % width + QUIET, index / width + QUIET);
            // Writing to a string cannot fail.
            write!(path, "M{x} {y}h1v1h-1z").ok();
        }
    }
    Some(Qr {
        size: width + 2 * QUIET,
        path,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_its_quiet_zone() {
        let qr = draw("otpauth://totp/Redkeep:ann?secret=JBSWY3DPEHPK3PXP").unwrap();
        assert!(qr.size >= 21 + 8 && qr.path.starts_with("M4 4"), "{qr:?}");
    }
}
