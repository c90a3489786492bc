/**
 * What the public API promises for later. Asked for today it is refused: a caller who asks for freshness, or for
 * an arbiter, and silently gets none is worse off than one who is told.
 */
export interface UnbackedOptions {
  /** Only tier `L0` (integrity) can be had yet. */
  readonly freshness?: { readonly tier: string } | undefined;
}

/** @throws TypeError for a freshness tier, a sequencer or a receipt that nothing here can back. */
export function refuseUnbacked(call: string, options: object): void {
  const { freshness, sequencer } = options as UnbackedOptions & { sequencer?: unknown };
  if (freshness !== undefined && freshness?.tier !== 'L0')
    throw new TypeError(
      `${call}: this version has freshness tier 'L0' only (integrity; an old state shown again is not noticed by a new process), found ${JSON.stringify(freshness?.tier)}. Nothing was done.`,
    );
  if (sequencer !== undefined)
    throw new TypeError(
      `${call}: this version has no sequencers; use a store that honours conditional creates. Nothing was done.`,
    );
}
