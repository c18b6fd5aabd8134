//! The editor's own files, which Node-RED is not asked for.

use std::{fs, path::Path, sync::Arc};

use gate::{Limits, Listed, Shelf};
use http::StatusCode;
use model::access::Role;

use crate::house::House;

const SCRIPT: &str = "red/red.min.js";
const HEAVY: &str = "vendor/monaco/dist/editor.js";

fn text() -> String {
    "var a = 1;\n".repeat(20_000)
}

fn shelf(dir: &Path) -> Arc<Shelf> {
    let root = dir.join("public");
    let files = [SCRIPT, HEAVY, "red/images/grip.png"].map(|path| {
        let place = root.join(path);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::write(&place, text()).unwrap();
        Listed {
            path: path.to_owned(),
            size: text().len() as u64,
            blake3: blake3::hash(text().as_bytes()).to_hex().to_string(),
        }
    });
    Shelf::open(root, files, &dir.join("cache")).unwrap()
}

async fn house() -> House {
    House::built(Limits::default(), |dir| Some(shelf(dir))).await
}

#[tokio::test]
async fn the_editors_files_do_not_come_from_node_red() {
    let house = house().await;
    let cookie = house.session("vic", Role::Viewer).await;
    // What stops there does not matter to them.
    house.stop_node_red();
    let plain = house.get("/red/red.min.js", &cookie).await;
    assert_eq!((plain.status, plain.text()), (StatusCode::OK, text()));
    assert_eq!(
        plain.headers["content-type"],
        "application/javascript; charset=UTF-8"
    );
    assert_eq!(plain.headers["cache-control"], "private, no-cache");
    assert_eq!(plain.headers["vary"], "Accept-Encoding");
    assert!(plain.headers.contains_key("content-security-policy"));
    let lasting = house.get("/red/red.min.js?v=0123456789ab", &cookie).await;
    let rule = lasting.headers["cache-control"].to_str().unwrap();
    assert!(
        rule.contains("immutable") && rule.contains("private"),
        "{rule}"
    );
    // Of others, Node-RED is asked.
    let other = house.get("/red/other.js", &cookie).await;
    assert_eq!(other.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(house.node_red.seen().len(), 0);
}

#[tokio::test]
async fn the_editors_files_need_the_login_they_always_needed() {
    let house = house().await;
    let answer = house
        .send(house.request("GET", "/red/red.min.js"), "")
        .await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    let cookie = house.session("ann", Role::Editor).await;
    let posted = house
        .send(house.script("POST", "/red/red.min.js", &cookie), "")
        .await;
    assert_eq!(posted.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_file_goes_out_as_the_client_takes_it() {
    let house = house().await;
    let cookie = house.session("ann", Role::Editor).await;
    let ask = async |method: &str, headers: &[(&str, &str)]| {
        let mut request = house.script(method, "/red/red.min.js", &cookie);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        house.send(request, "").await
    };
    let whole = text().len();
    let brotli = ask("GET", &[("accept-encoding", "gzip, br")]).await;
    assert_eq!(brotli.headers["content-encoding"], "br");
    assert_eq!(
        brotli.headers["content-length"],
        brotli.body.len().to_string()
    );
    assert!(brotli.body.len() < 1000, "{}", brotli.body.len());
    let gzip = ask("GET", &[("accept-encoding", "gzip")]).await;
    assert_eq!(gzip.headers["content-encoding"], "gzip");
    assert_eq!(&gzip.body[..2], [0x1f, 0x8b]);
    let plain = ask("GET", &[]).await;
    assert!(!plain.headers.contains_key("content-encoding"));

    let head = ask("HEAD", &[]).await;
    assert_eq!((head.status, head.body.len()), (StatusCode::OK, 0));
    assert_eq!(head.headers["content-length"], whole.to_string());

    for answer in [&brotli, &gzip, &plain] {
        let tag = answer.headers["etag"].to_str().unwrap();
        let again = ask("GET", &[("if-none-match", tag), ("accept-encoding", "br")]).await;
        let seen = (again.status, again.body.len());
        assert_eq!(seen, (StatusCode::NOT_MODIFIED, 0), "{tag}");
        assert!(again.headers.contains_key("etag") && again.headers.contains_key("vary"));
    }
    let other = ask("GET", &[("if-none-match", "\"x\"")]).await;
    assert_eq!(other.status, StatusCode::OK);

    // A part is a part of the file, never of how it was compressed.
    let part = ask(
        "GET",
        &[("range", "bytes=11-14"), ("accept-encoding", "br")],
    )
    .await;
    assert_eq!(part.status, StatusCode::PARTIAL_CONTENT);
    assert_eq!(part.text(), "var ");
    assert_eq!(
        part.headers["content-range"],
        format!("bytes 11-14/{whole}")
    );
    assert!(!part.headers.contains_key("content-encoding"));
    let beyond = ask("GET", &[("range", "bytes=99999999-")]).await;
    assert_eq!(beyond.status, StatusCode::RANGE_NOT_SATISFIABLE);
    assert_eq!(beyond.headers["content-range"], format!("bytes */{whole}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_heavy_waits_for_the_flows() {
    let house = Arc::new(house().await);
    let cookie = house.session("ann", Role::Editor).await;
    let heavy = {
        let cookie = cookie.clone();
        move |house: Arc<House>| {
            let cookie = cookie.clone();
            async move { house.get("/vendor/monaco/dist/editor.js", &cookie).await }
        }
    };
    // Without a page there is nothing to wait for.
    assert_eq!(heavy(Arc::clone(&house)).await.text(), text());
    house.get("/", &cookie).await;
    let waiting = tokio::spawn(heavy(Arc::clone(&house)));
    // Everything else is answered meanwhile.
    for _ in 0..3 {
        assert_eq!(
            house.get("/red/red.min.js", &cookie).await.status,
            StatusCode::OK
        );
    }
    assert!(!waiting.is_finished());
    assert_eq!(house.get("/flows", &cookie).await.status, StatusCode::OK);
    assert_eq!(waiting.await.unwrap().text(), text());
    assert_eq!(heavy(Arc::clone(&house)).await.text(), text());
}
