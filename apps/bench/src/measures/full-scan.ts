/**
 * A walk over a whole state, in order, decrypted and verified, against GETs of as many bytes as plain objects, one
 * after another and several at once; and the memory it takes.
 */
import type { ObjectStore } from '@holdfast/object-store';
import { collectGarbage, type Measure, type Row, type Stage, timed } from '../measure.js';
import { importRecords, noise, openBench } from '../sample-state.js';
import { type Summary, summarize } from '../stats.js';

const OBJECT_BYTES = 8 * 1024 * 1024;
const AT_ONCE = 4;
const MB = 1_000_000;
const RSS_EVERY_MS = 20;

export const fullScan: Measure = {
  name: 'full-scan',
  networks: 'both',
  async run(stage: Stage): Promise<Row[]> {
    const { scanBytes } = stage.scale;
    const rounds = Math.min(stage.scale.rounds, 5);
    const place = stage.place();
    const raw = stage.place();
    const importing = await openBench(place.direct);
    const records = await importRecords(importing, scanBytes, stage.signal, stage.progress);
    await importing.flush();
    const { segments, segmentBytes } = importing.stats();
    await importing.close();
    const objects = await putRaw(raw.direct, segmentBytes);

    const scans: number[] = [];
    const gets: number[] = [];
    const parallel: number[] = [];
    const peaks: number[] = [];
    let requests = 0;
    for (let round = 0; round < rounds; round++) {
      stage.progress(`round ${round + 1} of ${rounds}`);
      const db = await openBench(place.store, { readOnly: true });
      const snapshot = await db.snapshot({ signal: stage.signal });
      const before = db.traffic().snapshot();
      collectGarbage();
      const scan = await withPeakRss(() =>
        timed(async () => {
          let bytes = 0;
          let count = 0;
          for await (const { value } of snapshot.list<Uint8Array>()) {
            bytes += value.length;
            count++;
          }
          return { bytes, count };
        }),
      );
      requests = db.traffic().since(before).requests.read;
      await db.close();
      const { ms, result } = scan.result;
      if (result.count !== records) throw new Error(`Expected ${records} records, found ${result.count}.`);
      scans.push(result.bytes / MB / (ms / 1000));
      peaks.push(scan.peakMB);
      collectGarbage();
      for (const [atOnce, rates] of [[1, gets] as const, [AT_ONCE, parallel] as const]) {
        const get = await timed(() => getAll(raw.store, objects, atOnce, stage.signal));
        rates.push(get.result / MB / (get.ms / 1000));
        collectGarbage();
      }
    }
    const { network } = stage;
    const rss: Summary = summarize(peaks);
    const row = (what: string, samples: Summary): Row => ({
      measure: this.name,
      what: `list() of ${Math.round(scanBytes / MB)} MB in records of 1 KB`,
      network,
      unit: 'MB/s',
      ours: summarize(scans),
      baseline: { what: `GETs of 8 MiB, ${what}`, samples },
      facts: { segments, 'segment bytes': segmentBytes, requests, 'peak RSS, MB': Math.round(rss.p90) },
    });
    return [row('one after another', summarize(gets)), row(`${AT_ONCE} at once`, summarize(parallel))];
  },
};

async function putRaw(store: ObjectStore, bytes: number): Promise<string[]> {
  const names: string[] = [];
  for (let at = 0; at < bytes; at += OBJECT_BYTES) {
    const name = `object-${names.length}`;
    await store.put(name, noise(name, Math.min(OBJECT_BYTES, bytes - at)));
    names.push(name);
  }
  return names;
}

async function getAll(
  store: ObjectStore,
  objects: readonly string[],
  atOnce: number,
  signal: AbortSignal,
): Promise<number> {
  let bytes = 0;
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < objects.length) {
      signal.throwIfAborted();
      const name = objects[next++]!;
      const found = await store.get(name);
      bytes += found!.bytes.length;
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return bytes;
}

/** The whole process's, the SDK's buffers and earlier measures' garbage included. */
async function withPeakRss<T>(action: () => Promise<T>): Promise<{ result: T; peakMB: number }> {
  let peak = 0;
  const sample = (): void => {
    peak = Math.max(peak, process.memoryUsage.rss());
  };
  const timer = setInterval(sample, RSS_EVERY_MS);
  try {
    const result = await action();
    sample();
    return { result, peakMB: peak / MB };
  } finally {
    clearInterval(timer);
  }
}
