/**
 * A process that increments counters, one call after the other, until it has made all of its calls or is killed.
 * Started again, it goes on where its journal ends: the call that was open is sent again under its request id, or
 * without one is given up as unknown.
 *
 * Argument: the plan (`increments.ts`) as JSON. Tells its parent of each call that ended.
 */
import { open } from 'holdfast';
import { callOf, totalKey } from './calls.mjs';
import { nowMs, openJournal, readJournal } from './journal.mjs';

const plan = JSON.parse(process.argv[2]);
const { location, worker, calls, requestIds } = plan;
const known = readJournal(plan.journal);
const journal = openJournal(plan.journal);
const db = await open(location, { key: Buffer.from(plan.key, 'hex') });

// Whoever started this is gone: nobody counts what would still be done.
process.on('disconnect', () => process.exit(1));

let last = known.at(-1);
if (last?.state === 'open' && !requestIds) {
  journal.write({ n: last.n, state: 'unknown' });
  last = { ...last, state: 'unknown' };
}
for (let n = last === undefined ? 0 : last.state === 'open' ? last.n : last.n + 1; n < calls; n++) {
  if (known[n] === undefined) journal.write({ n, state: 'open', begunMs: nowMs() });
  await settle(n);
  const { commits, transactions, conflicts, rebases, flushes } = db.stats();
  process.send?.({ commits, transactions, conflicts, rebases, flushes });
}
journal.close();
await db.close();
process.exit(0);

/** Makes call `n` until its outcome is known, or can't be. @param {number} n */
async function settle(n) {
  const options = requestIds ? { requestId: `${worker}/${n}`, input: [worker, n] } : {};
  const { counter, add, total } = callOf(plan, worker, n);
  for (;;) {
    const sentMs = nowMs();
    try {
      const result = await db.transact(async (tx) => {
        const key = ['counter', counter];
        if (total) tx.add(totalKey, 1);
        if (add) return void tx.add(key, 1);
        const next = ((await tx.get(key)) ?? 0) + 1;
        tx.set(key, next);
        return next;
      }, options);
      const endedMs = nowMs();
      journal.write({ n, state: 'done', endedMs, latencyMs: endedMs - sentMs, result: result ?? null });
      return;
    } catch (error) {
      process.send?.({ failure: `${error.code ?? error.name}: ${error.message}` });
      // Only what may pass: everything else ends this process, and the campaign with it.
      const passes = ['UNAVAILABLE', 'OUTCOME_UNKNOWN', 'CONFLICT'].includes(error.code);
      if (!passes) throw error;
      if (requestIds || !error.maybeCommitted) continue;
      journal.write({ n, state: 'unknown' });
      return;
    }
  }
}
