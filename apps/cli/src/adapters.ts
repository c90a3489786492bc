/**
 * `--adapter MODULE`: other kinds of locations than the built-in ones.
 *
 * A module either calls `registerLocation` while it is loaded, or exports `scheme` and `factory`, by name or as its
 * default, which may be a list of several. It runs with the rights of whoever typed its name.
 */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type LocationFactory, registeredSchemes, registerLocation } from 'holdfast';
import { UsageError } from './failure.js';

export const ADAPTER_HELP = `Other kinds of locations come with an adapter: --adapter MODULE, the path of an ES module (./my-store.js) or
the name of an installed package, which calls registerLocation(scheme, factory) of the package holdfast, or exports
scheme and factory. MODULE is run: load none that you would not run.`;

interface Offer {
  readonly scheme: string;
  readonly factory: LocationFactory;
}

/** @throws UsageError for a module that is not there, fails, or adds no kind of location. */
export async function loadAdapters(names: readonly string[], folder: string): Promise<void> {
  for (const name of new Set(names)) {
    const before = registeredSchemes().length;
    const exported = await load(name, folder);
    const offers = [exported, exported.default].flat().filter(isOffer);
    for (const { scheme, factory } of offers) register(name, scheme, factory);
    if (offers.length === 0 && registeredSchemes().length === before)
      throw new UsageError(
        `The adapter ${name} adds no kind of location: expected a module that exports scheme and factory, or calls registerLocation(scheme, factory), found ${shapeOf(exported)}.`,
      );
  }
}

function isOffer(value: unknown): value is Offer {
  const { scheme, factory } = (value ?? {}) as Partial<Offer>;
  return scheme !== undefined && factory !== undefined;
}

function shapeOf(exported: object): string {
  const names = Object.keys(exported);
  return names.length === 0 ? 'no exports' : `exports ${names.slice(0, 10).join(', ')}`;
}

function register(name: string, scheme: string, factory: LocationFactory): void {
  try {
    registerLocation(scheme, factory);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new UsageError(`The adapter ${name} can't be used: ${error.message}`, { cause: error });
  }
}

async function load(name: string, folder: string): Promise<{ default?: unknown }> {
  const file = isPath(name, folder) ? pathToFileURL(resolve(folder, name)) : fileOfPackage(name, folder);
  if (!existsSync(file)) throw new UsageError(`Can't load the adapter ${name}: there is no such file.`);
  try {
    return (await import(file.href)) as object;
  } catch (cause) {
    const why = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
    throw new UsageError(`Can't load the adapter ${name}: ${why}. HOLDFAST_DEBUG=1 shows where.`, { cause });
  }
}

function isPath(name: string, folder: string): boolean {
  if (/^(\.{0,2}[/\\]|[a-z]:[/\\])/i.test(name)) return true;
  return /\.[cm]?[jt]s$/.test(name) && existsSync(resolve(folder, name));
}

/** As a module in `folder` would find it; where it is not installed there, as this one would. */
function fileOfPackage(name: string, folder: string): URL {
  for (const from of [pathToFileURL(join(folder, 'adapter.js')), new URL(import.meta.url)]) {
    const require = createRequire(from);
    try {
      return importEntry(name, require.resolve.paths(name) ?? []) ?? pathToFileURL(require.resolve(name));
    } catch (error) {
      if ((error as { code?: unknown }).code !== 'MODULE_NOT_FOUND')
        throw new UsageError(`Can't load the adapter ${name}: ${(error as Error).message}`, { cause: error });
    }
  }
  throw new UsageError(
    `Can't load the adapter ${name}: no such package is installed in ${folder} or beside holdfast. The path of a file begins with ./ or /.`,
  );
}

/** The entry of a package with `exports`: `require.resolve` would find another one, or none. */
function importEntry(name: string, folders: readonly string[]): URL | undefined {
  const manifest = folders.map((folder) => join(folder, name, 'package.json')).find(existsSync);
  if (manifest === undefined) return undefined;
  const { exports } = JSON.parse(readFileSync(manifest, 'utf8')) as { exports?: Exports };
  const entry = entryOf(typeof exports === 'object' && '.' in exports ? exports['.'] : exports);
  return entry === undefined ? undefined : new URL(entry, pathToFileURL(manifest));
}

type Exports = string | { readonly [condition: string]: Exports };

/** The first that an import in Node matches: https://nodejs.org/api/packages.html#conditional-exports */
function entryOf(exports: Exports | undefined): string | undefined {
  if (typeof exports !== 'object') return exports;
  for (const [condition, target] of Object.entries(exports)) {
    const entry = ['import', 'node', 'default'].includes(condition) ? entryOf(target) : undefined;
    if (entry !== undefined) return entry;
  }
  return undefined;
}
