// The peer: what Node.js needs to read two versions of a flow and to find, by id, which nodes differ.
// With the editor's own file (`red.js`) as fourth argument, Node-RED's difference too: its two functions are taken
// out of that file and run as they are. Prints one line of JSON with medians in milliseconds of CPU, the
// collector's threads included.
'use strict';
const { readFileSync } = require('node:fs');
const [before, after] = process.argv.slice(1, 3).map((path) => readFileSync(path, 'utf8'));
const runs = Number(process.argv[3]);

function equal(a, b) {
    if (a === b) return true;
    if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
    if (Array.isArray(a) !== Array.isArray(b)) return false;
    const keys = Object.keys(a);
    if (keys.length !== Object.keys(b).length) return false;
    for (const key of keys) if (!(key in b) || !equal(a[key], b[key])) return false;
    return true;
}

function diff(old, now) {
    const known = new Map(old.map((node) => [node.id, node]));
    const found = { added: [], removed: [], changed: [] };
    for (const node of now) {
        const before = known.get(node.id);
        if (before === undefined) found.added.push(node.id);
        else if (!equal(before, node)) found.changed.push(node.id);
        known.delete(node.id);
    }
    found.removed = [...known.keys()];
    return found;
}

// `parseNodes` and `generateDiff` as they stand in the editor; the page they ask for nodes by id has none.
function editorDiff(path) {
    const text = readFileSync(path, 'utf8');
    const take = (name) => {
        const start = text.indexOf(`\n    function ${name}(`);
        const end = text.indexOf('\n    }\n', start);
        if (start < 0 || end < 0) throw new Error(`no ${name} in ${path}`);
        return text.slice(start, end + 7);
    };
    const none = () => null;
    const RED = { nodes: { workspace: none, subflow: none, node: none } };
    return new Function('RED', `${take('parseNodes')}${take('generateDiff')}return generateDiff;`)(RED);
}

function time(run) {
    const times = [];
    let result;
    for (let i = 0; i < runs; i++) {
        const start = process.cpuUsage();
        result = run();
        const used = process.cpuUsage(start);
        times.push((used.user + used.system) / 1000);
    }
    times.sort((a, b) => a - b);
    return [times[Math.floor(runs / 2)], result];
}

const [parse, [old, now]] = time(() => [JSON.parse(before), JSON.parse(after)]);
const [compare, found] = time(() => diff(old, now));
const [whole] = time(() => diff(JSON.parse(before), JSON.parse(after)));
const editor = process.argv[4] && editorDiff(process.argv[4]);
const [inEditor, said] = editor ? time(() => editor(JSON.parse(before), JSON.parse(after))) : [null, null];
const count = (said) => ['added', 'deleted', 'changed'].reduce((sum, key) => sum + Object.keys(said[key]).length, 0);
const nodes = found.added.length + found.removed.length + found.changed.length;
console.log(JSON.stringify({ version: process.version, parse, compare, whole, nodes, inEditor, editorNodes: said && count(said) }));
