import type { ObjectStore } from '@holdfast/object-store';
import { MemoryStore } from '@holdfast/object-store';
import { GatedStore } from '@holdfast/object-store/testing';
import { expect, test } from 'vitest';
import { behindPort, localPort } from './location.js';
import type { Row } from './measure.js';
import { measures } from './measures/all.js';
import { openState, sealState } from './naive-blob.js';
import { prefixed, shuttable } from './prefixed.js';
import { chartOf } from './report/chart.js';
import { figure } from './report/figures.js';
import { tableOf } from './report/table.js';
import { runStage } from './run.js';
import { counterOf } from './sample-state.js';
import { scales } from './scale.js';

async function keysOf(store: ObjectStore): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list('')) keys.push(key);
  return keys;
}

// The memory measure runs a built program in child processes: not in a test.
const inProcess = measures.filter(({ name }) => name !== 'memory');

test.each(inProcess)('$name yields rows and leaves nothing in the store', async (measure) => {
  const store = new MemoryStore();
  const network = { name: 'direct', url: 'memory:', store, delayed: false };
  const rows: Row[] = await runStage(measure, network, {
    direct: store,
    prefix: 'run/',
    url: 'memory:',
    scale: scales.tiny,
    signal: new AbortController().signal,
    progress: () => {},
  });
  expect(rows.length).toBeGreaterThan(0);
  for (const row of rows) {
    expect(row.measure).toBe(measure.name);
    expect(row.ours.median).toBeGreaterThan(0);
    expect(row.baseline?.samples.n).toBe(row.ours.n);
  }
  expect(await keysOf(store)).toEqual([]);
  expect(tableOf(rows)).toContain(rows[0]!.what);
  const judged = rows.map((row) => ({ ...row, target: { atMost: 1 } as const }));
  expect(chartOf(judged, 'a < b')).toContain('a &lt; b');
});

test('a run that is stopped says why', async () => {
  const store = new MemoryStore();
  const stopped = runStage(
    measures[0]!,
    { name: 'direct', url: 'memory:', store, delayed: false },
    {
      direct: store,
      prefix: 'run/',
      url: 'memory:',
      scale: scales.tiny,
      signal: AbortSignal.abort(new Error('Stopped by SIGINT.')),
      progress: () => {},
    },
  );
  await expect(stopped).rejects.toThrow('Stopped by SIGINT.');
  expect(await keysOf(store)).toEqual([]);
});

test('a prefixed store sees its own objects only, under their own names', async () => {
  const store = new MemoryStore();
  const one = prefixed(store, 'one/', 'memory/one');
  await one.put('log/b', Uint8Array.of(1));
  await one.put('log/a', Uint8Array.of(1));
  await prefixed(store, 'two/', 'memory/two').put('log/c', Uint8Array.of(2));
  expect(await keysOf(one)).toEqual(['log/a', 'log/b']);
  const later: string[] = [];
  for await (const { key } of one.list('log/', { after: 'log/a' })) later.push(key);
  expect(later).toEqual(['log/b']);
  await one.delete(['log/a']);
  expect(await keysOf(store)).toEqual(['one/log/b', 'two/log/c']);
});

test('a store that is shut waits for puts that are under way, and takes no more', async () => {
  const inner = new MemoryStore();
  const gated = new GatedStore(inner);
  const { store, shut } = shuttable(gated);
  const put = store.put('early', Uint8Array.of(1));
  const [early] = await gated.waitForPending(1);
  const shutting = shut().then(() => keysOf(inner));
  await expect(store.put('late', Uint8Array.of(2))).rejects.toThrow('has ended');
  await early!.release();
  await put;
  expect(await shutting).toEqual(['early']);
});

test('the naive blob opens to what was sealed, and a changed one does not', () => {
  const state = new Map([['counter/1', counterOf(1)]]);
  const sealed = sealState(state);
  expect(openState(sealed)).toEqual(state);
  sealed[20]! ^= 1;
  expect(() => openState(sealed)).toThrow();
});

test('a proxy stands only before plain HTTP servers of this machine', () => {
  expect(localPort('minio://127.0.0.1:9000/bucket?tls=0')).toBe(9000);
  expect(localPort('minio://127.0.0.1:9000/bucket')).toBeUndefined();
  expect(localPort('minio://store.example:9000/bucket?tls=0')).toBeUndefined();
  expect(localPort('s3://bucket?endpoint=http://127.0.0.1:9001')).toBe(9001);
  expect(localPort('memory:')).toBeUndefined();
  expect(behindPort('minio://127.0.0.1:9000/bucket/p?tls=0', 1234)).toBe(
    'minio://127.0.0.1:1234/bucket/p?tls=0',
  );
  expect(localPort(behindPort('s3://bucket?endpoint=http://127.0.0.1:9001', 1234))).toBe(1234);
});

test('figures have three significant digits', () => {
  expect([0, 0.01234, 1.2345, 12.345, 123.45, 12345].map(figure)).toEqual([
    '0',
    '0.0123',
    '1.23',
    '12.3',
    '123',
    '12345',
  ]);
});
