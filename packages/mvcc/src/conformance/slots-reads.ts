/** Reads: what was claimed, all of it and unchanged, and no more than is wanted. */
import type { GetOptions } from '@holdfast/object-store';
import { expectEqual, expectFailure } from '@holdfast/object-store/conformance';
import { type Cases, expectSlot, noise, text } from './cases.js';

const contents: Readonly<Record<string, Uint8Array>> = {
  'one byte 0': Uint8Array.of(0),
  'one byte 255': Uint8Array.of(255),
  'zeros only': new Uint8Array(300),
  'zeros at both ends': Uint8Array.of(0, 0, 1, 2, 0, 0),
  'every byte there is': Uint8Array.from({ length: 256 }, (_, i) => i),
  'line ends and quotes': text('\r\n\n\r"\'\\\t\u0000\ufeff'),
  'no UTF-8': Uint8Array.of(0xc0, 0x80, 0xed, 0xa0, 0x80, 0xfe, 0xff),
  'a MiB': noise(1024 * 1024),
};

export const readCases: Cases = {
  'an empty slot is undefined': async (context) => {
    const { slots, peer } = context;
    await expectSlot(context, 1, undefined);
    expectEqual('an empty slot, bounded', await slots.read(1, { maxBytes: 0 }), undefined);
    await slots.claim(1, text('first'));
    for (const n of [2, 3, 10, 16, 257, 2 ** 40]) await expectSlot(context, n, undefined);
    const range = { offset: -1, length: 1 };
    expectEqual('the end of an empty slot', await slots.read(2, { range }), undefined);
    // What was found missing is looked for again.
    await peer.claim(2, text('second'));
    await expectSlot(context, 2, text('second'));
  },
  'bytes come back as they were': async (context) => {
    let n = 0;
    for (const [what, bytes] of Object.entries(contents)) {
      n++;
      expectEqual(`the claim of ${what}`, await context.slots.claim(n, bytes), 'created');
      await expectSlot(context, n, bytes);
    }
  },
  'a read takes no more than it is told': async ({ slots, peer }) => {
    const bytes = noise(100_000);
    await slots.claim(1, bytes);
    for (const reader of [slots, peer]) {
      for (const maxBytes of [bytes.length, bytes.length + 1, 2 ** 40])
        expectEqual(`a read of at most ${maxBytes} bytes`, await reader.read(1, { maxBytes }), bytes);
      for (const maxBytes of [bytes.length - 1, 1, 0]) {
        const error = await expectFailure(
          `a read of at most ${maxBytes} bytes`,
          reader.read(1, { maxBytes }),
        );
        expectEqual(
          `its code with at most ${maxBytes} bytes`,
          (error as { code?: unknown }).code,
          'TOO_LARGE',
        );
      }
    }
  },
  'a part of a slot is read': async ({ slots, peer }) => {
    await slots.claim(1, text('0123456789'));
    const parts: readonly [NonNullable<GetOptions['range']>, string][] = [
      [{ offset: 0, length: 10 }, '0123456789'],
      [{ offset: 3, length: 4 }, '3456'],
      [{ offset: 7, length: 100 }, '789'],
      [{ offset: -3, length: 3 }, '789'],
      [{ offset: -3, length: 2 }, '78'],
      [{ offset: -100, length: 100 }, '0123456789'],
    ];
    for (const [range, part] of parts)
      for (const reader of [slots, peer])
        expectEqual(
          `bytes of range ${range.offset}, ${range.length}`,
          await reader.read(1, { range }),
          text(part),
        );
  },
  'the caller may reuse its arrays': async (context) => {
    const { slots } = context;
    const around = text('..claimed..');
    await slots.claim(1, around.subarray(2, 9));
    around.fill(0);
    await expectSlot(context, 1, text('claimed'));
    (await slots.read(1))?.fill(0);
    await expectSlot(context, 1, text('claimed'));
  },
};
