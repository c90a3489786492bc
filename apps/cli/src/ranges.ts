/** The options that name a range of keys. */
import type { Command } from 'commander';
import type { KeyRange } from 'holdfast';
import { parseKeyArgument } from './key-text.js';

export interface RangeOptions {
  readonly prefix?: string | undefined;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
}

export function addRangeOptions(command: Command): void {
  command
    .option('--prefix <key>', 'only the children of KEY, such as ["users", …] of users')
    .option('--from <key>', 'only KEY and what comes after it')
    .option('--to <key>', 'only what comes before KEY');
}

export function rangeOf({ prefix, from, to }: RangeOptions): KeyRange {
  return {
    ...(prefix !== undefined && { prefix: parseKeyArgument(prefix) }),
    ...(from !== undefined && { gte: parseKeyArgument(from) }),
    ...(to !== undefined && { lt: parseKeyArgument(to) }),
  };
}
