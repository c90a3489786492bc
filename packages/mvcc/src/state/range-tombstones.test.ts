import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RangeCovers } from './range-covers.js';
import { type Fragment, RangeTombstones, toRangeTombstone } from './range-tombstones.js';
import { fromStoredKey } from './space.js';
import { compareStamps, type Stamp } from './versionstamp.js';

/** Keys of one letter, so that each can be asked for. */
const LETTERS = 26;
const letter = (i: number): string => String.fromCharCode(97 + i);

const range: fc.Arbitrary<Fragment> = fc
  .record({
    at: fc.nat(LETTERS - 2),
    length: fc.integer({ min: 1, max: 12 }),
    version: fc.integer({ min: 1, max: 6 }),
    order: fc.nat(2),
  })
  .map(({ at, length, version, order }) => ({
    begin: letter(at),
    end: letter(Math.min(at + length, LETTERS - 1)),
    version,
    order,
  }));
const ranges = fc.array(range, { maxLength: 20 });

/** Who deleted each letter last. */
function newest(list: readonly Fragment[]): (Stamp | undefined)[] {
  return Array.from({ length: LETTERS }, (_, i) => {
    const over = list.filter(({ begin, end }) => begin <= letter(i) && letter(i) < end);
    const last = over.sort(compareStamps).at(-1);
    return last && { version: last.version, order: last.order };
  });
}

const stampOf = (found: Stamp | undefined): Stamp | undefined =>
  found && { version: found.version, order: found.order };

test('laid over one another in any order, of each key the newest is known', () => {
  fc.assert(
    fc.property(ranges, fc.nat(20), (list, cut) => {
      const whole = RangeTombstones.none.with(list.slice(0, cut)).with(list.slice(cut));
      const expected = newest(list);
      expect(Array.from(expected, (_, i) => stampOf(whole.over(letter(i))))).toEqual(expected);
      const fragments = [...whole.all()];
      for (const [i, { begin, end }] of fragments.entries()) {
        const next = fragments[i + 1];
        expect(begin < end).toBe(true);
        // One that touches the next has another stamp: there is one form for each state.
        if (next)
          expect(end < next.begin || (end === next.begin && compareStamps(fragments[i]!, next) !== 0)).toBe(
            true,
          );
      }
      expect(whole.size).toBe(fragments.length);
      expect(whole.bytes).toBe(RangeTombstones.none.with(fragments).bytes);
      if (fragments.length === 0) expect(whole.bytes).toBe(0);
    }),
  );
});

test('what is asked of a stretch is what its keys say', () => {
  fc.assert(
    fc.property(ranges, fc.nat(LETTERS - 1), fc.nat(LETTERS - 1), fc.nat(7), (list, a, b, version) => {
      const whole = RangeTombstones.none.with(list);
      const [from, to] = [Math.min(a, b), Math.max(a, b)];
      const expected = newest(list);
      const inside = expected.slice(from, to);
      expect(whole.isAnyAfter(letter(from), letter(to), version)).toBe(
        inside.some((stamp) => stamp !== undefined && stamp.version > version),
      );
      const part = RangeTombstones.none.with(whole.within(letter(from), letter(to)));
      expect(Array.from(expected, (_, i) => stampOf(part.over(letter(i))))).toEqual(
        expected.map((stamp, i) => (i >= from && i < to ? stamp : undefined)),
      );
      const later = whole.after(version);
      expect(Array.from(expected, (_, i) => stampOf(later.over(letter(i))))).toEqual(
        expected.map((stamp) => (stamp && stamp.version > version ? stamp : undefined)),
      );
    }),
  );
});

test('an older copy stays as it was', () => {
  const before = RangeTombstones.none.with([{ begin: 'b', end: 'd', version: 1, order: 0 }]);
  before.with([{ begin: 'a', end: 'z', version: 2, order: 0 }]);
  expect([...before.all()]).toEqual([{ begin: 'b', end: 'd', version: 1, order: 0 }]);
  expect(RangeTombstones.none.size).toBe(0);
});

test('a walk looks through all that it has come to know as if they were one', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(ranges, fc.boolean()), { maxLength: 4 }),
      fc.array(fc.nat(LETTERS - 1), { maxLength: 30 }),
      fc.nat(7),
      (lists, asked, version) => {
        const covers = new RangeCovers();
        const known: Fragment[] = [];
        for (const [list, isMemory] of lists) {
          const laid = RangeTombstones.none.with(list);
          if (isMemory) covers.addMemory(laid);
          else covers.addList(Array.from(laid.all(), toRangeTombstone));
          known.push(...list);
          const expected = newest(known);
          for (const i of asked) {
            expect(stampOf(covers.over(fromStoredKey(letter(i))))).toEqual(expected[i]);
            let past = i;
            while ((expected[past]?.version ?? 0) > version) past++;
            expect(covers.pastThoseAfter(version, fromStoredKey(letter(i)))).toEqual(
              fromStoredKey(letter(past)),
            );
          }
        }
      },
    ),
  );
});
