// Checks what `npm publish` would upload, package by package: packs each public package once and looks at the
// tarball with publint (does package.json tell the truth about the files?) and are-the-types-wrong (do the types
// match the code, for whoever imports it as ES modules?), and for the files and fields every package must have. Then
// all tarballs are installed together in an empty project and used there (check-installed.mjs).
//
// Usage: npm run check:publish (builds first)
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { checkInstalled } from './check-installed.mjs';
import { pack, publicPackages, root } from './pack.mjs';

const exec = promisify(execFile);
const license = readFileSync(join(root, 'LICENSE'), 'utf8');
const attw = join(root, 'node_modules/@arethetypeswrong/cli/dist/index.js');

const packed = mkdtempSync(join(tmpdir(), 'holdfast-pack-'));
let problems = 0;
const packages = publicPackages();
const say = (name, found) => {
  console.log(`${found.length === 0 ? 'ok ' : 'BAD'} ${name}`);
  for (const problem of found) console.error(`    ${problem}`);
  problems += found.length;
};
try {
  const tarballs = await pack(
    packages.map(({ folder }) => folder),
    packed,
  );
  for (const [i, { folder, manifest }] of packages.entries())
    say(manifest.name, [...required(folder, manifest), ...(await inTarball(folder, manifest, tarballs[i]))]);
  // What an installation lacks is said above already.
  if (problems === 0) {
    const files = tarballs.map(({ file }) => file);
    await checkInstalled(files, packages, say);
  }
} finally {
  rmSync(packed, { recursive: true, force: true });
}
console.log(`publish: ${packages.length} packages, ${problems} problems`);
if (problems > 0) process.exitCode = 1;

/** The fields that readers of the registry's page and installers rely on. */
function* required(folder, manifest) {
  for (const field of ['description', 'license', 'type', 'engines', 'files'])
    if (manifest[field] === undefined) yield `package.json has no "${field}"`;
  if (manifest.publishConfig?.access !== 'public')
    yield 'package.json needs "publishConfig": { "access": "public" }';
  if (!manifest.exports && !manifest.bin) yield 'package.json has neither "exports" nor "bin"';
  for (const script of ['preinstall', 'install', 'postinstall'])
    if (manifest.scripts?.[script]) yield `package.json has an install script ("${script}")`;
  for (const [name, range] of Object.entries(manifest.dependencies ?? {})) {
    if (/^(file|link|workspace|git|https?):/.test(range))
      yield `dependency ${name} is ${range}: not installable`;
  }
  try {
    if (readFileSync(join(root, folder, 'LICENSE'), 'utf8') !== license)
      yield 'LICENSE differs from the one at the root';
  } catch {
    yield 'has no LICENSE: copy the one at the root';
  }
}

async function inTarball(folder, manifest, { file, names }) {
  const found = [];
  for (const name of ['LICENSE', 'README.md', 'package.json'])
    if (!names.includes(name)) found.push(`the tarball has no ${name}`);
  for (const target of targets(manifest))
    if (!names.includes(target)) found.push(`the tarball has no ${target} (build first: npm run build)`);
  for (const name of names)
    if (/\.test\.|(^|\/)(\.env|.*\.log|.*\.tsbuildinfo)$/.test(name))
      found.push(`the tarball should not have ${name}`);
  for (const name of names.filter((each) => /\.map$/.test(each))) {
    const { sources = [] } = JSON.parse(readFileSync(join(root, folder, name), 'utf8'));
    for (const source of sources) {
      const path = join(name, '..', source);
      if (!names.includes(path)) found.push(`${name} points to ${path}, which the tarball has not`);
    }
  }

  // The tools below would say the same in many more words.
  if (found.some((problem) => problem.includes('(build first'))) return found;
  found.push(...undeclared(folder, manifest, names));

  const bytes = readFileSync(file);
  const tarball = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
  const { messages, pkg } = await publint({ pack: { tarball } });
  for (const message of messages) {
    // There is no repository address yet.
    if (message.type !== 'suggestion')
      found.push(`publint: ${formatMessage(message, pkg, { color: false })}`);
  }
  if (manifest.exports) {
    try {
      await exec(process.execPath, [
        attw,
        file,
        '--profile',
        'esm-only',
        '--no-color',
        '--no-emoji',
        '-f',
        'ascii',
      ]);
    } catch (error) {
      found.push(
        `are the types wrong: ${`${error.stdout}${error.stderr}`.trim().replaceAll('\n', '\n      ')}`,
      );
    }
  }
  return found;
}

/** What the files in dist import, types too, must come with the package: all else is there by luck. */
function* undeclared(folder, manifest, names) {
  const known = new Set([manifest.name, ...Object.keys(manifest.dependencies ?? {})]);
  for (const name of names.filter((each) => /^dist\/.*\.(js|d\.ts)$/.test(each))) {
    const code = readFileSync(join(root, folder, name), 'utf8').replace(/\/\*[\s\S]*?\*\//g, '');
    const imports = code.matchAll(
      /\b(?:from|import)\s*\(?\s*(['"])((?:@[\w.-]+\/)?[a-z][\w.-]*)(?:\/[^'"]*)?\1/g,
    );
    for (const [, , from] of imports)
      if (!known.has(from)) yield `${name} imports ${from}, which is not in "dependencies"`;
  }
}

/** Every file that package.json promises. */
function targets(manifest) {
  const collect = (value) =>
    typeof value === 'string'
      ? [value]
      : value && typeof value === 'object'
        ? Object.values(value).flatMap(collect)
        : [];
  return [...collect(manifest.exports), ...collect(manifest.bin)].map((path) => path.replace(/^\.\//, ''));
}
