import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type CampaignReport, runCampaign } from './campaign/increments.js';

// The small campaign; test/servers/campaign.test.ts has the large ones.
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-campaign-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const small = { workers: 4, calls: 40, kills: 3, timeoutMs: 60_000 };

function expectClean({ seed, problems, kills }: CampaignReport): void {
  expect(problems, `HOLDFAST_CAMPAIGN_SEED=${seed}`).toEqual([]);
  expect(kills).toBeGreaterThan(0);
}

describe('processes that share a folder, some of them killed', () => {
  test('lose no increment of one counter, and double none', async () => {
    const location = `file:${folder}/db`;
    const report = await runCampaign({ ...small, location, folder, style: 'hot', requestIds: false });
    expectClean(report);
    expect(report.acknowledged + report.unknown).toBe(160);
  }, 90_000);

  test('come to the exact sum when they repeat open calls under their request ids', async () => {
    const location = `file:${folder}/db`;
    const report = await runCampaign({ ...small, location, folder, style: 'mixed', requestIds: true });
    expectClean(report);
    expect(report.found.total).toBe(160);
  }, 90_000);
});
