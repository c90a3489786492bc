/** How much the cursors of one scan read ahead, all together: the more are open, the smaller each one's windows. */

/** A window is never larger, however few share the budget. */
export const WINDOW_BYTES_MAX: number = 1024 * 1024;
/** A cursor holds the current window and the next, and perhaps one of large values. */
const WINDOWS_EACH = 3;

export class WindowBudget {
  readonly #bytes: number;
  #open = 0;

  /** @param bytes for the windows of all cursors; beyond it each may still hold one block. */
  constructor(bytes: number) {
    this.#bytes = bytes;
  }

  /** What one window may be, bytes. */
  get windowBytes(): number {
    return Math.min(WINDOW_BYTES_MAX, this.#bytes / (WINDOWS_EACH * Math.max(this.#open, 1)));
  }

  /** Another cursor stands on an entry, until the returned function is called. */
  join(): () => void {
    let joined = true;
    this.#open++;
    return () => {
      if (joined) this.#open--;
      joined = false;
    };
  }
}
