/** What a client runs: a program, what it may use, and what it comes to. */
import type { Database, Transaction as EngineTransaction, RequestId } from '@holdfast/mvcc';
import type { Operation } from '../check/history.js';
import type { RangeOperation } from '../check/range-history.js';
import type { Role, Scenario } from '../world/shape.js';

/** What a body returns: a value that can be stored, since a repeated request gets it again. */
export interface Result {
  readonly operations: readonly Operation[];
  /** Whether it wrote what it is for; a transfer without funds does not. */
  readonly wrote: boolean;
  /** Of programs over ranges: what this run did. */
  readonly run?: Run;
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
  /**
   * The machine's clock, milliseconds since 1970. Not there where the engine looks for the request before it runs the
   * body: its time is from before that.
   */
  readonly nowMs?: () => number;
}

export interface AskOptions {
  readonly requestId?: RequestId | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What of a scenario programs depend on. */
export type ProgramSettings = Pick<Scenario, 'keys' | 'padBytes'>;

/** What one run of a body did, as it is kept in the mark. */
export interface Run {
  readonly readVersion: number;
  readonly nowMs: number;
  readonly operations: readonly RangeOperation[];
}
