// The public packages of this repository, and `npm pack` of them.
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const exec = promisify(execFile);
export const root = join(import.meta.dirname, '..');

/** Folder (from the root) and package.json of each package that is published. */
export function publicPackages() {
  return ['packages', 'apps']
    .flatMap((group) =>
      readdirSync(join(root, group), { withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .map((entry) => `${group}/${entry.name}`),
    )
    .map((folder) => ({
      folder,
      manifest: JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8')),
    }))
    .filter(({ manifest }) => !manifest.private);
}

/**
 * Packs packages into the folder `into`, without running their scripts.
 * @param folders from the root.
 * @returns for each, in the same order: the tarball's path, and the paths of the files in it.
 */
export async function pack(folders, into) {
  // With a dot, for `a/b` alone would be a repository's name.
  const specs = folders.map((folder) => `./${folder}`);
  const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', into, ...specs];
  const { stdout } = await exec('npm', args, { cwd: root, maxBuffer: 1 << 26 });
  const answer = JSON.parse(stdout);
  // npm 11 answers with an array, later ones with an object by package name.
  const packed = Array.isArray(answer) ? answer : Object.values(answer);
  return packed.map(({ filename, files }) => ({
    file: join(into, filename.replace(/^@/, '').replace('/', '-')),
    names: files.map((file) => file.path),
  }));
}
