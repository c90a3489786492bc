/** Random point reads, with nothing cached and with everything, against as many raw GETs of 4 KiB. */
import type { Database } from 'holdfast';
import { type Measure, type Row, type Stage, timed } from '../measure.js';
import { importCounters, keyOf, noise, openBench, seeded } from '../sample-state.js';
import { summarize } from '../stats.js';

const AT_ONCE = 16;
const RAW_BYTES = 4096;
const RAW_OBJECTS = 200;

export const pointReads: Measure = {
  name: 'point-reads',
  networks: 'both',
  async run(stage: Stage): Promise<Row[]> {
    const { pointEntries, pointReads: reads, rounds } = stage.scale;
    const { signal, network } = stage;
    const place = stage.place();
    const raw = stage.place();
    stage.progress(`importing ${pointEntries} counters`);
    const importing = await openBench(place.direct);
    await importCounters(importing, pointEntries, signal);
    await importing.flush();
    const { segments, segmentBytes } = importing.stats();
    await importing.close();
    await atOnce(RAW_OBJECTS, async (i) => {
      await raw.direct.put(`object-${i}`, noise(`raw ${i}`, RAW_BYTES));
    });

    const random = seeded(reads);
    const cold: number[] = [];
    const warm: number[] = [];
    const strong: number[] = [];
    const gets: number[] = [];
    const perRead = { cold: [] as number[], warm: [] as number[], strong: [] as number[] };
    for (let round = 0; round <= rounds; round++) {
      signal.throwIfAborted();
      stage.progress(`round ${round} of ${rounds}`);
      const keys = Array.from({ length: reads }, () => keyOf(Math.floor(random() * pointEntries)));
      const db = await openBench(place.store, { readOnly: true });
      const snapshot = await db.snapshot();
      const passes = [
        await pass(db, keys.length, async (i) => check(await snapshot.get(keys[i]!))),
        await pass(db, keys.length, async (i) => check(await snapshot.get(keys[i]!))),
        await pass(db, keys.length, async (i) => check(await db.get(keys[i]!))),
      ];
      await db.close();
      const rawPass = await timed(() =>
        atOnce(reads, async (i) => check(await raw.store.get(`object-${i % RAW_OBJECTS}`))),
      );
      // The first round warms up.
      if (round === 0) continue;
      for (const [i, [times, requests]] of [
        [cold, perRead.cold] as const,
        [warm, perRead.warm] as const,
        [strong, perRead.strong] as const,
      ].entries()) {
        times.push(passes[i]!.ms);
        requests.push(passes[i]!.requests / reads);
      }
      gets.push(rawPass.ms);
    }
    const baseline = {
      what: `${reads} GETs of ${RAW_BYTES} bytes, ${AT_ONCE} at once`,
      samples: summarize(gets),
    };
    const row = (what: string, times: number[], requests: number[]): Row => ({
      measure: this.name,
      what: `${reads} of ${pointEntries} keys, ${AT_ONCE} at once: ${what}`,
      network,
      unit: 'ms',
      ours: summarize(times),
      baseline,
      facts: {
        'requests per read': Number(summarize(requests).median.toFixed(3)),
        segments,
        'segment bytes': segmentBytes,
      },
    });
    return [
      row('snapshot, nothing cached', cold, perRead.cold),
      row('snapshot, all cached', warm, perRead.warm),
      row('strong get(), all cached', strong, perRead.strong),
    ];
  },
};

async function pass(
  db: Database,
  count: number,
  read: (i: number) => Promise<void>,
): Promise<{ ms: number; requests: number }> {
  const before = db.traffic().snapshot();
  const { ms } = await timed(() => atOnce(count, read));
  const { requests } = db.traffic().since(before);
  return { ms, requests: requests.read + requests.list };
}

async function atOnce(count: number, action: (i: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) await action(next++);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

function check(found: unknown): void {
  if (found === undefined) throw new Error('Something that was written is missing.');
}
