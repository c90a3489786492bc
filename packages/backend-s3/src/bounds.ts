/** How much of an answer is taken before it is looked at, where it is not an object. */
import { StoreError } from '@holdfast/object-store';

/**
 * A thousand keys of 1,024 bytes, percent-encoded, with all that S3 tells of each, are less. To take an answer apart
 * costs many times its length.
 */
export const answerBytesMax: number = 4 * 1024 * 1024;

/** Those of S3 have less than 1 KiB. */
export const errorBytesMax: number = 64 * 1024;

/** @param changes whether the request changed something, which may have taken effect. */
export function answerTooLong(changes: boolean): StoreError {
  return new StoreError(
    changes ? 'UNKNOWN_OUTCOME' : 'TOO_LARGE',
    `The store's answer has more than ${answerBytesMax} bytes, where S3 sends some hundred thousand at most: check that it is the right endpoint.`,
  );
}
