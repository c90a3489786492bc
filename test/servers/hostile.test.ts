// The engine in many processes, through a proxy that does what bad networks do, while processes and the store
// itself are killed. `npm run campaign:faults` is the same at any size; what it does and counts is in
// test/campaign/faults.
import { randomInt, randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { runFaults } from '../campaign/faults/conductor.mjs';
import { storeAt } from '../campaign/faults/places.mjs';
import { tableOf } from '../campaign/faults/table.mjs';
import { connectionOf, empty, startedByTool, wantedServers } from './server.js';

const transactions = Number(process.env.HOLDFAST_FAULTS_TRANSACTIONS ?? 2_000);
const seed = Number(process.env.HOLDFAST_CAMPAIGN_SEED ?? randomInt(2 ** 31));

for (const kind of wantedServers)
  describe(`a hostile world around ${kind}`, () => {
    test(`${transactions} acknowledged writes leave no anomaly`, async () => {
      const folder = mkdtempSync(join(tmpdir(), 'holdfast-faults-'));
      const place = { ...connectionOf(kind), kind, prefix: `faults/${randomUUID()}` };
      console.log(`HOLDFAST_CAMPAIGN_SEED=${seed}`);
      const report = await runFaults({
        place,
        folder,
        seed,
        transactions,
        // Elsewhere it is not ours to kill.
        storeRestarts: startedByTool(kind) ? 1 : 0,
        deadlineMs: 400_000,
      });
      console.log(tableOf([report]));
      expect(report.problems, `the diaries are in ${folder}`).toEqual([]);
      expect(report.acknowledged?.writes).toBeGreaterThanOrEqual(transactions);
      expect(report.counts.kills).toBeGreaterThan(0);
      expect(report.counts.pauses).toBeGreaterThan(0);
      for (const fate of ['resetBefore', 'resetAfter', 'cut', 'error500After', 'zombie', 'echo'])
        expect(report.proxy.fates[fate], fate).toBeGreaterThan(0);
      rmSync(folder, { recursive: true, force: true });
      await empty(storeAt(place));
    }, 700_000);
  });
