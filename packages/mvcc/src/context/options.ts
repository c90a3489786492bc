/**
 * What a database is opened with.
 *
 * Invariants:
 * - Everything is checked before anything is asked of the store.
 * - What the engine works with is its own: keys and ids are copied at once, so that the caller may wipe them.
 */
import { isUint8Array } from '@holdfast/core';
import type { CryptoProvider } from '@holdfast/crypto';
import type { Clock, RandomBytes } from '@holdfast/object-store';
import { kindOf, takeOptions } from './call-options.js';
import type { DatabaseEvent } from './context.js';
import type { DatabaseKey } from './database-sealing.js';
import { refuseUnbacked, type UnbackedOptions } from './unbacked.js';

export interface OpenOptions extends UnbackedOptions {
  /** 32 bytes, 64 hex digits, a `KeyProvider`, or `'plaintext'`: the explicit way to have none. */
  readonly key: DatabaseKey | (string & {});
  /**
   * The database's id (`db.id`), 16 bytes or 32 hex digits. Another database here is then FORK, and an empty prefix
   * ROLLBACK: nothing is created. Without it an emptied prefix looks like a new one.
   */
  readonly id?: Uint8Array | string | undefined;
  /**
   * With `readOnly`: the version to open, instead of the newest. Nothing newer is looked at, so that a database whose
   * newest records are damaged can be read as it was before them. Nothing says then that it is as new as it could be.
   */
  readonly at?: number | undefined;
  /** Make the database if the prefix is empty. Default true. */
  readonly create?: boolean | undefined;
  /** Refuse every write, and create nothing. Default false. */
  readonly readOnly?: boolean | undefined;
  /**
   * Whether to check that the store honours conditional writes, before the first write through one that this
   * database has not used yet (`auto`), before the first write of every open (`always`), or never (`skip`).
   */
  readonly probe?: 'auto' | 'always' | 'skip' | undefined;
  /** Hard bound of the block cache, bytes. Default 64 MiB. */
  readonly cacheBytes?: number | undefined;
  /** `auto`: flush and compact in this process; `manual`: leave it to `maintain()`. */
  readonly maintenance?: 'auto' | 'manual' | undefined;
  /**
   * When flushes and compactions begin and what they make, for tests and simulations: with small sizes it happens often.
   * @internal
   */
  readonly compaction?:
    | { readonly segmentBytes?: number; readonly runsMax?: number; readonly tailBytesMax?: number }
    | undefined;
  /**
   * How long collected log slots stay empty before they are reused, milliseconds; default 24 h. Fixed when the database
   * is made; given later it is a check.
   */
  readonly graceMs?: number | undefined;
  /**
   * What time travel can reach, and `gc()` leaves alone: so many versions, and so many milliseconds by the store's clock;
   * whichever keeps more. Default 1000 versions and 24 h. Of this process's `gc()`: others may keep less.
   */
  readonly retention?: Partial<Retention> | undefined;
  /** How long a commit is tried before its outcome is given up on, milliseconds. Default 60 s. */
  readonly commitTimeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: RandomBytes | undefined;
  readonly crypto?: CryptoProvider | undefined;
  /** Told of what happens. It decides nothing: what it throws changes no answer. */
  readonly onEvent?: ((event: DatabaseEvent) => void) | undefined;
  /** Told of what `onEvent` throws, or rejects with. */
  readonly onError?: ((error: unknown) => void) | undefined;
}

/** The same, checked and the engine's own. */
export interface NormalisedOptions extends OpenOptions {
  readonly key: DatabaseKey;
  /** 16 bytes. */
  readonly id?: Uint8Array | undefined;
  readonly retention: Retention;
}

/** What time travel can reach; whichever keeps more. */
export interface Retention {
  /** So many versions before the newest. */
  readonly versions: number;
  /** And the state of every moment since so many milliseconds ago. */
  readonly ms: number;
}

const RETENTION_DEFAULT: Retention = Object.freeze({ versions: 1000, ms: 86_400_000 });

/** Below it no store answers soon enough. */
const GRACE_MS_MIN = 1000;
const KEY_BYTES = 32;
const ID_BYTES = 16;

/** Every option of `openDatabase`: another one is refused. `sequencer` is known in order to be refused by name. */
const OPEN_OPTIONS: readonly string[] = [
  'key',
  'id',
  'at',
  'create',
  'readOnly',
  'probe',
  'cacheBytes',
  'maintenance',
  'compaction',
  'graceMs',
  'retention',
  'commitTimeoutMs',
  'freshness',
  'sequencer',
  'signal',
  'clock',
  'random',
  'crypto',
  'onEvent',
  'onError',
];

/** @throws TypeError or RangeError, before anything is asked of the store. */
export function normaliseOptions(options: OpenOptions): NormalisedOptions {
  if (typeof options !== 'object' || options === null)
    throw new TypeError(
      `open: expected options with a key, such as { key: 32 bytes }, found ${kindOf(options)}.`,
    );
  const taken = takeOptions('open', options, OPEN_OPTIONS as (keyof OpenOptions & string)[]);
  const key = takeKey(taken.key);
  const id = taken.id === undefined ? undefined : takeId(taken.id);
  const { at, cacheBytes, graceMs, commitTimeoutMs, probe, maintenance, create, readOnly, onEvent, onError } =
    taken;
  for (const [name, value] of Object.entries({ cacheBytes, graceMs, commitTimeoutMs }))
    if (value !== undefined && !(typeof value === 'number' && value >= 0))
      throw new RangeError(`${name}: expected a number from 0, found ${String(value)}.`);
  if (cacheBytes !== undefined && !Number.isSafeInteger(cacheBytes))
    throw new RangeError(`cacheBytes: expected a whole number of bytes, found ${cacheBytes}.`);
  if (graceMs !== undefined && !(Number.isSafeInteger(graceMs) && graceMs >= GRACE_MS_MIN))
    throw new RangeError(
      `graceMs: expected whole milliseconds from ${GRACE_MS_MIN}, found ${graceMs}. Half of it is the longest that a request may take.`,
    );
  checkChoice('probe', probe, ['auto', 'always', 'skip']);
  checkChoice('maintenance', maintenance, ['auto', 'manual']);
  for (const [name, value] of Object.entries({ create, readOnly }))
    if (value !== undefined && typeof value !== 'boolean')
      throw new TypeError(`${name}: expected a boolean, found ${kindOf(value)}.`);
  for (const [name, value] of Object.entries({ onEvent, onError }))
    if (value !== undefined && typeof value !== 'function')
      throw new TypeError(`${name}: expected a function, found ${kindOf(value)}.`);
  if (at !== undefined && !(Number.isSafeInteger(at) && at >= 1))
    throw new RangeError(`at: expected a version from 1, found ${String(at)}.`);
  if (at !== undefined && readOnly !== true)
    throw new TypeError('at: expected readOnly: true beside it, because an older version takes no writes.');
  refuseUnbacked('open', taken);
  return { ...taken, key, id, retention: takeRetention(taken.retention) };
}

function takeKey(key: unknown): DatabaseKey {
  if (key === 'plaintext') return key;
  if (isUint8Array(key) && key.length === KEY_BYTES) return Uint8Array.from(key);
  const decoded = typeof key === 'string' ? fromHex(key, KEY_BYTES) : undefined;
  if (decoded) return decoded;
  if (isKeyProvider(key)) return key;
  // What a text holds may be a mistyped key: only its length is told.
  const found = isUint8Array(key)
    ? `${key.length} bytes`
    : typeof key === 'string'
      ? `a string of ${key.length} characters`
      : key === undefined
        ? 'nothing'
        : kindOf(key);
  throw new TypeError(
    `key: expected ${KEY_BYTES} bytes, ${2 * KEY_BYTES} hex digits, a KeyProvider ({ wrap, unwrap }) or 'plaintext', found ${found}.`,
  );
}

/** @throws TypeError or RangeError. */
export function takeRetention(retention: OpenOptions['retention']): Retention {
  if (retention === undefined) return RETENTION_DEFAULT;
  if (typeof retention !== 'object' || retention === null)
    throw new TypeError(`retention: expected { versions, ms }, found ${kindOf(retention)}.`);
  const { versions, ms } = {
    ...RETENTION_DEFAULT,
    ...takeOptions('retention', retention, ['versions', 'ms']),
  };
  if (!(Number.isSafeInteger(versions) && versions >= 0))
    throw new RangeError(`retention.versions: expected a whole number from 0, found ${String(versions)}.`);
  if (!(typeof ms === 'number' && ms >= 0))
    throw new RangeError(`retention.ms: expected milliseconds from 0, found ${String(ms)}.`);
  return { versions, ms };
}

function takeId(id: unknown): Uint8Array {
  if (isUint8Array(id) && id.length === ID_BYTES) return Uint8Array.from(id);
  const decoded = typeof id === 'string' ? fromHex(id, ID_BYTES) : undefined;
  if (decoded) return decoded;
  throw new TypeError(
    `id: expected a database's id, ${ID_BYTES} bytes or ${2 * ID_BYTES} hex digits, found ${isUint8Array(id) ? `${id.length} bytes` : typeof id === 'string' ? JSON.stringify(id) : kindOf(id)}.`,
  );
}

function fromHex(text: string, length: number): Uint8Array | undefined {
  if (text.length !== 2 * length || !/^[0-9a-f]*$/i.test(text)) return undefined;
  return Uint8Array.from({ length }, (_, i) => Number.parseInt(text.slice(2 * i, 2 * i + 2), 16));
}

function isKeyProvider(key: unknown): key is Exclude<DatabaseKey, Uint8Array | string> {
  const { wrap, unwrap } = (key ?? {}) as Record<string, unknown>;
  return typeof wrap === 'function' && typeof unwrap === 'function';
}

function checkChoice(name: string, found: string | undefined, choices: readonly string[]): void {
  if (found === undefined || choices.includes(found)) return;
  const expected = choices.map((choice) => `'${choice}'`).join(', ');
  throw new TypeError(`${name}: expected one of ${expected}, found ${JSON.stringify(found)}.`);
}
