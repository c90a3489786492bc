// Checks that no file of the repository says where packages come from: the lockfile carries integrity hashes and
// no addresses, so that `npm ci` works with whatever registry or mirror the reader's npm is set to.
//
// Usage: node tools/check-registry.mjs [--root <folder>]
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const { root = process.cwd() } = parseArgs({ options: { root: { type: 'string' } } }).values;

// Well-known registries (spelled in parts, because this file is checked too), and this machine's own settings.
const hosts = new Set([
  ...['npmjs', 'yarnpkg', 'npmmirror'].flatMap((name) =>
    ['org', 'com'].map((top) => `registry.${name}.${top}`),
  ),
  ...['npm.pkg', 'pkg'].map((name) => `${name}.github.com`),
  ['npm', 'jsr', 'io'].join('.'),
  ['proxy', 'golang', 'org'].join('.'),
  ...configured(),
]);

const violations = [];
for (const file of git('ls-files', '-z', '--cached', '--others', '--exclude-standard').split('\0')) {
  if (file === '') continue;
  let text;
  try {
    text = readFileSync(join(root, file), 'latin1');
  } catch {
    continue; // deleted, but not committed yet
  }
  const lines = text.split('\n');
  for (const host of hosts) {
    if (!text.includes(host)) continue;
    lines.forEach((line, index) => {
      if (line.includes(host)) violations.push(`${file}:${index + 1}: names the registry host ${host}`);
    });
  }
  if (/(^|\/)package-lock\.json$/.test(file)) {
    lines.forEach((line, index) => {
      if (/"resolved":\s*"(https?|git\+)/.test(line))
        violations.push(
          `${file}:${index + 1}: has an address: ${line.trim()} (.npmrc sets omit-lockfile-registry-resolved)`,
        );
    });
  }
}

for (const line of violations) console.error(line);
console.log(`registry: ${hosts.size} hosts, ${violations.length} violations`);
if (violations.length > 0) process.exitCode = 1;

/** Hosts that npm and Go are set to use here; a mirror's name in a commit would be a machine's private matter. */
function configured() {
  const settings = Object.entries(process.env)
    .filter(([name]) => /^(npm_config_(.*:)?registry|GOPROXY|PIP_INDEX_URL)$/i.test(name))
    .map(([, value]) => value ?? '');
  try {
    settings.push(
      execFileSync('npm', ['config', 'get', 'registry'], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      }),
    );
  } catch {
    // No npm on PATH: the well-known names are checked all the same.
  }
  return settings
    .flatMap((value) => value.split(/[\s,|]+/))
    .filter((value) => URL.canParse(value))
    .map((value) => new URL(value).hostname)
    .filter((host) => host.includes('.') && !/^[\d.]+$/.test(host));
}

function git(...args) {
  return execFileSync('git', args, { cwd: root, encoding: 'utf8', maxBuffer: 1 << 28 });
}
