use std::{fs, os::unix::fs::PermissionsExt as _};

use model::clock::{Clock, FixedClock, Timestamp};

use super::*;

#[tokio::test(start_paused = true)]
async fn other_files_are_taken_within_seconds_and_broken_ones_are_not() {
    let dir = tempfile::tempdir().unwrap();
    let clock: Arc<dyn Clock> = Arc::new(FixedClock::new(Timestamp(1_800_000_000_000)));
    let make = |name: &str| {
        let dir = dir.path().join(name);
        let own = Handshakes::own(&dir, &["localhost".to_owned()], Arc::clone(&clock)).unwrap();
        own.present().unwrap();
        fs::read(dir.join("leaf.pem")).unwrap()
    };
    let (first, second) = (make("first"), make("second"));
    let path = dir.path().join("own.pem");
    let put = |bytes: &[u8]| {
        let new = dir.path().join("own.new");
        fs::write(&new, bytes).unwrap();
        fs::set_permissions(&new, fs::Permissions::from_mode(0o600)).unwrap();
        fs::rename(&new, &path).unwrap();
    };
    put(&first);
    let own = Certificates::new(Handshakes::files(&path, &path)).unwrap();
    let before = own.leaf().unwrap();
    let (kept, stop) = (own.clone(), CancellationToken::new());
    let ends = stop.clone();
    let task = tokio::spawn(async move { kept.keep_renewed(ends).await });
    // Time is the test's own: it passes at once.
    let pass = |pause: Duration| tokio::time::sleep(pause * 3);
    pass(LOOK).await;
    put(b"-----BEGIN CERTIFICATE-----");
    pass(LOOK).await;
    assert_eq!(own.leaf().unwrap(), before, "the old one is kept");
    let trouble = own.trouble().unwrap();
    assert!(trouble.contains("still served"), "{trouble}");
    put(&second);
    pass(LOOK).await;
    assert_ne!(own.leaf().unwrap(), before);
    assert_eq!(own.trouble(), None);
    stop.cancel();
    task.await.unwrap();
}
