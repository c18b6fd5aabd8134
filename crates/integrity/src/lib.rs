//! The night watch: what lies on disk and what runs, against the baseline.
