/**
 * Runs one command: gives it what it needs, and turns whatever becomes of it into an exit code.
 *
 * Invariants:
 * - Standard output holds the result only; everything else goes to standard error.
 * - The first Ctrl-C aborts, and what is in flight ends cleanly; a second one ends the process at once.
 */
import { setMaxListeners } from 'node:events';
import { inspect } from 'node:util';
import { loadAdapters } from './adapters.js';
import type { Call, CommandSpec, CommonOptions } from './command.js';
import { EXIT } from './exit-codes.js';
import { type Failure, failureOf, SystemFailure } from './failure.js';
import { printJson } from './json-values.js';
import { takeOperands } from './location.js';
import { Output, ReaderGone, tell } from './output.js';
import { Places } from './places.js';
import { createProgress, type Progress } from './progress.js';

const SIGNALS: Readonly<Record<string, number>> = { SIGINT: EXIT.interrupted, SIGTERM: 143 };

export async function runCommand(
  spec: CommandSpec,
  args: readonly string[],
  options: CommonOptions,
): Promise<number> {
  const out = new Output(process.stdout);
  const { json = false, keyFile, plaintext } = options;
  const abort = new AbortController();
  const { signal } = abort;
  // Every request in flight listens to it.
  setMaxListeners(0, signal);
  let signalled: string | undefined;
  const onSignal = (name: NodeJS.Signals) => {
    if (signalled) process.exit(SIGNALS[name]);
    signalled = name;
    abort.abort();
  };
  for (const name of Object.keys(SIGNALS)) process.on(name as NodeJS.Signals, onSignal);
  const warn = (text: string) =>
    tell(json ? printJson({ warning: { message: text } }) : `holdfast ${spec.name}: warning: ${text}`);
  const places = new Places({ env: process.env, signal, platform: process.platform, warn });
  const shown: Progress[] = [];
  const end = async () => {
    for (const progress of shown) progress.stop();
    await places.close();
  };
  let code: number | undefined;
  let call: Call | undefined;
  try {
    await loadAdapters(options.adapter ?? [], process.cwd());
    const takesLocation = spec.needs !== 'nothing';
    const { location = '', values } = takeOperands(args, spec.operands, { takesLocation, env: process.env });
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
      progress(label) {
        const progress = createProgress(label, { silent: json });
        shown.push(progress);
        return progress;
      },
      // Named: a command has an `at` of its own.
      open: (mode) => places.open(location, mode, { keyFile, plaintext }),
      openAt: (where, mode, how) => places.open(where, mode, how),
      withKey: (where, how, use) => places.withKey(where, how, use),
      openStore: () => places.openStore(location),
      interrupted: () => 'Nothing was changed.',
    };
    code = (await spec.run(call)) ?? EXIT.ok;
    await end();
    await out.flush();
    return code;
  } catch (error) {
    await end().catch(() => {});
    // Nobody reads on; what was found out before that stays so.
    if (error instanceof ReaderGone) return code ?? call?.verdict ?? EXIT.ok;
    // What was printed before it failed is still a part of the answer.
    await out.flush().catch(() => {});
    const failure = failureOf(error);
    if (signalled) return report(spec.name, interruption(failure, signalled, call), error, json);
    const isDone = error instanceof SystemFailure && code !== undefined && places.mayWrite;
    const message = isDone ? `${failure.message} The change itself was made.` : failure.message;
    return report(spec.name, { ...failure, message }, error, json);
  } finally {
    for (const name of Object.keys(SIGNALS)) process.off(name, onSignal);
  }
}

function interruption({ maybeCommitted }: Failure, signalled: string, call: Call | undefined): Reported {
  const left = maybeCommitted
    ? 'The write may have taken effect: read it back.'
    : (call?.interrupted() ?? 'Nothing was changed.');
  const exitCode = SIGNALS[signalled]!;
  return { code: 'INTERRUPTED', message: `Interrupted. ${left}`, exitCode, retryable: true, maybeCommitted };
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
