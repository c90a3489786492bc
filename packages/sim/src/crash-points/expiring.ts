/** Entries that expire, interrupted: with their moment or not at all, and what had expired stays away. */
import type { Database } from '@holdfast/mvcc';
import { commit, type Interrupted, leaveTrace, NAME, prepare } from './interrupted.js';

/** Longer than all that happens afterwards. */
const LONG_MS = 86_400_000;

/** The one that expires late is there with its moment, the one that expires early is not. */
async function lookAtLeases(db: Database): Promise<{ there: number; problems: string[] }> {
  const [long, short] = [await db.getEntry(['lease', 'long']), await db.getEntry(['lease', 'short'])];
  const problems = short === undefined ? [] : ['What has expired is there.'];
  if (long?.value === 'old') problems.push('What had expired before it is there again.');
  const leftMs = (long?.expiresAt?.getTime() ?? 0) - Date.UTC(2026, 0, 1);
  if (long && !(leftMs > LONG_MS && leftMs < 2 * LONG_MS))
    problems.push(`It expires at ${long.expiresAt?.toISOString() ?? 'no time'}.`);
  return { there: long ? 1 : 0, problems };
}

/** What it replaces has expired, and was never deleted. */
async function prepareLeases(db: Database): Promise<void> {
  await prepare(db);
  for (const name of ['long', 'short']) await db.set(['lease', name], 'old', { expireInMs: 1 });
  await db.flush();
}

export const expiring: readonly Interrupted[] = [
  commit('commit of entries that expire', 'request', {
    prepare: prepareLeases,
    run: (db) =>
      db.transact(
        async (tx) => {
          if (await tx.has(['lease', 'long'])) return leaveTrace(tx, NAME);
          tx.set(['lease', 'long'], 'new', { expireInMs: LONG_MS });
          tx.set(['lease', 'short'], 'new', { expireInMs: 20 });
          return leaveTrace(tx, NAME);
        },
        { requestId: 'request', input: 1 },
      ),
    look: async (db, names) => {
      const { there, problems } = await lookAtLeases(db);
      if (there > 0 !== names.includes(NAME)) problems.push('The entry and its name: half a transaction.');
      return { problems };
    },
  }),
  {
    name: 'set with expiry alone',
    request: 'request',
    prepare: prepareLeases,
    run: (db) => db.set(['lease', 'long'], 'new', { expireInMs: LONG_MS, requestId: 'request' }),
    effects: 1,
    look: lookAtLeases,
  },
];
