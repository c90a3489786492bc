/**
 * Whether two byte strings are equal, in a time that depends on their lengths only. For tags, commitments and
 * anything derived from a key; JavaScript engines promise nothing about timing, so this is best effort.
 */
export function constantTimeEqual(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= a[i]! ^ b[i]!;
  return difference === 0;
}
