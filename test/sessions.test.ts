/**
 * Sessions: requests numbered by their caller, in one entry for all of them. At most once, the right result, the
 * right stamp, bounded space.
 */
import type { Database, Outcome, SessionRequest } from '@holdfast/mvcc';
import { MemoryStore } from '@holdfast/object-store';
import { FaultyStore } from '@holdfast/object-store/testing';
import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { expectCode, openTestDatabase } from './support/database.js';

const isLog = (name: string): boolean => name.startsWith('log/');

let memory: MemoryStore;
let db: Database;

beforeEach(async () => {
  memory = new MemoryStore();
  db = await openTestDatabase(memory, { probe: 'skip' });
});

const s = (number: number, settled?: number): SessionRequest => ({ session: 's', number, settled });

/** Counts how often it took effect, and marks by which transaction. */
function send(handle: Database, requestId: SessionRequest, input: unknown = 1): Promise<string> {
  const { number } = requestId;
  return handle.transact(
    (tx) => {
      tx.add(['times', number], 1);
      tx.set(['by', number], input);
      return `result ${number} of ${String(input)}`;
    },
    { requestId, input },
  );
}

async function effects(handle: Database, number: number): Promise<number> {
  return (await handle.get<number>(['times', number])) ?? 0;
}

async function stampOf(handle: Database, number: number): Promise<object> {
  const { version, versionstamp } = (await handle.getEntry(['by', number]))!;
  return { version, versionstamp };
}

describe('a number of a session', () => {
  test('acts once, and a repeated call gets the first one’s result', async () => {
    expect(await send(db, s(1))).toBe('result 1 of 1');
    expect(await send(db, s(1))).toBe('result 1 of 1');
    expect(await send(await openTestDatabase(memory), s(1))).toBe('result 1 of 1');
    expect(await effects(db, 1)).toBe(1);
  });

  test('with another input is refused', async () => {
    await send(db, s(1), 'a');
    await expectCode(send(db, s(1), 'b'), 'REQUEST_MISMATCH');
    expect(await effects(db, 1)).toBe(1);
  });

  test('that its caller has settled does not act again, and outcome() says so', async () => {
    await send(db, s(1));
    await send(db, s(2));
    const error = await expectCode(send(db, s(1)), 'REQUEST_SETTLED');
    expect(error).toMatchObject({ maybeCommitted: false, retryable: false });
    expect(error.message).toContain('Request 1 of session "s"');
    expect(await db.outcome(s(1))).toEqual({ status: 'settled' });
    expect(await db.outcome(s(1), { close: true })).toEqual({ status: 'settled' });
    expect(await effects(db, 1)).toBe(1);
  });

  test('that was never sent and is settled by a later one never acts', async () => {
    await send(db, s(7));
    await expectCode(send(db, s(6)), 'REQUEST_SETTLED');
    expect(await effects(db, 6)).toBe(0);
  });

  test('that was closed never acts, whoever sends it; a later one settles it', async () => {
    expect(await db.outcome(s(1))).toEqual({ status: 'open' });
    expect(await db.outcome(s(1), { close: true })).toEqual({ status: 'closed' });
    await expectCode(send(await openTestDatabase(memory), s(1)), 'REQUEST_CLOSED');
    expect(await db.outcome(s(1))).toEqual({ status: 'closed' });
    await send(db, s(2));
    await expectCode(send(db, s(1)), 'REQUEST_SETTLED');
    expect(await db.outcome(s(2), { close: true })).toMatchObject({ status: 'committed' });
    expect([await effects(db, 1), await effects(db, 2)]).toEqual([0, 1]);
  });

  test('is another in another session, and no text request', async () => {
    await send(db, s(1), 'a');
    const other = { session: 't', number: 1 };
    expect(await db.outcome(other)).toEqual({ status: 'open' });
    expect(await db.outcome('s')).toEqual({ status: 'open' });
    await db.set('x', 1, { requestId: other });
    expect(await db.outcome(other)).toMatchObject({ status: 'committed', result: undefined });
  });

  test('may come in any order while those below are not settled', async () => {
    for (const number of [3, 1, 2]) await send(db, s(number, 0));
    for (const number of [1, 2, 3]) {
      expect(await send(db, s(number, 0))).toBe(`result ${number} of 1`);
      expect(await db.outcome(s(number))).toEqual({
        status: 'committed',
        result: `result ${number} of 1`,
        ...(await stampOf(db, number)),
      });
    }
  });

  test('whose body throws leaves nothing behind and may be sent again', async () => {
    const fail = db.transact(
      (tx) => {
        tx.set('x', 1);
        throw new Error('no');
      },
      { requestId: s(5), input: 1 },
    );
    await expect(fail).rejects.toThrow('no');
    expect([await db.get('x'), await db.outcome(s(5))]).toEqual([undefined, { status: 'open' }]);
    await send(db, s(4));
    expect(await send(db, s(5))).toBe('result 5 of 1');
  });

  test('of set, delete and deleteRange answers with the first one’s stamp', async () => {
    const first = await db.set('x', 1, { requestId: s(1, 0) });
    const second = await db.delete('x', { requestId: s(2, 0) });
    const third = await db.deleteRange({ prefix: 'none' }, { requestId: s(3, 0) });
    await db.set('x', 2);
    expect(await db.set('x', 1, { requestId: s(1, 0) })).toEqual(first);
    expect(await db.delete('x', { requestId: s(2, 0) })).toEqual(second);
    expect(await db.deleteRange({ prefix: 'none' }, { requestId: s(3, 0) })).toEqual(third);
    await expectCode(db.set('x', 3, { requestId: s(1, 0) }), 'REQUEST_MISMATCH');
    await expectCode(db.set('y', 1, { requestId: s(1, 0) }), 'REQUEST_MISMATCH');
    await expectCode(db.delete('x', { requestId: s(1, 0) }), 'REQUEST_MISMATCH');
    expect(await db.get('x')).toBe(2);
  });
});

describe('`settled`', () => {
  test('never goes back: a smaller one does not bring a number back', async () => {
    await send(db, s(5, 4));
    await send(db, s(6, 0));
    await expectCode(send(db, s(4, 0)), 'REQUEST_SETTLED');
    expect(await send(db, s(5, 0))).toBe('result 5 of 1');
  });

  test('of a caller with several under way keeps what it has not heard of', async () => {
    for (let number = 1; number <= 4; number++) await send(db, s(number, 0));
    await send(db, s(5, 2));
    for (const number of [1, 2]) await expectCode(send(db, s(number, 0)), 'REQUEST_SETTLED');
    for (const number of [3, 4, 5]) expect(await send(db, s(number, 2))).toBe(`result ${number} of 1`);
  });

  test('given to a repeated call, which writes nothing, changes nothing', async () => {
    await send(db, s(1, 0));
    await send(db, s(3, 0));
    await send(db, s(3, 2));
    expect(await send(db, s(1, 0))).toBe('result 1 of 1');
    expect(await send(db, s(2, 0))).toBe('result 2 of 1');
  });
});

describe('the space of a session', () => {
  /** Bytes of the newest record: it carries the whole state of so small a database. */
  const recordBytes = async (): Promise<number> =>
    [...memory.objects()].filter(([name]) => isLog(name)).sort(([a], [b]) => (a < b ? -1 : 1))[0]![1].length;
  const touch = (number: number): Promise<unknown> => db.set('x', 1, { requestId: s(number) });

  test('is one entry of the same size, however many requests it makes', async () => {
    for (let number = 1; number <= 100; number++) await touch(number);
    const before = await recordBytes();
    for (let number = 101; number <= 400; number++) await touch(number);
    expect((await recordBytes()) - before).toBeLessThan(600);
    await db.flush();
    expect(db.stats().segmentEntries).toBe(2);
  });

  test('is bounded: a number too far ahead of the settled ones is refused', async () => {
    expect(await send(db, s(1024, 0))).toBe('result 1024 of 1');
    const error = await expectCode(send(db, s(1025, 0)), 'LIMIT_EXCEEDED');
    expect(error.message).toContain('settled');
    expect(error).toMatchObject({ maybeCommitted: false });
    await expectCode(db.outcome(s(1025, 0), { close: true }), 'LIMIT_EXCEEDED');
    expect(await send(db, s(1025, 1))).toBe('result 1025 of 1');
    expect(await effects(db, 1025)).toBe(1);
  });

  test('is used in order: a slip far ahead of what was used settles nothing', async () => {
    await send(db, s(1));
    for (const slip of [s(10 ** 9), s(10 ** 9, 10 ** 9 - 5), { session: 'new', number: 1025 }, s(1026)]) {
      const error = await expectCode(send(db, slip), 'LIMIT_EXCEEDED');
      expect(error.message).toContain('1024 above the highest that the session has used');
      await expectCode(db.outcome(slip, { close: true }), 'LIMIT_EXCEEDED');
    }
    expect(await send(db, s(2))).toBe('result 2 of 1');
    expect(await send(db, s(1026))).toBe('result 1026 of 1');
    expect(await send(db, { session: 'new', number: 1024 })).toBe('result 1024 of 1');
  });

  test('is bounded in bytes too; the lowest number and closing are always possible', async () => {
    const big = (number: number, settled = 0): Promise<number> =>
      db
        .transact(() => new Uint8Array(400_000).fill(number), { requestId: s(number, settled) })
        .then((result) => result[0]!);
    expect([await big(2), await big(3)]).toEqual([2, 3]);
    await expectCode(big(4), 'LIMIT_EXCEEDED');
    expect(await db.outcome(s(4, 0))).toEqual({ status: 'open' });
    expect(await big(1)).toBe(1);
    expect(await db.outcome(s(5, 0), { close: true })).toEqual({ status: 'closed' });
    expect(await big(4, 2)).toBe(4);
    expect([await big(3), await big(4)]).toEqual([3, 4]);
  });

  test('that another process has freed is seen before a number is refused', async () => {
    for (const isolation of ['serializable', 'snapshot'] as const) {
      const session = isolation;
      await db.set('x', 1, { requestId: { session, number: 1, settled: 0 } });
      const other = await openTestDatabase(memory);
      await other.set('x', 2, { requestId: { session, number: 1024, settled: 1023 } });
      const requestId = { session, number: 1030, settled: 0 };
      expect(await db.transact(() => 'in', { requestId, isolation })).toBe('in');
    }
  });
});

describe('what a session keeps survives', () => {
  test('flushes and restarts, in the tail and in segments', async () => {
    for (let number = 1; number <= 6; number++) {
      await send(db, s(number, 0));
      if (number % 2 === 0) await db.flush();
      const again = await openTestDatabase(memory);
      for (let past = 1; past <= number; past++) {
        expect(await send(again, s(past, 0))).toBe(`result ${past} of 1`);
        expect(await again.outcome(s(past))).toMatchObject(await stampOf(again, past));
      }
      db = again;
    }
    await db.flush();
    await send(db, s(7, 6));
    await expectCode(send(await openTestDatabase(memory), s(6, 0)), 'REQUEST_SETTLED');
  });

  test.each(['a', 'x'.repeat(5000)])(
    'large transactions, the result inline or in a segment',
    async (result) => {
      const large = (number: number): Promise<string> =>
        db.transact(
          (tx) => {
            for (let i = 0; i < 12; i++) tx.set(['large', number, i], 'x'.repeat(60_000));
            tx.add('times', 1);
            tx.set(['by', number], number);
            return result + number;
          },
          { requestId: s(number, 0) },
        );
      for (const number of [1, 2, 3]) await large(number);
      db = await openTestDatabase(memory);
      for (const number of [1, 2, 3]) {
        expect(await large(number)).toBe(result + number);
        expect(await db.outcome(s(number))).toMatchObject(await stampOf(db, number));
      }
      expect(await db.get('times')).toBe(3);
    },
  );

  test('a lost answer: the caller sends it again', async () => {
    const faulty = new FaultyStore(memory);
    const writer = await openTestDatabase(faulty);
    for (let number = 1; number <= 5; number++) {
      faulty.loseResponseAfter('put', { when: isLog });
      await send(writer, s(number));
      await send(writer, s(number));
      expect(await effects(db, number)).toBe(1);
    }
  });
});

describe('many numbers of one session at once', () => {
  const numbers = Array.from({ length: 40 }, (_, i) => i + 1);
  const check = async (): Promise<void> => {
    for (const number of numbers) {
      expect(await effects(db, number)).toBe(1);
      expect(await db.outcome(s(number))).toMatchObject({
        status: 'committed',
        result: `result ${number} of 1`,
        ...(await stampOf(db, number)),
      });
    }
  };

  test('in one process share records, and each keeps the stamp of its own transaction', async () => {
    const { version } = db;
    await Promise.all(numbers.map((number) => send(db, s(number, 0))));
    expect(db.version - version).toBeLessThan(10);
    expect(db.stats().reruns).toBeGreaterThan(20);
    await check();
  });

  test('in several processes, each sent by all of them, some through records that lose their slot', async () => {
    const others = await Promise.all([1, 2].map(() => openTestDatabase(memory, { probe: 'skip' })));
    await Promise.all(
      [db, ...others].flatMap((handle) => numbers.map((number) => send(handle, s(number, 0)))),
    );
    expect(others.reduce((sum, other) => sum + other.stats().rebases, db.stats().rebases)).toBeGreaterThan(0);
    await check();
  });

  test('under snapshot isolation too', async () => {
    const other = await openTestDatabase(memory);
    const add = (handle: Database, number: number): Promise<unknown> =>
      handle.transact((tx) => tx.add('n', number), {
        requestId: s(number, 0),
        input: number,
        isolation: 'snapshot',
      });
    await Promise.all(numbers.flatMap((number) => [add(db, number), add(other, number)]));
    expect(await db.get('n')).toBe((40 * 41) / 2);
  });
});

/** What a session is, in a few lines. */
class Model {
  settled = 0;
  readonly ended = new Map<number, { input: number } | 'closed'>();

  status(number: number): Outcome['status'] {
    const known = this.ended.get(number);
    if (known === undefined) return number <= this.settled ? 'settled' : 'open';
    return known === 'closed' ? 'closed' : 'committed';
  }

  /** What a call answers: a result, or an error's code. */
  send(number: number, settled: number, input: number): string {
    const status = this.status(number);
    if (status === 'settled') return 'REQUEST_SETTLED';
    if (status === 'closed') return 'REQUEST_CLOSED';
    if (status === 'open') return this.#end(number, settled, { input }) ?? `result ${number} of ${input}`;
    const first = this.ended.get(number) as { input: number };
    return first.input === input ? `result ${number} of ${input}` : 'REQUEST_MISMATCH';
  }

  close(number: number, settled: number): string {
    const status = this.status(number);
    return status === 'open' ? (this.#end(number, settled, 'closed') ?? 'closed') : status;
  }

  #end(number: number, settled: number, how: { input: number } | 'closed'): string | undefined {
    const used = Math.max(this.settled, ...this.ended.keys());
    if (number - used > 1024) return 'LIMIT_EXCEEDED';
    const next = Math.max(this.settled, settled);
    if (number - next > 1024) return 'LIMIT_EXCEEDED';
    this.settled = next;
    this.ended.set(number, how);
    for (const past of this.ended.keys()) if (past <= next) this.ended.delete(past);
    return undefined;
  }
}

type Step =
  | { kind: 'send' | 'close'; handle: number; number: number; behind: number; input: number; lost: boolean }
  | { kind: 'flush'; handle: number }
  | { kind: 'reopen'; handle: number };

const number = fc.oneof(
  { weight: 20, arbitrary: fc.integer({ min: 1, max: 12 }) },
  { weight: 1, arbitrary: fc.constantFrom(1020, 1030, 1040, 9000) },
);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      kind: fc.constantFrom('send' as const, 'send' as const, 'send' as const, 'close' as const),
      handle: fc.nat(1),
      number,
      // How far `settled` is behind the number.
      behind: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 12 }), fc.constant(10_000)),
      input: fc.oneof({ weight: 5, arbitrary: fc.constant(1) }, { weight: 1, arbitrary: fc.constant(2) }),
      lost: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constantFrom('flush' as const, 'reopen' as const), handle: fc.nat(1) }),
  },
);

const codeOf = (error: { code?: string }): string => error.code ?? String(error);

class Handles {
  readonly store = new MemoryStore();
  readonly faulty: FaultyStore[] = [];
  readonly open: Database[] = [];

  static async make(): Promise<Handles> {
    const handles = new Handles();
    for (const handle of [0, 1]) await handles.reopen(handle);
    return handles;
  }

  async reopen(handle: number): Promise<void> {
    await this.open[handle]?.close();
    this.faulty[handle] = new FaultyStore(this.store);
    this.open[handle] = await openTestDatabase(this.faulty[handle]!, {
      probe: 'skip',
      maintenance: 'manual',
    });
  }

  async run(step: Step): Promise<string> {
    const db = this.open[step.handle]!;
    if (step.kind === 'flush') return String(await db.flush());
    if (step.kind === 'reopen') return String(await this.reopen(step.handle));
    const { number, behind, input, lost } = step;
    const requestId = s(number, Math.max(0, number - behind));
    if (lost) this.faulty[step.handle]!.clear();
    if (lost) this.faulty[step.handle]!.loseResponseAfter('put', { when: isLog });
    return step.kind === 'send'
      ? send(db, requestId, input).catch(codeOf)
      : db.outcome(requestId, { close: true }).then(({ status }) => status, codeOf);
  }

  async close(): Promise<void> {
    await Promise.all(this.open.map((db) => db.close()));
  }
}

describe('any history of a session', () => {
  test('one call after the other, answers as the model does', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const handles = await Handles.make();
        const model = new Model();
        const times = new Map<number, number>();
        for (const step of steps) {
          const answer = await handles.run(step);
          if (step.kind !== 'send' && step.kind !== 'close') continue;
          const { number, behind, input } = step;
          const settled = Math.max(0, number - behind);
          const wasOpen = model.status(number) === 'open';
          const expected =
            step.kind === 'send' ? model.send(number, settled, input) : model.close(number, settled);
          expect(answer).toBe(expected);
          if (step.kind === 'send' && wasOpen && expected.startsWith('result')) times.set(number, 1);
          for (const seen of [number, 1, 5, 12]) {
            const outcome = await handles.open[1 - step.handle]!.outcome(s(seen));
            expect(outcome.status).toBe(model.status(seen));
            if (outcome.status !== 'committed') continue;
            expect(outcome).toMatchObject(await stampOf(handles.open[0]!, seen));
          }
        }
        for (const number of new Set(steps.map((step) => ('number' in step ? step.number : 1))))
          expect(await effects(handles.open[0]!, number)).toBe(times.get(number) ?? 0);
        await handles.close();
      }),
      { numRuns: 60 },
    );
  });

  test('many calls at once, acts at most once and answers alike', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(step, { minLength: 1, maxLength: 8 }), { maxLength: 8 }),
        async (rounds) => {
          const handles = await Handles.make();
          const results = new Map<number, Set<string>>();
          const closed = new Set<number>();
          for (const round of rounds) {
            // A handle that closes while others use it is another test's business.
            const calls = round.filter((step) => step.kind !== 'reopen');
            const answers = await Promise.all(calls.map((step) => handles.run(step)));
            for (const [i, step] of calls.entries()) {
              const answer = answers[i]!;
              if (step.kind === 'close' && answer === 'closed') closed.add(step.number);
              if (step.kind !== 'send') continue;
              expect(answer).toMatch(/^result|^REQUEST_|^LIMIT_EXCEEDED$/);
              if (!answer.startsWith('result')) continue;
              results.set(step.number, (results.get(step.number) ?? new Set()).add(answer));
            }
            for (const step of round) if (step.kind === 'reopen') await handles.run(step);
          }
          for (const number of new Set(rounds.flat().map((step) => ('number' in step ? step.number : 1)))) {
            const answers = results.get(number) ?? new Set();
            expect(await effects(handles.open[0]!, number)).toBe(answers.size);
            if (closed.has(number)) expect(answers.size).toBe(0);
            const outcome = await handles.open[1]!.outcome(s(number));
            if (outcome.status === 'committed')
              expect(outcome).toMatchObject({
                result: [...answers][0],
                ...(await stampOf(handles.open[0]!, number)),
              });
          }
          await handles.close();
        },
      ),
      { numRuns: 60 },
    );
  });
});
