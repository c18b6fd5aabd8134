//! A node leaves code behind that Node-RED would load at its next start.

use std::fs;

use serde_json::json;
use testkit::{Redkeep, flows};

#[tokio::test(flavor = "multi_thread")]
async fn code_left_in_the_user_directory_is_not_loaded() {
    let redkeep = Redkeep::up().await;
    let author = redkeep.author().await;
    let code = "const fs = require('fs'), path = require('path');\n\
        const dir = require('node-red').settings.userDir;\n\
        const load = \"require('fs').writeFileSync(process.env.HOME + '/loaded', 'x');\"\n\
          + \"module.exports = () => {};\";\n\
        const left = [];\n\
        const put = (file, text) => { try { fs.mkdirSync(path.dirname(file), {recursive: true});\n\
          fs.writeFileSync(file, text); left.push(file); } catch (e) {} };\n\
        const name = 'node-red-contrib-left';\n\
        for (const at of ['node_modules/' + name, 'nodes/' + name, '.node_modules/' + name]) {\n\
          put(path.join(dir, at, 'package.json'), JSON.stringify({name, version: '1.0.0',\n\
            'node-red': {nodes: {left: 'left.js'}}}));\n\
          put(path.join(dir, at, 'left.js'), load);\n\
          put(path.join(dir, at, 'left.html'), '<script>window.left = 1</script>');\n\
        }\n\
        put(path.join(dir, 'package.json'), JSON.stringify({name: 'x', version: '1.0.0',\n\
          dependencies: {[name]: '1.0.0'}}));\n\
        put(path.join(dir, 'settings.js'), load);\n\
        put(path.join(dir, '.config.nodes.json'), JSON.stringify({[name]: {name,\n\
          version: '1.0.0', local: true, user: true, nodes: {left: {name: 'left',\n\
          types: ['left'], enabled: true, file: path.join(dir, 'nodes', name, 'left.js')}}}}));\n\
        put(path.join(dir, 'node_modules/bcryptjs/index.js'), load);\n\
        return left;";
    redkeep
        .run_flows(&author, &flows::hostile("/attack", code))
        .await;
    let answer = redkeep.endpoint(&author, "/attack").await;
    let work = redkeep.path().join("instances/main/work");
    assert!(
        answer.contains("node-red-contrib-left"),
        "nothing could be left at all: {answer}"
    );
    let options = redkeep.options();
    let data = redkeep.stop().await;
    let redkeep = Redkeep::again(data, options).await;
    let author = redkeep.author().await;
    let nodes = author
        .ask("GET", redkeep.gate_url("/nodes"))
        .header("accept", "application/json");
    let nodes = nodes.send().await.expect(200).json();
    let listed = nodes
        .as_array()
        .unwrap()
        .iter()
        .find(|it| it["module"] == json!("node-red-contrib-left"));
    assert!(
        listed.is_none(),
        "Node-RED loaded what the node left: {listed:?}"
    );
    assert!(
        fs::metadata(work.join("loaded")).is_err(),
        "the code it left ran"
    );
}
