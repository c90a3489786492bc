/**
 * The transactions that clients run. Each knows beforehand what it will write, so that it can be looked for
 * later whatever its client heard.
 */
import type { Key } from '@holdfast/core';
import type { Database, Transaction as EngineTransaction } from '@holdfast/mvcc';
import type { Operation } from '../check/history.js';
import type { Random } from '../world/random.js';
import { jobProgram } from './jobs.js';
import type { Around, AskOptions, Program, ProgramSettings, Result } from './program.js';
import { rangeProgram, sweepAccounts } from './ranges.js';
import { blindProgram } from './stamps.js';
import { streamProgram } from './streams.js';

export const BALANCE = 100;
export const ACCOUNTS = 6;
export const SLOTS_PER_GROUP = 3;
const LARGE_VALUES = 3;
const LARGE_BYTES = 190_000;

export type WritingRole =
  | 'lists'
  | 'registers'
  | 'transfers'
  | 'claims'
  | 'slots'
  | 'adds'
  | 'large'
  | 'careless'
  | 'forgets'
  | 'nested'
  | 'sweeps'
  | 'ranges'
  | 'expiry'
  | 'streams'
  | 'blind'
  | 'jobs';

export function makeProgram(
  role: WritingRole,
  id: number,
  random: Random,
  settings: ProgramSettings,
): Program {
  const { keys, padBytes } = settings;
  switch (role) {
    case 'lists':
      return listProgram(id, random, keys, padBytes);
    case 'registers':
      return registerProgram(id, random, keys);
    case 'transfers':
      return transfer(id, random);
    case 'claims':
      return marked(id, role, async (tx) => {
        tx.set(['seat', await tx.count({ prefix: ['seat'] })], id);
        return true;
      });
    case 'slots': {
      const group = random.below(3);
      return marked(id, role, async (tx) => {
        if ((await tx.count({ prefix: ['slot', group] })) >= SLOTS_PER_GROUP) return false;
        tx.set(['slot', group, id], true);
        return true;
      });
    }
    case 'adds': {
      const counter = random.below(keys);
      return marked(id, role, async (tx) => {
        tx.add(['counter', counter], 1);
        return true;
      });
    }
    case 'large':
      return marked(id, role, async (tx) => {
        for (let i = 0; i < LARGE_VALUES; i++) tx.set(['large', id, i], largeValue(id, i));
        return true;
      });
    case 'careless':
      return careless(id, random);
    case 'forgets':
      return forgetful(id, random.chance(0.3));
    case 'nested':
      return nested(id);
    case 'sweeps':
      return marked(id, role, (tx, around) => sweepAccounts(tx, around, BALANCE));
    case 'ranges':
      return rangeProgram(id, 'field', random, settings);
    case 'expiry':
      return rangeProgram(id, 'lease', random, settings);
    case 'streams':
      return streamProgram(id);
    case 'blind':
      return blindProgram(id);
    case 'jobs':
      return jobProgram(id);
  }
}

/** Keys that tell later whether a transaction is in the state: `['mark', role, id]`. */
function marked(
  id: number,
  role: WritingRole,
  write: (tx: EngineTransaction, around: Around) => Promise<boolean>,
  mark: unknown = true,
): Program {
  return {
    id,
    role,
    certain: [],
    async body(tx, around) {
      const wrote = await write(tx, around);
      if (wrote) tx.set(['mark', role, id], mark);
      return { operations: [], wrote };
    },
  };
}

function transfer(id: number, random: Random): Program {
  const from = random.below(ACCOUNTS);
  const to = (from + 1 + random.below(ACCOUNTS - 1)) % ACCOUNTS;
  const amount = 1 + random.below(60);
  const write = async (tx: EngineTransaction, { pause }: Around): Promise<boolean> => {
    const [has = BALANCE, gets = BALANCE] = await tx.getMany<number>([
      ['account', from],
      ['account', to],
    ]);
    await pause();
    if (has < amount) return false;
    tx.set(['account', from], has - amount);
    tx.set(['account', to], gets + amount);
    return true;
  };
  return marked(id, 'transfers', write, { from, to, amount });
}

function listProgram(id: number, random: Random, keys: number, padBytes: number): Program {
  const steps = Array.from({ length: 1 + random.below(4) }, (_, i) => ({
    key: random.below(keys),
    element: random.chance(0.6) ? id * 8 + i : undefined,
  }));
  return {
    id,
    role: 'lists',
    certain: steps.flatMap(({ key, element }) =>
      element === undefined ? [] : [{ op: 'append', key: `list ${key}`, element } as const],
    ),
    async body(tx, { pause }) {
      const operations: Operation[] = [];
      for (const { key, element } of steps) {
        const elements = (await tx.get<number[]>(['list', key])) ?? [];
        operations.push({ op: 'list', key: `list ${key}`, elements });
        await pause();
        if (element === undefined) continue;
        tx.set(['list', key], [...elements, element]);
        operations.push({ op: 'append', key: `list ${key}`, element });
        if (padBytes > 0) tx.set(['pad', id % 5], 'x'.repeat(padBytes));
      }
      return { operations, wrote: steps.some(({ element }) => element !== undefined) };
    },
  };
}

function registerProgram(id: number, random: Random, keys: number): Program {
  const steps = Array.from({ length: 1 + random.below(4) }, (_, i) => ({
    key: random.below(keys),
    value: random.chance(0.5) ? id * 8 + i : undefined,
  }));
  return {
    id,
    role: 'registers',
    certain: steps.flatMap(({ key, value }) =>
      value === undefined ? [] : [{ op: 'write', key: `register ${key}`, value } as const],
    ),
    async body(tx, { pause }) {
      const operations: Operation[] = [];
      for (const { key, value } of steps) {
        await pause();
        if (value !== undefined) {
          tx.set(['register', key], value);
          operations.push({ op: 'write', key: `register ${key}`, value });
        } else {
          const found = (await tx.get<number>(['register', key])) ?? null;
          operations.push({ op: 'read', key: `register ${key}`, value: found });
        }
      }
      return { operations, wrote: steps.some(({ value }) => value !== undefined) };
    },
  };
}

/** What `careless` writes: as it was handed in. */
export function carelessMark(id: number): { id: number; bytes: Uint8Array; untouched: boolean } {
  return { id, bytes: new Uint8Array(8).fill(id & 0xff), untouched: true };
}

/** Hands in a key and a value, and uses both for something else as soon as the call has returned its promise. */
function careless(id: number, random: Random): Program {
  const handIn = <T>(write: (key: [string, string, number], value: object) => T): T => {
    const key: [string, string, number] = ['mark', 'careless', id];
    const value = carelessMark(id);
    const writing = write(key, value);
    key[2] = -id;
    value.untouched = false;
    value.bytes.fill(255);
    return writing;
  };
  const body = async (tx: EngineTransaction): Promise<Result> => {
    handIn((key, value) => tx.set(key, value));
    return { operations: [], wrote: true };
  };
  const plain: Program = { id, role: 'careless', certain: [], body };
  const result: Result = { operations: [], wrote: true };
  switch (random.below(3)) {
    case 0:
      return plain;
    case 1: {
      const ask = (db: Database, options: AskOptions): Promise<unknown> =>
        handIn((key, value) => db.set(key, value, options));
      return { ...plain, own: { result, ask } };
    }
    default: {
      const ask = (db: Database): Promise<unknown> =>
        handIn((key, value) => db.atomic().set(key, value)).commit();
      return { ...plain, nameless: true, own: { result, ask } };
    }
  }
}

const NO_KEY = [{}] as unknown as Key;

/** Reads without awaiting it, sometimes what can't be read: then nothing happens, and nobody's process ends. */
function forgetful(id: number, fails: boolean): Program {
  const program = marked(id, 'forgets', async (tx) => {
    void tx.get(['mark', 'forgets', id - 1]);
    void tx.getMany([
      ['list', 0],
      ['counter', 0],
    ]);
    void tx.count({ prefix: ['seat'] });
    if (fails) void tx.get(NO_KEY);
    return true;
  });
  return fails ? { ...program, nameless: true, refused: 'TypeError' } : program;
}

/**
 * A transaction of another database in the body, which always loses to a write of that one: its conflict is not this
 * transaction's, which runs once and ends with it.
 */
function nested(id: number): Program {
  const program: Program = {
    id,
    role: 'nested',
    certain: [],
    nameless: true,
    refused: 'CONFLICT',
    runs: 0,
    async body(tx, { other }) {
      program.runs!++;
      tx.set(['mark', 'nested', id], true);
      const db = await other();
      await db.transact(
        async (inner) => {
          await inner.get('read');
          await db.set('read', id);
          inner.set('written', id);
        },
        { maxRetries: 0 },
      );
      return { operations: [], wrote: true };
    },
  };
  return program;
}

/** Bytes that can be told from every other large value's. */
export function largeValue(id: number, index: number): Uint8Array {
  const bytes = new Uint8Array(LARGE_BYTES + index).fill((id * 31 + index) & 0xff);
  new DataView(bytes.buffer).setUint32(0, id);
  return bytes;
}
