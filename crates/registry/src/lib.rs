//! The goods entrance: npm tarballs fetched, verified, and unpacked into read-only trees.
