/** One client's commit against a raw conditional PUT of the record's own size, in turn. */
import { type Measure, type Row, type Stage, timed } from '../measure.js';
import { counterOf, keyOf, noise, openBench } from '../sample-state.js';
import { summarize } from '../stats.js';

const KEYS = 100;

export const commitLatency: Measure = {
  name: 'commit-latency',
  networks: 'both',
  async run(stage: Stage): Promise<Row[]> {
    const { warmUps, samples } = stage.scale;
    const { store } = stage.place();
    const raw = stage.place().store;
    let recordBytes = 0;
    const db = await openBench(store, {
      onEvent: (event) => {
        if (event.type === 'commit') recordBytes = event.bytes;
      },
    });
    const commits: number[] = [];
    const puts: number[] = [];
    const sizes: number[] = [];
    for (let i = 0; i < warmUps + samples; i++) {
      stage.signal.throwIfAborted();
      if (i % 20 === 0) stage.progress(`${i} of ${warmUps + samples} commits`);
      const commit = await timed(() => db.set(keyOf(i % KEYS), counterOf(i)));
      const bytes = noise(`put ${i}`, recordBytes);
      const name = `log/${i.toString(16).padStart(14, '0')}`;
      const put = await timed(() => raw.put(name, bytes, { ifAbsent: true }));
      if (put.result.occupied) throw new Error(`The raw PUT of ${name} lost a race that nobody else was in.`);
      if (i < warmUps) continue;
      commits.push(commit.ms);
      puts.push(put.ms);
      sizes.push(recordBytes);
    }
    const { requests } = db.traffic();
    await db.close();
    return [
      {
        measure: this.name,
        what: 'set() by one client',
        network: stage.network,
        unit: 'ms',
        ours: summarize(commits),
        baseline: { what: 'conditional PUT of the same size', samples: summarize(puts) },
        target: { atMost: 1.2 },
        facts: {
          'record bytes, median': Math.round(summarize(sizes).median),
          'PUTs of ours, warm-ups, probe and flushes included': requests.write,
        },
      },
    ];
  },
};
