// Many processes, killed at random, over a folder and over real servers. `npm run campaign` runs every variant at
// full size on every store; the leg in CI runs those that differ.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { minioStore } from '@holdfast/backend-minio';
import { s3Store } from '@holdfast/backend-s3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Style } from '../campaign/calls.mjs';
import { type CampaignReport, runCampaign } from '../campaign/increments.js';
import { connectionOf, empty, freshPrefix, type Server, wantedServers } from './server.js';

interface Variant {
  readonly style: Style;
  readonly requestIds: boolean;
  readonly stops: number;
}

const hot = { style: 'hot', requestIds: false, stops: 0 } as const;
const hotWithIds = { style: 'hot', requestIds: true, stops: 3 } as const;
const spread = { style: 'spread', requestIds: false, stops: 3 } as const;
const spreadWithIds = { style: 'spread', requestIds: true, stops: 0 } as const;
const mixed = { style: 'mixed', requestIds: true, stops: 3 } as const;

const variantsOf = (name: string): readonly Variant[] => {
  if (full) return [hot, hotWithIds, spread, spreadWithIds, mixed];
  return name === 'minio' ? [hotWithIds, spread] : [hot, spreadWithIds];
};

interface Place {
  readonly location: string;
  readonly env: Record<string, string>;
  readonly cleanup: () => Promise<void>;
}

const workers = 8;
const full = process.env.HOLDFAST_CAMPAIGN === 'full';
// A commit takes a server several times as long as a folder: at full size these alone would take the leg's time.
const callsOn = (name: string): number =>
  Number(process.env.HOLDFAST_CAMPAIGN_CALLS ?? (full || name === 'file' ? 500 : 150));
const timeoutMs = 900_000;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-campaign-'));
});
// Thousands of files, perhaps on a busy disk.
afterEach(() => rmSync(folder, { recursive: true, force: true }), 120_000);

const places: Record<string, () => Place> = {
  file: () => ({ location: `file:${folder}/db`, env: {}, cleanup: async () => {} }),
  ...(wantedServers.includes('minio') && {
    minio: () => {
      const server = connectionOf('minio');
      const prefix = freshPrefix();
      const { host } = new URL(server.endpoint);
      return {
        location: `minio://${host}/${server.bucket}/${prefix}?tls=0`,
        env: environmentOf(server),
        cleanup: () => empty(minioStore({ ...server, prefix, credentials: server })),
      };
    },
  }),
  ...(wantedServers.includes('ceph') && {
    ceph: () => {
      const server = connectionOf('ceph');
      const prefix = freshPrefix();
      const { bucket, region, endpoint } = server;
      const parameters = new URLSearchParams({ region, endpoint, pathStyle: '1', ifMatch: 'unquoted' });
      return {
        location: `s3://${bucket}/${prefix}?${parameters}`,
        env: environmentOf(server),
        cleanup: () =>
          empty(
            s3Store({ bucket, region, endpoint, prefix, credentials: server, ifMatchQuoting: 'unquoted' }),
          ),
      };
    },
  }),
};

function environmentOf({ accessKeyId, secretAccessKey }: Server): Record<string, string> {
  return { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey };
}

for (const [name, open] of Object.entries(places)) {
  const calls = callsOn(name);
  describe(`${workers} processes x ${calls} increments on ${name}`, () => {
    for (const variant of variantsOf(name)) {
      test(
        titleOf(variant),
        async () => {
          const { location, env, cleanup } = open();
          try {
            const report = await runCampaign({
              ...variant,
              location,
              env,
              folder,
              workers,
              calls,
              kills: Math.ceil((workers * calls) / 160),
              timeoutMs,
            });
            const { found, ...numbers } = report;
            console.log(`${name}, ${titleOf(variant)}: ${JSON.stringify(numbers)}`);
            expectClean(report, variant, workers * calls);
          } finally {
            await cleanup();
          }
        },
        timeoutMs + 120_000,
      );
    }
  });
}

function titleOf({ style, requestIds, stops }: Variant): string {
  const counters = { hot: 'one counter', spread: '100 counters', mixed: '10 counters, also by add' }[style];
  return `${counters}, ${requestIds ? 'with request ids' : 'without request ids'}${stops ? ', some stopped for a while' : ''}`;
}

function expectClean(report: CampaignReport, { requestIds, stops }: Variant, total: number): void {
  expect(report.problems, `HOLDFAST_CAMPAIGN_SEED=${report.seed}`).toEqual([]);
  expect(report.kills).toBeGreaterThan(0);
  if (stops > 0) expect(report.stops).toBeGreaterThan(0);
  expect(report.acknowledged + report.unknown).toBe(total);
  if (requestIds) expect(report.found.counters.reduce((sum, [, value]) => sum + value, 0)).toBe(total);
}
