//! The ledger: everything Redkeep must not forget, in SQLite, with a hash-chained audit record.
