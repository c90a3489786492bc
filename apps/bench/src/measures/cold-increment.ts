/**
 * A worker that starts with nothing but the key, adds one to a counter and ends, against the naive blob.
 *
 * Cold means the database: opened for each sample, nothing cached. The SDK's client and its connections are warm
 * for both. A warm worker has the database open; the naive one has nothing that it could keep open, so it is also
 * compared with a naive one that keeps the whole state and its ETag and bets on being the only writer. Garbage is
 * collected before each sample: the naive blob's is large.
 */
import { collectGarbage, type Measure, type Row, type Stage, type Target, timed } from '../measure.js';
import { BLOB_NAME, incrementNaive, type State, sealState } from '../naive-blob.js';
import { type Counter, counterOf, importCounters, keyOf, openBench, seeded } from '../sample-state.js';
import { summarize } from '../stats.js';

const SMALL_BYTES = 4096;
const LARGE_BYTES = 10_000_000;
/** Increments by others since the state was last flushed: what a state in use looks like. */
const INCREMENTS_BEFORE = 20;
const KB = 1000;
const WARM_UPS_MAX = 3;
const ROUNDS_MAX = 40;

interface Samples {
  readonly ms: number[];
  readonly kb: number[];
}

export const coldIncrement: Measure = {
  name: 'cold-increment',
  networks: 'delayed',
  async run(stage: Stage): Promise<Row[]> {
    const rows: Row[] = [];
    for (const stateBytes of stage.scale.stateBytes) rows.push(...(await runSize(stage, stateBytes)));
    return rows;
  },
};

async function runSize(stage: Stage, stateBytes: number): Promise<Row[]> {
  const size = stateBytes < KB * KB ? `${Math.round(stateBytes / 1024)} KiB` : `${stateBytes / KB / KB} MB`;
  const { scale, signal } = stage;
  const warmUps = Math.min(scale.warmUps, WARM_UPS_MAX);
  const rounds = Math.min(scale.samples, ROUNDS_MAX);
  const ours = stage.place();
  const naive = stage.place();
  const { entries, state } = naiveState(stateBytes);
  stage.progress(`${size}: importing ${entries} counters`);
  await naive.direct.put(BLOB_NAME, sealState(state), { ifAbsent: true });
  const importing = await openBench(ours.direct);
  await importCounters(importing, entries, signal);
  // A small state stays in its records; the bulk of a larger one has long been flushed.
  if (stateBytes > SMALL_BYTES) await importing.flush();
  const random = seeded(stateBytes);
  const pick = (): number => Math.floor(random() * entries);
  const add = (db: typeof importing, i: number): Promise<void> =>
    db.transact(async (tx) => {
      const before = await tx.get<Counter>(keyOf(i));
      if (before === undefined) throw new Error(`Counter ${i} of ${entries} is missing.`);
      tx.set(keyOf(i), { ...before, count: before.count + 1 });
    });
  for (let i = 0; i < INCREMENTS_BEFORE; i++) await add(importing, pick());
  await importing.close();

  const cold: Samples = { ms: [], kb: [] };
  const warm: Samples = { ms: [], kb: [] };
  const blob: Samples = { ms: [], kb: [] };
  const keptBlob: Samples = { ms: [], kb: [] };
  const requests: number[] = [];
  const standing = await openBench(ours.store);
  for (let round = 0; round < warmUps + rounds; round++) {
    signal.throwIfAborted();
    stage.progress(`${size}: round ${round + 1} of ${warmUps + rounds}`);
    const keep = (samples: Samples, ms: number, bytes: number): void => {
      if (round < warmUps) return;
      samples.ms.push(ms);
      samples.kb.push(bytes / KB);
    };
    const coldKey = pick();
    collectGarbage();
    const opened = await timed(async () => {
      const db = await openBench(ours.store);
      await add(db, coldKey);
      return db;
    });
    await opened.result.close();
    const traffic = opened.result.traffic();
    keep(cold, opened.ms, traffic.bytesIn + traffic.bytesOut);
    requests.push(traffic.requests.list + traffic.requests.read + traffic.requests.write);

    const naiveKey = `counter/${pick()}`;
    collectGarbage();
    const one = await timed(() => incrementNaive(naive.store, naiveKey));
    keep(blob, one.ms, one.result.bytes);

    // The standing worker has not seen the cold one's commit: it catches up first, unmeasured.
    await standing.get(keyOf(0));
    const before = standing.traffic().snapshot();
    const warmKey = pick();
    collectGarbage();
    const warmed = await timed(() => add(standing, warmKey));
    const spent = standing.traffic().since(before);
    keep(warm, warmed.ms, spent.bytesIn + spent.bytesOut);

    const { state: held, etag } = one.result;
    collectGarbage();
    const again = await timed(() => incrementNaive(naive.store, naiveKey, { state: held, etag }));
    keep(keptBlob, again.ms, again.result.bytes);
  }
  await standing.close();

  const { network } = stage;
  const measure = coldIncrement.name;
  const blobMs = { what: 'naive blob: GET, change, PUT', samples: summarize(blob.ms) };
  // The targets are for a network: without one, round trips cost nothing, and they are all that differs.
  const target = (atMost: number, applies = true): Target | undefined =>
    stage.delayed && applies ? { atMost } : undefined;
  const isSmall = stateBytes === SMALL_BYTES;
  const isLarge = stateBytes === LARGE_BYTES;
  return [
    {
      measure,
      what: `${size}: cold worker`,
      network,
      unit: 'ms',
      ours: summarize(cold.ms),
      baseline: blobMs,
      target: isSmall ? target(1.6) : target(0.5, isLarge),
      facts: { entries, 'requests of ours, median': summarize(requests).median },
    },
    {
      measure,
      what: `${size}: cold worker, bytes both ways`,
      network,
      unit: 'KB',
      ours: summarize(cold.kb),
      baseline: { what: 'naive blob', samples: summarize(blob.kb) },
      target: target(0.1, isLarge),
    },
    {
      measure,
      what: `${size}: warm worker`,
      network,
      unit: 'ms',
      ours: summarize(warm.ms),
      baseline: blobMs,
      target: target(0.6),
    },
    {
      measure,
      what: `${size}: warm worker, against a naive one that keeps its blob`,
      network,
      unit: 'ms',
      ours: summarize(warm.ms),
      baseline: { what: 'naive blob kept in memory: change, PUT', samples: summarize(keptBlob.ms) },
    },
  ];
}

/** A blob of about `bytes` bytes. */
function naiveState(bytes: number): { entries: number; state: State } {
  const state: State = new Map();
  const perEntry = sealState(new Map(range(1_000))).length / 1_000;
  const entries = Math.max(1, Math.floor(bytes / perEntry));
  for (const [name, counter] of range(entries)) state.set(name, counter);
  return { entries, state };
}

function* range(entries: number): Generator<[string, Counter]> {
  for (let i = 0; i < entries; i++) yield [`counter/${i}`, counterOf(i)];
}
