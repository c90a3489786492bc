/**
 * Runs one command: gives it what it needs, and turns whatever becomes of it into an exit code.
 *
 * Invariants:
 * - Standard output holds the result only; everything else goes to standard error.
 * - The first Ctrl-C aborts, and what is in flight ends cleanly; a second one ends the process at once.
 */
import { setMaxListeners } from 'node:events';
import { inspect } from 'node:util';
import { type Database, HoldfastError, type ObjectStore, open, resolveLocation } from 'holdfast';
import type { Call, CommandSpec, CommonOptions } from './command.js';
import { EXIT } from './exit-codes.js';
import { asUsage, type Failure, failureOf, SystemFailure } from './failure.js';
import { printJson } from './json-values.js';
import { readKey } from './key-source.js';
import { shellQuoted, takeOperands } from './location.js';
import { Output, ReaderGone, tell } from './output.js';
import { createProgress } from './progress.js';

const SIGNALS: Readonly<Record<string, number>> = { SIGINT: EXIT.interrupted, SIGTERM: 143 };

export async function runCommand(
  spec: CommandSpec,
  args: readonly string[],
  options: CommonOptions,
): Promise<number> {
  const out = new Output(process.stdout);
  const json = options.json ?? false;
  const abort = new AbortController();
  // Every request in flight listens to it.
  setMaxListeners(0, abort.signal);
  let signalled: string | undefined;
  let code: number | undefined;
  let mayWrite = false;
  const onSignal = (name: NodeJS.Signals) => {
    if (signalled) process.exit(SIGNALS[name]);
    signalled = name;
    abort.abort();
  };
  for (const name of Object.keys(SIGNALS)) process.on(name as NodeJS.Signals, onSignal);
  const closers: (() => Promise<void> | undefined)[] = [];
  let call: Call | undefined;
  try {
    const takesLocation = spec.needs !== 'nothing';
    const { location = '', values } = takeOperands(args, spec.operands, { takesLocation, env: process.env });
    const { signal } = abort;
    const { platform } = process;
    const warn = (text: string) =>
      tell(json ? printJson({ warning: { message: text } }) : `holdfast ${spec.name}: warning: ${text}`);
    call = {
      operands: values as readonly string[],
      options,
      location,
      signal,
      out,
      say: (text) => {
        if (!json) tell(text);
      },
      warn,
      progress: (label) => {
        const progress = createProgress(label, { silent: json });
        closers.push(async () => progress.stop());
        return progress;
      },
      async open(mode): Promise<Database> {
        const { key, source } = await readKey(options, { env: process.env, signal, platform, warn });
        mayWrite ||= mode !== 'read';
        const rights = { create: mode === 'create', readOnly: mode === 'read' };
        const db = await asUsage(() => open(location, { key, signal, ...rights })).catch((error: unknown) => {
          throw withPlace(error, location, source);
        });
        closers.push(() => db.close());
        return db;
      },
      async openStore(): Promise<ObjectStore> {
        const store = await asUsage(() => resolveLocation(location));
        closers.push(() => store.close?.());
        return store;
      },
      interrupted: () => 'Nothing was changed.',
    };
    code = (await spec.run(call)) ?? EXIT.ok;
    for (const close of closers.reverse()) await close();
    await out.flush();
    return code;
  } catch (error) {
    for (const close of closers) await close()?.catch(() => {});
    // Nobody reads on; what was found out before that stays so.
    if (error instanceof ReaderGone) return code ?? call?.verdict ?? EXIT.ok;
    // What was printed before it failed is still a part of the answer.
    await out.flush().catch(() => {});
    if (!signalled) {
      const failure = failureOf(error);
      const isDone = error instanceof SystemFailure && code !== undefined && mayWrite;
      const message = isDone ? `${failure.message} The change itself was made.` : failure.message;
      return report(spec.name, { ...failure, message }, error, json);
    }
    const { maybeCommitted } = failureOf(error);
    const left = maybeCommitted
      ? 'The write may have taken effect: read it back.'
      : (call?.interrupted() ?? '');
    const exitCode = SIGNALS[signalled]!;
    const failure = {
      code: 'INTERRUPTED',
      message: `Interrupted. ${left}`,
      exitCode,
      retryable: true,
      maybeCommitted,
    };
    return report(spec.name, failure, error, json);
  } finally {
    for (const name of Object.keys(SIGNALS)) process.off(name, onSignal);
  }
}

/** The engine knows neither what the location is called nor where the key came from. */
function withPlace(error: unknown, location: string, keySource: string): unknown {
  if (!(error instanceof HoldfastError)) return error;
  const { code, message } = error;
  if (code === 'NOT_FOUND')
    return new HoldfastError(
      code,
      `There is no database in ${location}. Check the location, or make one with \`holdfast init ${shellQuoted(location)}\`.`,
      { cause: error },
    );
  if (code === 'WRONG_KEY')
    return new HoldfastError(code, `The key (${keySource}) does not open ${location}. ${message}`, {
      cause: error,
    });
  return error;
}

type Reported = Omit<Failure, 'exitCode'> & { readonly exitCode: number };

/** Says what went wrong on standard error. */
export function report(
  command: string | undefined,
  failure: Reported,
  error: unknown,
  json: boolean,
): number {
  if (json) tell(printJson({ error: { ...failure } }));
  else tell(`holdfast${command ? ` ${command}` : ''}: ${failure.message}`);
  if (process.env.HOLDFAST_DEBUG) for (const line of inspect(error).split('\n')) tell(line);
  return failure.exitCode;
}
