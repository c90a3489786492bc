/** The examination itself, given wrong answers, hangs and failures without a name. */
import { HoldfastError } from '@holdfast/core';
import { beforeAll, describe, expect, test } from 'vitest';
import { IdleClock } from './clock.js';
import { Examiner, type QuickRead } from './examiner.js';
import { ImageStore, type Shown } from './image-store.js';
import { makeReference } from './reference.js';
import { lineOf } from './truth.js';
import { type Finding, judge, Notes } from './verdict.js';

const RIGHT: Finding = { codes: [], wrong: [], verifyOk: true, version: 9 };

describe('a finding is judged', () => {
  const cases: [string, Partial<Finding>, string][] = [
    ['a wrong value, even beside a refusal', { wrong: ['get'], codes: ['CORRUPT'] }, 'silent'],
    ['a refusal', { codes: ['CORRUPT'] }, 'noticed'],
    ['two refusals', { codes: ['CORRUPT', 'FORK'], verifyOk: false }, 'noticed'],
    ['a database that does not open', { codes: ['WRONG_KEY'], version: undefined }, 'noticed'],
    ['a code that says something else', { codes: ['CORRUPT', 'UNAVAILABLE'] }, 'silent'],
    ['"there is no database here"', { codes: ['NOT_FOUND'], version: undefined }, 'silent'],
    ['what only verify names', { verifyOk: false }, 'verify'],
    ['an older state', { version: 8 }, 'older'],
    ['all right, and verify finds nothing', {}, 'harmless'],
    ['nothing noticed, and verify not asked', { verifyOk: undefined }, 'silent'],
  ];
  test.each(cases)('%s', (_, finding, verdict) => {
    expect(judge({ ...RIGHT, ...finding }, 9)).toBe(verdict);
  });

  test('a code is an answer where it is said to be one', () => {
    const finding = { ...RIGHT, codes: ['SNAPSHOT_EXPIRED'] };
    expect([judge(finding, 9), judge(finding, 9, ['SNAPSHOT_EXPIRED'])]).toEqual(['silent', 'noticed']);
  });

  test('only errors of the engine have a name', () => {
    const notes = new Notes();
    notes.failed('a read', new HoldfastError('CORRUPT', 'corrupt'));
    for (const error of [new TypeError('x'), new RangeError('x'), 'text', undefined])
      notes.failed('a read', error);
    expect([notes.codes, notes.wrong.length]).toEqual([['CORRUPT'], 4]);
  });
});

describe('an examination sees', () => {
  let examiner: Examiner;
  beforeAll(async () => {
    examiner = await Examiner.make(await makeReference('plain'));
  });
  const read = (run: QuickRead['run']): QuickRead => ({ name: 'planted', run });

  test('an absent key', async () => {
    const { wrong } = await examiner.quick(
      new Map(),
      read(async ({ kept }) =>
        (await kept.getEntry(['absent'])) === undefined ? 'it is absent' : undefined,
      ),
    );
    expect(wrong).toEqual(['planted is not what was written']);
  });

  test('a failure without a name', async () => {
    const crash = read(async () => {
      throw new TypeError('of undefined');
    });
    const { wrong, codes } = await examiner.quick(new Map(), crash);
    expect([codes, wrong]).toEqual([[], [expect.stringContaining('failed without a code: TypeError')]]);
  });

  test('a read that never ends, whether it waits for nothing or sleeps again and again', async () => {
    const hung = await examiner.quick(
      new Map(),
      read(() => new Promise(() => {})),
    );
    const asleep = read(async () => {
      for (;;) await examiner.clock.sleep(60_000);
    });
    expect(hung.wrong).toEqual([expect.stringContaining('nothing is pending')]);
    expect((await examiner.quick(new Map(), asleep)).wrong).toEqual([expect.stringContaining('of sleep')]);
  });

  test('another database shown in the place of this one: other values, and fewer', async () => {
    const other = (await makeReference('other')).image;
    const { image, key } = examiner.truth.reference;
    expect(key).toBe('plaintext');
    const older = [...image.keys()].map((name) => [name, 'gone'] as const);
    const finding = await examiner.full(new Map<string, Shown>([...older, ...other]));
    expect(finding).toMatchObject({ version: undefined, codes: ['WRONG_KEY'], wrong: [] });
  });

  test('a truth that is not what the image holds', async () => {
    const { truth } = examiner;
    const [key, line] = [...truth.lines][0]!;
    const lines = truth.lines as Map<string, string>;
    const state = truth.states.get(truth.version) as string[];
    const others = truth.others as Map<number, string>;
    const said = others.get(truth.version)!;
    // One value another, one entry more.
    lines.set(key, `${line}x`);
    state[0] = `${line}x`;
    state.push(lineOf({ key: ['zz'], value: 1, versionstamp: '' }));
    others.set(truth.version, `${said} `);
    const { wrong, codes } = await examiner.full(new Map());
    lines.set(key, line);
    state[0] = line;
    state.pop();
    others.set(truth.version, said);
    expect(codes).toEqual([]);
    for (const what of [
      'the list',
      'the reverse list',
      'the keys',
      'the count',
      `get ${key.slice(0, 40)}`,
      'checkpoints',
    ])
      expect(wrong).toContainEqual(expect.stringContaining(what));
    expect((await examiner.full(new Map())).wrong).toEqual([]);
  });
});

test('an idle clock runs only while nothing else can happen', async () => {
  const clock = new IdleClock();
  const aborted = new AbortController();
  const settled = await clock.settle(async () => {
    const long = clock.sleep(30_000, aborted.signal).catch(() => 'aborted');
    await new Promise((resolve) => setImmediate(resolve));
    expect(clock.monotonic()).toBe(0);
    aborted.abort();
    const first = await long;
    await clock.sleep(5);
    return [first, clock.monotonic()];
  });
  expect(settled).toEqual({ value: ['aborted', 5] });
});

test('an image is shown with one byte changed, an object hidden or made up, and whole again', async () => {
  const image = new Map([
    ['a', Uint8Array.of(1, 2, 3, 4)],
    ['b', Uint8Array.of(5)],
  ]);
  const store = new ImageStore(image, new Map([['a', { at: 2, mask: 8 }]]));
  expect((await store.get('a'))?.bytes).toEqual(Uint8Array.of(1, 2, 11, 4));
  expect((await store.get('a', { range: { offset: 2, length: 1 } }))?.bytes).toEqual(Uint8Array.of(11));
  expect((await store.get('a', { range: { offset: 3, length: 9 } }))?.bytes).toEqual(Uint8Array.of(4));
  const seen = async (): Promise<unknown[]> => {
    const names: string[] = [];
    for await (const { key } of store.list('')) names.push(key);
    return [
      names.join(),
      (await store.get('a'))?.size,
      (await store.get('b'))?.size,
      (await store.get('c'))?.size,
    ];
  };
  store.show(
    new Map<string, Uint8Array | 'gone'>([
      ['a', 'gone'],
      ['c', new Uint8Array(2)],
    ]),
  );
  expect(await seen()).toEqual(['b,c', undefined, 1, 2]);
  store.show(new Map([['a', 'listed only' as const]]));
  expect(await seen()).toEqual(['a,b', undefined, 1, undefined]);
  store.show(new Map([['b', 'not listed' as const]]));
  expect(await seen()).toEqual(['a', 4, 1, undefined]);
  store.show(new Map());
  expect(await seen()).toEqual(['a,b', 4, 1, undefined]);
  expect(image.get('a')).toEqual(Uint8Array.of(1, 2, 3, 4));
});
