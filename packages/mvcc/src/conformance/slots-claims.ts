/** Claims: a slot has one owner, and keeps it. */
import { StoreError } from '@holdfast/object-store';
import { ConformanceError, expectEqual } from '@holdfast/object-store/conformance';
import type { Slots } from '../context/slots.js';
import { type Cases, expectSlot, noise, text } from './cases.js';

type Answer = 'created' | 'occupied' | 'unknown' | 'not sent';

/** What a claim answers; a failure only where the contract has one. */
async function claimOf(slots: Slots, n: number, bytes: Uint8Array): Promise<Answer> {
  try {
    const answer: unknown = await slots.claim(n, bytes);
    if (answer === 'created' || answer === 'occupied') return answer;
    throw new ConformanceError(`a claim of slot ${n}`, 'created or occupied', answer);
  } catch (error) {
    if (error instanceof StoreError && error.code === 'UNKNOWN_OUTCOME') return 'unknown';
    if (error instanceof StoreError && error.code === 'UNAVAILABLE') return 'not sent';
    if (error instanceof ConformanceError) throw error;
    throw new ConformanceError(`a claim of slot ${n}`, 'an answer or a StoreError', error);
  }
}

export const claimCases: Cases = {
  'a claim of an empty slot creates it': async (context) => {
    expectEqual('the claim', await context.slots.claim(1, text('first')), 'created');
    await expectSlot(context, 1, text('first'));
  },
  'a claim of a slot that has an owner is occupied and changes nothing': async (context) => {
    const { slots, peer } = context;
    await slots.claim(1, text('first'));
    for (const claimer of [slots, peer]) {
      for (const bytes of [text('second'), text('firs'), text('first and more'), new Uint8Array(1)]) {
        expectEqual('a later claim', await claimer.claim(1, bytes), 'occupied');
        await expectSlot(context, 1, text('first'));
      }
    }
  },
  'of racing claims of one slot one wins, and everyone reads its bytes': async (context) => {
    const { slots, peer, racers, rounds } = context;
    for (let n = 1; n <= rounds; n++) {
      const name = (i: number): string => `racer ${i} of slot ${n}`;
      const race = Array.from({ length: racers }, async (_, i) => {
        const own = i % 2 === 0 ? slots : peer;
        const answer = await claimOf(own, n, text(name(i)));
        // Who is answered looks at once, while others are still on their way.
        const isAnswered = answer === 'created' || answer === 'occupied';
        const seen = isAnswered ? await own.read(n) : undefined;
        return { i, answer, isAnswered, seen };
      });
      const ended = await Promise.allSettled(race);
      const failed = ended.find((end) => end.status === 'rejected');
      if (failed) throw failed.reason;
      const all = ended.flatMap((end) => (end.status === 'fulfilled' ? [end.value] : []));
      const kept = await slots.read(n);
      const owner = all.find(({ i }) => kept && new TextDecoder().decode(kept) === name(i));
      const winners = all.filter(({ answer }) => answer === 'created').map(({ i }) => name(i));
      // Whoever owns it was told so, or was told that nobody knows; nobody else was told so.
      const told = owner?.answer === 'unknown' ? [] : owner ? [name(owner.i)] : ['one of the racers'];
      expectEqual(`winners of the race for slot ${n}`, winners, told);
      for (const { i, isAnswered, seen } of all)
        if (isAnswered) expectEqual(`slot ${n}, read by racer ${i}`, seen, kept);
      await expectSlot(context, n, kept);
    }
  },
  'the same bytes claimed again stay what they are': async (context) => {
    const { slots, peer, racers } = context;
    const bytes = noise(5_000);
    const answers = await Promise.all(
      Array.from({ length: racers }, (_, i) => claimOf(i % 2 === 0 ? slots : peer, 1, bytes.slice())),
    );
    if (!answers.some((answer) => answer === 'created' || answer === 'unknown'))
      throw new ConformanceError('the same bytes claimed at once', 'one that is created', answers);
    await expectSlot(context, 1, bytes);
    for (const claimer of [slots, peer, slots]) {
      await claimOf(claimer, 1, bytes);
      await expectSlot(context, 1, bytes);
    }
    expectEqual('a claim of other bytes', await peer.claim(1, noise(5_000, 2)), 'occupied');
    await expectSlot(context, 1, bytes);
  },
  'claims of different slots do not hinder each other': async (context) => {
    const { slots, peer, length } = context;
    // In order, and by two: each claims what the other has not.
    for (let n = 1; n <= length; n++)
      expectEqual(
        `the claim of slot ${n}`,
        await (n % 2 ? slots : peer).claim(n, text(`of ${n}`)),
        'created',
      );
    for (let n = 1; n <= length; n++) await expectSlot(context, n, text(`of ${n}`));
    await expectSlot(context, length + 1, undefined);
  },
};
