// The peer: what Node.js needs to read two versions of a flow and to find, by id, which nodes differ.
// Prints one line of JSON with medians in milliseconds of CPU, the collector's threads included.
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
const nodes = found.added.length + found.removed.length + found.changed.length;
console.log(JSON.stringify({ version: process.version, parse, compare, whole, nodes }));
