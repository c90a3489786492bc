/** One cell: a process that knows one history meets the other. What it tells, and what it does afterwards. */
import { HoldfastError } from '@holdfast/core';
import { type Change, type Database, openDatabase } from '@holdfast/mvcc';
import { ManualClock } from '@holdfast/object-store/testing';
import { Random } from '../world/random.js';
import { ForkStore } from './fork-store.js';
import { type Branch, FORK_KEY, GRACE_MS, type Histories, sameState, stateOf } from './histories.js';
import { type Expected, type Row, readState, type Showing, type Told } from './rows.js';

export interface Cell {
  readonly row: Row;
  /** How many records of its own history, from the tip back, the other one does not have. 0: there is no other one. */
  readonly depth: number;
  readonly showing: Showing;
}

export interface CellResult {
  /** `FORK`, the code of another error, `own` (the state of its own history), or `–`: the cell says nothing. */
  readonly word: string;
  readonly violations: readonly string[];
}

/** Where there is no fork, the cell is played this far above the common part. */
const HONEST_DEPTH = 8;
const NOTHING: CellResult = { word: '–', violations: [] };

export async function runCell(histories: Histories, { row, depth, showing }: Cell): Promise<CellResult> {
  const honest = depth === 0;
  const expected = honest ? undefined : row.expected[showing];
  if (honest ? row.honest === undefined || showing !== 'spliced' : expected === undefined) return NOTHING;
  if (depth > 0 && depth < (row.depthMin ?? 1)) return NOTHING;
  // Where there is no fork, the long history is the process's own.
  const own: Branch = honest ? 'other' : 'true';
  const { common } = histories;
  const tip = common + (honest ? HONEST_DEPTH : depth);
  const clock = new ManualClock();
  const store = new ForkStore(histories, clock);
  store.turn(tip - (row.behind ?? 0), () => own);
  const violations: string[] = [];
  const told: Told[] = [];
  const changes: Change[] = [];
  const db = await clock.runUntil(open(store, clock, 'the process'));
  await clock.runUntil(readState(db));
  const startedMs = { at: 0 };
  const error = await clock.runUntil(
    outcomeOf(() =>
      row.play({
        db,
        clock,
        store,
        tip,
        common,
        graceMs: GRACE_MS,
        turn() {
          startedMs.at = clock.monotonic();
          store.turn(tip + row.beyond, shown(showing, own, tip, row.beyond));
        },
        tell: (state) => told.push(state),
        tellChange: (change) => changes.push(change),
      }),
    ),
  );
  const rounds = clock.monotonic() - startedMs.at;
  for (const { version, state } of told) judgeState(histories, own, { version, state }, violations);
  judgeChanges(histories, own, changes, violations);
  const word = error === undefined ? 'own' : error instanceof HoldfastError ? error.code : 'untyped';
  if (error !== undefined && !(error instanceof HoldfastError))
    violations.push(`an error without a code: ${error instanceof Error ? error.stack : String(error)}`);
  if (honest) judgeHonest(row, word, rounds, told, tip, violations);
  else judgeExpected(expected, word, violations);

  if (word === 'FORK') await clock.runUntil(judgeStopped(db, error, violations));
  else if (word === 'own') {
    const after = await clock.runUntil(
      outcomeOf(async () => told.push({ version: 0, state: await readState(db) })),
    );
    if (after === undefined)
      judgeState(histories, own, { version: db.version, state: told.at(-1)!.state }, violations);
  }
  if (!honest && store.written.length > 0)
    violations.push(`wrote ${store.written.join(', ')} on what the store showed`);
  await clock.runUntil(db.close());
  await judgeFresh(histories, store, violations);
  return { word, violations };
}

/** What the store shows in each slot once it has turned. */
function shown(showing: Showing, own: Branch, tip: number, beyond: number) {
  return (version: number): Branch | undefined => {
    if (showing === 'replaced') return 'other';
    if (version <= tip) return own;
    return showing === 'holes' && version < tip + beyond ? undefined : 'other';
  };
}

function open(store: ForkStore, clock: ManualClock, who: string): Promise<Database> {
  return openDatabase(store, {
    key: FORK_KEY,
    probe: 'skip',
    maintenance: 'manual',
    create: false,
    graceMs: GRACE_MS,
    commitTimeoutMs: 1_000,
    clock,
    random: new Random(1, who).bytes,
  });
}

/** Undefined: it went well. */
async function outcomeOf(work: () => unknown): Promise<unknown> {
  try {
    await work();
    return undefined;
  } catch (error) {
    return error ?? new Error('rejected with nothing');
  }
}

function judgeState(histories: Histories, own: Branch, { version, state }: Told, violations: string[]): void {
  if (sameState(state, stateOf(histories, own, version))) return;
  const other: Branch = own === 'true' ? 'other' : 'true';
  violations.push(
    sameState(state, stateOf(histories, other, version))
      ? `told the other history's state at version ${version}`
      : `MIXED at version ${version}: ${JSON.stringify([...state])}`,
  );
}

/** Whether a violation tells of a state that is of neither history. */
export function isMixed(violation: string): boolean {
  return violation.includes('MIXED');
}

/** Each change is one of its own history's. */
function judgeChanges(
  histories: Histories,
  own: Branch,
  changes: readonly Change[],
  violations: string[],
): void {
  for (const { version, key, value } of changes) {
    if (stateOf(histories, own, version).get(JSON.stringify(key)) === value) continue;
    violations.push(
      `watch told ${JSON.stringify(key)} = ${JSON.stringify(value)} at version ${version}, of another history`,
    );
    return;
  }
}

function judgeExpected(expected: Expected, word: string, violations: string[]): void {
  const right =
    expected === 'fork'
      ? word === 'FORK'
      : expected === 'fork or own'
        ? word === 'FORK' || word === 'own'
        : word !== 'own';
  if (!right) violations.push(`expected ${expected}, found ${word}`);
}

function judgeHonest(
  { honest, beyond, roundsMax }: Row,
  word: string,
  rounds: number,
  told: readonly Told[],
  tip: number,
  violations: string[],
): void {
  if (honest === 'refused') {
    if (word === 'own') violations.push('took a listing that confirms nothing for a confirmation');
    return;
  }
  if (word !== 'own') violations.push(`an honest store was refused: ${word}`);
  if (roundsMax === undefined) return;
  if (word === 'own' && told.at(-1)?.version !== tip + beyond)
    violations.push(`expected version ${tip + beyond}, found ${told.at(-1)?.version}`);
  if (rounds > roundsMax) violations.push(`took ${rounds} round trips, expected up to ${roundsMax}`);
}

const CALLS: readonly [string, (db: Database) => unknown][] = [
  ['get', (db) => db.get(['k', 1])],
  ['get, stale', (db) => db.get(['k', 1], { maxStalenessMs: Number.POSITIVE_INFINITY })],
  ['getMany', (db) => db.getMany([['k', 1]])],
  ['has', (db) => db.has(['k', 1])],
  ['list', (db) => db.list().next()],
  ['keys', (db) => db.keys().next()],
  ['count', (db) => db.count()],
  ['set', (db) => db.set(['after'], 1)],
  ['delete', (db) => db.delete(['k', 1])],
  ['transact', (db) => db.transact((tx) => tx.set(['after'], 1))],
  ['transact that reads', (db) => db.transact((tx) => tx.get(['k', 1]))],
  ['atomic', (db) => db.atomic().set(['after'], 1).commit()],
  ['outcome', (db) => db.outcome('request')],
  ['snapshot', (db) => db.snapshot()],
  ['snapshot at', (db) => db.snapshot({ at: 1 })],
  ['watch', (db) => db.watch(undefined, { from: 1 }).next()],
  ['log', (db) => db.log().next()],
  ['checkpoints', (db) => db.checkpoints()],
  ['flush', (db) => db.flush()],
  ['maintain', (db) => db.maintain()],
  ['verify', (db) => db.verify()],
];

/** Every later call fails the same, and the error brings its evidence. */
async function judgeStopped(db: Database, error: unknown, violations: string[]): Promise<void> {
  const hasEvidence = ({ evidence }: HoldfastError): boolean =>
    evidence instanceof Uint8Array && evidence.length > 0;
  if (!hasEvidence(error as HoldfastError)) violations.push('FORK without evidence');
  const going: string[] = [];
  for (const [name, call] of CALLS) {
    const now = await outcomeOf(() => call(db));
    if (now instanceof HoldfastError && now.code === 'FORK' && hasEvidence(now)) continue;
    going.push(
      `${name}: ${now === undefined ? 'went well' : now instanceof HoldfastError ? now.code : String(now)}`,
    );
  }
  if (going.length > 0) violations.push(`after FORK: ${going.join(', ')}`);
}

/** A new process sees one history, whole, or none. */
async function judgeFresh(histories: Histories, store: ForkStore, violations: string[]): Promise<void> {
  const clock = new ManualClock();
  store.clock = clock;
  const fresh = clock.runUntil(
    (async () => {
      const db = await open(store, clock, 'a new process');
      const state = await readState(db);
      await db.close();
      return { version: db.version, state };
    })(),
  );
  const found = await fresh.catch((error: unknown) => error);
  if (found instanceof HoldfastError) return;
  if (found instanceof Error) throw found;
  const { version, state } = found as Told;
  if (!(['true', 'other'] as const).some((branch) => sameState(state, stateOf(histories, branch, version))))
    violations.push(`a new process finds MIXED at version ${version}: ${JSON.stringify([...state])}`);
}
