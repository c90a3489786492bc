/**
 * What of a bucket may go, name by name. Pure: decided from one retained record, its *root*, and what it names.
 *
 * The root is the record before the lowest version that is retained: its manifest and its holders are all of the past
 * that a retained version can still need.
 *
 * Invariants:
 * - What may go once may go for ever: no record that is made later can begin to need it. So whoever sleeps between
 *   deciding and deleting does no harm, and any number of collectors may run at once.
 * - A segment goes only if its base version is below the floor that *the root itself* says. Records after the root
 *   begin to name only segments whose base is at or above their parent's floor, so none below it; what they name of
 *   older ones, the root names too. By the floor of today this would not hold: an upload that began below it may have
 *   been published between the root and today, and replaced since.
 * - A page goes only if its base version is below the root's number: a record that makes a page anew gives it its
 *   parent's. One that puts out a page which travelled inline before it gives it the id that it was sealed with: the root
 *   had it inline, so it names it.
 * - A record goes only below the root, if it is tiled (its hash stays known for ever), and no holder, and no checkpoint.
 * - What is not ours by its name stays.
 */
import {
  INTENT_PREFIX,
  type Intents,
  PAGE_PREFIX,
  parseBaseVersion,
  parseIntentName,
  parseTileName,
  SEGMENT_PREFIX,
  TILE_PREFIX,
  TILE_WIDTH,
  toHex,
} from '@holdfast/core';

export interface CollectionRoot {
  /** The record before the lowest version that is retained. */
  readonly version: number;
  /** The floor that it says. */
  readonly floor: number;
  readonly tiledThrough: number;
  /** The names of segments and pages that it, or a checkpoint below it, names. */
  readonly named: ReadonlySet<string>;
  /** Records below it that it, or a checkpoint, needs; checkpoints themselves. */
  readonly held: ReadonlySet<number>;
  /** Records up to here are in tiles, as a record said a grace period ago. */
  readonly provenThrough: number;
}

/** Whether an object goes, and why. */
export interface Judgement {
  readonly kind: 'record' | 'segment' | 'page' | 'tile' | 'intent' | 'foreign';
  readonly removed: boolean;
  readonly why: string;
}

export function judgeRecord(root: CollectionRoot, version: number): Judgement {
  const kind = 'record';
  if (version >= root.version) return { kind, removed: false, why: 'its version is retained' };
  if (root.held.has(version))
    return { kind, removed: false, why: 'a retained version, or a checkpoint, needs it' };
  if (version > root.provenThrough)
    return { kind, removed: false, why: `the history is tiled up to version ${root.provenThrough} only` };
  return { kind, removed: true, why: `no version below ${root.version + 1} is retained` };
}

/** Of a name under `seg/` or `man/`. */
export function judgeObject(root: CollectionRoot, name: string): Judgement {
  const base = parseBaseVersion(name);
  const kind = name.startsWith(SEGMENT_PREFIX) ? 'segment' : 'page';
  if (base === undefined || !(name.startsWith(SEGMENT_PREFIX) || name.startsWith(PAGE_PREFIX)))
    return foreign();
  if (root.named.has(name))
    return { kind, removed: false, why: 'a retained version, or a checkpoint, has it' };
  const bound = kind === 'segment' ? root.floor : root.version;
  if (base >= bound)
    return {
      kind,
      removed: false,
      why: `begun at version ${base}: a record after ${root.version} may name it`,
    };
  return { kind, removed: true, why: `begun at version ${base}, and named by no retained version` };
}

export function judgeTile(root: CollectionRoot, name: string): Judgement {
  const tile = parseTileName(name);
  if (!tile || !name.startsWith(TILE_PREFIX)) return foreign();
  const kind = 'tile';
  const { level, index, width } = tile;
  if (width === TILE_WIDTH) return { kind, removed: false, why: 'complete tiles stay for ever' };
  // Partial tiles are there for the tiled sizes with so many whole subtrees of their level.
  const isPassed = index * TILE_WIDTH + width < Math.floor(root.tiledThrough / TILE_WIDTH ** level);
  return isPassed
    ? { kind, removed: true, why: 'a larger tile has its hashes' }
    : { kind, removed: false, why: 'the right edge of the history tree' };
}

/**
 * @param intents as a record says them that is newer than the listing that showed the name.
 * @param isOld it was announced more than a grace period ago.
 */
export function judgeIntent(intents: Intents, name: string, isOld: boolean): Judgement {
  const place = parseIntentName(name);
  if (!place || !name.startsWith(INTENT_PREFIX)) return foreign();
  const kind = 'intent';
  const writer = toHex(place.writerId);
  const last = intents.decided.find(({ writerId }) => toHex(writerId) === writer);
  if (last && place.k <= last.k) return { kind, removed: true, why: 'it is decided' };
  if (last)
    return { kind, removed: isOld, why: isOld ? 'nobody has carried it for long' : 'it may be carried' };
  if (place.k > 1)
    return { kind, removed: true, why: 'its writer is forgotten: only a first intent would count' };
  return { kind, removed: isOld, why: isOld ? 'nobody has carried it for long' : 'it may be carried' };
}

function foreign(): Judgement {
  return { kind: 'foreign', removed: false, why: 'its name is none of a database' };
}
