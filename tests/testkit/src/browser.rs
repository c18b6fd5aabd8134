//! A real Chromium, headless, driven over `WebDriver`.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use fantoccini::{ClientBuilder, Locator, elements::Element};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};

use crate::{Redkeep, built::target_dir, wait};

/// How a page is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Screen {
    /// 1280 × 900.
    Desktop,
    /// 390 × 844.
    Phone,
}

/// Light or dark, as the system's preference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// Light.
    Light,
    /// Dark.
    Dark,
}

/// One browser with a profile of its own: one person at one machine.
#[derive(Debug)]
pub struct Browser {
    page: fantoccini::Client,
    session: String,
    driver: Driver,
    /// Chromium's profile; goes away with the browser.
    _profile: tempfile::TempDir,
}

#[derive(Debug)]
struct Driver {
    process: Child,
    port: u16,
}

impl Driver {
    fn start() -> Self {
        let path = ["/usr/bin/chromedriver", "/usr/local/bin/chromedriver"]
            .into_iter()
            .find(|path| fs::exists(path).unwrap_or(false))
            .expect("chromedriver is not installed: install Debian's chromium-driver");
        let mut process = Command::new(path)
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver can be started");
        let mut lines = BufReader::new(process.stdout.take().expect("piped")).lines();
        let port = lines.by_ref().map_while(Result::ok).find_map(|line| {
            let (_, port) = line.split_once("started successfully on port ")?;
            port.trim_end_matches('.').parse().ok()
        });
        std::thread::spawn(move || lines.for_each(drop));
        Self {
            process,
            port: port.expect("chromedriver tells its port"),
        }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // A failed test does not close its browser, and Chromium outlives its driver.
        let family = crate::process::family(self.process.id());
        drop(self.process.kill());
        drop(self.process.wait());
        crate::process::end_orphans(&family);
    }
}

fn capabilities(profile: &tempfile::TempDir) -> fantoccini::wd::Capabilities {
    let arguments = [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-default-apps",
        "--disable-sync",
        "--lang=en-GB",
        "--window-size=1280,900",
    ];
    let mut arguments: Vec<String> = arguments.into_iter().map(str::to_owned).collect();
    arguments.push(format!("--user-data-dir={}", profile.path().display()));
    let wanted = json!({
        "browserName": "chrome",
        "acceptInsecureCerts": true,
        "goog:chromeOptions": {"args": arguments},
        "goog:loggingPrefs": {"performance": "ALL", "browser": "ALL"},
    });
    let Value::Object(wanted) = wanted else {
        unreachable!("an object was just made")
    };
    wanted
}

impl Browser {
    /// Opens one.
    pub async fn open() -> Self {
        let profile = tempfile::Builder::new()
            .prefix("rkb")
            .tempdir_in("/tmp")
            .expect("a folder");
        let driver = Driver::start();
        let page = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities(&profile))
            .connect(&format!("http://127.0.0.1:{}", driver.port))
            .await
            .expect("Chromium can be started (Debian's package chromium)");
        let session = page
            .session_id()
            .await
            .expect("a session")
            .expect("a session");
        Self {
            page,
            session,
            driver,
            _profile: profile,
        }
    }

    /// The `WebDriver` client, for what has no word here.
    pub fn page(&self) -> &fantoccini::Client {
        &self.page
    }

    /// Goes to an address.
    pub async fn goto(&self, url: &str) {
        let gone = self.page.goto(url).await;
        gone.unwrap_or_else(|error| panic!("{url} could not be opened: {error}"));
    }

    /// Where it is.
    pub async fn address(&self) -> String {
        self.page
            .current_url()
            .await
            .expect("an address")
            .to_string()
    }

    /// The text of the page as a person reads it.
    pub async fn text(&self) -> String {
        let text = self
            .run("return document.body ? document.body.innerText : ''")
            .await;
        text.as_str().unwrap_or_default().to_owned()
    }

    /// Waits for an element.
    pub async fn find(&self, css: &str) -> Element {
        self.find_within(wait::PATIENCE, css).await
    }

    /// Waits that long for an element.
    pub async fn find_within(&self, bound: Duration, css: &str) -> Element {
        let found = self
            .page
            .wait()
            .at_most(bound)
            .for_element(Locator::Css(css))
            .await;
        match found {
            Ok(element) => element,
            Err(error) => {
                self.shot("failed").await;
                let (address, text) = (self.address().await, self.text().await);
                panic!("no {css:?} at {address} ({error}); the page says:\n{text}")
            }
        }
    }

    /// Whether there is such an element now.
    pub async fn has(&self, css: &str) -> bool {
        self.page.find(Locator::Css(css)).await.is_ok()
    }

    /// Clicks an element, once it is there.
    pub async fn click(&self, css: &str) {
        let element = self.find(css).await;
        let clicked = element.click().await;
        clicked.unwrap_or_else(|error| panic!("{css:?} could not be clicked: {error}"));
    }

    /// Clicks what leads to another page, and waits until that page is there.
    pub async fn click_through(&self, css: &str) {
        // The mark goes with the document it stands on: no answer is taken from the old page.
        self.run("document.documentElement.dataset.testkitOld = 'yes'; return 1")
            .await;
        self.click(css).await;
        self.run_until(
            "the next page",
            "return document.readyState === 'complete' \
             && document.documentElement.dataset.testkitOld !== 'yes'",
        )
        .await;
    }

    /// Clicks the button or link with these words in its text.
    pub async fn press(&self, words: &str) {
        let find = "const words = arguments[0];\
            const all = [...document.querySelectorAll('button, a, summary, input[type=submit]')];\
            return all.find(it => it.offsetParent !== null \
                && (it.innerText || it.value || '').includes(words)) || null;";
        let what = format!("a button that says {words:?}");
        let found = wait::until(&what, || async {
            let found = self.page.execute(find, vec![json!(words)]).await.ok()?;
            (!found.is_null()).then_some(found)
        });
        let found = found.await;
        let reference = found
            .as_object()
            .and_then(|it| it.values().next()?.as_str());
        let reference = reference
            .unwrap_or_else(|| panic!("{found} is no element"))
            .to_owned();
        let element = Element::from_element_id(self.page.clone(), reference.into());
        let pressed = element.click().await;
        pressed.unwrap_or_else(|error| panic!("{words:?} could not be pressed: {error}"));
    }

    /// Types into an element, in place of what was there.
    pub async fn fill(&self, css: &str, text: &str) {
        let element = self.find(css).await;
        drop(element.clear().await);
        let typed = element.send_keys(text).await;
        typed.unwrap_or_else(|error| panic!("nothing could be typed into {css:?}: {error}"));
    }

    /// Runs a script in the page, as a script of that page.
    pub async fn run(&self, script: &str) -> Value {
        self.run_with(script, vec![]).await
    }

    /// The same with arguments.
    pub async fn run_with(&self, script: &str, arguments: Vec<Value>) -> Value {
        let run = self.page.execute(script, arguments).await;
        run.unwrap_or_else(|error| panic!("the script failed: {error}\n{script}"))
    }

    /// Runs the body of an async function in the page; it gives what that gives, or
    /// `{"threw": "…"}`.
    pub async fn run_async(&self, body: &str, arguments: Vec<Value>) -> Value {
        let script = format!(
            "const done = arguments[arguments.length - 1];\
             (async (...args) => {{ {body} }})(...[...arguments].slice(0, -1))\
             .then(it => done(it === undefined ? null : it), e => done({{threw: String(e)}}));"
        );
        let run = self.page.execute_async(&script, arguments).await;
        run.unwrap_or_else(|error| panic!("the script failed: {error}\n{body}"))
    }

    /// Waits until a script gives something true, and gives that.
    pub async fn run_until(&self, what: &str, script: &str) -> Value {
        let found = wait::until(what, || async {
            let found = self.page.execute(script, vec![]).await.ok()?;
            let is_false = found.is_null() || found == json!(false) || found == json!("");
            (!is_false).then_some(found)
        });
        found.await
    }

    /// Signs in on the console's form, where the browser is.
    pub async fn sign_in(&self, name: &str, password: &str, code: Option<&str>) {
        self.fill("#name", name).await;
        self.fill("#password", password).await;
        if let Some(code) = code {
            self.fill("#code", code).await;
        }
        self.click_through("form button.primary").await;
    }

    /// Waits until Node-RED's editor is there and has loaded its flows.
    pub async fn editor_loaded(&self, redkeep: &Redkeep) {
        let what = format!("the editor at {}", redkeep.editor());
        self.run_until(
            &what,
            "return typeof RED !== 'undefined' && !!RED.nodes && !!RED.settings \
             && !!document.querySelector('#red-ui-header-button-deploy') \
             && (!document.querySelector('#red-ui-loading-progress') \
                || document.querySelector('#red-ui-loading-progress').offsetParent === null) \
             && RED.nodes.version() !== undefined && RED.nodes.version() !== null;",
        )
        .await;
    }

    /// A command of the `DevTools` protocol.
    pub async fn devtools(&self, command: &str, parameters: Value) -> Value {
        self.post(
            "goog/cdp/execute",
            json!({"cmd": command, "params": parameters}),
        )
        .await
    }

    /// Puts a passkey's authenticator at this machine, which is touched as soon as it is asked and
    /// verifies who touches it. WebAuthn Level 2, section 11: a command `fantoccini` does not have.
    pub async fn authenticator(&self) {
        let made = json!({
            "protocol": "ctap2", "transport": "internal", "hasResidentKey": true,
            "hasUserVerification": true, "isUserConsenting": true, "isUserVerified": true,
        });
        let id = self.post("webauthn/authenticator", made).await;
        assert!(id.is_string(), "no authenticator: {id}");
    }

    /// Every address the browser asked for since this was last called, from its own log.
    pub async fn requested(&self) -> Vec<String> {
        let log = self.post("se/log", json!({"type": "performance"})).await;
        let entries = log.as_array().cloned().unwrap_or_default();
        entries
            .iter()
            .filter_map(|entry| serde_json::from_str::<Value>(entry["message"].as_str()?).ok())
            .filter(|entry| entry["message"]["method"] == "Network.requestWillBeSent")
            .filter_map(|entry| {
                let url = entry["message"]["params"]["request"]["url"].as_str()?;
                Some(url.to_owned())
            })
            .collect()
    }

    /// What the pages said on their console since this was last called.
    pub async fn console_log(&self) -> Vec<String> {
        let log = self.post("se/log", json!({"type": "browser"})).await;
        let entries = log.as_array().cloned().unwrap_or_default();
        entries
            .iter()
            .map(|entry| entry["message"].as_str().unwrap_or_default().into())
            .collect()
    }

    async fn post(&self, command: &str, body: Value) -> Value {
        let url = format!(
            "http://127.0.0.1:{}/session/{}/{command}",
            self.driver.port, self.session
        );
        let client = crate::Client::trusting(b"");
        client
            .ask("POST", url)
            .json(&body)
            .send()
            .await
            .expect(200)
            .json()["value"]
            .clone()
    }

    /// Looks as on that screen, in that scheme.
    pub async fn look(&self, screen: Screen, scheme: Scheme) {
        let (width, height, mobile) = match screen {
            Screen::Desktop => (1280, 900, false),
            Screen::Phone => (390, 844, true),
        };
        let size =
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile});
        self.devtools("Emulation.setDeviceMetricsOverride", size)
            .await;
        let scheme = if scheme == Scheme::Dark {
            "dark"
        } else {
            "light"
        };
        let features = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.devtools("Emulation.setEmulatedMedia", features).await;
    }

    /// A picture of the whole page into `target/screenshots/<name>.png`.
    pub async fn shot(&self, name: &str) -> PathBuf {
        let folder = target_dir().join("screenshots");
        fs::create_dir_all(&folder).expect("target/screenshots");
        let path = folder.join(format!("{name}.png"));
        let whole = json!({"format": "png", "captureBeyondViewport": true});
        let taken = self.devtools("Page.captureScreenshot", whole).await;
        let taken = taken["data"].as_str().expect("a screenshot");
        let taken = data_encoding::BASE64
            .decode(taken.as_bytes())
            .expect("base64");
        fs::write(&path, taken).expect("the screenshot");
        path
    }

    /// The page on every screen and in every scheme, then back to a desktop in light.
    pub async fn shots(&self, name: &str) {
        for (screen, word) in [(Screen::Desktop, "desktop"), (Screen::Phone, "phone")] {
            for (scheme, tone) in [(Scheme::Light, "light"), (Scheme::Dark, "dark")] {
                self.look(screen, scheme).await;
                self.assert_no_sideways_scrolling(&format!("{name} {word}"))
                    .await;
                self.shot(&format!("{name}-{word}-{tone}")).await;
            }
        }
        self.look(Screen::Desktop, Scheme::Light).await;
    }

    async fn assert_no_sideways_scrolling(&self, name: &str) {
        let wide = "return document.documentElement.scrollWidth \
                    - document.documentElement.clientWidth;";
        let over = self.run(wide).await.as_i64().unwrap_or_default();
        assert!(
            over <= 1,
            "{name}: the page is {over} px wider than the screen"
        );
    }

    /// Closes it.
    pub async fn close(self) {
        drop(self.page.clone().close().await);
    }
}
