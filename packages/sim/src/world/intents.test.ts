import { MemoryStore } from '@holdfast/object-store';
import { expect, test } from 'vitest';
import { Intents } from './intents.js';
import { Machine, soundClock } from './machine.js';
import { Random } from './random.js';
import { SimConnection, storeIn } from './sim-store.js';
import { World } from './world.js';

const NAME = `int/${'ab'.repeat(16)}/7`;

async function storeWith(...names: string[]): Promise<MemoryStore> {
  const server = new MemoryStore('intents');
  for (const [i, name] of names.entries()) await server.put(name, Uint8Array.of(i));
  return server;
}

test('an intent that was deleted is put back, with the bytes that it had', async () => {
  const server = await storeWith(NAME);
  const intents = new Intents(server);
  expect(await intents.has('intent-back')).toBe(false);
  await intents.befall('intent-gone', new Random(1, 'gone'), 0);
  expect(await server.get(NAME)).toBeUndefined();
  expect(await intents.has('intent-gone')).toBe(false);
  await intents.befall('intent-back', new Random(1, 'back'), 0);
  expect((await server.get(NAME))?.bytes).toEqual(Uint8Array.of(0));
  expect(await intents.count()).toBe(1);
});

test("what is no writer's is left alone", async () => {
  const intents = new Intents(await storeWith('int/0/1', 'int/', `int/${'ab'.repeat(16)}/x`));
  expect(await intents.has('intent-gone')).toBe(false);
  expect(await intents.befall('intent-hidden', new Random(1, 'hidden'), 0)).toBeUndefined();
  expect(await intents.count()).toBe(0);
});

test('a hidden intent is absent from reads and listings for a while, and taken all the same', async () => {
  const server = await storeWith(NAME, 'int/x');
  const world = new World();
  const intents = new Intents(server);
  await intents.befall('intent-hidden', new Random(1, 'hidden'), 0);
  const connection = new SimConnection(
    storeIn(world, {
      server,
      incidents: { over: false, ofCall: (what) => ({ fault: undefined, random: new Random(1, what) }) },
      hiddenUntilMs: intents.hiddenUntilMs,
    }),
    new Machine(world, 'm1', soundClock),
  );
  const listed = async (): Promise<string[]> => {
    const names: string[] = [];
    for await (const { key } of connection.list('int/')) names.push(key);
    return names;
  };
  expect(await world.until(connection.get(NAME), 1_000)).toBeUndefined();
  expect(await world.until(listed(), 1_000)).toEqual(['int/x']);
  const put = connection.put(NAME, Uint8Array.of(9), { ifAbsent: true });
  expect(await world.until(put, 1_000)).toMatchObject({ occupied: true });
  await world.until(world.sleep(60_000), 60_001);
  expect(await world.until(listed(), 1_000)).toEqual([NAME, 'int/x']);
});
