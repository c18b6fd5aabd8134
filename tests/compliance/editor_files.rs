//! The editor's own files, which the gate serves without asking Node-RED: each must be the file
//! Node-RED would have sent.

use std::{
    fs,
    path::{Path, PathBuf},
};

use testkit::{DataDir, NodeRed, Options, Redkeep, flows};

use crate::bare::Bare;

#[tokio::test(flavor = "multi_thread")]
async fn each_file_of_the_editor_of_node_red_5_is_its_own() {
    compare(NodeRed::V5).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_file_of_the_editor_of_node_red_4_is_its_own() {
    compare(NodeRed::V4).await;
}

async fn compare(node_red: NodeRed) {
    let options = Options {
        node_red,
        ..Options::default()
    };
    let redkeep = Redkeep::start(options).await;
    redkeep.person("ada", "administrator").await;
    let gated = redkeep.token("ada", &["admin"]).await;
    let data = DataDir::with(node_red).await;
    let bare = Bare::start(&data, &flows::greeting("/hello", "one")).await;
    let public = data
        .tree()
        .join("node_modules/@node-red/editor-client/public");
    let mut files = Vec::new();
    walk(&public, &mut files);
    let (mut differences, mut served) = (Vec::new(), 0);
    for file in &files {
        let path = file.strip_prefix(&public).expect("a path below");
        let path = format!("/{}", path.display());
        let direct = bare.ask("GET", &path, &[], None).await;
        let through = gated.ask("GET", redkeep.gate_url(&path)).send().await;
        let kind = |answer: &testkit::Answer| answer.header("content-type").to_owned();
        if direct.status != 200 || through.status != 200 {
            differences.push(format!("{path}: {} and {}", direct.status, through.status));
        } else if kind(&direct) != kind(&through) {
            differences.push(format!("{path}: {} and {}", kind(&direct), kind(&through)));
        } else if direct.body != through.body {
            let sizes = (direct.body.len(), through.body.len());
            differences.push(format!("{path}: {} and {} bytes", sizes.0, sizes.1));
        }
        // Node-RED's tags are weak: a strong one says that Node-RED was not asked.
        served += usize::from(through.header("etag").starts_with('"'));
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    assert!(files.len() > 200, "{} files", files.len());
    assert_eq!(served, files.len(), "the gate serves all of them");
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the editor's files") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            walk(&path, files);
        } else {
            files.push(path);
        }
    }
}
