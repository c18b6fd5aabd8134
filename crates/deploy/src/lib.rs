//! The waiting room: every change is queued, reviewed, decided and applied here.
