//! Behind proxies: whose word about a client's address is taken, and whose is not.

use gate::{Proxies, Speaks};
use http::StatusCode;
use http_body_util::Full;
use model::{access::Role, principal::Actor, rules::AccessRules};

use crate::house::{Answer, House};

const PROXY: [u8; 4] = [127, 0, 0, 5];
const OTHER: [u8; 4] = [127, 0, 0, 6];

async fn house(speaks: Speaks) -> (House, String) {
    let house = House::behind(Proxies {
        trusted: vec!["127.0.0.5/32".parse().unwrap()],
        speaks,
    })
    .await;
    let rules = r#"{"rules": [{"from": ["192.0.2.0/24"], "who": "login"}, {"who": "nobody"}]}"#;
    let rules: AccessRules = serde_json::from_str(rules).unwrap();
    let set = house
        .store
        .set_access_rules(0, &rules, None, &Actor::System);
    set.await.unwrap();
    let cookie = house.session("ann", Role::Editor).await;
    (house, cookie)
}

/// A PROXY header, version 2: command and family, and the source as it stands there.
fn header(command: u8, family: u8, addresses: &[u8]) -> Vec<u8> {
    let mut bytes = b"\r\n\r\n\0\r\nQUIT\n".to_vec();
    bytes.extend([command, family]);
    bytes.extend(u16::try_from(addresses.len()).unwrap().to_be_bytes());
    bytes.extend(addresses);
    bytes
}

fn four(source: [u8; 4]) -> Vec<u8> {
    let mut addresses = source.to_vec();
    addresses.extend([10, 0, 0, 1, 0x12, 0x34, 0, 80]);
    header(0x21, 0x11, &addresses)
}

fn mapped(source: [u8; 4]) -> Vec<u8> {
    let mut addresses = vec![0; 10];
    addresses.extend([0xff, 0xff]);
    addresses.extend(source);
    addresses.extend([0; 16]);
    addresses.extend([0x12, 0x34, 0, 80]);
    header(0x21, 0x21, &addresses)
}

impl House {
    /// `GET /flows` over a connection that begins with `first`; none: there is no connection.
    async fn flows_through(&self, from: [u8; 4], first: &[u8], cookie: &str) -> Option<Answer> {
        let stream = self.connect_through(from, first, b"http/1.1").await.ok()?;
        let request = self.script("GET", "/flows", cookie);
        Some(
            self.send_over(stream, request.body(Full::default()).unwrap())
                .await,
        )
    }

    async fn flows_with(
        &self,
        from: [u8; 4],
        headers: &[(&str, &str)],
        cookie: &str,
    ) -> StatusCode {
        let mut request = self.script("GET", "/flows", cookie);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send_from(from, request, "").await.status
    }
}

#[tokio::test]
async fn a_trusted_proxy_says_where_its_client_is_before_tls() {
    let (house, cookie) = house(Speaks::Proxy).await;
    for first in [four([192, 0, 2, 7]), mapped([192, 0, 2, 7])] {
        let answer = house.flows_through(PROXY, &first, &cookie).await;
        assert_eq!(answer.unwrap().status, StatusCode::OK);
        assert_eq!(
            house.node_red.last().headers["x-forwarded-for"],
            "192.0.2.7"
        );
    }
    let away = house
        .flows_through(PROXY, &four([198, 51, 100, 7]), &cookie)
        .await;
    assert_eq!(away.unwrap().status, StatusCode::FORBIDDEN);
    // A health check is the proxy's own, whatever stands in it.
    let mut local = four([192, 0, 2, 7]);
    local[12] = 0x20;
    let own = house.flows_through(PROXY, &local, &cookie).await;
    assert_eq!(own.unwrap().status, StatusCode::FORBIDDEN);
    // What it sends on in headers is its client's, and says nothing.
    let stream = house
        .connect_through(PROXY, &four([198, 51, 100, 7]), b"http/1.1")
        .await
        .unwrap();
    let request = house
        .script("GET", "/flows", &cookie)
        .header("x-forwarded-for", "192.0.2.7")
        .header("forwarded", "for=192.0.2.7");
    let answer = house
        .send_over(stream, request.body(Full::default()).unwrap())
        .await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_header_that_is_not_one_or_comes_from_elsewhere_opens_nothing() {
    let (house, cookie) = house(Speaks::Proxy).await;
    let seen = house.node_red.seen().len();
    let good = four([192, 0, 2, 7]);
    let twice = [good.clone(), good.clone()].concat();
    let udp = header(0x21, 0x12, &good[16..]);
    let mut long = header(0x21, 0x11, &[0; 4096]);
    long[16..28].copy_from_slice(&good[16..]);
    let text = b"PROXY TCP4 192.0.2.7 10.0.0.1 1 2\r\n".to_vec();
    for first in [Vec::new(), good[..20].to_vec(), twice, udp, long, text] {
        let answer = house.flows_through(PROXY, &first, &cookie).await;
        assert!(answer.is_none(), "{first:?}");
    }
    let stranger = house.flows_through(OTHER, &good, &cookie).await;
    assert!(stranger.is_none(), "nobody else may begin so");
    assert_eq!(house.node_red.seen().len(), seen);
}

#[tokio::test]
async fn headers_are_a_trusted_proxys_word_and_nobody_elses() {
    for (speaks, name, good, bad) in [
        (
            Speaks::XForwardedFor,
            "x-forwarded-for",
            "192.0.2.7",
            "198.51.100.7",
        ),
        (
            Speaks::Forwarded,
            "forwarded",
            "for=192.0.2.7",
            "for=198.51.100.7",
        ),
    ] {
        let (house, cookie) = house(speaks).await;
        let with =
            async |from, headers: &[(&str, &str)]| house.flows_with(from, headers, &cookie).await;
        assert_eq!(with(PROXY, &[(name, good)]).await, StatusCode::OK);
        assert_eq!(
            house.node_red.last().headers["x-forwarded-for"],
            "192.0.2.7"
        );
        let appended = format!("{good}, {bad}");
        for (from, headers, expected) in [
            (PROXY, vec![(name, bad)], StatusCode::FORBIDDEN),
            // The client wrote the left one, the proxy the right one.
            (
                PROXY,
                vec![(name, appended.as_str())],
                StatusCode::FORBIDDEN,
            ),
            (
                PROXY,
                vec![(name, good), (name, bad)],
                StatusCode::FORBIDDEN,
            ),
            (PROXY, vec![], StatusCode::FORBIDDEN),
            (PROXY, vec![(name, "unknown")], StatusCode::BAD_REQUEST),
            (OTHER, vec![(name, good)], StatusCode::FORBIDDEN),
            // Another header than the one that was agreed on.
            (
                PROXY,
                vec![("x-real-ip", "192.0.2.7")],
                StatusCode::FORBIDDEN,
            ),
            (
                PROXY,
                vec![("x_forwarded_for", "192.0.2.7")],
                StatusCode::FORBIDDEN,
            ),
        ] {
            assert_eq!(with(from, &headers).await, expected, "{from:?} {headers:?}");
        }
    }
}
