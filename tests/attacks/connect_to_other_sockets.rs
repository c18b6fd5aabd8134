//! A node connects to Unix sockets that are not its own: Redkeep's control socket, a stranger's.

use std::{
    fs,
    os::{
        linux::net::SocketAddrExt as _,
        unix::{
            fs::PermissionsExt as _,
            net::{SocketAddr, UnixListener},
        },
    },
};

use serde_json::json;
use testkit::Redkeep;

use crate::package::{all_failed, intrude};

#[tokio::test(flavor = "multi_thread")]
async fn a_node_cannot_connect_to_another_unix_socket() {
    let redkeep = Redkeep::up().await;
    let author = redkeep.author().await;
    // A stranger's sockets that any process of the machine could connect to.
    let folder = tempfile::Builder::new()
        .prefix("rks")
        .tempdir_in("/tmp")
        .unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let path = folder.path().join("open.sock");
    let _by_path = UnixListener::bind(&path).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).unwrap();
    let name = format!("redkeep-test-{}", std::process::id());
    let _abstract =
        UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
    let control = redkeep.path().join("run/control.sock");
    assert!(control.exists());
    let paths = json!([
        control,
        path,
        format!("\0{name}"),
        "/run/dbus/system_bus_socket"
    ]);
    let outcomes = intrude(&redkeep, &author, "sockets", &paths).await;
    assert_eq!(outcomes.len(), 4, "{outcomes:?}");
    all_failed(&outcomes, &[]);
}
