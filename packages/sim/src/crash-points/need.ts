/** What has to go well, so that there is something to strike, or to be told afterwards. */
import type { Answer } from '../world/fleet.js';
import type { World } from '../world/world.js';

type Need = <T>(world: World, calling: Promise<Answer<T>>) => Promise<T>;

/** @param limitMs of virtual time. */
export function needWithin(limitMs: number): Need {
  return async (world, calling) => {
    const answer = await world.until(calling, limitMs);
    if (answer.kind === 'ok') return answer.value;
    throw new Error('A machine without faults failed.', {
      cause: answer.kind === 'error' ? answer.error : 'no answer',
    });
  };
}
