/** The whole of it, in order: open, import, open the books, work, kill, work on, verify, check the books, report. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { type Database, HoldfastError, open, resolveLocation, toHex, type VerifyReport } from 'holdfast';
import { checkBooks, checkCities, readHoldings } from './books.js';
import { countByCountry } from './contracts/gazetteer.js';
import type { Crew } from './crew.js';
import { Folder } from './folder.js';
import { type Cities, CREDIT, importCities, readCities } from './import.js';
import { isPending, Journal, readJournals } from './journal.js';
import type { WorkerSettings } from './messages.js';
import { Progress } from './progress.js';
import { addTraffic, formatReport } from './report.js';
import { settle } from './settle.js';
import { workWithProgress } from './work.js';

export interface ShowOptions {
  readonly location?: string;
  readonly folder: string;
  readonly fresh?: boolean;
  readonly workers: number;
  readonly seconds?: number;
  readonly calls?: number;
  readonly records?: number;
}

const SECONDS = 10;
const DELETE_AT_ONCE = 100;
/** What a state consists of (FORMAT.md), and what a probe that was interrupted leaves. */
const OBJECT_PREFIXES = ['log/', 'seg/', 'man/', 'tile/', 'int/', 'probe/'];

const say = (text: string): void => void process.stdout.write(`${text}\n`);

/** What every step works with. */
interface Scene {
  readonly db: Database;
  readonly folder: Folder;
  readonly location: string;
  readonly options: ShowOptions;
  readonly signal: AbortSignal;
  /** Is told how to end the workers at once, for when nobody wants to wait any more. */
  readonly onCrew: (crew: Crew) => void;
}

/** Resolves to whether everything verified and balanced. */
export async function show(
  options: ShowOptions,
  signal: AbortSignal,
  onCrew: (crew: Crew) => void,
): Promise<boolean> {
  if (options.location?.startsWith('memory:'))
    throw new Error('memory: is of one process, and the workers are several. Use file: or a bucket.');
  const folder = new Folder(options.folder);
  folder.lock();
  try {
    const location = options.location ?? folder.location;
    if (options.fresh) await startOver(folder, location);
    await using db = await openOrMake(folder, location, signal);
    return await play({ db, folder, location, options, signal, onCrew });
  } finally {
    folder.unlock();
  }
}

async function play(scene: Scene): Promise<boolean> {
  const { db, location, signal, options } = scene;
  const cities = readCities(options.records);
  await importWithProgress(db, cities, signal);
  const afterImport = db.traffic().snapshot();

  const books = openBooks(scene);
  await settlePending(db, books.folder, signal);
  const run = randomBytes(4).toString('hex');
  const work = await workWithProgress({
    settings: settingsOf(scene, books.folder, run),
    ...(options.calls === undefined && { seconds: options.seconds ?? SECONDS }),
    signal,
    onCrew: scene.onCrew,
  });
  const beforeChecks = db.traffic().snapshot();

  const verified = await verifyWithProgress(db, signal);
  if (!verified.ok) {
    say(['The state is damaged; its books were not looked at.', ...verified.problems].join('\n  '));
    return false;
  }
  const closing = await db.snapshot();
  const entries = [...readJournals(books.folder).values()].flat();
  const opening = await db.snapshot({ at: books.openedAt, signal });
  const findings = [
    ...checkBooks(await readHoldings(opening), entries, await readHoldings(closing)),
    checkCities(cities.cities, await db.transact(countByCountry, { signal })),
  ];
  const { reports } = work;
  say(
    `\n${formatReport({
      location,
      entries: entries.filter((entry) => entry.run === run),
      workers: options.workers,
      seconds: work.seconds,
      kill: work.kill,
      repeated: work.repeated,
      reports,
      traffic: {
        import: afterImport,
        calls: reports.map(({ traffic }) => traffic).reduce(addTraffic),
        checks: db.traffic().since(beforeChecks),
      },
      verified,
      hash: closing.hash,
      manifestRoot: closing.manifestRoot,
      findings,
      credit: CREDIT,
    })}`,
  );
  const balanced = findings.every(({ problems }) => problems.length === 0);
  // Books that balance are closed: the next run's begin with this version, and new journals.
  if (balanced) scene.folder.openBooks(toHex(db.id), closing.version);
  return balanced;
}

/** Deletes the objects of the state, if this folder's example has made it. Nothing else under the location. */
async function startOver(folder: Folder, location: string): Promise<void> {
  const store = await resolveLocation(location);
  try {
    const keys: string[] = [];
    for (const prefix of OBJECT_PREFIXES) for await (const { key } of store.list(prefix)) keys.push(key);
    if (keys.length === 0) return;
    const place = store.identity ?? location;
    if (!folder.hasMade(place))
      throw new Error(
        `--fresh deletes only what this example made: expected ${place} to be noted in ${folder.path}, found a state of somebody else's there. Nothing was deleted; choose another --location.`,
      );
    const progress = new Progress('delete', keys.length);
    for (let i = 0; i < keys.length; i += DELETE_AT_ONCE) {
      await store.delete(keys.slice(i, i + DELETE_AT_ONCE));
      const deleted = Math.min(i + DELETE_AT_ONCE, keys.length);
      progress.update(deleted, `${deleted.toLocaleString('en-US')} objects`);
    }
    progress.end();
    folder.forget(place);
  } finally {
    await store.close?.();
  }
}

async function openOrMake(folder: Folder, location: string, signal: AbortSignal): Promise<Database> {
  const key = folder.key();
  try {
    const db = await open(location, { key, create: false, signal });
    say(`Opened ${location} at version ${db.version}.`);
    return db;
  } catch (error) {
    if (!(error instanceof HoldfastError) || error.code !== 'NOT_FOUND') throw error;
  }
  // Nothing is there: what will be is ours, also if this process ends before it has noted more.
  const store = await resolveLocation(location);
  folder.noteMade(store.identity ?? location);
  const db = await open(store, { key, signal });
  say(`Made a database at ${location}; its key is in ${folder.keyFile}.`);
  return db;
}

async function importWithProgress(db: Database, cities: Cities, signal: AbortSignal): Promise<void> {
  const progress = new Progress('import', cities.records);
  const label = (n: number): string =>
    `${n.toLocaleString('en-US')} of ${cities.records.toLocaleString('en-US')} cities`;
  const imported = await importCities(db, cities, {
    signal,
    onProgress: (records) => progress.update(records, label(records)),
  }).catch((error: unknown) => {
    progress.abandon();
    throw error;
  });
  if (imported) progress.end();
  else {
    progress.update(cities.records, `${label(cities.records)} were there already`);
    progress.end();
  }
}

function openBooks({ db, folder }: Scene): { folder: string; openedAt: number } {
  const id = toHex(db.id);
  return folder.books(id) ?? folder.openBooks(id, db.version);
}

/** Calls that were under way when the last run ended: they are sent again before anything else is. */
async function settlePending(db: Database, folder: string, signal: AbortSignal): Promise<void> {
  for (const [path, entries] of readJournals(folder)) {
    const pending = entries.filter(isPending);
    if (pending.length === 0) continue;
    const calls = pending.length === 1 ? '1 call of' : `${pending.length} calls of`;
    say(`${calls} ${path} had no answer when the last run ended: sent again now.`);
    const { journal } = await Journal.open(path);
    try {
      for (const { request } of pending) {
        signal.throwIfAborted();
        const { result, repeated } = await settle(db, request);
        await journal.answer(request.requestId, { result, repeated });
      }
    } finally {
      await journal.close();
    }
  }
}

function settingsOf({ folder, location, options }: Scene, journals: string, run: string): WorkerSettings[] {
  return Array.from({ length: options.workers }, (_, i) => ({
    location,
    keyFile: folder.keyFile,
    journal: join(journals, `worker-${i + 1}.jsonl`),
    worker: i + 1,
    run,
    ...(options.calls !== undefined && { calls: options.calls }),
  }));
}

async function verifyWithProgress(db: Database, signal: AbortSignal): Promise<VerifyReport> {
  const progress = new Progress('verify', 1000);
  const report = await db.verify({
    deep: true,
    signal,
    onProgress: ({ phase, done, total }) =>
      progress.update(
        ((phase === 'log' ? 0 : 1) + done / total) * 500,
        `${done.toLocaleString('en-US')} of ${total.toLocaleString('en-US')} ${phase === 'log' ? 'records' : 'segments'}`,
      ),
  });
  progress.update(1000, `${(report.records + report.segments).toLocaleString('en-US')} objects`);
  progress.end();
  return report;
}
