/**
 * Several databases at one log, each with a way of its own to the store, by one clock that stands still: what meets
 * one of them meets it alone, and time is what the store's answers take.
 */
import {
  type AnnouncedTransaction,
  concatBytes,
  type DecidedIntent,
  decodeRecordHeader,
  encodeKey,
  encodeValue,
  equalBytes,
  INTENT_PREFIX,
  type Intent,
  intentName,
  type Key,
  type LogRecord,
  openIntent,
  openRecord,
  parseIntentName,
  recordName,
  type SealedIntent,
  type Sealing,
  sealIntent,
} from '@holdfast/core';
import { defaultProvider } from '@holdfast/crypto';
import {
  type Database,
  type DatabaseEvent,
  type OpenOptions,
  openDatabase,
  type Transaction,
} from '@holdfast/mvcc';
import { MemoryStore, type PutOptions, type PutResult } from '@holdfast/object-store';
import {
  type Call,
  FaultyStore,
  GatedStore,
  ManualClock,
  seededRandom,
} from '@holdfast/object-store/testing';
import { SlowStore } from './slow-store.js';

export const ROUND_TRIP_MS = 50;
/** So many records are more than enough for whatever is waited for. */
const RECORDS_MAX = 60;
export const isIntent = (key: string): boolean => key.startsWith(INTENT_PREFIX);
/** A body that reads the counter `n`, and writes it. */
export const increment = async (tx: Transaction): Promise<void> => {
  tx.set('n', ((await tx.get<number>('n')) ?? 0) + 1);
};
export const isLog = (key: string): boolean => key.startsWith('log/');

/** As the user's keys are stored. */
export const storedKey = (key: Key): Uint8Array => concatBytes(Uint8Array.of(1), encodeKey(key));

/** Keeps every intent that was ever put, as it was first. */
class Server extends MemoryStore {
  readonly intents = new Map<string, Uint8Array>();

  override put(name: string, bytes: Uint8Array, options: PutOptions = {}): Promise<PutResult> {
    if (isIntent(name) && !this.intents.has(name)) this.intents.set(name, bytes.slice());
    return super.put(name, bytes, options);
  }
}

export interface Rival {
  readonly db: Database;
  /** What its calls meet. */
  readonly faults: FaultyStore;
  /** Which of its calls are held back while its gate is shut: its records unless told. */
  held: (call: Call) => boolean;
  readonly gate: GatedStore;
  readonly events: DatabaseEvent[];
}

export class Rivals {
  readonly clock: ManualClock = new ManualClock();
  readonly server: Server = new Server();
  #opened = 0;
  #id: Uint8Array | undefined;

  /**
   * @param options.random of its own unless given.
   * @param roundTripMs what each answer of the store takes to get to it.
   */
  async open(options: Partial<OpenOptions> = {}, roundTripMs: number = ROUND_TRIP_MS): Promise<Rival> {
    const slow = new SlowStore(this.server, this.clock, 'log/');
    slow.ms = roundTripMs;
    const gate = new GatedStore(slow, { open: true, when: (call) => rival.held(call) });
    const faults = new FaultyStore(gate, { clock: this.clock });
    const events: DatabaseEvent[] = [];
    const opening = openDatabase(faults, {
      key: 'plaintext',
      probe: 'skip',
      maintenance: 'manual',
      clock: this.clock,
      random: seededRandom(++this.#opened),
      onEvent: (event) => events.push(event),
      ...options,
    });
    const held = ({ kind, key }: Call): boolean => kind === 'put' && isLog(key);
    const rival = { held, gate, faults, events } as { -readonly [K in keyof Rival]: Rival[K] };
    rival.db = await this.clock.runUntil(opening);
    this.#id = rival.db.id;
    return rival;
  }

  /** Lets time pass until it has ended. */
  run<T>(work: Promise<T>): Promise<T> {
    return this.clock.runUntil(work);
  }

  /** Two databases, the newest record made by the first of them, which knows of the other: what that has, it announces. */
  async contended(options: Partial<OpenOptions> = {}): Promise<[leader: Rival, other: Rival]> {
    const leader = await this.open(options);
    const other = await this.open(options);
    await this.lead(leader, other);
    return [leader, other];
  }

  /** Has `leader` find somebody's intent where it looks for rivals, in a row of records of its own. */
  async lead(leader: Rival, other: Rival): Promise<void> {
    await this.run(leader.db.get('busy'));
    await this.announce({ base: leader.db.version, transactions: [this.write('stranger', 1)] });
    do await this.busy(leader, 1);
    while (!(await this.isLeading(leader)));
    await this.run(other.db.get('busy'));
  }

  /** Whether the newest record that it knows is its own, and says that it goes on. */
  async isLeading({ db }: Rival): Promise<boolean> {
    const { contended, successor, writerId } = (await this.record(db.version)).body;
    return contended && successor !== undefined && equalBytes(successor, writerId);
  }

  /** A transaction that has read nothing, and writes one key. */
  write(key: Key, value: unknown, readVersion = 1): AnnouncedTransaction {
    return {
      readVersion,
      nowMs: this.clock.now(),
      reads: { points: [], ranges: [] },
      rangeDeletes: [],
      changes: [{ key: storedKey(key), value: encodeValue(value) }],
    };
  }

  /** Commits one after the other, so that what others have announced is carried. */
  async busy(rival: Rival, records: number): Promise<void> {
    for (let n = 0; n < records; n++) await this.run(rival.db.set('busy', n));
  }

  /**
   * The same, until `work` has ended.
   * @param pauseMs between two of its records: with none, who is announced nowhere has hardly a chance.
   */
  async busyUntil<T>(rival: Rival, work: Promise<T>, pauseMs = 0): Promise<T> {
    let ended = false;
    const end = (): void => {
      ended = true;
    };
    work.then(end, end);
    for (let n = 0; !ended && n < RECORDS_MAX; n++) {
      await this.busy(rival, 1);
      await this.clock.advance(pauseMs);
    }
    return this.run(work);
  }

  /** Has `rival` announce what `begin` commits, and hold back whatever comes after that. */
  async announced<T>(rival: Rival, begin: () => Promise<T>): Promise<{ readonly told: Promise<T> }> {
    const before = this.server.intents.size;
    const told = begin();
    told.catch(() => {});
    while (this.server.intents.size === before) await this.clock.advance(1);
    rival.gate.shut();
    return { told };
  }

  /** Intents that lie there, by name. */
  intents(): string[] {
    return [...this.server.objects().keys()].filter(isIntent);
  }

  async record(version: number): Promise<LogRecord> {
    const { sealing } = this;
    const bytes = this.server.objects().get(recordName(version))!;
    return openRecord(sealing, decodeRecordHeader(sealing.provider.sha256, bytes, version));
  }

  /** Whatever records from 1 to `through` have decided, in their order. */
  async decided(through: number): Promise<DecidedIntent[]> {
    const all: DecidedIntent[] = [];
    for (let version = 1; version <= through; version++) {
      const { body } = await this.record(version);
      all.push(...body.intents.decided.filter((one) => one.version === version));
    }
    return all;
  }

  /** An intent that was put, as it was announced. */
  async opened(name: string): Promise<Intent> {
    const { intent } = await openIntent(this.sealing, this.server.intents.get(name)!, parseIntentName(name)!);
    return intent;
  }

  /** Announces something as a process would that has the key. */
  async announce(
    intent: Partial<Intent> & Pick<Intent, 'base' | 'transactions'>,
    place: Parameters<typeof sealIntent>[2] = 'first',
  ): Promise<SealedIntent> {
    const all: Intent = {
      processId: new Uint8Array(16).fill(0x77),
      recordsMade: 0,
      roundTripMs: ROUND_TRIP_MS,
      turnMs: 500,
      losses: 0,
      ...intent,
    };
    const sealed = await sealIntent(this.sealing, all, place, this.sealing.random(16));
    await this.server.put(intentName(sealed.writerId, sealed.k), sealed.bytes);
    return sealed;
  }

  /** What the counter `n` comes to, as somebody new sees it. */
  async count(): Promise<number> {
    const { db } = await this.open({ readOnly: true });
    return (await this.run(db.get<number>('n'))) ?? 0;
  }

  /** The name of the intent that was announced last. */
  get lastName(): string {
    return [...this.server.intents.keys()].at(-1)!;
  }

  /** Of a database without a key. */
  get sealing(): Sealing {
    return {
      provider: defaultProvider(),
      suite: 0,
      databaseId: this.#id!,
      currentEpoch: 0,
      epochKey: async () => new Uint8Array(32),
      random: seededRandom(1_000 + this.server.intents.size),
    };
  }
}
