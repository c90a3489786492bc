// Writes a database over and over, and says what it weighs once what is dead was merged and collected:
//
//   npm run campaign:overwrite -- <location> [rows] [rounds]
//
// Rows are 20-byte keys with 400 incompressible bytes each. The location must be empty. The grace period is short, and
// nothing is retained but the newest version. Ends with an error unless all that is there is live, and verified.
import { randomBytes } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { open } from '../../../packages/holdfast/dist/index.js';

const [location, rowsText = '100000', roundsText = '10'] = process.argv.slice(2);
const [rows, rounds] = [Number(rowsText), Number(roundsText)];
if (!location || location.startsWith('-') || !(rows > 0) || !(rounds > 0)) {
  console.log('Usage: npm run campaign:overwrite -- <location> [rows (100000)] [rounds (10)]');
  process.exit(location === '--help' ? 0 : 2);
}
const GRACE_MS = 1500;
const ROW_BYTES = 420;
const MB = 1e6;

const db = await open(location, {
  key: randomBytes(32),
  graceMs: GRACE_MS,
  retention: { versions: 0, ms: 0 },
  maintenance: 'manual',
});
function* entries() {
  for (let i = 0; i < rows; i++) yield [['row', String(i).padStart(13, '0')], randomBytes(400)];
}
const removedOf = ({ removed }) => Object.values(removed).reduce((sum, { objects }) => sum + objects, 0);
const startedMs = performance.now();
for (let round = 1; round <= rounds; round++) {
  await db.load(entries());
  const { jobs, bytesWritten } = await db.compact();
  const removed = removedOf(await db.gc());
  const { segments } = db.stats();
  const rss = process.memoryUsage.rss() / MB;
  console.log(
    `round ${round}: ${jobs} merges, ${(bytesWritten / MB).toFixed(0)} MB written by them, ${segments} segments, ${removed} objects deleted, ${rss.toFixed(0)} MB resident`,
  );
}
await db.compact({ all: true });
// Two floors a grace period apart, and each is a record: what was dead before the first is gone after it.
for (let floors = 0; floors < 4; floors++) {
  await setTimeout(GRACE_MS + 100);
  await db.gc();
}
const seconds = (performance.now() - startedMs) / 1000;
const { bytesOut } = db.traffic();
const report = await db.verify({ deep: true });
const written = rows * ROW_BYTES * rounds;
console.log(
  `live: ${((rows * ROW_BYTES) / MB).toFixed(1)} MB in ${report.entries} entries; in the store: ${(report.bytes / MB).toFixed(1)} MB, and ${report.unreferenced} objects that nothing names`,
);
console.log(
  `space ${(report.bytes / (rows * ROW_BYTES)).toFixed(2)}, write amplification ${(bytesOut / written).toFixed(2)}, ${seconds.toFixed(0)} s, ${(process.resourceUsage().maxRSS / 1000).toFixed(0)} MB resident at most`,
);
for (const problem of report.problems) console.log(`BAD  ${problem}`);
await db.close();
if (!report.ok || report.unreferenced > 0 || report.entries !== rows) process.exitCode = 1;
