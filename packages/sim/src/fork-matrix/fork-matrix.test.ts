/**
 * A part of `npm run fork-matrix`: whatever way an open database meets a record of another history of itself, it says
 * FORK, tells no state that is of neither, writes nothing, and stays stopped (I2).
 */
import { beforeAll, describe, expect, test } from 'vitest';
import { makeHistories, sameState, stateOf } from './histories.js';
import { type Played, playMatrix, wrongOf } from './matrix.js';
import { rowsUpTo, SHOWINGS } from './rows.js';

let played: Played[];
beforeAll(async () => {
  played = [];
  for await (const cell of playMatrix({ common: 40, rows: rowsUpTo(100), depths: [0, 1, 3, 8, 16, 33] }))
    played.push(cell);
}, 60_000);

describe('an open database that is shown another history', () => {
  test.each(SHOWINGS)('says FORK wherever both are there to compare, and mixes nothing: %s', (showing) => {
    const cells = played.filter((cell) => cell.showing === showing && cell.depth > 0);
    expect(cells.filter(({ word }) => word !== '–').length).toBeGreaterThan(20);
    expect(wrongOf(cells)).toEqual([]);
  });

  test('and an honest store is never refused, and proves a jump in one round trip', () => {
    const cells = played.filter(({ depth, word }) => depth === 0 && word !== '–');
    expect(cells.length).toBeGreaterThan(10);
    expect(wrongOf(cells)).toEqual([]);
  });
});

test('the two histories have a state for every version, and never the same one after the fork', async () => {
  const histories = await makeHistories(20, { true: 3, other: 3 });
  for (let version = 1; version <= 23; version++)
    expect(sameState(stateOf(histories, 'true', version), stateOf(histories, 'other', version))).toBe(
      version <= 20,
    );
});
