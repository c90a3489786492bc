/**
 * Versionstamps: which record, and which transaction in it. Unique to the transaction, sortable as text.
 * 20 hex digits: the record's version (14), the transaction's order (6).
 */
export type Versionstamp = string;

export interface Stamp {
  readonly version: number;
  readonly order: number;
}

/** Transactions of one record; keeps `order` in its six digits. */
export const ORDER_MAX = 0xffffff;

/** The one that was asked for last: a walk comes upon many entries of one transaction. */
let last = { version: 0, order: 0, text: '0'.repeat(20) };

export function formatVersionstamp({ version, order }: Stamp): Versionstamp {
  if (version !== last.version || order !== last.order)
    last = {
      version,
      order,
      text: version.toString(16).padStart(14, '0') + order.toString(16).padStart(6, '0'),
    };
  return last.text;
}

export function parseVersionstamp(text: Versionstamp): Stamp {
  if (typeof text !== 'string' || !/^[0-9a-f]{20}$/.test(text))
    throw new TypeError(
      `Expected a versionstamp (20 hex digits, as entries carry them), found ${JSON.stringify(text)}.`,
    );
  return { version: Number.parseInt(text.slice(0, 14), 16), order: Number.parseInt(text.slice(14), 16) };
}

/** Stands in for the version of a transaction's own writes: newer than anything in the state. */
export const OWN_VERSION: number = Number.MAX_SAFE_INTEGER;

/** Negative where `a` was written before `b`. */
export function compareStamps(a: Stamp, b: Stamp): number {
  return a.version - b.version || a.order - b.order;
}
