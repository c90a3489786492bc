/**
 * What reads by key tell of a value that `setStream` wrote: that it is there, and how long it is. `getStream` gives its
 * bytes. It is no value itself: `set` refuses it.
 */
export class StreamValue {
  /** How many they are. */
  readonly bytes: number;

  constructor(bytes: number) {
    this.bytes = bytes;
  }
}
