/** The second reader, given a database that uses every field of format 2: it reads what was meant, and sees what is not. */
import { beforeAll, describe, expect, test } from 'vitest';
import { type EveryField, makeEveryField, userKey } from './every-field.js';
import { Model } from './model.js';
import { rebuild } from './rebuild.js';
import { lineOfWrite } from './scribe.js';
import { hex, openWorld, type World } from './world.js';

let written: EveryField;
let world: World;
let model: Model;
beforeAll(async () => {
  written = await makeEveryField();
  world = await openWorld(written.image);
  model = await modelOf(world);
});

async function modelOf(of: World): Promise<Model> {
  const trees = new Map(
    [...of.segments].map(([id, { meta, chunks }]) => [id, { meta, chunks: [...chunks] }]),
  );
  const { segments } = await rebuild(of, { segments: structuredClone(trees) as never });
  return new Model(await rebuild(of, {}), segments);
}

function linesOf(of: Model, version: number): string[] {
  return [...of.written(version).values()]
    .flat()
    .filter(({ value }) => value !== undefined)
    .map(({ isStream, expires, ...write }) =>
      lineOfWrite({ ...write, expiresMs: expires, ...(isStream ? { stream: true as const } : {}) }),
    )
    .sort();
}

test('each version is what was meant, wherever its writes and ranges lie', () => {
  for (const [version, lines] of written.states)
    expect([version, linesOf(model, version)]).toEqual([version, lines]);
});

test('it is in order, and each state is the one before with what its record did', () => {
  model.check(written.states.keys(), 2);
  model.checkContinuity();
});
