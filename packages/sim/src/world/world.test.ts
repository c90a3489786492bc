import { parseRecordName } from '@holdfast/core';
import { MemoryStore, type StoreError } from '@holdfast/object-store';
import { expect, test } from 'vitest';
import { litter } from './foreign.js';
import type { CallFates, CallFault } from './incidents.js';
import { Listeners } from './listeners.js';
import { Machine, soundClock } from './machine.js';
import { Random } from './random.js';
import { SimConnection, type Store, storeIn } from './sim-store.js';
import { Hang, World } from './world.js';

function storeWith(world: World, fault: CallFault | undefined, onViolation?: Store['onViolation']): Store {
  const incidents: CallFates = { over: false, ofCall: (what) => ({ fault, random: new Random(1, what) }) };
  return storeIn(world, { server: new MemoryStore(), incidents, onViolation });
}

const bytes = Uint8Array.of(1);

test('events come in the order of their times, then in the order they were asked for', async () => {
  const world = new World();
  const seen: string[] = [];
  world.after(5, () => seen.push('third'));
  world.after(1, () => seen.push('first'));
  world.after(1, () => seen.push('second'));
  await world.settle(10);
  expect(seen).toEqual(['first', 'second', 'third']);
  expect(world.nowMs).toBe(5);
});

test('work that can not end is a hang, not a wait', async () => {
  await expect(new World().until(new Promise(() => {}), 1_000)).rejects.toThrow(Hang);
});

test('work that goes round without letting time pass is a hang too', async () => {
  const world = new World();
  const around = async (): Promise<void> => {
    for (;;) await world.sleep(0);
  };
  await expect(world.until(around(), 1_000)).rejects.toThrow('no time passes');
});

test('a dead machine is not woken and not answered, and what it has sent arrives', async () => {
  const world = new World();
  const machine = new Machine(world, 'm1', soundClock);
  const store = storeWith(world, undefined);
  let heard = false;
  new SimConnection(store, machine).put('a', bytes).then(() => {
    heard = true;
  });
  machine.clock.sleep(1).then(() => {
    heard = true;
  });
  machine.crash('test');
  await world.settle(1_000);
  expect(heard).toBe(false);
  expect([...store.server.objects().keys()]).toEqual(['a']);
});

test('what comes to a machine that stands still waits until it goes on', async () => {
  const world = new World();
  const machine = new Machine(world, 'm1', { offsetMs: 0, rate: 1, suspends: true });
  let wokeAtMs = 0;
  machine.clock.sleep(10).then(() => {
    wokeAtMs = world.nowMs;
  });
  machine.pause(500);
  await world.settle(1_000);
  expect(wokeAtMs).toBe(500);
  expect(machine.clock.monotonic()).toBe(0);
});

const effects: [CallFault, 'UNKNOWN_OUTCOME' | 'UNAVAILABLE' | 'created' | 'occupied', boolean][] = [
  ['refused', 'UNAVAILABLE', false],
  ['throttled', 'UNAVAILABLE', false],
  ['error-before', 'UNKNOWN_OUTCOME', false],
  ['conflict', 'UNKNOWN_OUTCOME', false],
  ['error-after', 'UNKNOWN_OUTCOME', true],
  ['late', 'UNKNOWN_OUTCOME', true],
  ['zombie', 'UNKNOWN_OUTCOME', true],
  ['duplicate', 'created', true],
  ['duplicate-answer', 'occupied', true],
  ['slow', 'created', true],
];
test.each(effects)('a create struck by %s is answered with %s', async (fault, answer, arrives) => {
  const world = new World();
  const store = storeWith(world, fault);
  const machine = new Machine(world, 'm1', soundClock);
  const put = new SimConnection(store, machine).put('a', bytes, { ifAbsent: true }).then(
    (result) => (result.occupied ? 'occupied' : 'created'),
    (error: unknown) => (error as StoreError).code,
  );
  expect(await world.until(put, 10_000_000)).toBe(answer);
  await world.settle(10_000_000);
  expect(store.server.objects().has('a')).toBe(arrives);
});

test('a call that is never answered ends when it is aborted, as an unknown outcome', async () => {
  for (const fault of ['lost-request', 'lost-answer'] as const) {
    const world = new World();
    const store = storeWith(world, fault);
    const stop = new AbortController();
    const put = new SimConnection(store, new Machine(world, 'm1', soundClock)).put('a', bytes, {
      signal: stop.signal,
    });
    world.after(100, () => stop.abort(new Error('enough')));
    await expect(world.until(put, 1_000)).rejects.toMatchObject({ code: 'UNKNOWN_OUTCOME' });
    expect(store.server.objects().has('a')).toBe(fault === 'lost-answer');
  }
});

test('what is sent after the end of a connection is told, and what was sent before is not', async () => {
  const world = new World();
  const violations: string[] = [];
  const store = storeWith(world, undefined, (violation) => violations.push(violation));
  const connection = new SimConnection(store, new Machine(world, 'm1', soundClock));
  const before = connection.put('a', bytes);
  connection.end();
  await world.until(before, 1_000);
  expect(violations).toEqual([]);
  await world.until(connection.get('a'), 1_000);
  expect(violations).toEqual([expect.stringContaining('m1 sent get a after')]);
});

test('objects of others are put among ours, and none of them is a name of ours', async () => {
  const server = new MemoryStore();
  const names: string[] = [];
  for (let i = 0; i < 40; i++) names.push(...(await litter(server, new Random(i, 'litter'))));
  expect(names).toEqual(expect.arrayContaining(['', 'log/', 'log/.DS_Store', 'log/~']));
  expect(names.length).toBeGreaterThan(2_000);
  expect(names.filter((name) => parseRecordName(name) !== undefined)).toEqual([]);
  expect(new Set(names)).toEqual(new Set(server.objects().keys()));
});

test('a listener that fails is heard of, or is in the list of what was not', () => {
  const fates = {
    ofCaller: (what: string, kind: string) => (kind === 'listener-throws' ? new Random(1, what) : undefined),
  };
  const listeners = new Listeners(fates, 1);
  const { onEvent, onError } = listeners.of(new Machine(new World(), 'm1', soundClock));
  const errors: unknown[] = [];
  for (let i = 0; i < 2; i++)
    try {
      onEvent({ type: 'conflict', version: 1 });
    } catch (error) {
      errors.push(error);
    }
  onError(errors[0]);
  expect(listeners.unheard).toEqual([errors[1]]);
});

test('a sleep lets time pass, however short it is and however late', async () => {
  const world = new World();
  await world.settle(0);
  world.after(1e9 + 1 / 3, () => {});
  await world.settle(2e9);
  const { clock } = new Machine(world, 'm1', { offsetMs: 0, rate: 1.01, suspends: false });
  const before = clock.monotonic();
  await world.until(clock.sleep(1e-12), 1_000);
  expect(clock.monotonic()).toBeGreaterThan(before);
});
