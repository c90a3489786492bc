/** One task of the memory measure: does it, tells its peak, ends. */
import { FileStore } from '@holdfast/object-store/file';
import type { MemoryAnswer, MemoryOrder } from './measures/memory.js';
import { importCounters, importRecords, openBench, ROW_BYTES, rowsOf } from './sample-state.js';

const { folder, task, amount } = JSON.parse(process.argv[2]!) as MemoryOrder;
const { signal } = new AbortController();

process.on('disconnect', () => process.exit());
const startedMs = performance.now();
const db = await openBench(new FileStore(folder));
let entries = 0;
if (task === 'import-counters') {
  await importCounters(db, amount, signal);
  entries = amount;
} else if (task === 'import-records') {
  entries = await importRecords(db, amount, signal, () => {});
} else if (task === 'load' || task === 'load-shuffled') {
  const rows = rowsOf(Math.ceil(amount / ROW_BYTES), task === 'load-shuffled');
  ({ entries } = await db.load(rows));
} else {
  for await (const { value } of (await db.snapshot()).list<Uint8Array>()) if (value.length > 0) entries++;
}
await db.close();
const answer: MemoryAnswer = {
  // Node says kibibytes (libuv, uv_getrusage).
  peakMB: (process.resourceUsage().maxRSS * 1024) / 1e6,
  seconds: (performance.now() - startedMs) / 1000,
  entries,
};
process.send!(answer, () => process.disconnect());
