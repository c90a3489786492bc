import { expect, test } from 'vitest';
import { judgeWaits, QUEUE_ROUND_TRIPS, TURNS_ROUND_TRIPS, WAIT_ROUND_TRIPS, type Wait } from './waits.js';

const TRIP_MS = 100;
const CLIENTS = 10;
/** Of what conflicts with nothing, where all are as far away. */
const MOST = WAIT_ROUND_TRIPS + TURNS_ROUND_TRIPS;

function waited(roundTrips: number, more: Partial<Wait> = {}): Wait {
  const toMs = 1_000 + roundTrips * TRIP_MS;
  const base = { id: 1, role: 'blind', machine: 'm1', roundTripMs: TRIP_MS, fromMs: 1_000, toMs };
  return { ...base, pausedMs: 0, end: 'ok', ...more };
}

const calm = { clients: CLIENTS, roles: ['blind'], bodyMs: 0, slowestMs: TRIP_MS, troubles: [] };

test('a wait within the bound is right, and a longer one is told with its figures', () => {
  expect(judgeWaits([waited(MOST)], calm)).toMatchObject({ judged: 1, problems: [] });
  const { problems } = judgeWaits([waited(MOST + 1)], calm);
  expect(problems).toEqual([expect.stringContaining(`waited ${MOST + 1}.0 round trips of 100 ms`)]);
});

test('where others conflict, their bodies have their turns before', () => {
  const mixed = { ...calm, roles: ['blind', 'lists'], bodyMs: TRIP_MS };
  expect(judgeWaits([waited(MOST + 2)], mixed).problems).toEqual([]);
  expect(judgeWaits([waited(MOST + 3)], mixed).problems).toHaveLength(1);
});

test('what conflicts by nature waits for everybody once, and for their bodies', () => {
  const hot = { ...calm, roles: ['lists'], bodyMs: TRIP_MS };
  const most = WAIT_ROUND_TRIPS + (QUEUE_ROUND_TRIPS + 2) * CLIENTS;
  expect(judgeWaits([waited(most, { role: 'lists' })], hot).problems).toEqual([]);
  expect(judgeWaits([waited(most + 1, { role: 'lists' })], hot).problems).toHaveLength(1);
});

test('what a body pauses is not waited', () => {
  const pausedMs = 5 * TRIP_MS;
  expect(judgeWaits([waited(MOST + 5, { pausedMs })], calm).problems).toEqual([]);
});

test('who is not answered has waited, and who failed or died is not judged', () => {
  const long = 2 * WAIT_ROUND_TRIPS;
  expect(judgeWaits([waited(long, { end: 'unanswered' })], calm).problems).toHaveLength(1);
  expect(judgeWaits([waited(long, { end: 'error' }), waited(long, { end: 'gone' })], calm)).toMatchObject({
    left: 2,
    problems: [],
  });
});

test("a trouble of its own, or of all, explains a wait; another's explains no more than a silence", () => {
  const wait = waited(3 * WAIT_ROUND_TRIPS);
  const during = (who: string | undefined) => ({
    ...calm,
    troubles: [{ who, fromMs: wait.fromMs + 1, toMs: wait.toMs }],
  });
  expect(judgeWaits([wait], during('m1'))).toMatchObject({ excused: 1, problems: [] });
  expect(judgeWaits([wait], during(undefined))).toMatchObject({ excused: 1, problems: [] });
  expect(judgeWaits([wait], during('m2')).problems).toHaveLength(1);
});

test('troubles at once explain the time once', () => {
  const wait = waited(MOST + 8);
  const others = ['m2', 'm3'].map((who) => ({ who, fromMs: wait.fromMs + 1, toMs: wait.toMs }));
  expect(judgeWaits([wait], { ...calm, troubles: others }).problems).toHaveLength(1);
});
