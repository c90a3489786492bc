/** Deleting ranges of many keys, against ranges of one; and a walk over what was deleted, against one over nothing. */
import { type Measure, type Row, type Stage, timed } from '../measure.js';
import { counterOf, openBench } from '../sample-state.js';
import { summarize } from '../stats.js';

const KEYS_PER_TRANSACTION = 20_000;

export const rangeDeletes: Measure = {
  name: 'range-deletes',
  networks: 'direct',
  async run(stage: Stage): Promise<Row[]> {
    const { samples, rounds, deletedKeys, name } = stage.scale;
    const slices = name === 'tiny' ? samples : Math.min(samples, 50);
    const each = Math.floor(deletedKeys / slices);
    const place = stage.place();
    const db = await openBench(place.direct, { maintenance: 'manual' });
    for (let first = 0; first < slices * each; first += KEYS_PER_TRANSACTION) {
      stage.signal.throwIfAborted();
      stage.progress(`imported ${first} of ${slices * each} keys`);
      await db.transact((tx) => {
        for (let i = first; i < Math.min(slices * each, first + KEYS_PER_TRANSACTION); i++)
          tx.set(['many', Math.floor(i / each), i % each], counterOf(i));
      });
    }
    for (let i = 0; i < slices; i++) await db.set(['one', i, 0], counterOf(i));
    await db.flush();
    await db.close();

    const writer = await openBench(place.store, { maintenance: 'manual' });
    const many: number[] = [];
    const one: number[] = [];
    const before = writer.traffic().snapshot();
    for (let slice = 0; slice < slices; slice++) {
      stage.signal.throwIfAborted();
      many.push((await timed(() => writer.deleteRange({ prefix: ['many', slice] }))).ms);
      one.push((await timed(() => writer.deleteRange({ prefix: ['one', slice] }))).ms);
    }
    const { requests, bytesOut } = writer.traffic().since(before);
    await writer.flush();
    await writer.close();

    const overDeleted: number[] = [];
    const overNothing: number[] = [];
    let reads = 0;
    for (let round = 0; round < rounds; round++) {
      const reader = await openBench(place.store, { readOnly: true });
      // The first read of a process is about connections, not about ranges.
      await reader.get(['none']);
      overNothing.push((await timed(() => reader.count({ prefix: ['none'] }))).ms);
      const unread = reader.traffic().snapshot();
      const { ms, result } = await timed(() => reader.count({ prefix: ['many'] }));
      if (result !== 0) throw new Error(`Expected no key in what was deleted, found ${result}.`);
      overDeleted.push(ms);
      reads = reader.traffic().since(unread).requests.read;
      await reader.close();
    }
    const { network } = stage;
    return [
      {
        measure: this.name,
        what: `deleteRange() of ${each} keys`,
        network,
        unit: 'ms',
        ours: summarize(many),
        baseline: { what: 'deleteRange() of one key', samples: summarize(one) },
        target: { atMost: 1.2 },
        facts: { deletions: 2 * slices, 'PUTs in all': requests.write, 'bytes sent in all': bytesOut },
      },
      {
        measure: this.name,
        what: `count() of ${slices * each} deleted keys, cold`,
        network,
        unit: 'ms',
        ours: summarize(overDeleted),
        baseline: { what: 'count() where nothing was ever written, cold', samples: summarize(overNothing) },
        facts: { 'read requests': reads },
      },
    ];
  },
};
