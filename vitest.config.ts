import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

// Tests run on the sources: each package's name, and each of its subpaths, stands for its file under src/.
const root = fileURLToPath(new URL('.', import.meta.url));
const alias: { find: RegExp; replacement: string }[] = [];
for (const folder of readdirSync(`${root}packages`)) {
  const manifest = `${root}packages/${folder}/package.json`;
  if (!existsSync(manifest)) continue;
  const {
    name,
    exports = {},
    imports = {},
  } = JSON.parse(readFileSync(manifest, 'utf8')) as {
    name: string;
    exports?: Record<string, { default?: string }>;
    imports?: Record<string, { node: string }>;
  };
  const source = (target: string) =>
    `${root}packages/${folder}/${target.replace('./dist/', 'src/').replace(/\.js$/, '.ts')}`;
  for (const [subpath, target] of Object.entries(exports)) {
    if (!target.default) continue;
    alias.push({
      find: new RegExp(`^${name}${subpath.slice(1)}$`),
      replacement: source(target.default),
    });
  }
  // What a package calls `#name` is one file for each platform.
  for (const [own, { node }] of Object.entries(imports)) {
    alias.push({ find: new RegExp(`^${own}$`), replacement: source(node) });
  }
}

/** Puts functions of its own in the place of Node's, in sources that nobody has loaded yet. */
const replacing = 'packages/object-store/src/file/disk-faults.test.ts';

export default defineConfig({
  resolve: { alias },
  test: {
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['packages/*/src/**/*.test.ts', 'apps/*/src/**/*.test.ts'],
          exclude: [replacing],
          // The files of one worker load the sources once: these keep nothing from one database to the next.
          isolate: false,
        },
      },
      { extends: true, test: { name: 'alone', include: [replacing] } },
      {
        extends: true,
        test: { name: 'whole', include: ['test/**/*.test.ts'], exclude: ['test/servers/**'] },
      },
      ...(process.env.HOLDFAST_TEST_SERVERS
        ? [
            {
              extends: true as const,
              // One file after the other: some start many processes, and one measures memory.
              test: { name: 'servers', include: ['test/servers/**/*.test.ts'], fileParallelism: false },
            },
          ]
        : []),
    ],
    testTimeout: 30_000,
    // On the 2 cores of CI vitest would otherwise use one.
    maxWorkers: '100%',
  },
});
