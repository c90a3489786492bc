/** How much the cursors of one scan read ahead, all together: the more are open, the less each one of them. */

/** A window is never larger, however few share the budget. */
export const WINDOW_BYTES_MAX: number = 1024 * 1024;
/** A cursor holds the current window, and perhaps one of large values; one more at least is on its way. */
const WINDOWS_EACH = 3;

export class WindowBudget {
  readonly #bytes: number;
  #open = 0;

  /** @param bytes for the windows of all cursors; beyond it each may still hold one block. */
  constructor(bytes: number) {
    this.#bytes = bytes;
  }

  /** Of one cursor. */
  get #share(): number {
    return this.#bytes / Math.max(this.#open, 1);
  }

  /** What one window may be, bytes. */
  get windowBytes(): number {
    return Math.min(WINDOW_BYTES_MAX, this.#share / WINDOWS_EACH);
  }

  /** How many of a cursor's windows may be on their way, or waiting for their turn. */
  get windowsAhead(): number {
    return Math.max(1, Math.floor(this.#share / this.windowBytes) - (WINDOWS_EACH - 1));
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
