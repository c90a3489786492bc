import { type Database, open } from 'holdfast';
import { beforeEach, describe, expect, test } from 'vitest';
import { checkBooks, checkCities, type Finding, type Holdings, readHoldings } from './books.js';
import { dispatch } from './dispatch.js';
import type { Entry } from './journal.js';
import { visitor } from './visitors.js';

/** A database in which two visitors have been round a few times, with what they asked and were told. */
async function play(db: Database, rounds: number, from = 0): Promise<Entry[]> {
  const entries: Entry[] = [];
  for (const [i, caller] of ['ada-1', 'bo-1'].entries()) {
    const script = visitor(caller, i === 0 ? 'bo-1' : 'ada-1', 11 + i, from);
    let result: unknown;
    for (let n = 0; n < rounds * 10; n++) {
      const request = { ...script.next(result).value, caller, requestId: `${from}/${caller}/${n}` };
      result = await dispatch(db, request);
      // As the journal would give it back.
      const answer = JSON.parse(JSON.stringify({ result, ms: 1 })) as { result: unknown; ms: number };
      entries.push({ request, run: 'run', answer });
    }
  }
  return entries;
}

const problemsOf = (findings: readonly Finding[]): string[] => findings.flatMap(({ problems }) => problems);

let db: Database;
let opening: Holdings;
let entries: Entry[];

beforeEach(async () => {
  db = await open('memory:', { key: 'plaintext' });
  await play(db, 1);
  opening = await readHoldings(await db.snapshot());
  entries = await play(db, 4, 1);
});

/** The books after something was done to the state behind the contracts' back. */
async function afterwards(change: (db: Database) => Promise<unknown>): Promise<string[]> {
  await change(db);
  return problemsOf(checkBooks(opening, entries, await readHoldings(await db.snapshot())));
}

/** The books with other answers. */
async function withEntries(change: (entry: Entry) => Entry | undefined): Promise<string[]> {
  const changed = entries.flatMap((entry) => change(entry) ?? []);
  expect(changed).not.toEqual(entries);
  return problemsOf(checkBooks(opening, changed, await readHoldings(await db.snapshot())));
}

/** Changes the first entry of a method. */
function first(
  name: string,
  change: (entry: Entry) => Entry | undefined,
): (entry: Entry) => Entry | undefined {
  let found = false;
  return (entry) => {
    if (found || `${entry.request.contract}.${entry.request.method}` !== name) return entry;
    found = true;
    return change(entry);
  };
}

const answered = (result: unknown) => (entry: Entry) => ({ ...entry, answer: { result } });

test('books of honest work balance', async () => {
  expect(await afterwards(async () => {})).toEqual([]);
});

test('a call without an answer is named', async () => {
  const { request, run } = entries[0]!;
  expect(await withEntries((entry) => (entry === entries[0] ? { request, run } : entry))).toContain(
    `${request.requestId} (counter.incBy) has no answer.`,
  );
});

describe('the counter’s books', () => {
  test('catch an increment that was lost', async () => {
    expect(await afterwards((db) => db.transact((tx) => tx.add(['counter', 'visits'], -1)))).toEqual([
      expect.stringMatching(/^Counter visits: expected/),
    ]);
  });

  test('catch an increment that was made twice', async () => {
    expect(await afterwards((db) => db.transact((tx) => tx.add(['counter', 'steps'], 3)))).toEqual([
      expect.stringMatching(/^Counter steps: expected/),
    ]);
  });

  test('catch two calls that were told the same', async () => {
    const told = entries.filter(({ request }) => request.method === 'incBy').at(-1)!.answer!.result;
    expect(await withEntries(first('counter.incBy', answered(told)))).toContainEqual(
      expect.stringContaining('expected a step from'),
    );
  });

  test('catch a counter that nobody knows of', async () => {
    expect(await afterwards((db) => db.set(['counter', 'other'], 1))).toEqual([
      'Counter other: expected 0 + 0 = 0, found 1.',
    ]);
  });
});

describe('the chat’s books', () => {
  const room = (): string => {
    const said = entries.find(({ request }) => request.method === 'say')!;
    return String((said.request.args as { room: string }).room);
  };

  test('catch a message that is gone', async () => {
    const problems = await afterwards((db) => db.delete(['chat', room(), 1]));
    expect(problems).toContain(`Room ${room()}: expected message 1, found 2.`);
  });

  test('catch a message that nobody said', async () => {
    const problems = await afterwards(async (db) => {
      const before = await db.count({ prefix: ['chat', room()] });
      await db.set(['chat', room(), before + 1], { author: 'ada-1', text: 'never said' });
    });
    expect(problems).toEqual([expect.stringMatching(/was said by no call\.$/)]);
  });

  test('catch messages that changed places', async () => {
    const problems = await afterwards((db) =>
      db.transact(async (tx) => {
        const [first, second] = await tx.getMany([
          ['chat', room(), 1],
          ['chat', room(), 2],
        ]);
        tx.set(['chat', room(), 1], second);
        tx.set(['chat', room(), 2], first);
      }),
    );
    expect(problems.length).toBeGreaterThan(0);
  });

  test('catch a message whose author was told another number', async () => {
    expect(await withEntries(first('chat.say', answered(1000)))).toContainEqual(
      expect.stringContaining('1000: expected what'),
    );
  });
});

describe('the auction’s books', () => {
  test('catch a winner who was not the highest', async () => {
    const problems = await afterwards((db) =>
      db.transact(async (tx) => {
        const standing = await tx.get<{ amount: number }>(['auction', 'standing', 'lamp']);
        tx.set(['auction', 'standing', 'lamp'], { ...standing, amount: standing!.amount - 1 });
      }),
    );
    expect(problems).toContainEqual(expect.stringContaining('expected the highest offer'));
    expect(problems).toContainEqual(expect.stringContaining('expected the last bid to stand'));
  });

  test('catch a bid that did not beat the one before it', async () => {
    const problems = await afterwards((db) =>
      db.set(['auction', 'bids', 'lamp', 1], { bidder: 'ada-1', amount: 1e6 }),
    );
    expect(problems).toContainEqual(expect.stringContaining('did not beat'));
  });

  test('catch a bid that was refused and should have counted', async () => {
    expect(await withEntries(first('auction.bid', answered({ accepted: false, highest: 0 })))).toContainEqual(
      expect.stringContaining('was refused for 0'),
    );
  });

  test('catch an accepted bid of which the auction knows nothing', async () => {
    expect(await withEntries(first('auction.bid', answered({ accepted: true, number: 999 })))).toContainEqual(
      expect.stringContaining('bid 999: expected'),
    );
  });
});

describe('the pasteboard’s books', () => {
  test('catch a text that was shown to another', async () => {
    const shown = answered({ allowed: true, text: 'not yours' });
    let reads = 0;
    const problems = await withEntries((entry) =>
      entry.request.method === 'read' && ++reads === 2 ? shown(entry) : entry,
    );
    expect(problems).toEqual([expect.stringMatching(/was shown bo-1's note/)]);
  });

  test('catch a text that is not what its owner put there last', async () => {
    const problems = await afterwards(async (db) => {
      for await (const key of db.keys({ prefix: ['pasteboard', 'ada-1'], limit: 1 }))
        await db.set(key, 'forged');
    });
    expect(problems).toEqual([expect.stringContaining('found "forged"')]);
  });

  test('catch an owner who read something old', async () => {
    expect(
      await withEntries(first('pasteboard.read', answered({ allowed: true, text: 'old' }))),
    ).toContainEqual(expect.stringContaining('expected to read'));
  });
});

test('the gazetteer’s books catch a city that is missing, and one that was in the wrong country', async () => {
  const city = (country: string) => ({ country, name: 'X', latitude: 0, longitude: 0 });
  expect(checkCities([city('FR'), city('FR')], { FR: 2 }).problems).toEqual([]);
  expect(checkCities([city('FR'), city('FR')], { FR: 1, DE: 1 }).problems).toHaveLength(2);
  expect(await withEntries(first('gazetteer.citiesOf', answered([city('XX')])))).toContainEqual(
    expect.stringContaining('found XX, X'),
  );
});
