import { type Database, HoldfastError, MemoryStore, open } from 'holdfast';
import { beforeEach, describe, expect, test } from 'vitest';
import { dispatch } from '../dispatch.js';
import type { Standing } from './auction.js';
import type { NumberedMessage } from './chat.js';
import { type City, entriesOf } from './gazetteer.js';

const key = new Uint8Array(32).fill(7);
let store: MemoryStore;
let db: Database;
let requests = 0;

beforeEach(async () => {
  store = new MemoryStore();
  db = await open(store, { key });
});

function ask(
  caller: string,
  name: string,
  args: object,
  { on = db, requestId = `request ${++requests}` } = {},
): Promise<unknown> {
  const [contract, method] = name.split('.') as [string, string];
  return dispatch(on, { contract, method, args, caller, requestId });
}

describe('the counter', () => {
  test('tells what it came to', async () => {
    expect(await ask('ada', 'counter.incBy', { name: 'clicks', by: 2 })).toBe(2);
    expect(await ask('bo', 'counter.incBy', { name: 'clicks', by: 3 })).toBe(5);
    expect(await ask('bo', 'counter.value', { name: 'clicks' })).toBe(5);
  });

  test('loses nothing when two hosts add at once', async () => {
    await using other = await open(store, { key });
    const results = await Promise.all(
      Array.from({ length: 40 }, (_, i) =>
        ask(
          'ada',
          i % 2 ? 'counter.incBy' : 'counter.count',
          { name: 'n', by: 1 },
          { on: i % 4 < 2 ? db : other },
        ),
      ),
    );
    expect(await ask('ada', 'counter.value', { name: 'n' })).toBe(40);
    const told = results.filter((result) => result !== undefined);
    expect(new Set(told).size).toBe(20);
  });

  test('counts a request that is sent twice once, and answers it alike', async () => {
    const send = () => ask('ada', 'counter.incBy', { name: 'n', by: 5 }, { requestId: 'once' });
    expect([await send(), await send()]).toEqual([5, 5]);
    expect(await ask('ada', 'counter.value', { name: 'n' })).toBe(5);
  });

  test('refuses what is not a step, and keeps its value', async () => {
    for (const by of [0, -1, 0.5, Number.NaN, '1', undefined])
      await expect(ask('ada', 'counter.incBy', { name: 'n', by })).rejects.toThrow(
        /by: expected a whole number/,
      );
    expect(await ask('ada', 'counter.value', { name: 'n' })).toBe(0);
  });
});

describe('the chat', () => {
  test('numbers messages without a gap, whoever says them from wherever', async () => {
    await using other = await open(store, { key });
    const say = (author: string, n: number, on: Database) =>
      ask(author, 'chat.say', { room: 'hall', text: `${n}` }, { on });
    const script = async (author: string, on: Database) => {
      for (let n = 1; n <= 8; n++) await say(author, n, on);
    };
    await Promise.all([script('ada', db), script('bo', db), script('cyd', other)]);
    const messages = (await ask('ada', 'chat.latest', { room: 'hall', limit: 100 })) as NumberedMessage[];
    expect(messages.map(({ number }) => number)).toEqual(Array.from({ length: 24 }, (_, i) => i + 1));
    for (const author of ['ada', 'bo', 'cyd'])
      expect(messages.filter((message) => message.author === author).map(({ text }) => text)).toEqual([
        '1',
        '2',
        '3',
        '4',
        '5',
        '6',
        '7',
        '8',
      ]);
  });

  test('shows the newest messages of one room, in order', async () => {
    for (let n = 1; n <= 12; n++) await ask('ada', 'chat.say', { room: 'hall', text: `hall ${n}` });
    await ask('ada', 'chat.say', { room: 'hallway', text: 'elsewhere' });
    expect(await ask('bo', 'chat.latest', { room: 'hall', limit: 2 })).toEqual([
      { number: 11, author: 'ada', text: 'hall 11' },
      { number: 12, author: 'ada', text: 'hall 12' },
    ]);
  });
});

describe('the pasteboard', () => {
  test("shows a text to its owner and to nobody else, and doesn't say whether it is there", async () => {
    await ask('ada', 'pasteboard.put', { name: 'diary', text: 'mine' });
    expect(await ask('ada', 'pasteboard.read', { owner: 'ada', name: 'diary' })).toEqual({
      allowed: true,
      text: 'mine',
    });
    const refused = { allowed: false };
    expect(await ask('bo', 'pasteboard.read', { owner: 'ada', name: 'diary' })).toEqual(refused);
    expect(await ask('bo', 'pasteboard.read', { owner: 'ada', name: 'nothing' })).toEqual(refused);
    expect(await ask('bo', 'pasteboard.names', {})).toEqual([]);
    expect(await ask('ada', 'pasteboard.names', {})).toEqual(['diary']);
  });

  test('gives nobody the answer to another’s request, even by its id', async () => {
    await ask('ada', 'pasteboard.put', { name: 'diary', text: 'mine' }, { requestId: 'r' });
    const theft = ask('bo', 'pasteboard.put', { name: 'diary', text: 'mine' }, { requestId: 'r' });
    await expect(theft).rejects.toMatchObject({ code: 'REQUEST_MISMATCH' });
    await expect(theft).rejects.toBeInstanceOf(HoldfastError);
  });

  test('leaves no text in the bucket in clear', async () => {
    await ask('ada', 'pasteboard.put', { name: 'diary', text: 'a very private sentence' });
    await db.flush();
    let objects = 0;
    for await (const { key: object } of store.list('')) {
      objects++;
      const { bytes } = (await store.get(object))!;
      for (const word of ['private', 'diary', 'pasteboard', 'ada'])
        expect(Buffer.from(bytes).includes(word)).toBe(false);
    }
    expect(objects).toBeGreaterThan(2);
  });
});

describe('the auction', () => {
  test('takes a bid that beats the highest, and says what the others had to beat', async () => {
    expect(await ask('ada', 'auction.bid', { lot: 'lamp', amount: 10 })).toEqual({
      accepted: true,
      number: 1,
    });
    expect(await ask('bo', 'auction.bid', { lot: 'lamp', amount: 10 })).toEqual({
      accepted: false,
      highest: 10,
    });
    expect(await ask('bo', 'auction.bid', { lot: 'lamp', amount: 11 })).toEqual({
      accepted: true,
      number: 2,
    });
    expect(await ask('ada', 'auction.highest', { lot: 'lamp' })).toEqual({
      bidder: 'bo',
      amount: 11,
      number: 2,
    });
  });

  test('goes to the highest of many bids that are made at once', async () => {
    await using other = await open(store, { key });
    const amounts = Array.from({ length: 30 }, (_, i) => 1 + ((i * 7) % 30));
    await Promise.all(
      amounts.map((amount, i) =>
        ask(`bidder ${amount}`, 'auction.bid', { lot: 'lamp', amount }, { on: i % 2 ? db : other }),
      ),
    );
    const won = (await ask('ada', 'auction.highest', { lot: 'lamp' })) as Standing;
    expect(won).toMatchObject({ bidder: 'bidder 30', amount: 30 });
  });

  test('answers a bid that is sent twice as it did first, whatever has happened since', async () => {
    await ask('ada', 'auction.bid', { lot: 'lamp', amount: 10 });
    const low = () => ask('bo', 'auction.bid', { lot: 'lamp', amount: 5 }, { requestId: 'low' });
    expect(await low()).toEqual({ accepted: false, highest: 10 });
    await ask('ada', 'auction.bid', { lot: 'lamp', amount: 20 });
    expect(await low()).toEqual({ accepted: false, highest: 10 });
  });
});

describe('the gazetteer', () => {
  const city = (country: string, name: string): City => ({ country, name, latitude: 1.5, longitude: -2.25 });

  beforeEach(async () => {
    const cities = [
      city('FR', 'Paris'),
      city('FR', 'Pau'),
      city('FR', 'Pau'),
      city('FR', 'Lyon'),
      city('FJ', 'Pau'),
      city('GA', 'Pau'),
    ];
    expect((await db.load(entriesOf(cities))).entries).toBe(6);
  });

  test('finds the cities of a country in order, and no other country’s', async () => {
    const found = (await ask('ada', 'gazetteer.citiesOf', { country: 'FR' })) as City[];
    expect(found.map(({ name }) => name)).toEqual(['Lyon', 'Paris', 'Pau', 'Pau']);
    expect(found[0]).toEqual(city('FR', 'Lyon'));
  });

  test('finds names by how they begin, up to a limit', async () => {
    const names = async (args: object) =>
      ((await ask('ada', 'gazetteer.citiesOf', { country: 'FR', ...args })) as City[]).map(
        ({ name }) => name,
      );
    expect(await names({ startsWith: 'Pa' })).toEqual(['Paris', 'Pau', 'Pau']);
    expect(await names({ startsWith: 'Pau' })).toEqual(['Pau', 'Pau']);
    expect(await names({ startsWith: 'Pa', limit: 1 })).toEqual(['Paris']);
    expect(await names({ startsWith: 'Z' })).toEqual([]);
  });

  test('counts by country', async () => {
    expect(await ask('ada', 'gazetteer.countByCountry', {})).toEqual({ FJ: 1, FR: 4, GA: 1 });
  });
});

describe('the dispatcher', () => {
  test('knows no contract and no method but those that are there', async () => {
    for (const name of [
      'toString.call',
      'constructor.name',
      'counter.__proto__',
      'counter.constructor',
      'counter.none',
    ])
      await expect(ask('ada', name, {})).rejects.toThrow(/No such/);
  });

  test('writes nothing for a query', async () => {
    const before = db.version;
    await ask('ada', 'counter.value', { name: 'n' });
    await ask('ada', 'chat.latest', { room: 'hall', limit: 1 });
    expect(db.version).toBe(before);
  });
});
