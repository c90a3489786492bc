import { createInterface } from 'node:readline/promises';
import { type Database, findReadable, HoldfastError, type Salvage, toHex } from 'holdfast';
import { type Call, type CommandSpec, defineCommand } from '../command.js';
import { sentence, UsageError } from '../failure.js';
import { isLocation } from '../location.js';
import { parseVersion } from '../moments.js';
import { countOf, formatCount } from '../output.js';
import { type Copied, copyEntries } from '../restorer.js';

interface RestoreOptions {
  readonly at?: number;
  readonly yes?: boolean;
  readonly targetKeyFile?: string;
  readonly targetPlaintext?: boolean;
}

/** Damaged versions that people are shown. */
const SHOWN_MAX = 20;

const NOT_COPIED =
  'The copy is a new database with an id of its own. Only keys and values are in it: earlier versions, checkpoints, request ids and sessions are not. A request that was carried out in the old database, and is sent to the copy again, acts again.';

export const restoreCommand: CommandSpec = defineCommand<RestoreOptions>({
  name: 'restore',
  summary: 'copy what can still be read of a damaged database into a new one',
  operands: ['TARGET'],
  needs: 'database',
  addOptions: (command) =>
    command
      .option(
        '--at <version>',
        'restore this version; default: the newest that can be read whole',
        parseVersion,
      )
      .option('--yes', 'do it without asking; needed where there is no terminal')
      .option('--target-key-file <file>', 'the key of TARGET; default: that of LOCATION')
      .option('--target-plaintext', 'TARGET is not to be encrypted'),
  help: `For a database whose newest records are damaged or missing, so that it can't be opened. Looks for the newest
version of which every record and block can be read, says what is lost with those after it, asks, and copies all keys
and values of that version into a new database at TARGET, where there must be nothing yet. Only reads from LOCATION,
where nothing is changed: try a copy of the missing objects from a replica of the bucket there first.

${NOT_COPIED}

--at reads that version without looking at newer ones. Whatever was written after it is not in the copy.

Examples:
  $ holdfast restore file:./state file:./restored
  $ holdfast restore 's3://bucket/prefix?region=eu-central-1' file:./restored --at 1200 --yes`,
  async run(call) {
    const { options, location, operands } = call;
    const { keyFile, plaintext } = options;
    const target = operands[0]!;
    if (!isLocation(target))
      throw new UsageError(
        `Expected a location as TARGET, found ${JSON.stringify(target)}. For a folder write file:${target}.`,
      );
    if (target === location) throw new UsageError('Expected a TARGET other than LOCATION, found the same.');
    call.interrupted = () => `${target} was not touched.`;
    const targetKey = targetKeyOf(options);
    await expectNothing(call, target, targetKey);
    const salvage = options.at === undefined ? await survey(call) : undefined;
    const version = options.at ?? salvage?.readable;
    if (version === undefined)
      throw new HoldfastError(
        'CORRUPT',
        `No version of ${location} can be read whole: ${salvage!.damaged[0]?.problem ?? 'it has none'} Nothing was restored. Bring back what is missing from a replica of the bucket; --at VERSION reads what there is of one version.`,
      );
    const source = await call.openAt(location, 'read', { keyFile, plaintext, at: version });
    tellPlan(call, salvage, version);
    await confirm(call, version, target);
    return restore(call, { source, version, target, targetKey, salvage });
  },
});

type RestoreCall = Call<RestoreOptions>;
type TargetKey = ReturnType<typeof targetKeyOf>;

function targetKeyOf({ keyFile, plaintext, targetKeyFile, targetPlaintext }: RestoreCall['options']) {
  if (targetKeyFile !== undefined && targetPlaintext)
    throw new UsageError('Expected --target-key-file or --target-plaintext, found both.');
  if (targetPlaintext) return { plaintext: true };
  return targetKeyFile === undefined ? { keyFile, plaintext } : { keyFile: targetKeyFile };
}

/** Told now rather than after the search. */
async function expectNothing(call: RestoreCall, target: string, key: TargetKey): Promise<void> {
  let why: string;
  try {
    const { version } = await call.openAt(target, 'read', key);
    why = `found a database at version ${version}`;
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error;
    if (error.code === 'NOT_FOUND') return;
    if (!['WRONG_KEY', 'CORRUPT', 'FORK', 'UNSUPPORTED_FORMAT'].includes(error.code)) throw error;
    why = 'found a database that this key does not open, or a damaged one';
  }
  throw inUse(target, why);
}

function inUse(target: string, found: string): HoldfastError {
  return new HoldfastError(
    'PREFIX_IN_USE',
    `Expected nothing yet in ${target}, ${found}. Nothing was changed there; choose another TARGET.`,
  );
}

async function survey(call: RestoreCall): Promise<Salvage> {
  const { location, options } = call;
  const progress = call.progress('looking for a version that is whole');
  const salvage = await call.withKey(location, options, (key, signal) =>
    findReadable(location, {
      key,
      signal,
      onProgress: ({ version, damaged }) =>
        progress.update(0, undefined, `version ${formatCount(version)}, ${formatCount(damaged)} damaged`),
    }),
  );
  progress.stop();
  return salvage;
}

function tellPlan(call: RestoreCall, salvage: Salvage | undefined, version: number): void {
  const { say, location } = call;
  if (salvage === undefined)
    say(`Version ${version} of ${location}. Whatever was written after it is not in the copy.`);
  else if (salvage.damaged.length === 0)
    say(`Version ${version} of ${location}, the newest, can be read whole. Nothing is lost.`);
  else {
    const { newest, damaged } = salvage;
    say(
      `Version ${version} of ${location} can be read whole. Lost are versions ${version + 1} to ${newest}:`,
    );
    for (const { version: lost, problem } of damaged.slice(0, SHOWN_MAX)) say(`  ${lost}: ${problem}`);
    if (damaged.length > SHOWN_MAX) say(`  … and ${formatCount(damaged.length - SHOWN_MAX)} more.`);
  }
  say(NOT_COPIED);
}

async function confirm(call: RestoreCall, version: number, target: string): Promise<void> {
  const { yes, json } = call.options;
  if (yes) return;
  if (json || !process.stdin.isTTY || !process.stderr.isTTY)
    throw new UsageError('Expected --yes, since nobody can be asked here. Nothing was changed.');
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await terminal.question(`Copy version ${version} into ${target}? Type yes: `, {
      signal: call.signal,
    });
    if (answer.trim().toLowerCase() !== 'yes') throw new UsageError('Not confirmed. Nothing was changed.');
  } finally {
    terminal.close();
  }
}

interface Plan {
  readonly source: Database;
  readonly version: number;
  readonly target: string;
  readonly targetKey: TargetKey;
  readonly salvage: Salvage | undefined;
}

async function restore(call: RestoreCall, plan: Plan): Promise<undefined> {
  const { out, options, signal, location } = call;
  const { source, version, target, targetKey, salvage } = plan;
  let copied: Copied = { entries: 0, bytes: 0 };
  const state = () =>
    `${target} is not complete: it has ${countOf(copied.entries, 'entry', 'entries')}. Delete what is there, and run the same command again; ${location} was not changed.`;
  call.interrupted = state;
  const progress = call.progress('restoring');
  const total = source.stats().segmentEntries || undefined;
  const db = await call.openAt(target, 'create', targetKey);
  try {
    if (db.version !== 1) throw inUse(target, 'found a database that somebody made meanwhile');
    const snapshot = await source.snapshot({ at: version, signal });
    const copying = copyEntries(snapshot, db, { signal });
    for await (copied of copying)
      progress.update(
        copied.entries,
        total && Math.max(total, copied.entries),
        countOf(copied.entries, 'entry', 'entries'),
      );
    const found = await db.count({}, { signal });
    if (found !== copied.entries)
      throw new HoldfastError('CORRUPT', `Expected ${copied.entries} entries in ${target}, found ${found}.`);
  } catch (error) {
    if (signal.aborted || !(error instanceof HoldfastError) || error.code === 'PREFIX_IN_USE') throw error;
    const { retryable, maybeCommitted } = error;
    throw new HoldfastError(error.code, `${sentence(error.message)} ${state()}`, {
      cause: error,
      retryable,
      maybeCommitted,
    });
  } finally {
    progress.stop();
  }
  const { entries } = copied;
  if (options.json)
    await out.json({
      source: location,
      target,
      version,
      ...(salvage && { newest: salvage.newest ?? null, lost: salvage.damaged.map((one) => ({ ...one })) }),
      entries,
      targetId: toHex(db.id),
      targetVersion: db.version,
    });
  else
    await out.line(
      `Restored ${countOf(entries, 'entry', 'entries')} of version ${version} into ${target} (a new database, version ${db.version}).`,
    );
  return undefined;
}
