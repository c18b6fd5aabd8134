//! Counts what comes out of the decompressor, so that a bomb is stopped while it swells.

use std::io::{self, Read};

use crate::unpack::{Limits, UnpackError};

/// A reader that fails once more comes out than the limits allow.
pub(super) struct Metered<R> {
    inner: R,
    compressed_bytes: u64,
    bytes: u64,
    bytes_max: u64,
    ratio_max: u64,
}

impl<R> Metered<R> {
    pub(super) fn new(inner: R, compressed_bytes: u64, limits: &Limits) -> Self {
        let &Limits {
            bytes_max,
            ratio_max,
            ..
        } = limits;
        Self {
            inner,
            compressed_bytes,
            bytes: 0,
            bytes_max,
            ratio_max,
        }
    }

    pub(super) fn into_inner(self) -> R {
        self.inner
    }
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.bytes += count as u64;
        if self.bytes > self.bytes_max {
            return Err(io::Error::other(UnpackError::TooLarge(self.bytes_max)));
        }
        let swollen = self.bytes > self.compressed_bytes.saturating_mul(self.ratio_max);
        if swollen && self.bytes > Limits::RATIO_FREE_BYTES {
            return Err(io::Error::other(UnpackError::Ratio(self.ratio_max)));
        }
        Ok(count)
    }
}
