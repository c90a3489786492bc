// Checks that imports run one way: between packages and between their rooms by the table below, inside a room without
// circles.
//
// Usage: node tools/check-imports.mjs [--root <folder>]
// Prints each violation as `file:line: what (rule)` and exits with 1 when there is one.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { parseArgs } from 'node:util';
import { importsOf, sources } from './imports.mjs';

// The first row whose pattern matches a folder is its rule. `may`: workspace packages its sources import;
// `types`: those of which it imports types only; `node`: sources that may import `node:` modules; `inlined`: packages
// whose code its build puts into dist, so that they need not be dependencies; `rooms`: the folders of its `src/`, and
// which others the files of each may import. What lies in `src/` itself stands above the rooms and may import them all.
const bottom = ['@holdfast/object-store', '@holdfast/crypto'];
const rules = [
  { folder: /^packages\/object-store$/, may: [], node: /^src\/file/ },
  { folder: /^packages\/crypto$/, may: [], node: /^src\/node[^/]*\.ts$/ },
  { folder: /^packages\/s3-dev-server$/, may: [], node: /./ },
  { folder: /^packages\/sim$/, may: [...bottom, '@holdfast/core', '@holdfast/mvcc'], node: /./ },
  {
    folder: /^packages\/core$/,
    may: bottom,
    inlined: ['msgpackr'],
    rooms: {
      object: [],
      key: ['object'],
      value: ['object'],
      merkle: ['object'],
      segment: ['object', 'merkle', 'value'],
      manifest: ['object', 'key', 'merkle', 'segment'],
      record: ['object', 'merkle', 'segment'],
    },
  },
  {
    folder: /^packages\/mvcc$/,
    may: [...bottom, '@holdfast/core'],
    rooms: {
      context: [],
      state: ['context'],
      log: ['context', 'state'],
      reading: ['context', 'state'],
      requests: ['context', 'state', 'reading'],
      commit: ['context', 'state', 'log'],
      transaction: ['context', 'state', 'log', 'reading', 'requests', 'commit'],
      past: ['context', 'state', 'log', 'reading'],
      upkeep: ['context', 'state', 'log', 'commit'],
      namespace: ['context', 'reading', 'past', 'transaction'],
      conformance: ['context'],
    },
  },
  { folder: /^packages\/freshness$/, may: ['@holdfast/crypto'], types: ['@holdfast/mvcc'] },
  { folder: /^packages\/contract$/, may: [...bottom, '@holdfast/core', '@holdfast/mvcc'] },
  { folder: /^packages\/backend-(minio|oss)$/, may: ['@holdfast/object-store', '@holdfast/backend-s3'] },
  { folder: /^packages\/backend-s3$/, may: ['@holdfast/object-store'], node: /^src\/lean\/node-/ },
  { folder: /^packages\/(backend|sequencer)-[^/]+$/, may: ['@holdfast/object-store'] },
  {
    folder: /^packages\/holdfast$/,
    may: [...bottom, '@holdfast/core', '@holdfast/mvcc', /^@holdfast\/backend-/],
  },
  {
    folder: /^apps\/[^/]+$/,
    may: ['holdfast', '@holdfast/object-store', '@holdfast/s3-dev-server', '@holdfast/contract'],
    node: /./,
  },
];

// What a package's tests (`*.test.ts` and the helpers in `src/test/`) may import besides: test stores, the
// development server, ciphers as the readable twin, the layers under them. Tests may use `node:` modules.
const testsMay = ['@holdfast/object-store', '@holdfast/crypto', '@holdfast/core', '@holdfast/s3-dev-server'];

const { root = process.cwd() } = parseArgs({ options: { root: { type: 'string' } } }).values;

/** @type {string[]} */
const violations = [];
const packages = readPackages();
const byName = new Map(packages.map((pack) => [pack.manifest.name, pack]));
for (const pack of packages) checkPackage(pack);
for (const file of sources(join(root, 'test'))) {
  for (const found of importsOf(file)) checkDepth(found, file, undefined);
}
for (const line of violations) console.error(line);
const files = packages.reduce((sum, pack) => sum + pack.files.length, 0);
console.log(`imports: ${packages.length} packages, ${files} files, ${violations.length} violations`);
if (violations.length > 0) process.exitCode = 1;

function readPackages() {
  const found = [];
  for (const group of ['packages', 'apps']) {
    if (!existsSync(join(root, group))) continue;
    for (const name of readdirSync(join(root, group)).sort()) {
      const folder = `${group}/${name}`;
      const path = join(root, folder, 'package.json');
      if (!existsSync(path)) continue;
      const manifest = JSON.parse(readFileSync(path, 'utf8'));
      found.push({ folder, manifest, files: sources(join(root, folder, 'src')) });
    }
  }
  return found;
}

function checkPackage(pack) {
  const rule = rules.find(({ folder }) => folder.test(pack.folder));
  if (!rule) {
    violations.push(
      `${pack.folder}/package.json:1: no row for this package in the table of tools/check-imports.mjs`,
    );
    return;
  }
  const graph = new Map();
  for (const file of pack.files) {
    const inner = relative(join(root, pack.folder), file).split(sep).join('/');
    const isTest = /\.test\.[cm]?tsx?$/.test(inner) || inner.startsWith('src/test/');
    const edges = [];
    graph.set(file, edges);
    for (const found of importsOf(file)) {
      if (found.from.startsWith('.')) {
        const target = resolve(dirname(file), found.from.replace(/\.js$/, '.ts').replace(/\.jsx$/, '.tsx'));
        if (!target.startsWith(join(root, pack.folder) + sep))
          report(file, found, 'a relative import must stay in its package: import the package by its name');
        else {
          edges.push({ target, found });
          if (rule.rooms && !isTest) checkRoom(found, file, target, pack, rule.rooms);
        }
      } else if (found.from.startsWith('#')) {
        for (const target of ownTargets(found, file, pack)) edges.push({ target, found });
      } else if (isBuiltin(found.from)) checkBuiltin(found, file, inner, isTest, rule);
      else checkForeign(found, file, isTest, pack, rule);
    }
  }
  checkCircles(graph);
}

/** The files that `#name` of a package stands for, one for each platform. */
function ownTargets(found, file, pack) {
  const targets = Object.values(pack.manifest.imports?.[found.from] ?? {}).filter((path) =>
    path.endsWith('.js'),
  );
  const files = targets.map((path) =>
    join(root, pack.folder, path.replace(/^\.\/dist\//, 'src/').replace(/\.js$/, '.ts')),
  );
  if (files.length === 0) report(file, found, `not in the imports of ${pack.folder}/package.json`);
  for (const each of files)
    if (!pack.files.includes(each))
      report(file, found, `${relative(root, each)}, which it stands for, is not there`);
  return files;
}

function checkRoom(found, file, target, pack, rooms) {
  const [from, to] = [file, target].map((path) => roomOf(pack, path));
  if (from === to || from === '') return;
  const may = rooms[from];
  if (may === undefined)
    report(file, found, `no row for the room ${from}/ in the table of tools/check-imports.mjs`);
  else if (!may.includes(to))
    report(
      file,
      found,
      to === ''
        ? `what stands above the rooms is not for ${from}/`
        : `${from}/ may import ${roomList(may)} only, not ${to}/`,
    );
}

/** The folder of `src/` that a file lies in; '' for `src/` itself. */
function roomOf(pack, path) {
  const parts = relative(join(root, pack.folder, 'src'), path).split(sep);
  return parts.length > 1 ? parts[0] : '';
}

function roomList(rooms) {
  return rooms.length > 0 ? rooms.map((room) => `${room}/`).join(', ') : 'no other room';
}

function checkBuiltin(found, file, inner, isTest, rule) {
  if (!found.from.startsWith('node:')) report(file, found, `write node:${found.from}`);
  if (isTest || rule.node?.test(inner)) return;
  report(
    file,
    found,
    `only ${rule.node ? `${rule.node} of this package` : 'tests of this package'} may use node: modules`,
  );
}

function checkForeign(found, file, isTest, pack, rule) {
  const name = packageName(found.from);
  const { manifest } = pack;
  checkDepth(found, file, manifest.name);
  if (isTest) {
    const allowed = [manifest.name, ...testsMay, ...rule.may, ...(rule.types ?? [])];
    if (byName.has(name) && !matches(allowed, name))
      report(file, found, `tests here may import ${list(allowed)} only`);
    return;
  }
  if (name === manifest.name)
    return report(file, found, 'inside a package, import the file, not the package');
  if (byName.has(name)) {
    const typesOnly = rule.types?.includes(name);
    if (typesOnly && !found.isType)
      report(file, found, 'only types may be imported from it here: `import type`');
    else if (!typesOnly && !matches(rule.may, name))
      report(file, found, `${pack.folder} may import ${list([...rule.may, ...(rule.types ?? [])])} only`);
  }
  if (rule.inlined?.includes(name)) return;
  if (!manifest.dependencies?.[name] && !manifest.peerDependencies?.[name])
    report(file, found, `not in the dependencies of ${pack.folder}/package.json`);
}

/** Only what a package's `exports` name can be imported from outside. */
function checkDepth(found, file, ownName) {
  const name = packageName(found.from);
  const pack = byName.get(name);
  if (!pack) {
    if (ownName === undefined && /^\.\.?\/(.*\/)?(packages|apps)\//.test(found.from))
      report(file, found, 'import the package by its name');
    return;
  }
  const subpath = `.${found.from.slice(name.length)}`;
  if (!(subpath in (pack.manifest.exports ?? {})))
    report(file, found, `${subpath} is not in the exports of ${pack.folder}/package.json`);
}

/** Depth-first over relative imports; type-only ones count, because they tie the files together as much. */
function checkCircles(graph) {
  const done = new Set();
  const path = [];
  const visit = (file) => {
    if (done.has(file)) return;
    path.push(file);
    for (const { target, found } of graph.get(file) ?? []) {
      const start = path.indexOf(target);
      if (start < 0) visit(target);
      else {
        const circle = [...path.slice(start), target].map((each) => relative(dirname(file), each));
        report(file, found, `a circle: ${circle.join(' -> ')}`);
      }
    }
    path.pop();
    done.add(file);
  };
  for (const file of graph.keys()) visit(file);
}

function packageName(from) {
  return from
    .split('/')
    .slice(0, from.startsWith('@') ? 2 : 1)
    .join('/');
}

function matches(allowed, name) {
  return allowed.some((each) => (typeof each === 'string' ? each === name : each.test(name)));
}

function list(allowed) {
  return allowed.length > 0
    ? [...new Set(allowed.map(String))].join(', ')
    : 'no other package of this repository';
}

function report(file, found, rule) {
  violations.push(`${relative(root, file)}:${found.line}: imports '${found.from}' (${rule})`);
}
