/**
 * What a world leaves to its process: promises that nobody hears, which would end it, and signals with more listeners
 * than calls.
 */
export class Stray {
  readonly found: string[] = [];

  constructor() {
    process.on('unhandledRejection', this.#onRejection);
    process.on('warning', this.#onWarning);
  }

  end(): void {
    process.off('unhandledRejection', this.#onRejection);
    process.off('warning', this.#onWarning);
  }

  readonly #onRejection = (reason: unknown): void => {
    this.found.push(
      `Nobody heard this rejection: ${reason instanceof Error ? (reason.stack ?? reason.message) : String(reason)}`,
    );
  };

  readonly #onWarning = ({ name, message }: Error): void => {
    if (name === 'MaxListenersExceededWarning') this.found.push(`${name}: ${message}`);
  };
}
