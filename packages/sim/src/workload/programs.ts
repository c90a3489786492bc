/**
 * The transactions that clients run. Each knows beforehand what it will write, so that it can be looked for
 * later whatever its client heard.
 */
import { type Key, STREAM_PART_BYTES } from '@holdfast/core';
import type { Database, Transaction as EngineTransaction, RequestId } from '@holdfast/mvcc';
import type { Operation } from '../check/history.js';
import type { Random } from '../world/random.js';
import type { Role, Scenario } from '../world/scenario.js';

export const BALANCE = 100;
export const ACCOUNTS = 6;
export const SLOTS_PER_GROUP = 3;
const LARGE_VALUES = 3;
const LARGE_BYTES = 190_000;

/** What a body returns: a value that can be stored, since a repeated request gets it again. */
export interface Result {
  readonly operations: readonly Operation[];
  /** Whether it wrote what it is for; a transfer without funds does not. */
  readonly wrote: boolean;
}

export interface Program {
  readonly id: number;
  readonly role: Role;
  /** Of the history's operations, those that it makes whatever it reads. */
  readonly certain: readonly Operation[];
  body(tx: EngineTransaction, around: Around): Promise<Result>;
  /** In place of a transaction with that body: a call of its own, of which only this result is known. */
  readonly own?: {
    readonly result: Result;
    ask(db: Database, options: AskOptions, around: Around): Promise<unknown>;
  };
  /** It takes no request id. */
  readonly nameless?: true;
  /** It always fails, with this code or error's name, and nothing of it happens. */
  readonly refused?: string;
  /** How often the body has run; kept where it may run once only. */
  runs?: number;
}

/** What a body may use besides its transaction. */
export interface Around {
  /** Lets virtual time pass between two operations. */
  pause(): Promise<void>;
  /** Another database of the machine's. */
  other(): Promise<Database>;
}

export interface AskOptions {
  readonly requestId?: RequestId | undefined;
  readonly signal?: AbortSignal | undefined;
}

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
  | 'streams';

/** What of a scenario programs depend on. */
export type ProgramSettings = Pick<Scenario, 'keys' | 'padBytes'>;

export function makeProgram(
  role: WritingRole,
  id: number,
  random: Random,
  { keys, padBytes }: ProgramSettings,
): Program {
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
    case 'streams':
      return stream(id, random);
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

/** Writes a stream chunk by chunk, now and then so slowly that others come between. Its key is its own mark. */
function stream(id: number, random: Random): Program {
  const chunkBytes = 1 + random.below(40_000);
  const result: Result = { operations: [], wrote: true };
  return {
    id,
    role: 'streams',
    certain: [],
    body: async () => result,
    own: {
      result,
      ask: (db, options, { pause }) => {
        const bytes = streamBytes(id);
        async function* source(): AsyncGenerator<Uint8Array> {
          for (let at = 0; at < bytes.length; at += chunkBytes) {
            yield bytes.subarray(at, at + chunkBytes);
            if (at < 3 * chunkBytes) await pause();
          }
        }
        return db.setStream(['mark', 'streams', id], source(), options);
      },
    },
  };
}

/** What a stream holds: some have no bytes, few have two parts. */
export function streamBytes(id: number): Uint8Array {
  const length = id % 5 === 0 ? 0 : id % 37 === 0 ? STREAM_PART_BYTES + id : (id * 7919) % 100_000;
  const words = new Uint32Array(Math.ceil(length / 4)).fill(Math.imul(id, 2654435761));
  return new Uint8Array(words.buffer, 0, length);
}

/** Bytes that can be told from every other large value's. */
export function largeValue(id: number, index: number): Uint8Array {
  const bytes = new Uint8Array(LARGE_BYTES + index).fill((id * 31 + index) & 0xff);
  new DataView(bytes.buffer).setUint32(0, id);
  return bytes;
}
