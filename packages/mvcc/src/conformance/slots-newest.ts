/** The newest slot: whatever a claim has answered, whoever looks sees it. */
import { ConformanceError, expectEqual } from '@holdfast/object-store/conformance';
import { type Cases, expectNewest, expectSlot, text, turn } from './cases.js';

/** What consoles, file managers and other tools leave, before, between and behind the names of records. */
const foreignNames = ['.DS_Store', '00', '0_notes.txt', '1f', '1ffffffffffffd.bak', '~', 'zz/inner'];

export const newestCases: Cases = {
  'the newest slot of an empty log is undefined': async (context) => {
    await expectNewest(context, undefined);
    await context.slots.read(1);
    await expectNewest(context, undefined);
  },
  'the newest slot is the highest, as soon as its claim is answered': async (context) => {
    const { slots, peer, length } = context;
    for (let n = 1; n <= length; n++) {
      const [own, other] = n % 2 ? [slots, peer] : [peer, slots];
      await own.claim(n, text(`of ${n}`));
      // The other first: it has no claim of its own to go by.
      expectEqual('the newest slot, as another process sees it', await other.newest(), n);
      expectEqual('the newest slot', await own.newest(), n);
    }
  },
  'a late claim of an older slot does not make it the newest': async (context) => {
    const { slots, peer } = context;
    for (const n of [1, 2, 3, 4]) await slots.claim(n, text(`of ${n}`));
    for (const n of [1, 3]) {
      expectEqual('the late claim', await peer.claim(n, text('late')), 'occupied');
      await expectNewest(context, 4);
    }
    // Who is told so looks at once.
    expectEqual('the claim of the newest', await peer.claim(4, text('late')), 'occupied');
    await expectNewest(context, 4);
  },
  'the newest slot never falls behind, or goes back, while others claim': async ({ slots, peer, length }) => {
    let claimed = 0;
    let isOver = false;
    const claim = async (): Promise<void> => {
      try {
        for (let n = 1; n <= length; n++) {
          await slots.claim(n, text(`of ${n}`));
          claimed = n;
          await turn();
        }
      } finally {
        isOver = true;
      }
    };
    const look = async (): Promise<void> => {
      for (let seen = 0; !isOver; ) {
        const least = Math.max(claimed, seen);
        const newest = (await peer.newest()) ?? 0;
        if (newest < least) throw new ConformanceError('the newest slot', `${least} or more`, newest);
        if (newest > claimed + 1)
          throw new ConformanceError('the newest slot', `${claimed + 1} or less`, newest);
        seen = newest;
        await turn();
      }
    };
    for (const end of await Promise.allSettled([claim(), look()]))
      if (end.status === 'rejected') throw end.reason;
  },
  'foreign names hide no slot and are none': async (context) => {
    const { slots, plant } = context;
    if (!plant) return;
    for (const name of foreignNames.slice(0, 4)) await plant(name);
    await expectNewest(context, undefined);
    for (const n of [1, 2, 3]) await slots.claim(n, text(`of ${n}`));
    await expectNewest(context, 3);
    for (const name of foreignNames) {
      await plant(name);
      await expectNewest(context, 3);
    }
    for (const n of [1, 2, 3]) await expectSlot(context, n, text(`of ${n}`));
  },
};
