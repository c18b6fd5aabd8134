#![allow(warnings)]
use std::{sync::Arc, path::PathBuf, time::Duration};
use deploy::{Deployments, FlowTarget};
use gate::*;
use model::{access::*, baseline::Baseline, clock::*, deployment::DeploymentType, flow::{Flows, credentials::Credentials}, id::*, principal::Actor};
use store::*;
#[derive(Debug)] struct Now;
impl Clock for Now { fn now(&self) -> Timestamp { Timestamp(std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as i64) } }
#[derive(Debug)] struct Plain;
impl Pages for Plain { fn message(&self, m: &Message) -> String { format!("<h1>{}</h1>{}", m.title, m.text) } }
#[derive(Debug)] struct Shop(PathBuf, runtime::identity::Signer);
impl Upstream for Shop {
    fn socket(&self, _: &InstanceId) -> Option<PathBuf> { Some(self.0.clone()) }
    fn identity(&self, u: &UserName, p: &[&str], n: Timestamp) -> String { self.1.header(u, p, n) }
    fn reload<'a>(&'a self, _: &'a InstanceId) -> std::pin::Pin<Box<dyn Future<Output = Result<(), String>> + Send + 'a>> { Box::pin(std::future::ready(Ok(()))) }
}
#[derive(Debug)] struct Nobody;
impl FlowTarget for Nobody {
    fn give(&self, _: &InstanceId, _: String, _: DeploymentType) -> deploy::futures::Given<'_> { Box::pin(std::future::ready(Err("x".into()))) }
    fn reload(&self, _: &InstanceId) -> deploy::futures::Given<'_> { Box::pin(std::future::ready(Ok(()))) }
}
#[tokio::main]
async fn main() {
    let dir = PathBuf::from(std::env::args().nth(1).unwrap());
    let store = Store::open(&dir, Arc::new(Now)).await.unwrap();
    let instance: InstanceId = "main".parse().unwrap();
    store.ensure_instance(&instance, None).await.unwrap();
    let text = std::fs::read(dir.join("flows.json")).unwrap();
    let flows = Flows::submitted(&text, &model::flow::Limits::default()).unwrap().flows;
    let c = Credentials::default();
    let baseline = Baseline { flows: store.keep_blob(flows.text()).await.unwrap(), credentials: store.credentials_digest(&c), settings: Hash::of(b"s"), modules: Hash::of(b"m"), node_red: "5".into(), node: "24".into() };
    store.set_platform_baseline(&instance, &BaselineContent { baseline, flows: flows.text().clone(), credentials: c }).await.unwrap();
    let names = vec!["localhost".to_string()];
    let certs = Certificates::open(&dir.join("tls"), &names, Arc::new(Now)).unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:18443").await.unwrap();
    let config = GateConfig { instance, public_origin: "https://localhost:18443".into(), hosts: vec![], console_origin: "https://keep.localhost:9443".into(), limits: Limits::default() };
    let signer = runtime::identity::Signer::new(store.keyring().clone());
    std::fs::write(dir.join("public.key"), store.keyring().public_key(runtime::identity::Signer::PURPOSE)).unwrap();
    let gate = Gate::new(config, store.clone(), Deployments::new(store.clone(), Arc::new(Nobody)), Arc::new(Shop(dir.join("nr.sock"), signer)), Arc::new(Plain)).unwrap();
    for (name, role) in [("ann", Role::Editor), ("vic", Role::Viewer)] {
        let (user, _) = store.add_user(NewUser { name: name.parse().unwrap(), role, password: Secret::new(b"a long and unusual sentence 7".to_vec()), second_factor: None }, &Actor::System).await.unwrap();
        let s = store.open_session(user.id, SessionKind::Gate, None, None, "x").await.unwrap().1.0;
        std::fs::write(dir.join(format!("{name}.session")), &s).unwrap();
    }
    println!("ready");
    let t = tokio_util::sync::CancellationToken::new();
    let g = gate.clone(); let tt = t.clone();
    tokio::spawn(async move { g.run(tt).await });
    let st = store.clone();
    tokio::spawn(async move { loop { tokio::time::sleep(Duration::from_secs(1)).await;
        if dir.join("reject").exists() { std::fs::remove_file(dir.join("reject")).unwrap(); let d = st.deployments(None, true, 1).await.unwrap().remove(0);
          st.step(d.id, &d.state, model::deployment::State::Rejected { by: Actor::System, at: st.clock().now(), reason: "not <b>today</b>".into() }, &Actor::System).await.unwrap(); }
        if dir.join("revoke").exists() { std::fs::remove_file(dir.join("revoke")).unwrap(); let u = st.user_by_name(&"ann".parse().unwrap()).await.unwrap().unwrap(); st.revoke_sessions_of(u.id, &Actor::System).await.unwrap(); }
    } });
    serve(listener, certs.server_config(), gate.service(), Limits::default(), t).await;
}
