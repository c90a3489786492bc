/** The checkers of packages/sim on what a campaign has recorded. */
import { checkHistory } from '@holdfast/sim';

/**
 * @param {import('@holdfast/sim').History} history
 * @param {import('./judge.mjs').Found} found
 */
export function checkAll(history, { lists, registers }) {
  const final = new Map([...Object.entries(lists), ...Object.entries(registers)]);
  const anomalies = checkHistory(history, { level: 'strict-serializable', final });
  return anomalies.map(({ kind, message }) => `${kind}: ${message}`);
}
