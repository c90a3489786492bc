import type { ObjectStore } from '../object-store.js';

/** What a case is given. */
export interface Context {
  readonly store: ObjectStore;
  readonly racers: number;
  readonly rounds: number;
  readonly listedKeys: number;
}

export type Cases = Readonly<Record<string, (context: Context) => Promise<void>>>;
