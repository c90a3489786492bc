// Packs every public package into a folder, as `npm publish` would upload it, for trying them in another project before
// they are published:
//
//   npm run pack:all                     # makes ./tarballs
//   npm install <clone>/tarballs/*.tgz   # in the other project; all at once: they depend on each other
//
// Usage: npm run pack:all [-- --into <folder>] (builds first)
// Invariant: the folder holds the tarballs of this run and no older ones; other files in it are left alone.
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { pack, publicPackages } from './pack.mjs';

const { into = 'tarballs' } = parseArgs({ options: { into: { type: 'string' } } }).values;
const folder = resolve(into);
mkdirSync(folder, { recursive: true });

const packages = publicPackages();
for (const name of readdirSync(folder)) if (/^holdfast-.*\.tgz$/.test(name)) rmSync(join(folder, name));
const made = await pack(
  packages.map((each) => each.folder),
  folder,
);
for (const { file } of made) console.log(file);
// The whole path: npm takes `a/b.tgz` for a repository's name.
console.log(`${packages.length} packages. In another project: npm install ${join(folder, '*.tgz')}`);
