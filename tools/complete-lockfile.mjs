// Completes package-lock.json for the platforms that the machine's registry did not offer.
//
// A package with native parts lists one optional dependency per platform. A mirror that holds only some of them
// makes npm leave the others out of the lockfile, and then `npm ci` fails wherever it looks for them: "Missing:
// … from lock file". This adds them by name and version (their dependents pin it exactly), without an integrity
// hash, which only the missing package could tell.
//
// Usage: node tools/complete-lockfile.mjs [--check]
// `--check` changes nothing, and exits with 1 when something is missing.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const { check = false, root = process.cwd() } = parseArgs({
  options: { check: { type: 'boolean' }, root: { type: 'string' } },
}).values;
const path = join(root, 'package-lock.json');
const lock = JSON.parse(readFileSync(path, 'utf8'));

const missing = Object.entries(lock.packages).flatMap(([place, { optionalDependencies = {}, dev, peer }]) =>
  Object.entries(optionalDependencies)
    .filter(([name]) => find(place, name) === undefined)
    .map(([name, version]) => ({ place, name, version, dev, peer })),
);

for (const { place, name, version, dev, peer } of missing) {
  console.error(`package-lock.json: ${place || 'the root'} needs ${name}@${version}, which is not there`);
  if (check) continue;
  const platform = platformOf(name);
  if (!platform || !/^\d+\.\d+\.\d+[^ ]*$/.test(version)) {
    console.error('  its platform or version is not clear from that: add it by hand');
    process.exitCode = 1;
    continue;
  }
  lock.packages[`node_modules/${name}`] = {
    version,
    cpu: [platform.cpu],
    ...(dev && { dev }),
    ...(platform.libc && { libc: [platform.libc] }),
    optional: true,
    os: [platform.os],
    ...(peer && { peer }),
  };
}
if (check) {
  console.log(`lockfile: ${missing.length} packages missing`);
  if (missing.length > 0) {
    console.error('Repair it: node tools/complete-lockfile.mjs');
    process.exitCode = 1;
  }
} else if (missing.length > 0) {
  const sorted = Object.entries(lock.packages).sort(([a], [b]) => a.localeCompare(b, 'en'));
  writeFileSync(path, `${JSON.stringify({ ...lock, packages: Object.fromEntries(sorted) }, null, 2)}\n`);
}

/** Where a dependency of the package at `place` is found: in its own node_modules or in one above it. */
function find(place, name) {
  for (let folder = place; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('/node_modules/')))) {
    const candidate = folder === '' ? `node_modules/${name}` : `${folder}/node_modules/${name}`;
    if (lock.packages[candidate]) return candidate;
    if (folder === '') return undefined;
  }
}

/** `…-linux-x64-musl` and the like. */
function platformOf(name) {
  const match =
    /(darwin|linux|win32|windows|android|freebsd|openbsd|netbsd)-(arm64|x64|64|arm|ia32)(?:-(musl|gnu|glibc))?/.exec(
      name.split('/').at(-1),
    );
  if (!match) return undefined;
  const [, os, cpu, libc] = match;
  return {
    os: os === 'windows' ? 'win32' : os,
    cpu: cpu === '64' ? 'x64' : cpu,
    libc: libc === 'gnu' ? 'glibc' : libc,
  };
}
