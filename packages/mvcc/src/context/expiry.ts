/**
 * What is said of a version whose objects are gone: that it is no longer retained, if the floor has passed it; else that
 * they are missing, which is damage.
 */
import { HoldfastError, isMissing } from '@holdfast/core';

export class Expiry {
  /** The floor of the newest state there is. Not there: nothing expires. */
  floorNow: (() => Promise<number>) | undefined;

  /** What a read of `version` that failed so has failed with. */
  async judge(error: unknown, version: number): Promise<unknown> {
    if (!isMissing(error) || !this.floorNow) return error;
    const floor = await this.floorNow();
    return version < floor ? expired(version, floor) : error;
  }
}

export function expired(version: number, floor: number): HoldfastError {
  return new HoldfastError(
    'SNAPSHOT_EXPIRED',
    `Version ${version} is no longer retained: the oldest is ${floor}. Start again on a newer version; checkpoint(name) keeps one from expiring.`,
  );
}

export function isExpired(error: unknown): error is HoldfastError {
  return error instanceof HoldfastError && error.code === 'SNAPSHOT_EXPIRED';
}
