/** The ways in which an open database meets a record that is not of the history it knows. */
import type { Change, Database } from '@holdfast/mvcc';
import type { ManualClock } from '@holdfast/object-store/testing';
import type { ForkStore } from './fork-store.js';
import type { State } from './histories.js';

/**
 * How the store tells the other history: `spliced`: from the next slot on, the older slots are left; `replaced`: in
 * all slots; `holes`: only its newest record, and nothing between that and what the process knows.
 */
export const SHOWINGS = ['spliced', 'replaced', 'holes'] as const;
export type Showing = (typeof SHOWINGS)[number];

/**
 * What a cell must come to. `fork`: FORK, both histories are there to compare. `fork or own`: that, or the state of the
 * process's own history. `refused`: an error. Undefined: the cell says nothing.
 */
export type Expected = 'fork' | 'fork or own' | 'refused' | undefined;

/** A whole state that the process told, and of which version. */
export interface Told {
  readonly version: number;
  readonly state: State;
}

export interface Stage {
  readonly db: Database;
  readonly clock: ManualClock;
  readonly store: ForkStore;
  /** The newest version that the process knows when the store turns. */
  readonly tip: number;
  /** The last version before the fork. */
  readonly common: number;
  readonly graceMs: number;
  /** The store shows the other history from now on. */
  turn(): void;
  /** Notes what the process tells of its state. */
  tell(told: Told): void;
  /** Notes the changes that a watch tells. */
  tellChange(change: Change): void;
}

export interface Row {
  readonly name: string;
  /** How many records of the other history lie above the tip. Negative: its newest is older than the tip. */
  readonly beyond: number;
  /** How many records of its own the process has still to read when the store turns. */
  readonly behind?: number;
  readonly expected: Partial<Record<Showing, Expected>>;
  /** The fork must lie at least so deep for the row to mean anything. */
  readonly depthMin?: number;
  /** What the row comes to where the store goes on honestly: it reads the new state, or it is refused. */
  readonly honest: 'grown' | 'refused' | undefined;
  /** Round trips that the call may take there. */
  readonly roundsMax?: number;
  play(stage: Stage): Promise<void>;
}

/** So many records are read one by one; who is further behind jumps. */
export const GALLOP = 15;

export async function readState(list: Pick<Database, 'list'>): Promise<State> {
  const state = new Map<string, unknown>();
  for await (const { key, value } of list.list()) state.set(JSON.stringify(key), value);
  return state;
}

/** A strong read of everything, then what is known without asking. */
async function read({ db, tell }: Stage): Promise<void> {
  const state = await readState(db);
  tell({ version: db.version, state });
}

async function turnAndRead(stage: Stage): Promise<void> {
  stage.turn();
  await read(stage);
}

async function commit(stage: Stage): Promise<void> {
  stage.turn();
  await stage.db.set(['committed'], true);
}

async function idle({ clock, graceMs }: Stage): Promise<void> {
  await clock.advance(graceMs / 2 + 1);
}

function watch(name: string, beyond: number, fromOf: ((stage: Stage) => number) | undefined): Row {
  return {
    name,
    beyond,
    expected: { replaced: 'fork', ...(beyond > 0 ? { spliced: 'fork' } : {}) },
    honest: undefined,
    async play(stage) {
      const { db, clock } = stage;
      const stop = new AbortController();
      const changes = db.watch(undefined, {
        from: fromOf?.(stage),
        signal: stop.signal,
        pollMs: 10,
      });
      // From the tip it waits for news; from an older version all is asked for after the store has turned.
      if (fromOf !== undefined) stage.turn();
      const first = changes.next();
      first.catch(() => {});
      if (fromOf === undefined) {
        await clock.sleep(5);
        stage.turn();
      }
      // A watch that only waits will not end by itself.
      const enough = clock.sleep(2_000, stop.signal).then(
        () => stop.abort(),
        () => {},
      );
      try {
        for (let next = await first; !next.done; next = await changes.next()) stage.tellChange(next.value);
      } finally {
        stop.abort();
        await enough;
      }
      await read(stage);
    },
  };
}

const JUMPS = [2, 16, 64, 100, 1_000, 5_000];

/** @param beyondMax rows that need a longer other history are left out. */
export function rowsUpTo(beyondMax: number): Row[] {
  return rows.filter(({ beyond }) => beyond <= beyondMax);
}

export const rows: readonly Row[] = [
  {
    name: 'follow',
    beyond: 1,
    expected: { spliced: 'fork', replaced: 'fork' },
    honest: 'grown',
    roundsMax: 3,
    play: turnAndRead,
  },
  ...JUMPS.map(
    (beyond): Row => ({
      name: `jump by ${beyond}`,
      beyond,
      behind: GALLOP,
      expected: { spliced: 'fork', holes: 'refused' },
      honest: 'grown',
      roundsMax: 9,
      play: turnAndRead,
    }),
  ),
  ...[1, 16, 100, 5_000].map(
    (beyond): Row => ({
      name: `idle, then ${beyond} more`,
      beyond,
      expected: {
        spliced: 'fork',
        replaced: 'fork',
        ...(beyond > 1 ? { holes: 'refused' as const } : {}),
      },
      honest: 'grown',
      roundsMax: 6,
      async play(stage) {
        await idle(stage);
        await turnAndRead(stage);
      },
    }),
  ),
  {
    name: 'idle, then as many',
    beyond: 0,
    expected: { replaced: 'fork or own' },
    honest: 'grown',
    roundsMax: 6,
    async play(stage) {
      await idle(stage);
      await turnAndRead(stage);
    },
  },
  {
    name: 'idle, then fewer',
    beyond: -1,
    expected: { spliced: 'refused', replaced: 'refused' },
    honest: 'refused',
    async play(stage) {
      await idle(stage);
      await turnAndRead(stage);
    },
  },
  watch('watch from the tip', 1, undefined),
  watch('watch from the tip, 100 more', 100, undefined),
  watch('watch from below the fork', 0, ({ common }) => common - 1),
  watch('watch from below the fork, 16 more', 16, ({ common }) => common - 1),
  {
    ...watch('watch from above the fork', 0, ({ common }) => common + 1),
    depthMin: 2,
  },
  {
    name: 'time travel below the fork',
    beyond: 0,
    expected: { replaced: 'fork or own' },
    honest: 'grown',
    play: (stage) => travel(stage, stage.common - 1),
  },
  {
    name: 'time travel above the fork',
    beyond: 0,
    depthMin: 2,
    expected: { replaced: 'fork' },
    honest: 'grown',
    play: (stage) => travel(stage, stage.common + Math.ceil((stage.tip - stage.common) / 2)),
  },
  {
    name: 'commit',
    beyond: 1,
    expected: { spliced: 'fork', replaced: 'fork' },
    honest: undefined,
    play: commit,
  },
  {
    name: 'commit, 100 behind',
    beyond: 100,
    // Who has lost a slot asks for two at once, then four, then eight.
    behind: GALLOP - 1,
    expected: { spliced: 'fork' },
    honest: undefined,
    play: commit,
  },
  {
    name: 'commit after idling',
    beyond: 16,
    expected: { spliced: 'fork', replaced: 'fork', holes: 'refused' },
    honest: undefined,
    async play(stage) {
      await idle(stage);
      await commit(stage);
    },
  },
];

async function travel(stage: Stage, version: number): Promise<void> {
  stage.turn();
  const snapshot = await stage.db.snapshot({ at: version });
  stage.tell({ version, state: await readState(snapshot) });
}
