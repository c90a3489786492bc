/** Which intents count on a record, and what the next record says of them (decision 0021). */
import { type DecidedIntent, type Intents, toHex } from '@holdfast/core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkIntentsFollow } from '../log/intents-follow.js';
import { counts, decidedOf, type IntentPlace, tableAfter } from './intents-table.js';

const writer = (n: number): Uint8Array => new Uint8Array(16).fill(n >>> 8).fill(n & 0xff, 8);
const decided = (n: number, k: number, version: number): DecidedIntent => ({
  writerId: writer(n),
  k,
  hash: new Uint8Array(32).fill(k),
  version,
  verdicts: [{ kind: 'committed', order: 0 }],
});
const table = (floor: number, ...entries: DecidedIntent[]): Intents => ({ floor, decided: entries });
const place = (n: number, k: number, base = 0): IntentPlace => ({ writerId: writer(n), k, base });

describe('an intent counts', () => {
  const parent = table(10, decided(1, 3, 20), decided(4, 1, 12));

  test.each<[string, IntentPlace, boolean]>([
    ['with the number after its writer’s last', place(1, 4), true],
    ['with that number, however old its base is', place(4, 2, 1), true],
    ['not with the number that was decided', place(1, 3), false],
    ['not with a lower one', place(1, 1, 100), false],
    ['not with one left out', place(1, 5), false],
    ['as the first of a writer that is not known, with a base at the floor', place(2, 1, 10), true],
    ['not as such with a base below the floor', place(2, 1, 9), false],
    ['not as a later one of a writer that is not known', place(2, 2, 100), false],
    ['not as a first one once more', place(4, 1, 100), false],
  ])('%s', (_, intent, does) => {
    expect(counts(parent, intent)).toBe(does);
  });
});

test('a writer is found among any number of them, and no other is', () => {
  for (const size of [0, 1, 2, 3, 100]) {
    const known = table(0, ...Array.from({ length: size }, (_, i) => decided(2 * i + 1, i + 1, 5)));
    for (let n = 0; n <= 2 * size; n++)
      expect(decidedOf(known, writer(n))?.k).toBe(n % 2 === 1 ? (n + 1) / 2 : undefined);
  }
});

describe('the next table', () => {
  test('is the same one where nothing was decided and nobody is to go', () => {
    const parent = table(3, decided(1, 1, 4));
    expect(tableAfter(parent, [], 5)).toBe(parent);
  });

  test('has one entry for a writer, its newest, in ascending order', () => {
    const parent = table(3, decided(1, 1, 4), decided(5, 2, 4));
    const next = tableAfter(parent, [decided(9, 1, 5), decided(5, 3, 5), decided(3, 1, 5)], 5);
    expect(next).toEqual(table(3, decided(1, 1, 4), decided(3, 1, 5), decided(5, 3, 5), decided(9, 1, 5)));
    expect(parent.decided).toHaveLength(2);
  });

  test('drops who was quiet for 1024 records, and raises the floor to what those that go need', () => {
    const parent = table(3, decided(1, 1, 10), decided(2, 1, 11), decided(3, 1, 12));
    expect(tableAfter(parent, [], 1_033)).toBe(parent);
    expect(tableAfter(parent, [], 1_035)).toEqual(table(11, decided(3, 1, 12)));
  });

  test('never lowers the floor', () => {
    expect(tableAfter(table(50, decided(1, 1, 10)), [], 1_034)).toEqual(table(50));
  });

  test('drops sooner where more than 128 writers are known', () => {
    const crowd = Array.from({ length: 129 }, (_, i) => decided(i, 1, 300 + i));
    expect(tableAfter(table(0, ...crowd.slice(0, 128)), [], 430).decided).toHaveLength(128);
    const next = tableAfter(table(0, ...crowd), [], 430);
    expect(next.floor).toBe(302);
    expect(next.decided).toEqual(crowd.slice(3));
  });

  test('keeps who was quiet for long, but is decided now', () => {
    expect(tableAfter(table(0, decided(1, 1, 10)), [decided(1, 2, 5_000)], 5_000)).toEqual(
      table(0, decided(1, 2, 5_000)),
    );
  });

  test('a writer that was dropped has nothing left that counts, and begins with a new base', () => {
    const next = tableAfter(table(0, decided(1, 7, 10)), [], 2_000);
    expect(counts(next, place(1, 8, 1_999))).toBe(false);
    // Its first intent was decided in 10 at the latest, so its base is below that.
    expect(counts(next, place(1, 1, 9))).toBe(false);
    expect(counts(next, place(2, 1, 10))).toBe(true);
  });
});

test('tables one after the other follow the rules of the log, and no intent counts twice', () => {
  const step = fc.record({
    /** Records that go by without an intent. */
    idle: fc.constantFrom(0, 1, 40, 130, 1_100),
    intents: fc.array(fc.record({ n: fc.nat(300), k: fc.integer({ min: 1, max: 4 }), age: fc.nat(200) }), {
      maxLength: 60,
    }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
      let before = { version: 1, intents: table(0) };
      // With its base: a first intent is known by it, as by the content that its writer id is made of.
      const counted = new Set<string>();
      const basesOf = new Map<number, number>();
      const go = (chosen: readonly DecidedIntent[]): void => {
        const version = before.version + 1;
        const intents = tableAfter(before.intents, chosen, version);
        checkIntentsFollow(before, { version, body: { intents, transactions: [{}] } }, true);
        before = { version, intents };
      };
      for (const { idle, intents } of steps) {
        for (let left = idle; left > 0; left--) go([]);
        const chosen = new Map<number, DecidedIntent>();
        for (const { n, k, age } of intents) {
          // One writer id has one first intent.
          const base = basesOf.get(n) ?? Math.max(0, before.version - age);
          if (chosen.has(n) || !counts(before.intents, place(n, k, base))) continue;
          basesOf.set(n, base);
          expect(counted.has(`${n}/${k}`)).toBe(false);
          counted.add(`${n}/${k}`);
          chosen.set(n, decided(n, k, before.version + 1));
        }
        go([...chosen.values()]);
        const ids = before.intents.decided.map(({ writerId }) => toHex(writerId));
        expect(ids).toEqual([...new Set(ids)].sort());
      }
    }),
    { numRuns: 25 },
  );
});
