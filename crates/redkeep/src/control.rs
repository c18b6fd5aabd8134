//! The local control socket: the API, for whoever owns this machine.
//!
//! `<data_dir>/run/control.sock`, in a folder only its owner can enter; the peer's user is asked
//! of the kernel besides. The jail cannot see it.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context as _;
use axum::Router;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{net::UnixListener, sync::Semaphore};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Where the socket is.
pub(crate) fn socket(data_dir: &Path) -> PathBuf {
    data_dir.join("run").join("control.sock")
}

/// Connections served at a time.
const CONNECTIONS_MAX: usize = 64;

/// Binds the socket. Whoever calls holds the data directory's lock, so a socket that is there is
/// left over.
pub(crate) fn bind(data_dir: &Path) -> anyhow::Result<UnixListener> {
    let path = socket(data_dir);
    let folder = data_dir.join("run");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o700))?;
    match fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    UnixListener::bind(&path).with_context(|| {
        format!(
            "cannot listen on {}: the path of a socket may have about 100 characters; \
             choose a shorter --data-dir",
            path.display()
        )
    })
}

/// Serves the API until `stop`.
pub(crate) async fn serve(
    listener: UnixListener,
    router: Router,
    stop: CancellationToken,
    tasks: TaskTracker,
) {
    let places = std::sync::Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(place) = places.clone().acquire_owned().await else {
            return;
        };
        let stream = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "the control socket could not accept");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            },
        };
        let peer = stream.peer_cred().map(|peer| peer.uid());
        let own = sandbox::process::own_uid();
        if !peer.is_ok_and(|uid| uid == own || uid == 0) {
            tracing::warn!("somebody who does not own this Redkeep tried the control socket");
            continue;
        }
        let service = TowerToHyperService::new(router.clone());
        let stop = stop.clone();
        tasks.spawn(async move {
            let mut builder = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
            builder
                .http1()
                .timer(TokioTimer::new())
                .header_read_timeout(Duration::from_secs(10));
            let connection = builder.serve_connection(TokioIo::new(stream), service);
            tokio::select! {
                () = stop.cancelled() => {}
                served = connection => if let Err(error) = served {
                    tracing::debug!(%error, "a control connection broke off");
                },
            }
            drop(place);
        });
    }
}
