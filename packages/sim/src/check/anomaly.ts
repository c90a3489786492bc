/** What a checker found, in words that prove it. */

export type AnomalyKind =
  /** A cycle of overwrites alone: two transactions' writes are interleaved (Adya 1999, G0). */
  | 'G0'
  /** A read of what an aborted transaction wrote. */
  | 'G1a'
  /** A read of a value that its own transaction replaced, or of a part of its appends. */
  | 'G1b'
  /** A cycle of overwrites and reads. */
  | 'G1c'
  /** A cycle with one antidependency: read skew, among others. */
  | 'G-single'
  /** A cycle with several antidependencies, no two of them in a row: a long fork. Reported for `snapshot`. */
  | 'G-nonadjacent'
  /** A cycle with several antidependencies: write skew, among others. */
  | 'G2'
  /** Two transactions read one version of a key, and both wrote the key. */
  | 'lost-update'
  /** A transaction did not see its own writes, saw them too early, or contradicts its own reads. */
  | 'internal'
  /** Two reads of one list, neither the beginning of the other. */
  | 'incompatible-order'
  /** One append is in a list twice. */
  | 'duplicate'
  /** A committed write is absent from a state that must have it. */
  | 'lost-write'
  /** A value that nobody wrote. */
  | 'garbage'
  /** A read that is not what the log's order of the writes makes of it. */
  | 'not-serial'
  /** A cycle that needs real time: something was seen, or not seen, too late or too early. */
  | 'real-time';

export interface Anomaly {
  readonly kind: AnomalyKind;
  readonly message: string;
  /** The ids of the transactions that the message speaks of; none of them is the final state. */
  readonly transactions: readonly number[];
}

/** A list in words, its middle left out where it is long. */
export function showList(elements: readonly number[]): string {
  if (elements.length <= 12) return `[${elements.join(', ')}]`;
  return `[${elements.slice(0, 4).join(', ')}, … ${elements.length - 8} more …, ${elements.slice(-4).join(', ')}]`;
}

export function showTransactions(ids: readonly number[]): string {
  const some = ids
    .slice(0, 8)
    .map((id) => `T${id}`)
    .join(', ');
  return ids.length > 8 ? `${some} and ${ids.length - 8} more` : some;
}
