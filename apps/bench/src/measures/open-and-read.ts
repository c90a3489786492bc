/** Opening a database and reading one key, against one raw GET; and how many requests wait for each other. */
import { RecordingStore } from '@holdfast/object-store/testing';
import { type Measure, type Place, type Row, type Stage, timed } from '../measure.js';
import { importCounters, keyOf, noise, openBench, seeded } from '../sample-state.js';
import { summarize } from '../stats.js';

const RAW_BYTES = 4096;

interface State {
  readonly what: string;
  readonly entries: number;
  readonly flushed: boolean;
}

export const openAndRead: Measure = {
  name: 'open-and-read',
  networks: 'both',
  async run(stage: Stage): Promise<Row[]> {
    const states: State[] = [
      { what: 'state in its newest record', entries: 30, flushed: false },
      { what: 'state in segments', entries: Math.ceil(stage.scale.pointEntries / 5), flushed: true },
    ];
    const rows: Row[] = [];
    for (const state of states) rows.push(await runState(stage, state));
    return rows;
  },
};

async function runState(stage: Stage, { what, entries, flushed }: State): Promise<Row> {
  const { scale, signal } = stage;
  const place = stage.place();
  const raw = stage.place();
  await raw.direct.put('object', noise('raw', RAW_BYTES), { ifAbsent: true });
  stage.progress(`${what}: importing ${entries} counters`);
  const importing = await openBench(place.direct);
  await importCounters(importing, entries, signal);
  if (flushed) await importing.flush();
  await importing.close();
  const random = seeded(entries);
  const pick = (): number => Math.floor(random() * entries);
  const { requests, depth } = await countRequests(place, pick());
  const ours: number[] = [];
  const gets: number[] = [];
  for (let i = 0; i < scale.warmUps + scale.samples; i++) {
    signal.throwIfAborted();
    if (i % 20 === 0) stage.progress(`${what}: ${i} of ${scale.warmUps + scale.samples}`);
    const key = keyOf(pick());
    const opened = await timed(async () => {
      const db = await openBench(place.store);
      if ((await db.get(key)) === undefined) throw new Error('A key that was imported is missing.');
      return db;
    });
    await opened.result.close();
    const get = await timed(() => raw.store.get('object'));
    if (i < scale.warmUps) continue;
    ours.push(opened.ms);
    gets.push(get.ms);
  }
  return {
    measure: openAndRead.name,
    what: `open() and get(): ${what}`,
    network: stage.network,
    unit: 'ms',
    ours: summarize(ours),
    baseline: { what: `one GET of ${RAW_BYTES} bytes`, samples: summarize(gets) },
    facts: { requests, 'one after another': depth },
  };
}

/** Apart from the timing, because recording costs a turn of the event loop for each call. */
async function countRequests(place: Place, i: number): Promise<{ requests: number; depth: number }> {
  const recording = new RecordingStore(place.direct);
  const db = await openBench(recording);
  await db.get(keyOf(i));
  await db.close();
  return { requests: recording.calls.length, depth: recording.sequentialDepth() };
}
