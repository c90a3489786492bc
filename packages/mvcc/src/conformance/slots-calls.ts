/** What holds for every call: it ends when its signal is aborted, and says what became of it. */
import { StoreError } from '@holdfast/object-store';
import { ConformanceError, expectEqual, expectFailure } from '@holdfast/object-store/conformance';
import { type Cases, expectNewest, expectSlot, noise, text, turn } from './cases.js';

export const callCases: Cases = {
  'a call whose signal is aborted already rejects with the reason and does nothing': async (context) => {
    const { slots } = context;
    await slots.claim(1, text('first'));
    const reason = new Error('aborted by the suite');
    const options = { signal: AbortSignal.abort(reason) };
    const calls: Record<string, () => Promise<unknown>> = {
      claim: () => slots.claim(2, text('second'), options),
      read: () => slots.read(1, options),
      newest: () => slots.newest(options),
    };
    for (const [name, call] of Object.entries(calls))
      expectEqual(`the reason of ${name}`, await expectFailure(name, call()), reason);
    await expectSlot(context, 2, undefined);
    await expectNewest(context, 1);
  },
  'a claim aborted on its way is whole or absent, and says so': async (context) => {
    const { slots } = context;
    const bytes = noise(512 * 1024);
    let n = 1;
    for (let round = 0; round < 8; round++) {
      const aborting = new AbortController();
      const reason = new Error('aborted by the suite');
      const claim = slots.claim(n, bytes, { signal: aborting.signal }).then(
        (answer: unknown) => ({ answer, error: undefined }),
        (error: unknown) => ({ answer: undefined, error }),
      );
      // Each round a little later.
      for (let i = 0; i < round; i++) await turn(i % 2);
      aborting.abort(reason);
      const { answer, error } = await claim;
      if (answer === 'created') await expectSlot(context, n, bytes);
      else if (error instanceof StoreError && error.code === 'UNKNOWN_OUTCOME') {
        // Whether it still comes nobody knows: as the protocol does, take the slot, and see whose it is.
        const isFree = (await slots.claim(n, bytes)) === 'created';
        await expectSlot(context, n, bytes);
        if (isFree) expectEqual('a claim after it', await slots.claim(n, text('other')), 'occupied');
      } else if (error !== undefined && error === reason) {
        await expectSlot(context, n, undefined);
        continue;
      } else
        throw new ConformanceError(
          'an aborted claim',
          'created, UNKNOWN_OUTCOME or the reason',
          error ?? answer,
        );
      n++;
    }
  },
  'a read aborted on its way ends': async ({ slots }) => {
    const bytes = noise(512 * 1024);
    await slots.claim(1, bytes);
    for (let round = 0; round < 4; round++) {
      const aborting = new AbortController();
      const reason = new Error('aborted by the suite');
      const reading = slots.read(1, { signal: aborting.signal }).catch((error: unknown) => error);
      for (let i = 0; i < round; i++) await turn(i % 2);
      aborting.abort(reason);
      const found = await reading;
      if (found !== reason) expectEqual('what was read before the abort', found, bytes);
    }
  },
  'a signal that is aborted afterwards does no harm': async (context) => {
    const { slots } = context;
    const aborting = new AbortController();
    const { signal } = aborting;
    await slots.claim(1, text('first'), { signal });
    await slots.read(1, { signal });
    await slots.newest({ signal });
    aborting.abort();
    await expectSlot(context, 1, text('first'));
    await expectNewest(context, 1);
  },
};
