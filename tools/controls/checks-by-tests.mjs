// Checks that a test of their own notices, and a simulated world can't: the store's own, a folder's, the command's, what
// an open database makes of another history. Rows as in checks.mjs; only their tests are run.

const files = 'packages/object-store/src/file';
const faults = [`${files}/disk-faults.test.ts`];
const planted = [`${files}/planted.test.ts`];
const forks = ['packages/mvcc/src/log/fork.test.ts'];
const opening = ['packages/mvcc/src/open.test.ts'];
const history = 'packages/mvcc/src/past/history.ts';
const tip = 'packages/mvcc/src/log/tip.ts';

const histories = [
  {
    name: 'a record that is jumped to continues what is known',
    file: 'packages/mvcc/src/log/continuity.ts',
    find: '  if (odd !== undefined) {',
    replace: '  if (odd !== undefined && headers.length < 0) {',
    tests: forks,
  },
  {
    name: 'a record that contradicts is authenticated before it is called another history',
    file: 'packages/mvcc/src/log/continuity.ts',
    find: '    for (const header of headers) await log.open(header, options);\n',
    replace: '',
    tests: forks,
  },
  {
    name: 'a database that has seen two histories stays stopped',
    file: tip,
    find: '    this.#break ??= error;\n    this.#context.lifetime.stop(error);\n',
    replace: '',
    tests: forks,
  },
  {
    name: 'a look for the tip that confirms nothing is an error',
    file: tip,
    find: '    await this.checkHeld(known);\n    if (newest === known.version) return known;',
    replace: '    if (newest === undefined || newest <= known.version) return known;',
    tests: forks,
  },
  {
    name: 'the newest record that is known is compared after a long pause',
    file: tip,
    find: '    await this.checkHeld(known);\n    if (newest',
    replace: '    if (newest',
    tests: forks,
  },
  {
    name: 'two calls that follow the log at once follow one log',
    file: tip,
    find: '    for (const step of steps) this.#checkSeen(step);\n',
    replace: '',
    tests: forks,
  },
  {
    name: 'whose record a slot holds that was jumped over is told by the history',
    file: tip,
    find: "    if (typeof shown === 'object') throw this.broken(shown.error);\n",
    replace: '',
    tests: forks,
  },
  {
    name: 'a version that is read again is of this history',
    file: history,
    find: '      this.#show(placeAfter(this.#context, record), options),\n    ]);\n    return view;',
    replace: '    ]);\n    return view;',
    tests: forks,
  },
  {
    name: 'what the log and a watch tell is of this history',
    file: history,
    find: '    await this.#show(placeAfter(this.#context, records.at(-1)!), options);\n',
    replace: '',
    tests: forks,
  },
  {
    name: 'each record of a walk names the one before it',
    file: history,
    find: '      if (equalBytes(record.hash, next.parent)) continue;',
    replace: '      if (next) continue;',
    tests: forks,
  },
  {
    name: 'a keyring is kept from an authenticated record only',
    file: 'packages/mvcc/src/log/log.ts',
    find: '    const record = await openRecord(sealing.with(keyring), header, signal);\n    sealing.adopt(keyring);',
    replace: '    sealing.adopt(keyring);\n    const record = await openRecord(sealing, header, signal);',
    tests: forks,
  },
  {
    name: 'what a watch is told anyway it does not fetch',
    file: history,
    find: '      const step = feed.take(last.version + 1);',
    replace: '      const step = feed.take(last.version + 2 ** 40);',
    tests: ['packages/mvcc/src/past/watch.test.ts'],
  },
  {
    name: 'foreign names hide no record',
    file: 'packages/mvcc/src/log/store-slots.ts',
    find: 'for (const limit of orderedList ? [1, undefined] : [undefined]) {',
    replace: 'for (const limit of [1]) {',
    tests: opening,
  },
  {
    name: 'a listing of foreign names has an end',
    file: 'packages/mvcc/src/log/store-slots.ts',
    find: 'if (++foreign > FOREIGN_NAMES_MAX) throw tooManyForeign(key);',
    replace: 'if (++foreign > 20 * FOREIGN_NAMES_MAX) return undefined;',
    tests: opening,
  },
  {
    name: 'where a database is known to have been no new one is made',
    file: 'packages/mvcc/src/open.ts',
    find: '      if (id !== undefined) throw emptied(id);\n',
    replace: '',
    tests: opening,
  },
  {
    name: 'another database than the expected one is not opened',
    file: 'packages/mvcc/src/open.ts',
    find: 'if (id !== undefined && !equalBytes(databaseId, id)) throw anotherDatabase(newest, id, databaseId);',
    replace: '',
    tests: opening,
  },
  {
    name: 'what others leave everywhere makes no prefix used',
    file: 'packages/mvcc/src/create.ts',
    find: 'if (!isLitter(object) || ++passed > LITTER_MAX) return object.key;',
    replace: 'if (++passed > 0) return object.key;',
    tests: opening,
  },
  {
    name: 'an older version is opened only where it is whole',
    file: 'packages/mvcc/src/salvage.ts',
    find: '    if (segments.get(name) !== undefined) throw segments.get(name);\n',
    replace: '',
    tests: ['packages/mvcc/src/salvage.test.ts'],
  },
];

const bytes = [
  {
    name: 'what came damaged is read once more before it is called corrupt',
    file: 'packages/core/src/object/checked-read.ts',
    find: 'if (!isAboutBytes(error)) throw error;',
    replace: 'throw error;',
    tests: ['packages/core/src/object/checked-read.test.ts'],
  },
  {
    name: 'what came damaged and then not at all is not taken for missing',
    file: 'packages/core/src/object/checked-read.ts',
    find: 'if (second === undefined) throw failure;',
    replace: 'if (second === undefined) return undefined;',
    tests: ['packages/core/src/object/checked-read.test.ts'],
  },
  {
    name: 'a get says how much it takes',
    file: 'packages/core/src/object/checked-read.ts',
    find: 'return readBounded(name, maxBytes, () => store.get(name, { ...options, maxBytes }));',
    replace: 'return readBounded(name, maxBytes, () => store.get(name, options));',
    tests: [
      'packages/core/src/object/checked-read.test.ts',
      'packages/core/src/segment/segment-hostile.test.ts',
    ],
  },
  {
    name: 'more than a get takes is refused',
    file: 'packages/core/src/object/checked-read.ts',
    find: 'if (found.bytes.length > maxBytes) throw tooLarge();',
    replace: '',
    tests: ['packages/core/src/object/checked-read.test.ts'],
  },
  {
    name: 'a record longer than records are is not read',
    file: 'packages/core/src/record/record.ts',
    find: 'if (bytes.length > RECORD_BYTES_MAX)',
    replace: 'if (false)',
    tests: ['packages/core/src/record/record.test.ts'],
  },
  {
    name: 'a page larger than pages are is not asked for',
    file: 'packages/core/src/manifest/manifest-section.ts',
    find: 'if (bytes > PAGE_BYTES_MAX)',
    replace: 'if (false)',
    tests: ['packages/core/src/manifest/manifest.test.ts'],
  },
  {
    name: 'a page that is known is not fetched again',
    file: 'packages/core/src/manifest/manifest.ts',
    find: 'if (same && same.level === level && same.bytes === size && equalBytes(same.id, id))',
    replace: 'if (false)',
    tests: ['packages/core/src/manifest/manifest.test.ts'],
  },
  {
    name: 'the order of segments is checked from page to page',
    file: 'packages/core/src/manifest/manifest.ts',
    find: 'const fault = before && orderFault(before, first);',
    replace: 'const fault = undefined;',
    tests: ['packages/core/src/manifest/manifest-hostile.test.ts'],
  },
  {
    name: 'small manifest pages become one',
    file: 'packages/core/src/manifest/page-plan.ts',
    find: 'return (isGap || isNewPage(a) || isNewPage(b)) && isSmall(a.entries) && isSmall(b.entries);',
    replace: 'return false;',
    tests: ['packages/core/src/manifest/manifest-change.test.ts'],
  },
  {
    name: 'a chunk longer than chunks are is not fetched',
    file: 'packages/core/src/segment/segment-table.ts',
    find: 'if (chunkBytes < CHUNK_OVERHEAD_BYTES || chunkBytes > CHUNK_BYTES_MAX)',
    replace: 'if (chunkBytes < CHUNK_OVERHEAD_BYTES)',
    tests: ['packages/core/src/segment/segment-hostile.test.ts'],
  },
  {
    name: 'a load goes on when one who waits leaves',
    file: 'packages/core/src/segment/block-cache.ts',
    find: 'if (--this.#waiting > 0) return;',
    replace: '',
    tests: ['packages/core/src/segment/block-cache.test.ts'],
  },
  {
    name: 'what fails one caller does not fail those who joined',
    file: 'packages/core/src/segment/block-cache.ts',
    find: 'if (other === undefined || signal?.aborted || isEverybodys(error)) throw error;',
    replace: 'throw error;',
    tests: ['packages/core/src/segment/block-cache.test.ts'],
  },
  {
    name: 'a decoded value shares no memory with a cache',
    file: 'packages/core/src/value/value.ts',
    find: 'if (kind === RAW) return new Uint8Array(bytes.subarray(1));',
    replace: 'if (kind === RAW) return bytes.subarray(1);',
    tests: ['packages/core/src/value/value.test.ts', 'test/own-bytes.test.ts'],
  },
  {
    name: 'the root key is taken at the call',
    file: 'packages/crypto/src/root-key.ts',
    find: 'return new Uint8Array(given);',
    replace: 'return given;',
    tests: ['packages/crypto/src/root-key.test.ts'],
  },
  {
    name: 'a key provider that does not answer is waited for until the signal',
    file: 'packages/crypto/src/keyring.ts',
    find: 'const key = await abortable(opening, signal);',
    replace: 'const key = await opening;',
    tests: ['packages/crypto/src/root-key.test.ts'],
  },
  {
    name: 'a question to a key provider that was not answered is not remembered',
    file: 'packages/crypto/src/keyring.ts',
    find: '        forget();\n',
    replace: '',
    tests: ['packages/crypto/src/root-key.test.ts'],
  },
  {
    name: 'a segment longer than it may be is corrupt, not a store that fails',
    file: 'packages/mvcc/src/context/context.ts',
    find: "if (error instanceof StoreError && error.code === 'TOO_LARGE') throw error;",
    replace: '',
    tests: ['packages/mvcc/src/context/context.test.ts'],
  },
];

const locations = [
  {
    name: 'no name in a file: location leads out of the folder before it',
    file: 'packages/holdfast/src/file-location.ts',
    find: "if (first >= 0 && parts.indexOf('..', first) >= 0)",
    replace: 'if (first === -2)',
    tests: ['packages/holdfast/src/file-location.test.ts'],
  },
  {
    name: 'a file: location takes no parameters',
    file: 'packages/holdfast/src/file-location.ts',
    find: '  refuseParameters(path);\n',
    replace: '',
    tests: ['packages/holdfast/src/file-location.test.ts'],
  },
  {
    name: 'no encoded separator in the name of a folder',
    file: 'packages/holdfast/src/file-location.ts',
    find: 'if (separator.test(part))',
    replace: 'if (separator.test(encoded))',
    tests: ['packages/holdfast/src/file-location.test.ts'],
  },
  {
    name: 'no prefix leads out of its bucket, whichever the scheme',
    file: 'packages/holdfast/src/locations.ts',
    find: "if (parts.includes('..') || parts.includes('.'))",
    replace: "if (parts.includes('...'))",
    tests: ['packages/holdfast/src/locations.test.ts'],
  },
  {
    name: 'characters that the reader of URLs drops are refused',
    file: 'packages/holdfast/src/locations.ts',
    find: '  refuseInvisible(text);\n',
    replace: '',
    tests: ['packages/holdfast/src/locations.test.ts'],
  },
  {
    name: 'a built-in scheme is not taken over',
    file: 'packages/holdfast/src/location-registry.ts',
    find: '  if (isBuiltIn(scheme))\n    throw',
    replace: '  if (scheme === "")\n    throw',
    tests: ['packages/holdfast/src/locations.test.ts'],
  },
  {
    name: 'a scheme has one factory',
    file: 'packages/holdfast/src/location-registry.ts',
    find: 'if (known !== undefined && known !== factory)',
    replace: 'if (known === null)',
    tests: ['packages/holdfast/src/locations.test.ts'],
  },
  {
    name: 'a store that open made is closed when the database does not open',
    file: 'packages/holdfast/src/open.ts',
    find: '  } catch (error) {\n    if (store !== location) await store.close?.().catch(() => {});\n',
    replace: '  } catch (error) {\n',
    tests: ['packages/holdfast/src/locations.test.ts'],
  },
  {
    name: 'a factory that hangs ends with the signal',
    file: 'packages/holdfast/src/locations.ts',
    find: 'await untilAborted(callFactory(scheme, factory, url, options), options.signal)',
    replace: 'await callFactory(scheme, factory, url, options)',
    tests: ['packages/holdfast/src/locations.test.ts'],
  },
];

const command = [
  {
    name: 'what leaves for a terminal or a log is made visible',
    file: 'apps/cli/src/visible.ts',
    find: 'return text.replace(UNSEEN, (character) => (kept.includes(character) ? character : escaped(character)));',
    replace: 'void [UNSEEN, kept, escaped];\n  return text;',
    tests: ['apps/cli/src/visible.test.ts', 'apps/cli/src/output.test.ts'],
  },
  {
    name: 'bytes are not written to a terminal',
    file: 'apps/cli/src/output.ts',
    find: '    if (this.isTerminal)\n      throw new UsageError(',
    replace: '    if (this.isTerminal && false)\n      throw new UsageError(',
    tests: ['apps/cli/src/output.test.ts'],
  },
  {
    name: 'a restored copy is begun only where there is no key yet',
    file: 'apps/cli/src/restorer.ts',
    find: 'if (isFirst) for await (const _ of tx.keys({}, { limit: 1 })) throw notEmpty();',
    replace: 'void [isFirst, notEmpty];',
    tests: ['apps/cli/src/restorer.test.ts'],
  },
  {
    name: 'a key file that others can read is warned of',
    file: 'apps/cli/src/key-source.ts',
    find: '(mode & MODE_OF_OTHERS) !== 0',
    replace: '(mode & MODE_OF_OTHERS) < 0',
    tests: ['apps/cli/src/key-source.test.ts'],
  },
  {
    name: 'what is read whole has a bound',
    file: 'apps/cli/src/input.ts',
    find: 'if (length > bytesMax)',
    replace: 'if (length > bytesMax && length < 0)',
    tests: ['apps/cli/src/key-source.test.ts'],
  },
  {
    name: 'a failed system call is no bug',
    file: 'apps/cli/src/failure.ts',
    find: '  if (isSystemError(error)) {',
    replace: "  if (isSystemError(error) && error.code === '') {",
    tests: ['apps/cli/src/failure.test.ts'],
  },
  {
    name: 'a full disk is told from a reader that has gone',
    file: 'apps/cli/src/output.ts',
    find: "else if (isReaderGone(error)) reject(new ReaderGone('The reader of the output has gone.'));",
    replace:
      "else if (isReaderGone(error) || true) reject(new ReaderGone('The reader of the output has gone.'));",
    tests: ['apps/cli/src/output.test.ts'],
  },
];

const folders = [
  {
    name: 'who won a slot is told by whose file has the name, not by a count of links',
    file: `${files}/claim.ts`,
    find: "    if (found && isSame(found, own)) return true;\n    if (errno(error) === 'ENOENT')",
    replace:
      "    if (((await statsOf(own.path))?.nlink ?? 0n) > 1n) return true;\n    if (errno(error) === 'ENOENT')",
    tests: faults,
  },
  {
    name: 'an overwrite whose answer was lost is found to be ours',
    file: `${files}/claim.ts`,
    find: '    if (found && isSame(found, own)) return;',
    replace: '',
    tests: faults,
  },
  {
    name: 'a folder counts as made only from the fsync that succeeded',
    file: `${files}/folders.ts`,
    find: '    if (this.#known.get(folder) === identity) return;\n',
    replace:
      '    if (this.#known.get(folder) === identity) return;\n    this.#known.set(folder, identity);\n',
    tests: faults,
  },
  {
    name: 'a folder that another process made is fsynced too',
    file: `${files}/folders.ts`,
    find: 'if (parent !== folder) {',
    replace: 'if (parent !== folder && this.#owed.has(folder)) {',
    tests: faults,
  },
  {
    name: 'a put whose folder is not on the disk is not acknowledged',
    file: `${files}/file-store.ts`,
    find: '        throw outcomeUnknown(error, `Writing the folder',
    replace: '        void outcomeUnknown(error, `Writing the folder',
    tests: faults,
  },
  {
    name: 'an object that may not be on the disk keeps its name under .tmp',
    file: `${files}/file-store.ts`,
    find: 'mayBeSeen = isUnknown && (await handle.stat().catch(() => undefined))?.nlink !== 1;',
    replace: '',
    tests: faults,
  },
  {
    name: 'a get shows what is on the disk',
    file: `${files}/file-store.ts`,
    find: '      await this.#finish(path, found);\n      const bytes',
    replace: '      const bytes',
    tests: faults,
  },
  {
    name: 'an occupied answer is about what is on the disk',
    file: `${files}/file-store.ts`,
    find: '    if (found) await this.#finish(path, found);\n',
    replace: '',
    tests: faults,
  },
  {
    name: 'a sweep brings an object to the disk before it takes its sign away',
    file: `${files}/unfinished.ts`,
    find: 'if (found.nlink > 1) linked.push(path);\n        else await',
    replace: 'await',
    tests: faults,
  },
  {
    name: 'a repeated delete is fsynced although nothing is left',
    file: `${files}/file-store.ts`,
    find: 'for (const folder of new Set(paths.map((path) => dirname(path)))) {',
    replace: 'for (const folder of new Set<string>()) {',
    tests: faults,
  },
  {
    name: 'a sweep takes only names of ours',
    file: `${files}/temp-names.ts`,
    find: '  if (scope === undefined) return false;\n',
    replace: '',
    tests: [`${files}/file-store.test.ts`],
  },
  {
    name: 'a sweep reads no folder behind a link',
    file: `${files}/unfinished.ts`,
    find: '  if (!(await statsOf(place))?.isDirectory()) return [];\n',
    replace: '',
    tests: planted,
  },
  {
    name: 'a link in the place of a folder is refused',
    file: `${files}/entry.ts`,
    find: '    if (found?.isSymbolicLink()) throw isLink(folder);\n    if (!found?.isDirectory()) return false;',
    replace: '    if (!found) return false;',
    tests: planted,
  },
  {
    name: 'a listing passes over no link to a folder',
    file: `${files}/list-folder.ts`,
    find: 'if (target?.isDirectory()) throw isLink(path);',
    replace: '',
    tests: planted,
  },
  {
    name: 'a get of a file takes no more than maxBytes',
    file: `${files}/span.ts`,
    find: 'const bound = Math.min(maxBytes, constants.MAX_LENGTH);',
    replace: 'const bound = constants.MAX_LENGTH;',
    tests: planted,
  },
];

const stores = [
  {
    name: 'an error of another copy of the package is a StoreError',
    file: 'packages/object-store/src/errors.ts',
    find: "return typeof value === 'object' && value !== null && brand in value;",
    replace: 'return Function.prototype[Symbol.hasInstance].call(StoreError, value);',
    tests: ['packages/object-store/src/errors.test.ts'],
  },
  {
    name: 'what a store says acts on no terminal',
    file: 'packages/object-store/src/errors.ts',
    find: 'super(printable(message), options',
    replace: 'super(message, options',
    tests: ['packages/object-store/src/errors.test.ts'],
  },
  {
    name: 'a get takes no more than maxBytes',
    file: 'packages/object-store/src/byte-range.ts',
    find: 'if (length > maxBytes) {',
    replace: 'if (length > maxBytes + Number.MAX_SAFE_INTEGER) {',
    tests: ['packages/object-store/src/memory-store.test.ts'],
  },
  {
    name: 'a call ends with its own time (timeoutMs)',
    file: 'packages/object-store/src/with-retry.ts',
    find: 'const ms = Math.min(this.#options.totalMs ?? 60_000, timeoutMs);',
    replace:
      'const ms = Math.min(this.#options.totalMs ?? 60_000, timeoutMs > 0 ? Number.POSITIVE_INFINITY : 0);',
    tests: ['packages/object-store/src/with-retry.test.ts'],
  },
  {
    name: 'a Retry-After does not overrule the time of a call',
    file: 'packages/object-store/src/with-retry.ts',
    find: 'pauseMs < this.#leftMs(attempts);',
    replace: 'pauseMs >= 0;',
    tests: ['packages/object-store/src/with-retry.test.ts'],
  },
  {
    name: 'a nested retry is given what is left',
    file: 'packages/object-store/src/with-retry.ts',
    find: 'call({ signal, timeoutMs: ms })',
    replace: 'call({ signal, timeoutMs: Number.POSITIVE_INFINITY })',
    tests: ['packages/object-store/src/with-retry.test.ts'],
  },
  {
    name: 'a listing in order goes forwards',
    file: 'packages/object-store/src/listing-check.ts',
    find: 'compareKeys(key, this.#came) <= 0) throw',
    replace: 'false) throw',
    tests: ['packages/object-store/src/with-retry.test.ts'],
  },
  {
    name: 'what a listing leaves out is no progress',
    file: 'packages/object-store/src/with-retry.ts',
    find: 'attempts.count--;',
    replace: 'attempts.count = 0;',
    tests: ['packages/object-store/src/with-retry.test.ts'],
  },
  {
    name: 'calls that share a signal share one listener',
    file: 'packages/object-store/src/on-abort.ts',
    find: 'waitingFor.get(signal) ?? begin(signal)',
    replace: 'begin(signal)',
    tests: ['packages/object-store/src/on-abort.test.ts'],
  },
  {
    name: 'a wrong listing is no unsafe condition',
    file: 'packages/object-store/src/probe.ts',
    find: "this.#check('listing', 'a listing shows all objects',",
    replace: "this.#check('condition', 'a listing shows all objects',",
    tests: ['packages/object-store/src/probe.test.ts'],
  },
  {
    name: 'an S3 body is taken up to its bound',
    file: 'packages/backend-s3/src/read-object.ts',
    find: 'const max = take ?? options.maxBytes ?? Number.POSITIVE_INFINITY;',
    replace: 'const max = 200 * 1024 * 1024;',
    tests: ['packages/backend-s3/src/s3-store.test.ts'],
  },
  {
    name: 'an announced length beyond the bound is refused before the body',
    file: 'packages/backend-s3/src/range-read.ts',
    find: 'expectAtMost(contentLength ?? 0, maxBytes);',
    replace: 'expectAtMost(0, maxBytes);',
    tests: ['packages/backend-s3/src/range-read.test.ts'],
  },
  {
    name: 'errors and listings of S3 are bounded',
    file: 'packages/backend-s3/src/bound-answer.ts',
    find: 'await takeBody(response.body, { max })',
    replace: 'await takeBody(response.body, { max: 64 * max })',
    tests: ['packages/backend-s3/src/s3-store.test.ts'],
  },
  {
    name: 'a key with .. is not sent to S3',
    file: 'packages/backend-s3/src/keys.ts',
    find: "return parts.includes('..') || parts.includes('.') ? 'with a part \".\" or \"..\"' : undefined;",
    replace: 'return parts.length > 0 ? undefined : undefined;',
    tests: ['packages/backend-s3/src/s3-store.test.ts'],
  },
  {
    name: 'a URL with .. is refused',
    file: 'packages/backend-s3/src/store-url.ts',
    find: "if (typeof text === 'string') expectStraightPath(text, scheme);",
    replace: "if (typeof text !== 'string') expectStraightPath(text.href, scheme);",
    tests: ['packages/backend-s3/src/s3-url.test.ts'],
  },
  {
    name: 'a document that is no listing is not an empty one',
    file: 'packages/backend-s3/src/list-objects.ts',
    find: 'if (page.IsTruncated === undefined) {',
    replace: 'if (page.IsTruncated === undefined && page.Name !== undefined) {',
    tests: ['packages/backend-s3/src/s3-store.test.ts'],
  },
  {
    name: 'a continuation token is not followed twice',
    file: 'packages/backend-s3/src/list-objects.ts',
    find: '} else if (tokens.isRepeated(token)) {',
    replace: "} else if (token === 'never') {",
    tests: ['packages/backend-s3/src/s3-store.test.ts'],
  },
];

const pending = 'packages/mvcc/src/transaction/pending-reads.ts';
const transact = 'packages/mvcc/src/transaction/transact.ts';

const calls = [
  {
    name: 'a conflict that comes through the body from elsewhere reruns nothing',
    file: transact,
    find: '    if (lost) return { lost, touched: touchedBy(tx, tx.reads) };\n    throw error;',
    replace:
      '    const touched = touchedBy(tx, tx.reads);\n    if (lost) return { lost, touched };\n    if (error instanceof HoldfastError && RUN_AGAIN.has(error.code)) return { lost: error, touched };\n    throw error;',
    tests: ['test/foreign-conflicts.test.ts'],
  },
  {
    name: 'who has lost has its turn',
    file: 'packages/mvcc/src/commit/commit-queue.ts',
    find: 'return this.#elders.mustWait(proposal);',
    replace: 'return false;',
    tests: ['test/turns.test.ts'],
  },
  {
    name: 'a turn behind another holds up nobody',
    file: 'packages/mvcc/src/commit/turns.ts',
    find: '.filter((standing) => countBefore(standing, live) === 0)',
    replace: '',
    tests: ['packages/mvcc/src/commit/turns.test.ts'],
  },
  {
    name: 'what is announced does not break a turn',
    file: 'packages/mvcc/src/commit/candidates.ts',
    find: 'theirs.filter(({ proposal }) => !turns.putsOff(proposal, toHex(intent.processId)))',
    replace: 'theirs.filter(() => toHex(intent.processId))',
    tests: ['packages/mvcc/src/commit/candidates.test.ts', 'test/intents-turns.test.ts'],
  },
  {
    name: 'who makes the records looks for others while its own is put off',
    file: 'packages/mvcc/src/commit/committer.ts',
    find: 'if (this.#lead.isNamed(view) && (await this.#finds(view, deadline))) return undefined;',
    replace: 'if (this.#lead.isNamed(view) && deadline === undefined) await this.#finds(view, deadline);',
    tests: ['test/intents-turns.test.ts'],
  },
  {
    name: 'who would not run again asks for no turn',
    file: 'packages/mvcc/src/commit/hints.ts',
    find: 'if (asks && intent.turnMs > 0)',
    replace: 'if (asks)',
    tests: ['packages/mvcc/src/commit/hints.test.ts'],
  },
  {
    name: 'what a body concluded from what has changed is no conclusion',
    file: transact,
    find: 'const own = error instanceof HoldfastError && tx.hasRaised(error);',
    replace: 'const own = error instanceof HoldfastError;',
    tests: ['test/foreign-conflicts.test.ts'],
  },
  {
    name: 'a read that a body did not await is waited for before the commit',
    file: pending,
    find: 'while (this.#pending.size > 0) {',
    replace: 'while (this.#pending.size > Number.MAX_VALUE) {',
    tests: ['test/forgotten-awaits.test.ts'],
  },
  {
    name: 'a read that failed unseen fails the transaction',
    file: pending,
    find: 'const failed = this.#late ?? this.#failed.find(({ read }) => !read.seen);',
    replace: 'const failed = this.#late;',
    tests: ['test/forgotten-awaits.test.ts'],
  },
  {
    name: 'no forgotten await ends the process',
    file: pending,
    find: 'Promise.prototype.then.call(read, undefined, () => {});',
    replace: '',
    tests: ['test/forgotten-awaits.test.ts'],
  },
  {
    name: 'a slip does not settle a session far ahead of what it used',
    file: 'packages/mvcc/src/requests/sessions.ts',
    find: 'if (this.#number - used > AHEAD_MAX)',
    replace: 'if (used < 0)',
    tests: ['test/sessions.test.ts'],
  },
  {
    name: 'a digest is of typed bytes',
    file: 'packages/mvcc/src/requests/requests.ts',
    find: "const typed = typeof digest === 'string' ? ['text', codeUnits(digest)] : digest;",
    replace: "const typed = typeof digest === 'string' ? new TextEncoder().encode(digest) : digest;",
    tests: ['test/requests.test.ts'],
  },
  {
    name: 'an option that nobody knows is refused',
    file: 'packages/mvcc/src/context/call-options.ts',
    find: 'if (known.includes(name)) continue;',
    replace: 'if (name !== undefined) continue;',
    tests: ['test/bad-input.test.ts'],
  },
  {
    name: "the root key is the engine's own copy",
    file: 'packages/mvcc/src/context/options.ts',
    find: 'if (isUint8Array(key) && key.length === KEY_BYTES) return Uint8Array.from(key);',
    replace: 'if (isUint8Array(key) && key.length === KEY_BYTES) return key;',
    tests: ['test/at-the-call.test.ts'],
  },
  {
    name: "the id that is handed out is the caller's own",
    file: 'packages/mvcc/src/database.ts',
    find: 'return this.#context.sealing.databaseId.slice();',
    replace: 'return this.#context.sealing.databaseId;',
    tests: ['test/at-the-call.test.ts'],
  },
  {
    name: 'a snapshot asks for the tip when it is taken',
    file: 'packages/mvcc/src/database.ts',
    find: 'return new Snapshot(await this.#fresh(taken), nowMs, lifetime, calls);',
    replace: 'return new Snapshot(this.#tip.view, nowMs, lifetime, calls);',
    tests: ['test/reads.test.ts'],
  },
  {
    name: 'a Standard Schema is asked as one',
    file: 'packages/mvcc/src/namespace/codec.ts',
    find: 'if (!isSchema(codec)) return (codec as Codec<unknown, unknown>).encode(value);',
    replace:
      "if (!isSchema(codec) || 'encode' in codec) return (codec as Codec<unknown, unknown>).encode(value);",
    tests: ['test/namespaces.test.ts'],
  },
  {
    name: 'a closed or stopped database hands out nothing more',
    file: 'packages/mvcc/src/reading/snapshot.ts',
    find: 'guard: (steps) => lifetime.iterate(steps),',
    replace: 'guard: (steps) => steps,',
    tests: ['test/closed.test.ts'],
  },
];

const whatWaits = [
  {
    name: 'one stuck probe holds up no later read',
    file: 'packages/mvcc/src/log/probes.ts',
    find: 'const crowded = this.#probes.length >= PROBES_MAX;',
    replace: 'const crowded = true;',
    tests: ['packages/sim/src/stuck.test.ts'],
  },
  {
    name: 'close() waits for what was begun',
    file: 'packages/mvcc/src/closing.ts',
    find: 'if (!(await inTime(clock, settled(), patienceMs))) {',
    replace: '{',
    tests: ['packages/mvcc/src/closing.test.ts'],
  },
  {
    name: 'after close() nothing reaches the store',
    file: 'packages/mvcc/src/context/store-gate.ts',
    find: '    this.#shut ??= { reason };\n    for (const calling of this.#underWay) calling.abort(reason);',
    replace: '    if (reason === undefined) this.#shut ??= { reason };',
    tests: ['packages/mvcc/src/closing.test.ts'],
  },
  {
    name: 'a listener that throws changes no answer',
    file: 'packages/mvcc/src/context/context.ts',
    find: 'return (event) => quietly(() => onEvent?.(event), report);',
    replace: 'return (event) => (report ? onEvent?.(event) : undefined);',
    tests: ['packages/mvcc/src/context/listeners.test.ts', 'packages/mvcc/src/context/context.test.ts'],
  },
  {
    name: "another database's conflict runs no body again",
    file: 'packages/mvcc/src/transaction/transact.ts',
    find: '    const { error, whose } = ended;',
    replace:
      '    const { error, whose } = ended;\n    if (error instanceof HoldfastError && RUN_AGAIN.has(error.code)) return { lost: error };',
    tests: ['test/foreign-conflicts.test.ts'],
  },
  {
    name: 'gathering is bounded',
    file: 'packages/mvcc/src/commit/commit-queue.ts',
    find: 'seen < this.#queue.length && round < GATHER_ROUNDS_MAX; round++) {\n      // More could not go into the next record anyway.\n      if (this.#queue.length >= GROUP_TRANSACTIONS_MAX || this.#bytes >= GROUP_BYTES_MAX) return;',
    replace: 'seen < this.#queue.length; round++) {',
    tests: ['test/fetched-once.test.ts'],
  },
  {
    name: 'an edit is laid on what those before it in its record leave',
    file: 'packages/mvcc/src/commit/edit.ts',
    find: 'const edited = edit.applyTo(state);',
    replace: 'const edited = edit.applyTo({ flushedThrough, floor, addedRuns: [] });',
    tests: ['packages/mvcc/src/commit/edit.test.ts'],
  },
  {
    name: 'who waits for a stale edit is told so',
    file: 'packages/mvcc/src/commit/group.ts',
    find: 'resolve(published.includes(edit));',
    replace: 'resolve(true);',
    tests: ['packages/mvcc/src/commit/edit.test.ts'],
  },
  {
    name: 'what was flushed last is still in memory for validation',
    file: 'packages/mvcc/src/log/advance.ts',
    find: '  return view.flushed.with(view.tail, flushedRuns(view.manifest, manifest, { after, through }));',
    replace: '  return FlushedTails.none;',
    tests: ['packages/mvcc/src/state/flushed-tails.test.ts', 'test/validation-time.test.ts'],
  },
];

const succession = ['packages/mvcc/src/log/succession.test.ts'];
const successor = 'packages/mvcc/src/log/succession.ts';

const format2 = [
  {
    name: 'a record is sealed under the newest epoch of its keyring',
    file: 'packages/core/src/record/record.ts',
    find: '  if (envelope.epoch !== sealing.currentEpoch)\n    throw corrupt(',
    replace: '  if (envelope.epoch < 0)\n    throw corrupt(',
    tests: ['packages/core/src/record/record.test.ts', ...succession],
  },
  {
    name: 'the key epoch never goes back',
    file: successor,
    find: "  notBelow('a key epoch', before.epoch, epoch);\n",
    replace: '',
    tests: succession,
  },
  {
    name: 'the time never goes back',
    file: successor,
    find: "  notBelow('a time', before.timeMs, record.body.timeMs);\n",
    replace: '',
    tests: succession,
  },
  {
    name: 'the grace period is the same in each record',
    file: successor,
    find: '  if (graceMs !== before.graceMs)\n',
    replace: '  if (graceMs < 0)\n',
    tests: succession,
  },
  {
    name: 'the grace period that open() is given is a check',
    file: 'packages/mvcc/src/open.ts',
    find: 'if (options.graceMs !== undefined && options.graceMs !== graceMs)',
    replace: 'if (graceMs < 0 && options.graceMs !== undefined)',
    tests: succession,
  },
  {
    name: 'a keyring loses an epoch only in a record that says so',
    file: successor,
    find: '  if (lost !== undefined)\n',
    replace: '  if (lost !== undefined && lost < 0)\n',
    tests: succession,
  },
  {
    name: 'an unknown critical extension stops a reader',
    file: 'packages/core/src/record/extensions.ts',
    find: '    else if (critical === 1)\n',
    replace: '    else if (critical > 1)\n',
    tests: ['packages/core/src/record/record.test.ts'],
  },
  {
    name: 'a writer holds to the policy of the database, or does not write',
    file: 'packages/mvcc/src/commit/record-builder.ts',
    find: '    checkPolicy(view);\n',
    replace: '',
    tests: succession,
  },
  {
    name: 'an extension that is not critical is passed on',
    file: 'packages/mvcc/src/commit/record-builder.ts',
    find: '      extensions: passedOn(view.extensions),\n',
    replace: '      extensions: {},\n',
    tests: succession,
  },
  {
    name: 'records that one wrong clock held up are told apart by their own clocks',
    file: history,
    find: 'if (heldUpMs !== undefined && (await timeOf(after + 2)) === heldUpMs) {',
    replace: 'if (heldUpMs !== undefined && heldUpMs < 0) {',
    tests: ['packages/mvcc/src/past/version-at.test.ts'],
  },
  {
    name: 'a tile is the one that the tree above it names',
    file: 'packages/mvcc/src/log/tiles.ts',
    find: 'if (isTileOf(sha256, filled, tree, above)) return filled;',
    replace: 'return filled;',
    tests: ['packages/mvcc/src/log/tiles.test.ts'],
  },
];

const rangeTests = [
  'test/delete-range.test.ts',
  'packages/mvcc/src/state/flushed-tails.test.ts',
  'packages/mvcc/src/state/range-tombstones.test.ts',
];
const state = (name) => `packages/mvcc/src/state/${name}.ts`;

const ranges = [
  {
    name: 'a deleted range is deleted for the reads that follow',
    file: 'packages/mvcc/src/transaction/transaction.ts',
    find: 'if (this.#deleted.over(stored)) return { value: undefined, ...OWN_STAMP };',
    replace: '',
  },
  {
    name: 'what a body wrote into a range before it deleted that is deleted too',
    file: 'packages/mvcc/src/transaction/transaction.ts',
    find: '      this.changes.delete(stored);\n',
    replace: '',
  },
  {
    name: 'what is written into a deleted range by the same transaction stays',
    file: 'packages/mvcc/src/state/tail.ts',
    find: 'if (known !== undefined && compareStamps(known, entry) > 0) return;',
    replace: 'if (known !== undefined && compareStamps(known, entry) >= 0) return;',
  },
  {
    name: 'so does what lies in its segments',
    file: state('view'),
    find: 'return order > 0 || (order === 0 && entry.value !== undefined);',
    replace: 'return order > 0;',
  },
  {
    name: 'a range deletion conflicts with a read of a key in it',
    file: state('tail'),
    find: 'return this.all.get(key) ?? deletedBy(this.ranges.over(key));',
    replace: 'return this.all.get(key);',
  },
  {
    name: 'a range deletion conflicts with a scan',
    file: state('tail'),
    find: '    if (this.ranges.isAnyAfter(begin, end, version)) return true;\n',
    replace: '',
  },
  {
    name: 'a range deletion in segments conflicts with a scan',
    file: 'packages/mvcc/src/commit/read-set.ts',
    find: '  if (ranges.size > 0) return true;\n',
    replace: '',
  },
  {
    name: 'a range deletion conflicts with a read in its own group',
    file: 'packages/mvcc/src/commit/read-set.ts',
    find: '    if (ranges.size > 0) for (const key of this.#points) if (ranges.over(key)) return true;\n',
    replace: '',
  },
  {
    name: 'a range deletion conflicts with a scan in its own group',
    file: 'packages/mvcc/src/commit/read-set.ts',
    find: '      if (ranges.isAnyAfter(begin, end, -1)) return true;\n',
    replace: '',
  },
  {
    name: 'between snapshots a range deletion is a write of all its keys',
    file: 'packages/mvcc/src/transaction/transact.ts',
    find: '    keys.addRange({ begin: fromStoredKey(begin), end: fromStoredKey(end) });\n',
    replace: '    void [begin, end, fromStoredKey];\n',
  },
  {
    name: 'a mutation finds nothing in what its group has deleted',
    file: 'packages/mvcc/src/commit/group-writes.ts',
    find: 'return range && (placed === undefined || placed.order < range.order) ? DELETED : placed?.held;',
    replace: 'return range && placed && placed.order < range.order ? DELETED : placed?.held;',
  },
  {
    name: 'a record carries the deleted ranges of the tail',
    file: 'packages/mvcc/src/commit/plan.ts',
    find: 'ranges: view.tail.freshRangesAfter(from),',
    replace: 'ranges: [],',
  },
  {
    name: 'a flush takes the deleted ranges along',
    file: 'packages/mvcc/src/upkeep/flusher.ts',
    find: 'uploadRanges(this.#context, view.version, ranges),',
    replace: 'uploadRanges(this.#context, view.version, ranges.slice(1)),',
  },
  {
    name: 'a walk looks through the ranges of the segments that it reaches',
    file: state('merge-cursor'),
    find: '    if (source.ranges) this.#covers.addList(await source.ranges(this.#covers));\n',
    replace: '',
  },
  {
    name: 'a walk goes by the newer of entry and range',
    file: state('merge-cursor'),
    find: 'this.#hidden = stamp && compareStamps(stamp, this.#top()) > 0 ? stamp : undefined;',
    replace: 'this.#hidden = stamp;',
  },
  {
    name: 'what is wholly deleted is not opened',
    file: state('view'),
    find: 'const from = covers.pastThoseAfter(segment.maxVersion, greatest(begin, segment.firstKey));',
    replace: 'const from = greatest(begin, segment.firstKey);\n        void covers;',
  },
  {
    name: 'only ranges newer than all that a segment has spare it',
    file: state('view'),
    find: 'covers.pastThoseAfter(segment.maxVersion, greatest(begin, segment.firstKey));',
    replace: 'covers.pastThoseAfter(0, greatest(begin, segment.firstKey));',
  },
  {
    name: 'ranges that a newer one hides are not fetched',
    file: state('view'),
    find: 'if (compareBytes(from, least(end, segment.rangeEnd)) >= 0) return [];',
    replace: 'void from;',
  },
  {
    name: 'a diff tells what was deleted as a range',
    file: 'packages/mvcc/src/reading/differences.ts',
    find: '      yield gone.value!;\n',
    replace: '',
  },
  {
    name: 'a watch tells the keys of a deleted range once',
    file: 'packages/mvcc/src/past/changes.ts',
    find: 'if (!isWritten) yield',
    replace: 'void isWritten;\n        yield',
  },
].map((row) => ({ ...row, tests: rangeTests }));

const groups = [
  {
    name: 'what mutations come to is bounded, each transaction for itself',
    file: 'packages/mvcc/src/commit/validate.ts',
    find: "    if (!('value' in change)) inlineBytes += stored.length + held.value!.length;\n",
    replace: '',
    tests: ['packages/mvcc/src/transaction/mutations.test.ts'],
  },
  {
    name: 'who is refused leaves nothing to those behind it',
    file: 'packages/mvcc/src/commit/validate.ts',
    find: '    resolved.push([stored, held]);\n',
    replace: '    written.add(deleted, [[stored, held]]);\n',
    tests: ['test/commit-protocol.test.ts'],
  },
];

const expiry = ['test/expiry.test.ts'];

const expiring = [
  {
    name: 'a transaction reads its clock once',
    file: 'packages/mvcc/src/transaction/transact.ts',
    find: 'const tx = attemptOn(parts, view, call);',
    replace: "const tx = Object.defineProperty(attemptOn(parts, view, call), 'nowMs', { get: parts.nowMs });",
    tests: expiry,
  },
  {
    name: 'a walk passes over what has expired',
    file: 'packages/mvcc/src/state/alive.ts',
    find: 'return !cursor.tombstone && (cursor.expiresMs === 0 || cursor.expiresMs > nowMs);',
    replace: 'return !cursor.tombstone;',
    tests: expiry,
  },
  {
    name: 'what has expired is not found by its key',
    file: 'packages/mvcc/src/state/alive.ts',
    find: '  if (found.expiresMs !== undefined && found.expiresMs <= nowMs) return undefined;\n',
    replace: '',
    tests: expiry,
  },
  {
    name: 'a count leaves out what has expired',
    file: 'packages/mvcc/src/reading/listing.ts',
    find: 'if (isAlive(cursor, nowMs)) count++;',
    replace: 'if (!cursor.tombstone) count++;',
    tests: expiry,
  },
  {
    name: 'a mutation finds nothing where its base has expired',
    file: 'packages/mvcc/src/commit/mutation.ts',
    find: 'const found = alive(base, nowMs);',
    replace: 'const found = alive(base, 0);',
    tests: expiry,
  },
  {
    name: 'a mutation keeps the expiry of its base',
    file: 'packages/mvcc/src/commit/mutation.ts',
    find: 'expiresMs: found?.expiresMs };',
    replace: 'expiresMs: undefined };',
    tests: expiry,
  },
  {
    name: 'mutations are resolved at the time of their run',
    file: 'packages/mvcc/src/transaction/transact.ts',
    find: '    nowMs: tx.nowMs,\n',
    replace: '    nowMs: context.clock.now(),\n',
    tests: expiry,
  },
  {
    name: 'a snapshot of the past goes by the clock of its version',
    file: 'packages/mvcc/src/database.ts',
    find: 'new Snapshot(view, view.clockMs, lifetime, calls)',
    replace: 'new Snapshot(view, this.#nowMs(), lifetime, calls)',
    tests: expiry,
  },
  {
    name: 'a check takes what has expired as not there',
    file: 'packages/mvcc/src/transaction/atomic.ts',
    find: 'alive(await tx.readStored(at), tx.nowMs);',
    replace: 'alive(await tx.readStored(at), 0);',
    tests: expiry,
  },
  {
    name: 'a request stands for its expiry too',
    file: 'packages/mvcc/src/transaction/one-write.ts',
    find: ', ...(expiry ? [expiry] : [])',
    replace: '',
    tests: expiry,
  },
];

const streams = [
  {
    name: 'a part of a stream is as long as its place in it says',
    file: 'packages/core/src/segment/stream-part.ts',
    find: 'if (valueLength !== length)',
    replace: 'if (valueLength < 0)',
    tests: [
      'packages/core/src/segment/stream-part.test.ts',
      'packages/mvcc/src/reading/stream-reader.test.ts',
    ],
  },
  {
    name: "a part of a stream has the stream's key",
    file: 'packages/core/src/segment/stream-part.ts',
    find: 'if (cursor.compareKey(key) !== 0) throw notPart(',
    replace: 'if (length < 0) throw notPart(',
    tests: [
      'packages/core/src/segment/stream-part.test.ts',
      'packages/mvcc/src/reading/stream-reader.test.ts',
    ],
  },
  {
    name: "a stream's parts are in the manifest of the version that shows it",
    file: 'packages/mvcc/src/reading/stream-reader.ts',
    find: '    if (segment) return segment;\n',
    replace: '    if (segment || i >= 0) return segment!;\n',
    tests: ['packages/mvcc/src/reading/stream-reader.test.ts'],
  },
  {
    name: 'a stream that began to be uploaded below the floor is too old',
    file: 'packages/mvcc/src/commit/validate.ts',
    find: 'if (streamRun && streamRun.baseVersion < view.floor)',
    replace: 'if (streamRun && streamRun.baseVersion < 0)',
    tests: ['packages/mvcc/src/log/grace.test.ts'],
  },
  {
    name: 'a stream that is too old is not sent again on the same parts',
    file: 'packages/mvcc/src/transaction/transact.ts',
    find: "return streamRun !== undefined && code === 'TRANSACTION_TOO_OLD';",
    replace: 'return streamRun !== undefined && code.length === 0;',
    tests: ['packages/mvcc/src/log/grace.test.ts'],
  },
  {
    name: "a stream's parts are no writes of its record",
    file: 'packages/mvcc/src/state/view.ts',
    find: 'return this.manifest.searched.filter((segment) => segment.run === run);',
    replace: 'return this.manifest.entries.filter((segment) => segment.run === run);',
    tests: ['test/streams.test.ts'],
  },
  {
    name: 'a request is looked up before its stream is read',
    file: 'packages/mvcc/src/transaction/set-stream.ts',
    find: '      if (known) {',
    replace: '      if (known && view.version < 0) {',
    tests: ['test/streams.test.ts'],
  },
  {
    name: 'what a stream has uploaded at once is bounded',
    file: 'packages/mvcc/src/commit/stream-upload.ts',
    find: 'const UPLOADS_AT_ONCE = 2;',
    replace: 'const UPLOADS_AT_ONCE = 1000;',
    tests: ['packages/mvcc/src/commit/stream-upload.test.ts'],
  },
  {
    name: 'a number is not added to a stream',
    file: 'packages/mvcc/src/commit/mutation.ts',
    find: '    if (found?.stream)\n',
    replace: '    if (found?.stream && nowMs < 0)\n',
    tests: ['test/streams.test.ts'],
  },
];

const intentTests = ['packages/core/src/record/intent.test.ts'];
const intentsFollow = ['packages/mvcc/src/log/intents-follow.test.ts'];
const intentBody = ['packages/core/src/record/intent-body.test.ts'];

const intents = [
  {
    name: 'the writer id of a first intent is made of its content',
    file: 'packages/core/src/record/intent.ts',
    find: 'if (place.k === 1 && !equalBytes(',
    replace: 'if (place.k < 1 && !equalBytes(',
    tests: intentTests,
  },
  {
    name: 'an intent longer than intents are is not read',
    file: 'packages/core/src/record/intent.ts',
    find: 'if (bytes.length > INTENT_BYTES_MAX)',
    replace: 'if (false)',
    tests: intentTests,
  },
  {
    name: 'nothing follows the sealed content of an intent',
    file: 'packages/core/src/record/intent.ts',
    find: '  reader.end();\n',
    replace: '',
    tests: intentTests,
  },
  {
    name: 'the envelope of an intent is sealed with it',
    file: 'packages/core/src/record/intent.ts',
    find: 'sealed, bytes.subarray(0, ENVELOPE_BYTES));',
    replace: 'sealed);',
    tests: intentTests,
  },
  {
    name: 'an announced transaction has read nothing beyond its base',
    file: 'packages/core/src/record/announced-transaction.ts',
    find: 'if (readVersion > base)',
    replace: 'if (false)',
    tests: intentBody,
  },
  {
    name: 'keys read ascend, so that a read set has one encoding',
    file: 'packages/core/src/record/keys-read.ts',
    find: 'if (before && compareBytes(before, point) >= 0)',
    replace: 'if (false)',
    tests: intentBody,
  },
  {
    name: 'staged segments fit into a manifest',
    file: 'packages/core/src/record/announced-segments.ts',
    find: '    if (fault !== undefined) throw',
    replace: '    if (fault === undefined) throw',
    tests: intentBody,
  },
  {
    name: 'the floor of intents never goes back',
    file: 'packages/mvcc/src/log/intents-follow.ts',
    find: 'if (floor < before.intents.floor)',
    replace: 'if (false)',
    tests: intentsFollow,
  },
  {
    name: 'a writer of intents is forgotten with its floor only',
    file: 'packages/mvcc/src/log/intents-follow.ts',
    find: 'if (known!.version > floor)',
    replace: 'if (false)',
    tests: intentsFollow,
  },
  {
    name: 'an intent is the next of its writer',
    file: 'packages/mvcc/src/log/intents-follow.ts',
    find: 'if (isParent ? found.k !== least : found.k < least)',
    replace: 'if (false)',
    tests: intentsFollow,
  },
  {
    name: 'an intent of a state that is still to come is not carried',
    file: 'packages/mvcc/src/commit/collector.ts',
    find: 'found.base <= view.version && ',
    replace: '',
    tests: ['packages/sim/src/hostile/intent-campaign.test.ts'],
  },
  {
    name: 'a turn has a small read set',
    file: 'packages/core/src/record/turns.ts',
    find: 'if (bytes > TURN_READS_BYTES_MAX)',
    replace: 'if (false)',
    tests: ['packages/core/src/record/turns.test.ts'],
  },
];

const announcer = 'packages/mvcc/src/commit/announcer.ts';
const intentsTable = 'packages/mvcc/src/commit/intents-table.ts';
const owners = ['packages/mvcc/src/commit/announcer.test.ts'];

/** Of a process that was cloned amid an intent, and of writers that were quiet for a thousand records. */
const writers = [
  {
    name: 'a verdict is its own only with the hash of its own intent',
    file: announcer,
    find: "return equalBytes(known.hash, out.hash) ? { kind: 'decided', ...known } : { kind: 'never' };",
    replace: "return { kind: 'decided', ...known };",
    tests: owners,
  },
  {
    name: 'the first intent of a writer that was dropped does not count again (intent floor)',
    file: intentsTable,
    find: 'k === 1 && base >= parent.floor',
    replace: 'k === 1',
    tests: ['packages/mvcc/src/commit/intents-table.test.ts'],
  },
  {
    name: 'an owner goes on from its last intent only while the table knows it as that',
    file: announcer,
    find: 'return known?.k === k && equalBytes(known.hash, hash) ? known : undefined;',
    replace: 'return { writerId, k };',
    tests: owners,
  },
  {
    name: 'what can still count is not decided',
    file: announcer,
    find: '    if (counts(view.intents, out)) return undefined;\n',
    replace: '',
    tests: owners,
  },
];

/** @type {{ name: string, file: string, find: string, replace: string, tests: string[] }[]} */
export const checksByTests = [
  ...ranges,
  ...groups,
  ...streams,
  ...expiring,
  ...whatWaits,
  ...format2,
  ...intents,
  ...writers,
  ...histories,
  ...calls,
  ...bytes,
  ...stores,
  ...folders,
  ...locations,
  ...command,
];
