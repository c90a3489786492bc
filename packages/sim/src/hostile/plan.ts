/** Which mutations a run makes, and which of them each worker. Plain data: workers are given it. */

import { fnv1a } from '../world/random.js';
import { AnnouncementCampaign } from './announcement-campaign.js';
import { ByteCampaign } from './byte-campaign.js';
import type { Campaign } from './campaign.js';
import { IntentCampaign } from './intent-campaign.js';
import { StructureCampaign } from './structure-campaign.js';

export const TARGETS = ['sealed', 'plain', 'intents', 'structure', 'announcements'] as const;
export type Target = (typeof TARGETS)[number];
/** What a key holder seals: numbered, and of no kind or object. */
export const isOfKeyHolder = (target: Target): boolean =>
  target === 'structure' || target === 'announcements';

export interface Plan {
  readonly targets: readonly Target[];
  readonly seed: number;
  readonly jobs: number;
  /** Mutations of each target at most; undefined: all of them. */
  readonly sample: number | undefined;
  /** How many structures are changed; of announcements a tenth of that. */
  readonly structures: number;
  /** This kind only. */
  readonly only: string | undefined;
  readonly object: string | undefined;
}

/** Consecutive mutations go to one worker. */
const RUN_LENGTH = 64;

export function makeCampaign(target: Target, { seed, structures }: Plan): Promise<Campaign<unknown>> {
  switch (target) {
    case 'structure':
      return StructureCampaign.make({ seed, count: structures });
    case 'announcements':
      return AnnouncementCampaign.make({ seed, count: Math.ceil(structures / 10) });
    case 'intents':
      return IntentCampaign.make({ seed });
    default:
      return ByteCampaign.make(target, { seed });
  }
}

/** How many mutations of a campaign the plan has, before `only` and `object`. */
export function sizeOf(plan: Plan, count: number): number {
  return Math.min(count, plan.sample ?? count);
}

/** The k-th mutation of a sample: one of each of as many equal stretches. */
export function indexOf(plan: Plan, count: number, k: number): number {
  const size = sizeOf(plan, count);
  if (size === count) return k;
  const fraction = fnv1a(`${plan.seed}/sample/${k}`) / 2 ** 32;
  return Math.min(count - 1, Math.floor(((k + fraction) * count) / size));
}

/** A worker's share, from its k-th on. */
export function* shareOf(plan: Plan, count: number, worker: number, from = 0): Generator<number> {
  const size = sizeOf(plan, count);
  for (let k = from; k < size; k++) if (Math.floor(k / RUN_LENGTH) % plan.jobs === worker) yield k;
}

/** What a mutation is called on the command line. */
export const kindName = (kind: string): string => kind.replaceAll(' ', '-');
