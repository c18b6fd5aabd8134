pub mod picture;

use model::flow::{change::*, credentials::*, diff::*, *};
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let read = |p: &str| {
        if p == "-" {
            Flows::submitted(b"[]", &Limits::default()).unwrap().flows
        } else {
            Flows::submitted(&std::fs::read(p).unwrap(), &Limits::default())
                .unwrap()
                .flows
        }
    };
    let (a, b) = (read(&args[1]), read(&args[2]));
    let d = diff(
        &a,
        &b,
        &CredentialChanges::default(),
        &CredentialNames::new(),
    );
    for c in &d.changes {
        for f in &c.findings {
            eprintln!(
                "{:?} {} [{}] {} :: {} {:?}",
                f.severity, f.rule, c.id, c.label, f.message, f.property
            );
        }
    }
    let mut html = String::new();
    let theme = args.get(3).map(String::as_str).unwrap_or("light");
    let only = args.get(4).cloned();
    let mode = match args.get(5).map(String::as_str) {
        Some("before") => picture::Mode::Before,
        Some("after") => picture::Mode::After,
        _ => picture::Mode::Overlay,
    };
    let style = if theme == "dark" {
        picture::STYLE.replace("(prefers-color-scheme: dark)", "all")
    } else {
        picture::STYLE.to_owned()
    };
    html += &format!(
        "<!doctype html><meta charset=utf-8><style>{style} body{{margin:16px;font:16px system-ui;background:{}}} h2{{color:#888}}</style>",
        if theme == "dark" {
            "#161413"
        } else {
            "#f6f5f3"
        }
    );
    html += &format!("<p style='color:#888'>{}</p>", d.summary());
    let tabs: Vec<NodeRef> = b
        .nodes()
        .chain(a.nodes().filter(|n| b.get(n.id()).is_none()))
        .filter(|n| matches!(n.kind(), "tab" | "subflow"))
        .collect();
    for tab in tabs {
        if let Some(o) = &only {
            if !tab.label().contains(o.as_str()) {
                continue;
            }
        }
        let focus = d
            .changes
            .iter()
            .find(|c| c.tab.as_deref() == Some(tab.id()) && c.aspect == Aspect::Changed)
            .map(|c| &c.id);
        let href = |id: &ChangeId| Some(format!("#step-{id}"));
        let view = picture::View {
            before: Some(&a),
            after: Some(&b),
            tab: tab.id(),
            diff: &d,
            mode,
            focus,
            href: &href,
        };
        html += &format!(
            "<h2>{}</h2>{}",
            tab.label().replace('<', "&lt;"),
            picture::draw(&view)
        );
    }
    println!("{html}");
}
