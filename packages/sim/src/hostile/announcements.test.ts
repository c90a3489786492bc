/** The engine's decoder of intents beside the second reader: both read the same, and refuse the same. */
import { type Intent, openIntent, parseIntentName, type SegmentDescriptor } from '@holdfast/core';
import { beforeAll, describe, expect, test } from 'vitest';
import { Random } from '../world/random.js';
import type { Num } from './bytes.js';
import { type EveryField, makeEveryField } from './every-field.js';
import { FAULTS_OF_ANNOUNCEMENTS } from './every-intent-faults.js';
import type { Announced, Brought, Content } from './intent-layout.js';
import { edited, mutate } from './mutator.js';
import { rebuild } from './rebuild.js';
import { hex, openWorld, provider, type World } from './world.js';

let written: EveryField;
let world: World;
beforeAll(async () => {
  written = await makeEveryField();
  world = await openWorld(written.image);
});

const STAGED = [undefined, 'bulk', 'stream'];
const MUTATIONS = ['add', 'max', 'min'];

/** What the engine has read, as the second reader says it. */
function contentOf(intent: Intent, nonce: Uint8Array): Content {
  const { flush, transactions, ...said } = intent;
  return {
    nonce,
    ...said,
    hasFlush: flush ? 1 : 0,
    ...(flush ? { flush: { ...flush, runs: flush.runs.map((run) => run.map(broughtOf)) } } : {}),
    transactions: transactions.map(announcedOf),
  };
}

function announcedOf(transaction: Intent['transactions'][number]): Announced {
  const { readVersion, nowMs, reads, rangeDeletes, staged, changes } = transaction;
  return {
    readVersion,
    nowMs,
    reads: {
      points: [...reads.points],
      ranges: reads.ranges.map(({ begin, end }) => (end ? { begin, hasEnd: 1, end } : { begin, hasEnd: 0 })),
    },
    ranges: [...rangeDeletes],
    staged: STAGED.indexOf(staged?.kind),
    ...(staged ? { segments: staged.segments.map(broughtOf) } : {}),
    changes: changes.map((change) => {
      const { key } = change;
      if ('mutations' in change) {
        const each = change.mutations.map(({ kind, operand }) => ({
          kind: MUTATIONS.indexOf(kind),
          operand,
        }));
        return { key, mutations: each };
      }
      const { value, expiresMs, stream } = change;
      const form = value === undefined ? 0 : (stream ? 2 : 1) + (expiresMs === undefined ? 0 : 16);
      return { key, form, value, ...(expiresMs === undefined ? {} : { expires: expiresMs }) };
    }),
  };
}

function broughtOf({ rangeBegin, rangeEnd, earliestExpiryMs, ...said }: SegmentDescriptor): Brought {
  const hull = said.ranges === 0 ? {} : { rangeBegin, rangeEnd };
  return { ...said, ...hull, earliestExpiry: earliestExpiryMs };
}

describe("the engine's decoder of intents", () => {
  async function opened(name: string, bytes: Uint8Array): Promise<Awaited<ReturnType<typeof openIntent>>> {
    const { databaseId, epoch } = world.intents.get(name)!.envelope;
    const epochKey = (of: number): Promise<Uint8Array> => world.keys!.epochKey(of);
    const sealing = { provider, suite: 1, databaseId, currentEpoch: epoch, epochKey, random: never } as const;
    return openIntent(sealing, bytes, parseIntentName(name)!);
  }
  const never = (): Uint8Array => {
    throw new Error('Nothing is sealed.');
  };

  test('reads what the second reader does, and calls it by the same hash', async () => {
    expect(world.intents.size).toBe(5);
    for (const [name, { hash, content }] of world.intents) {
      const found = await opened(name, written.image.get(name)!);
      expect(hex(found.hash)).toBe(hex(hash));
      expect(contentOf(found.intent, content.nonce)).toEqual(content);
    }
  });

  test.each(FAULTS_OF_ANNOUNCEMENTS)('refuses %s', async (_, change) => {
    const { changes } = await rebuild(world, change(world));
    for (const [name, bytes] of changes)
      await expect(opened(name, bytes as Uint8Array)).rejects.toMatchObject({ code: 'CORRUPT' });
  });

  test('reads or refuses what the second reader does, of whatever a key holder seals', {
    timeout: 60_000,
  }, async () => {
    const outcomes = { read: 0, refused: 0 };
    const names = [...world.intents].filter(([, { k }]) => k > 1).map(([name]) => name);
    for (let seed = 0; seed < 1500; seed++) {
      const random = new Random(seed, 'intents');
      const name = random.pick(names);
      const lies = new Map<object, Num>();
      const inText = random.chance(0.25);
      const { changes, intents, refusedIntents } = await rebuild(world, {
        lies,
        intents: new Map([[name, (content) => (inText ? undefined : mutate(content, random, lies))]]),
        ...(inText ? { edit: (_, bytes) => edited(bytes, random) } : {}),
      });
      const found = await opened(name, changes.get(name) as Uint8Array).catch((error: unknown) => error);
      const refused = refusedIntents.get(name);
      if (found instanceof Error) {
        expect([seed, refused]).toEqual([seed, expect.any(String)]);
        expect(found).toMatchObject({ code: 'CORRUPT' });
        outcomes.refused++;
      } else {
        expect([seed, refused]).toEqual([seed, undefined]);
        const { content } = intents.get(name)!;
        expect(contentOf((found as Awaited<ReturnType<typeof opened>>).intent, content.nonce)).toEqual(
          content,
        );
        outcomes.read++;
      }
    }
    expect(outcomes.read).toBeGreaterThan(100);
    expect(outcomes.refused).toBeGreaterThan(100);
  });
});
