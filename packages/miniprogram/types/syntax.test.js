'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');
const ts = require('typescript');

const SRC = path.join(__dirname, '../src');

/** Whether the compiler has to rewrite anything for ES2017, that is, whether older phones would stumble. */
function isNewer(source) {
  const compiled = (target) => ts.transpileModule(source, { compilerOptions: { target, module: ts.ModuleKind.ESNext } }).outputText;
  return compiled(ts.ScriptTarget.ES2017) !== compiled(ts.ScriptTarget.ESNext);
}

test('the check finds syntax newer than ES2017', () => {
  for (const source of ['a = { ...b };', 'a?.b;', 'a ?? b;', 'try { a(); } catch { b(); }', 'for await (const a of b) a();']) {
    assert.ok(isNewer(source), source);
  }
  assert.ok(!isNewer('const f = async ({ a, b }) => { await a; return `${b}`; };'));
});

test('the package runs as it is on phones with ES2017', () => {
  const names = fs.readdirSync(SRC).filter((name) => name.endsWith('.js'));
  assert.ok(names.length > 5);
  for (const name of names) assert.ok(!isNewer(fs.readFileSync(path.join(SRC, name), 'utf8')), name);
});
