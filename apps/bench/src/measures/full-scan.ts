/** A walk over a whole state, against GETs of as many bytes as plain objects; and the memory it takes. */
import type { ObjectStore } from '@holdfast/object-store';
import { collectGarbage, type Measure, type Row, type Stage, timed } from '../measure.js';
import { importRecords, noise, openBench } from '../sample-state.js';
import { type Summary, summarize } from '../stats.js';

const OBJECT_BYTES = 8 * 1024 * 1024;
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
      const get = await timed(async () => {
        let bytes = 0;
        for (const name of objects) {
          stage.signal.throwIfAborted();
          bytes += (await raw.store.get(name))!.bytes.length;
        }
        return bytes;
      });
      gets.push(get.result / MB / (get.ms / 1000));
    }
    const { network } = stage;
    const rss: Summary = summarize(peaks);
    return [
      {
        measure: this.name,
        what: `list() of ${Math.round(scanBytes / MB)} MB in records of 1 KB`,
        network,
        unit: 'MB/s',
        ours: summarize(scans),
        baseline: { what: 'GETs of 8 MiB, one after another', samples: summarize(gets) },
        facts: { segments, 'segment bytes': segmentBytes, requests, 'peak RSS, MB': Math.round(rss.p90) },
      },
    ];
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
