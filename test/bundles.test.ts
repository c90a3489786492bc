/**
 * The built packages in one file, as serverless tools, pages and workers have them. Bundles for Node run in processes
 * of their own, in a folder from which no package can be found; those for browsers run here, where the names that only
 * Node has are hidden from them.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type S3DevServer, startS3DevServer } from '@holdfast/s3-dev-server';
import { type BuildOptions, build } from 'esbuild';
import type * as Holdfast from 'holdfast';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SmallDOMParser, SmallNodeTypes } from './support/dom-parser.js';

const root = new URL('..', import.meta.url).pathname;
let folder: string;
let server: S3DevServer;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-bundles-'));
  server = await startS3DevServer({ buckets: ['bucket'] });
});
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await server.close();
});

interface Bundle {
  readonly file: string;
  /** What it still asks the platform for. */
  readonly imports: readonly string[];
}

async function bundle(name: string, options: BuildOptions): Promise<Bundle> {
  const file = join(folder, name);
  const { metafile } = await build({
    stdin: { contents: "export * from 'holdfast'", resolveDir: root },
    bundle: true,
    outfile: file,
    metafile: true,
    logLevel: 'silent',
    ...options,
  });
  const outputs = Object.values(metafile?.outputs ?? {});
  return { file, imports: outputs.flatMap(({ imports }) => imports.map(({ path }) => path)) };
}

describe.each(['esm', 'cjs'] as const)('one file for Node, %s', (format) => {
  const run = promisify(execFile);
  let made: Bundle;
  beforeAll(async () => {
    const ending = format === 'cjs' ? 'cjs' : 'mjs';
    made = await bundle(`node.${ending}`, { platform: 'node', target: 'node20', format });
  });

  async function use(...parts: string[]): Promise<unknown> {
    const script = join(root, 'test/support/use-bundle.mjs');
    const { stdout, stderr } = await run(process.execPath, [script, made.file, ...parts], { cwd: folder });
    // No warning either.
    expect(stderr).toBe('');
    return JSON.parse(stdout);
  }

  const expected = { n: 1, map: [`1,${new Date(0)}`], count: 2 };

  test('asks for nothing but Node', () => {
    expect(made.imports.filter((path) => !isBuiltin(path))).toEqual([]);
  });

  test('keeps a database in a folder', async () => {
    expect(await use(`file:./state-${format}`)).toEqual(expected);
  });

  test.each(['lean', 'sdk'])('keeps a database in S3, through %s', async (client) => {
    const location = `s3://bucket/${format}-${client}?endpoint=${server.url}&client=${client}`;
    expect(await use(location, JSON.stringify(server.credentials))).toEqual(expected);
  });

  test('says whose code is in it', () => {
    expect(readFileSync(made.file, 'utf8')).toMatch(/msgpackr [\d.]+: .*\n[\s*]*\n.*MIT License/);
  });
});

const forTheWeb = (name: string, conditions: string[] = []): Promise<Bundle> =>
  bundle(name, { platform: 'browser', format: 'iife', globalName: 'holdfast', conditions });

describe('one file for a page', () => {
  let made: Bundle;
  beforeAll(async () => {
    made = await forTheWeb('page.js');
  });

  /** Node's own names, which nothing in a bundle for the web may need. */
  const hidden = [
    'process',
    'Buffer',
    'global',
    'require',
    'module',
    'exports',
    'setImmediate',
    'clearImmediate',
  ];
  const web = ['crypto', 'fetch', 'URL', 'AbortController', 'AbortSignal', 'setTimeout', 'clearTimeout'];

  /** @param page what a page has besides. */
  function load(page: Readonly<Record<string, unknown>> = {}): typeof Holdfast {
    const globals = globalThis as unknown as Record<string, unknown>;
    const scope = { ...Object.fromEntries(web.map((each) => [each, globals[each]])), ...page };
    const code = `${readFileSync(made.file, 'utf8')}\nreturn holdfast;`;
    const names = [...hidden, 'globalThis', ...Object.keys(page)];
    const values = [...hidden.map(() => undefined), scope, ...Object.values(page)];
    return new Function(...names, code)(...values) as typeof Holdfast;
  }

  const key = new Uint8Array(32).fill(7);

  test('asks the platform for no module', () => {
    expect(made.imports).toEqual([]);
  });

  test('keeps a database in memory', async () => {
    const { open, MemoryStore } = load();
    const store = new MemoryStore();
    const db = await open(store, { key });
    await db.transact(async (tx) => tx.set('map', new Map([[1n, new Date(0)]])));
    await db.flush();
    const again = await open(store, { key });
    expect(await again.get('map')).toEqual(new Map([[1n, new Date(0)]]));
    expect((await again.verify({ deep: true })).problems).toEqual([]);
    await (await open('memory:', { key })).close();
  });

  test('says that there is no folder', async () => {
    const error = await load()
      .open('file:./state', { key })
      .catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(TypeError);
    expect((error as Error).message).toContain('No file system here');
  });

  test.each(['worker', 'workerd', 'edge-light'])('is the one for %s too', async (condition) => {
    const other = await forTheWeb(`${condition}.js`, [condition]);
    expect(other.imports).toEqual([]);
    expect(readFileSync(other.file, 'utf8')).toBe(readFileSync(made.file, 'utf8'));
  });

  const location = (client: string): string =>
    `s3://bucket/page-${client}?endpoint=${server.url}&client=${client}`;

  test.each([
    ['', 'lean', {}],
    [' where DOMParser is,', 'sdk', { DOMParser: SmallDOMParser, Node: SmallNodeTypes }],
  ])('keeps a database in S3,%s through %s', async (_, client, more) => {
    const caches = new Set<string>();
    const { open } = load({
      ...more,
      fetch(input: string | Request, init?: RequestInit) {
        caches.add(String((input instanceof Request ? input : init)?.cache));
        return fetch(input, init);
      },
    });
    const db = await open(location(client), { key, credentials: server.credentials });
    await db.set('a', 1);
    const again = await open(location(client), { key, credentials: server.credentials, create: false });
    expect(await again.get('a')).toBe(1);
    await Promise.all([db.close(), again.close()]);
    // Never what the browser remembers.
    expect([...caches]).toEqual(['no-store']);
  });

  test('says what the AWS SDK needs, where it is not', async () => {
    const error = await load()
      .open(location('sdk'), { key, credentials: server.credentials })
      .catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      code: 'STORE_REFUSED',
      message: expect.stringContaining('needs the globals DOMParser and Node'),
    });
  });
});
