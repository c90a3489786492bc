/** `load()` of rows in key order and in none, against PUTs of as many bytes as plain objects, as many at once. */
import type { ObjectStore } from '@holdfast/object-store';
import { collectGarbage, type Measure, type Row, type Stage, timed } from '../measure.js';
import { noise, openBench, ROW_BYTES, rowsOf } from '../sample-state.js';
import { summarize } from '../stats.js';

/** As a load's segments are. */
const OBJECT_BYTES = 16 * 1024 * 1024;
const AT_ONCE = 3;
const MB = 1_000_000;

export const load: Measure = {
  name: 'load',
  networks: 'both',
  async run(stage: Stage): Promise<Row[]> {
    const rows: Row[] = [];
    for (const order of ['in key order', 'in no order'] as const) rows.push(await runOrder(stage, order));
    return rows;
  },
};

async function runOrder(stage: Stage, order: 'in key order' | 'in no order'): Promise<Row> {
  const { loadRows: count } = stage.scale;
  const rounds = Math.min(stage.scale.rounds, 5);
  const bytes = count * ROW_BYTES;
  const loads: number[] = [];
  const puts: number[] = [];
  const cpuMs: number[] = [];
  let sentBytes = 0;
  // The first round warms up.
  for (let round = 0; round <= rounds; round++) {
    stage.progress(`${order}: round ${round} of ${rounds}`);
    const db = await openBench(stage.place().store);
    await db.set('warm', 0);
    const before = db.traffic().snapshot();
    collectGarbage();
    const cpu = process.cpuUsage();
    const { ms, result } = await timed(() =>
      db.load(rowsOf(count, order === 'in no order'), { signal: stage.signal }),
    );
    const { user, system } = process.cpuUsage(cpu);
    sentBytes = db.traffic().since(before).bytesOut;
    await db.close();
    if (result.entries !== count) throw new Error(`Expected ${count} rows, found ${result.entries}.`);
    collectGarbage();
    const raw = await timed(() => putRaw(stage.place().store, bytes, stage.signal));
    if (round === 0) continue;
    loads.push(bytes / MB / (ms / 1000));
    cpuMs.push((user + system) / 1000);
    puts.push(bytes / MB / (raw.ms / 1000));
  }
  const ours = summarize(loads);
  return {
    measure: load.name,
    what: `load() of ${count} rows of 420 bytes, ${order}`,
    network: stage.network,
    unit: 'MB/s',
    ours,
    baseline: { what: 'PUTs of 16 MiB, 3 at once', samples: summarize(puts) },
    target: order === 'in key order' ? { atLeast: 0.5 } : undefined,
    facts: {
      'rows/s': Math.round((ours.median * MB) / ROW_BYTES),
      'us of CPU a row': Number(((summarize(cpuMs).median * 1000) / count).toFixed(2)),
      'bytes sent': sentBytes,
    },
  };
}

async function putRaw(store: ObjectStore, bytes: number, signal: AbortSignal): Promise<void> {
  const whole = noise('raw', Math.min(OBJECT_BYTES, bytes));
  let next = 0;
  const put = async (): Promise<void> => {
    for (let i = next++; i * OBJECT_BYTES < bytes; i = next++) {
      signal.throwIfAborted();
      await store.put(`object-${i}`, whole.subarray(0, bytes - i * OBJECT_BYTES));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, put));
}
