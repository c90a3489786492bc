/**
 * The versions of large transactions, whose writes lie in segments only: what memory does not hold of what was written
 * lately.
 *
 * Invariant: every such version above `from` is in `versions`. Nothing is said of those up to it.
 */

/** More are forgotten from the oldest on; who has read before them asks segments. */
const VERSIONS_MAX = 64;

export class BulkVersions {
  readonly from: number;
  /** Ascending. */
  readonly versions: readonly number[];

  private constructor(from: number, versions: readonly number[]) {
    this.from = from;
    this.versions = versions;
  }

  /** After a jump: of what it passed over nothing is known. */
  static after(version: number): BulkVersions {
    return new BulkVersions(version, []);
  }

  /** With that of a newer record. */
  with(version: number): BulkVersions {
    const all = [...this.versions, version];
    if (all.length <= VERSIONS_MAX) return new BulkVersions(this.from, all);
    return new BulkVersions(all[0]!, all.slice(1));
  }

  /** The newest from `low` up to `high`; 0: there is none that is known. */
  newestWithin(low: number, high: number): number {
    for (let i = this.versions.length - 1; i >= 0; i--) {
      const version = this.versions[i]!;
      if (version <= high) return version >= low ? version : 0;
    }
    return 0;
  }
}
