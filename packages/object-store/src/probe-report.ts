/** What a probe has found, and what that means in words. */

/**
 * What a check is about: `condition`, whether a put with a condition has one winner; `read`, whether what was written
 * is read back; `listing`, whether a listing is whole and in order.
 */
export type ProbeKind = 'condition' | 'read' | 'listing';

export interface ProbeCheck {
  readonly kind: ProbeKind;
  readonly name: string;
  readonly expected: string;
  readonly found: string;
  readonly ok: boolean;
}

export interface ProbeReport {
  /** All checks are well. */
  readonly safe: boolean;
  readonly checks: readonly ProbeCheck[];
  /** What the probe wrote and could not delete, which does no harm; undefined: nothing. */
  readonly leftover: ProbeLeftover | undefined;
}

export interface ProbeLeftover {
  /** What its keys begin with. */
  readonly prefix: string;
  readonly reason: string;
}

/**
 * What is wrong with the store of a report, in sentences, and what to do; undefined: nothing.
 *
 * A store whose conditional writes are in order is not accused of two winners because its listing is wrong.
 */
export function unsafeInWords({ checks }: ProbeReport): string | undefined {
  const failed = (kind: ProbeKind): string =>
    checks
      .filter((check) => !check.ok && check.kind === kind)
      .map(({ name, expected, found }) => `${name}: expected ${expected}, found ${found}`)
      .join('; ');
  const said: string[] = [];
  const conditions = failed('condition');
  if (conditions)
    said.push(
      `Its conditional writes are not atomic: ${conditions}. Two writers could both be told that they won; use a store that honours conditional writes.`,
    );
  const reads = failed('read');
  if (reads)
    said.push(
      `It does not read back what was written: ${reads}. Check that nothing on the way caches or changes answers.`,
    );
  const listings = failed('listing');
  if (listings)
    said.push(
      `Its listing is wrong: ${listings}. ${conditions ? '' : 'Conditional writes are honoured. '}Check that it is the right endpoint, that its credentials may list, and that names come as they are, in the order of their bytes.`,
    );
  return said.length === 0 ? undefined : said.join(' ');
}
