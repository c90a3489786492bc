import { getEventListeners } from 'node:events';
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import { createKeyring, type KeyringOptions, openKeyring } from './keyring.js';
import { nodeProvider } from './node.js';
import { type KeyProvider, type RootKey, rootKeyOf } from './root-key.js';

const KEY = Uint8Array.from({ length: 32 }, (_, i) => 7 * i);
const HEX = Buffer.from(KEY).toString('hex');
const DATABASE_ID = new Uint8Array(16).fill(0xd1);
const SECRET = 'f00dfeed';

function options(root: RootKey | string, more: Partial<KeyringOptions> = {}): KeyringOptions {
  let byte = 0;
  const random = (length: number): Uint8Array => new Uint8Array(length).fill(++byte);
  return { provider: nodeProvider, root, databaseId: DATABASE_ID, random, ...more };
}

describe('a root key', () => {
  test('is 32 bytes of any realm, or 64 hex digits of either case', () => {
    const foreign = runInNewContext('Uint8Array.from(bytes)', { bytes: [...KEY] }) as Uint8Array;
    expect(foreign instanceof Uint8Array).toBe(false);
    for (const given of [KEY, Buffer.from(KEY), foreign, HEX, HEX.toUpperCase()])
      expect(rootKeyOf(given)).toEqual(KEY);
    const provider: KeyProvider = { wrap: async (key) => key, unwrap: async (key) => key };
    expect(rootKeyOf(provider)).toBe(provider);
  });

  test('that is none is refused, in words that do not repeat it', () => {
    const wrong: unknown[] = [
      ...[
        '',
        SECRET,
        `${HEX}0`,
        ` ${HEX.slice(1)}`,
        `0x${HEX.slice(2)}`,
        `${HEX.slice(0, 56)}${SECRET.slice(0, 7)}g`,
      ],
      ...[undefined, null, 7, {}, { wrap() {} }, KEY.subarray(1), [...KEY], KEY.buffer, new Float64Array(32)],
    ];
    for (const given of wrong) {
      const attempt = (): unknown => rootKeyOf(given as RootKey);
      expect(attempt).toThrow(TypeError);
      expect(attempt).toThrow(/^root key: expected/);
      expect(attempt).not.toThrow(new RegExp(`${SECRET.slice(0, 7)}|${HEX.slice(8, 16)}`));
    }
  });

  test('is taken at the call, with the id and the bytes of the ring: what is wiped afterwards changes nothing', async () => {
    const given = { root: KEY.slice(), databaseId: DATABASE_ID.slice() };
    const making = createKeyring(options(given.root, given));
    given.root.fill(0);
    given.databaseId.fill(0);
    const ring = await making;
    const bytes = ring.bytes.slice();
    const again = { root: KEY.slice(), databaseId: DATABASE_ID.slice() };
    const opening = openKeyring(options(again.root, again), bytes);
    again.root.fill(0);
    again.databaseId.fill(0);
    bytes.fill(0);
    expect(await (await opening).epochKey(1)).toEqual(await ring.epochKey(1));
    const rotated = await ring.rotate();
    expect((await openKeyring(options(HEX), rotated.bytes)).epochs).toEqual([1, 2]);
  });
});

describe('a key provider that does not answer', () => {
  /** Does not answer the first `hangs` calls. */
  function hanging(hangs: number): KeyProvider & { asked: number; hangs: number } {
    const ask = async (secret: Uint8Array): Promise<Uint8Array> => {
      if (++provider.asked <= provider.hangs) await new Promise(() => {});
      return secret.slice();
    };
    const provider = { asked: 0, hangs, wrap: ask, unwrap: ask };
    return provider;
  }

  test('is waited for until the signal ends it, and asked anew by the next call', async () => {
    const reason = new Error('enough');
    const stopped = async (wait: (signal: AbortSignal) => Promise<unknown>): Promise<void> => {
      const stop = new AbortController();
      const waiting = wait(stop.signal);
      stop.abort(reason);
      await expect(waiting).rejects.toBe(reason);
    };
    await stopped((signal) => createKeyring(options(hanging(1), { signal })));

    const ring = await createKeyring(options(hanging(0)));
    await stopped((signal) => openKeyring(options(hanging(1), { signal }), ring.bytes));

    // The newest epoch is unwrapped on opening: the older one's first question is not answered.
    const { bytes } = await ring.rotate();
    const provider = hanging(0);
    const opened = await openKeyring(options(provider), bytes);
    provider.hangs = provider.asked + 1;
    await stopped((signal) => opened.epochKey(1, signal));
    expect(await opened.epochKey(1)).toEqual(await ring.epochKey(1));
  });

  test('leaves no listener on the signal of those who waited', async () => {
    const { signal } = new AbortController();
    const ring = await createKeyring(options(hanging(0), { signal }));
    const opened = await openKeyring(options(hanging(0), { signal }), ring.bytes);
    await opened.rotate(signal);
    await opened.epochKey(1, signal);
    expect(getEventListeners(signal, 'abort')).toEqual([]);
    await expect(
      createKeyring(options(KEY, { signal: AbortSignal.abort(new Error('before')) })),
    ).rejects.toThrow('before');
  });
});
