// The engine's safety checks, and for each the change that takes it out. `find` occurs exactly once in `file`; a check
// whose text has changed makes the runner fail, so that this list can't go stale.
// `tests`: what is run when the simulator finds nothing within its seeds. `contended`: its worlds are of many writers.

const committer = 'packages/mvcc/src/commit/committer.ts';
const flushEdit = 'packages/mvcc/src/commit/flush-edit.ts';
const publish = 'packages/mvcc/src/log/publish.ts';
const settle = 'packages/mvcc/src/commit/settle.ts';
const tip = 'packages/mvcc/src/log/tip.ts';
const readSet = 'packages/mvcc/src/commit/read-set.ts';
const transact = 'packages/mvcc/src/transaction/transact.ts';
const validate = 'packages/mvcc/src/commit/validate.ts';
const sessions = 'packages/mvcc/src/requests/sessions.ts';
const requests = 'packages/mvcc/src/requests/requests.ts';
const announcing = 'packages/mvcc/src/commit/announcing.ts';
const candidates = 'packages/mvcc/src/commit/candidates.ts';
const collector = 'packages/mvcc/src/commit/collector.ts';
const intentsTable = 'packages/mvcc/src/commit/intents-table.ts';
const lead = 'packages/mvcc/src/commit/lead.ts';
const turns = 'packages/mvcc/src/commit/turns.ts';

/** @type {{ name: string, file: string, find: string, replace: string, tests?: string[], contended?: boolean }[]} */
export const checks = [
  {
    name: 'a record is created only in an empty slot',
    file: 'packages/mvcc/src/log/store-slots.ts',
    find: 'await this.#store.put(recordName(n), bytes, { ...options, ifAbsent: true });',
    replace: 'await this.#store.put(recordName(n), bytes, options);',
  },
  {
    name: 'a record after an unknown outcome is recognised as our own',
    file: settle,
    find: "return equalBytes(await this.#tip.hashOf(version, deadline.next), hash) ? 'committed' : 'lost';",
    replace: "return 'lost';",
  },
  {
    name: 'a record in our slot is told from our own',
    file: settle,
    find: "return equalBytes(await this.#tip.hashOf(version, deadline.next), hash) ? 'committed' : 'lost';",
    replace: "return 'committed';",
  },
  {
    name: 'an unknown outcome is not taken for a failure',
    file: publish,
    find: "if (code !== 'UNKNOWN_OUTCOME' && code !== 'UNAVAILABLE')",
    replace:
      "if (code === 'UNKNOWN_OUTCOME') throw fromStoreError(new StoreError('UNAVAILABLE', 'taken for a failure'), 'writing');\n      if (code !== 'UNAVAILABLE')",
  },
  {
    name: 'fence before a commit is given up',
    file: publish,
    find: 'const slot = await context.slots.claim(version, bytes, options.deadline.settling);',
    replace: "const slot = (bytes ? 'created' : 'occupied') as 'created' | 'occupied';",
  },
  {
    name: 'a fence that found the slot taken is no fence',
    file: publish,
    find: "return slot === 'occupied' ? { slot } : { slot: 'fenced', cause };",
    replace: "return { slot: 'fenced', cause };",
  },
  {
    name: 'a fence whose outcome is unknown is no fence',
    file: publish,
    find: '    throw outcomeUnknown(version, error);\n  }\n}',
    replace: "    return { slot: 'fenced', cause: error };\n  }\n}",
  },
  {
    name: 'acknowledge only after the record is in the chain (I4)',
    file: committer,
    find: 'const settled = await this.#settler.send(view, built, confirmedAt, deadline, {',
    replace:
      'this.#acknowledge(next, built, group);\n    const settled = await this.#settler.send(view, built, confirmedAt, deadline, {',
  },
  {
    name: 'maybeCommitted after a PUT whose outcome is unknown',
    file: publish,
    find: '{ cause, maybeCommitted: true },',
    replace: '{ cause, maybeCommitted: false },',
  },
  {
    name: 'conflict on a key in the tail',
    file: readSet,
    find: 'for (const key of this.#points) if (view.isWrittenAfter(key, version)) return true;',
    replace: '',
  },
  {
    name: 'conflict on a range in the tail',
    file: readSet,
    find: 'for (const bounds of this.#ranges) if (view.hasWriteAfter(bounds, version)) return true;',
    replace: '',
  },
  {
    name: 'conflict on a key in segments',
    file: readSet,
    find: 'ask(() => view.isWrittenAfterIn(segments, fromStoredKey(key), version, options)),',
    replace: 'ask(async () => false),',
  },
  {
    name: 'conflict on a range in segments',
    file: readSet,
    find: '...this.#ranges.map((bounds) => ask(() => hasWriteAfter(view, bounds, version, options))),',
    replace: '',
    // Rare in the simulator's worlds, where the last flushed tails are in memory.
    tests: ['test/delete-range.test.ts', 'test/commit-protocol.test.ts'],
  },
  {
    name: 'conflict inside one group',
    file: validate,
    find: 'if (proposal.reads.overlaps(written)) {',
    replace: 'if (false) {',
  },
  {
    name: 'conflict on written keys under snapshot isolation',
    file: transact,
    find: "reads: isolation === 'snapshot' ? writtenKeys(tx) : tx.reads,",
    replace: "reads: isolation === 'snapshot' ? new ReadSet() : tx.reads,",
  },
  {
    name: 'a range that was walked is in the read set',
    file: 'packages/mvcc/src/transaction/tracked-cursor.ts',
    find: '    attempt.reads.addRange(this.#seen);',
    replace: '',
  },
  {
    name: 'a key that was read is in the read set',
    file: 'packages/mvcc/src/transaction/transaction.ts',
    find: 'if (tracked) this.reads.addPoint(stored);',
    replace: '',
  },
  {
    name: 'reads of a read-only transaction are confirmed at the tip',
    file: transact,
    find: 'if (!(await tx.reads.isOverwrittenIn(now, tx.readVersion, { signal, meter }))) return undefined;',
    replace: 'if (now) return undefined;',
    tests: ['test/serializability.test.ts', 'test/foreign-conflicts.test.ts'],
  },
  {
    name: 'a strong read asks for the tip after it was called',
    file: 'packages/mvcc/src/log/probes.ts',
    find: '    this.#gathering = undefined;\n    this.#again',
    replace: '    this.#again',
  },
  {
    name: 'who ran again on writes that were lost is not committed with them',
    file: committer,
    find: '    this.#lose(lost.parent, group, rerun);\n    const gone = new Set(rerun.map(({ waiting }) => waiting));',
    replace: '    const gone = new Set<Waiting>();',
    tests: ['test/commit-protocol.test.ts'],
  },
  {
    name: 'a repeated request gets the first result',
    file: transact,
    find: 'if (known) return',
    replace: 'if (false) return',
  },
  {
    name: 'a session knows the numbers it has ended',
    file: sessions,
    find: "return { status: this.#number <= settled ? 'settled' : 'open' };",
    replace: "return { status: 'open' };",
  },
  {
    name: 'a session keeps what is not settled',
    file: sessions,
    find: 'const others = session.ended.filter(({ number }) => number > settled);',
    replace: 'const others: Ended[] = [];',
  },
  {
    name: 'a flush is laid on the state it was planned on',
    file: flushEdit,
    find: "if (state.flushedThrough !== this.after) return 'stale';",
    replace: '',
  },
  {
    name: 'a flush names no segments older than the floor',
    file: flushEdit,
    find: "if (this.through < state.floor) return 'stale';",
    replace: '',
    tests: ['packages/mvcc/src/commit/flush-edit.test.ts'],
  },
  {
    name: 'segments are durable before a record names them (I3)',
    file: 'packages/mvcc/src/commit/segment-uploads.ts',
    find: 'const sent = putNew(this.#context, name, bytes, this.#options).then(() => descriptor);',
    replace:
      'const sent = Promise.resolve(descriptor);\n    void putNew(this.#context, name, bytes, this.#options).catch(() => {});',
  },
  {
    name: 'the carry holds every write since the flush',
    file: 'packages/mvcc/src/commit/plan.ts',
    find: 'entries: view.tail.encodeFresh(from) };',
    replace: 'entries: { count: 0, bytes: new Uint8Array(0) } };',
  },
  {
    name: 'records that hold the carry are read by a jump',
    file: 'packages/mvcc/src/log/advance.ts',
    find: 'const needed = refs.filter((ref) => ref.version > covered);',
    replace: 'const needed = refs.filter((ref) => ref.version > covered).slice(1);',
  },
  {
    name: 'the newest of all layers wins',
    file: 'packages/mvcc/src/state/view.ts',
    find: '} else if (found && (!best || isNewer(found, best))) best = found;',
    replace: '} else if (found && !best) best = found;',
  },
  {
    name: 'a name that is taken is compared',
    file: 'packages/mvcc/src/commit/new-object.ts',
    find: 'if (found && equalBytes(found.bytes, bytes)) return;',
    replace: 'if (found) return;',
    tests: ['packages/mvcc/src/commit/segment-upload.test.ts'],
  },
  {
    name: "a segment's second copy is known for its own (an honest store is not called corrupt)",
    file: 'packages/mvcc/src/commit/new-object.ts',
    find: 'if (found && equalBytes(found.bytes, bytes)) return;',
    replace: '',
  },
  {
    name: 'the probe tries an overwrite again (a good store is not called unsafe)',
    file: 'packages/object-store/src/probe.ts',
    find: 'if (!asExpected && tries < OVERWRITE_TRIES) continue;',
    replace: '',
  },
  {
    name: "a record's bytes have its hash",
    file: 'packages/core/src/record/record.ts',
    find: 'if (!equalBytes(sha256(bytes.subarray(0, end)), hash))',
    replace: 'if (false)',
    tests: ['packages/sim/src/hostile/hostile.test.ts'],
  },
  {
    name: 'a record is of the version that was asked for',
    file: 'packages/core/src/record/record.ts',
    find: 'if (found !== version) throw corrupt(object,',
    replace: 'if (false) throw corrupt(object,',
    tests: ['packages/sim/src/hostile/hostile.test.ts'],
  },
  {
    name: "a chunk has the hash that its segment's table names",
    file: 'packages/core/src/segment/segment-object.ts',
    find: 'return equalBytes(leafHash(this.#sha256, sealed), table.leaf(chunk));',
    replace: 'return true;',
    tests: [
      'packages/core/src/segment/segment-hostile.test.ts',
      'packages/core/src/segment/audit.test.ts',
      'packages/core/src/record/record.test.ts',
      'packages/sim/src/hostile/hostile.test.ts',
    ],
  },
  {
    name: "a segment's table has the root that the manifest names",
    file: 'packages/core/src/segment/segment-table.ts',
    find: 'if (!equalBytes(segmentRoot(sha256, leaves, end), entry.root))',
    replace: 'if (false)',
    tests: [
      'packages/core/src/segment/segment-hostile.test.ts',
      'packages/core/src/segment/audit.test.ts',
      'packages/core/src/record/record.test.ts',
      'packages/sim/src/hostile/hostile.test.ts',
    ],
  },
  {
    name: "the manifest's pages have its root",
    file: 'packages/core/src/manifest/manifest-section.ts',
    find: "if (!equalBytes(found, root)) throw corrupt(object, 'its manifest root is not that of its pages');",
    replace: '',
    tests: [
      'packages/core/src/segment/segment-hostile.test.ts',
      'packages/core/src/segment/audit.test.ts',
      'packages/core/src/record/record.test.ts',
      'packages/sim/src/hostile/hostile.test.ts',
    ],
  },
  {
    name: 'a repeated request with another input is refused',
    file: requests,
    find: 'if (known.digest.length !== digest.length || known.digest.some((byte, i) => byte !== digest[i]))',
    replace: 'if (false)',
    tests: ['test/requests.test.ts'],
  },
  {
    name: "a record's parent is the one before it (I2)",
    file: 'packages/mvcc/src/log/advance.ts',
    find: "  if (!equalBytes(record.parent, view.hash))\n    throw fork(context, view, record, 'its parent is another record');\n",
    replace: '',
    tests: ['test/commit-protocol.test.ts', 'packages/sim/src/hostile/hostile.test.ts'],
  },
  {
    name: 'a holder is the record that the carry names',
    file: 'packages/mvcc/src/log/advance.ts',
    find: 'if (!equalBytes(holder.hash, ref.hash))',
    replace: 'if (false)',
    tests: ['test/commit-protocol.test.ts', 'packages/sim/src/hostile/hostile.test.ts'],
  },
  {
    name: 'a stale tip is found anew before it is built upon',
    file: tip,
    find: '      if (this.isStale()) {\n        await this.#relocate();',
    replace: '      if (false) {\n        await this.#relocate();',
    tests: ['packages/mvcc/src/log/grace.test.ts'],
  },
  {
    name: 'a stale writer reads the tip again before it acknowledges',
    file: settle,
    find: 'if (!this.#tip.isStale(confirmedAt)) return 0;',
    replace: 'return 0;',
    tests: ['packages/mvcc/src/log/grace.test.ts'],
  },
  {
    name: 'a slot below the floor proves nothing',
    file: settle,
    find: 'if (tip.floor > version) throw belowFloor(version, tip.floor);',
    replace: '',
    tests: ['packages/mvcc/src/log/grace.test.ts'],
  },
  {
    name: 'a transaction older than the floor is too old',
    file: validate,
    find: 'if (readVersion < (bulk ? view.floor : view.floor - 1))',
    replace: 'if (false)',
    tests: ['packages/mvcc/src/log/grace.test.ts', 'test/commit-protocol.test.ts'],
  },
  {
    name: "an intent counts once: its number is the next of its writer's (watermark)",
    file: intentsTable,
    find: 'return last ? k === last.k + 1 :',
    replace: 'return last ? k >= last.k :',
    contended: true,
  },
  {
    name: 'a process makes no record without the intent that it has out (helping)',
    file: candidates,
    find: 'const decides = [...carried, ...(out ? [givesUp ? voided(out) : out] : [])];',
    replace: 'const decides = carried;',
    contended: true,
  },
  {
    name: 'only a record acknowledges: nothing is learnt from the answer to an intent (owner-only acknowledgement)',
    file: announcing,
    find: 'if (isAnswered) this.#lead.answered(this.#context.clock.monotonic() - sentMs);',
    replace:
      'if (isAnswered) this.#lead.answered(this.#context.clock.monotonic() - sentMs);\n        for (const { resolve } of waiting) resolve({ version: view.version + 1, order: 0 });',
    contended: true,
  },
  {
    name: 'what is carried is judged on the parent of the record that carries it',
    file: collector,
    find: 'provenThrough: 0,',
    replace: 'provenThrough: Number.MAX_SAFE_INTEGER,',
    contended: true,
  },
  {
    name: 'bytes that are not authentic are an absent intent',
    file: collector,
    find: '    } catch {\n      // Not to be read',
    replace: '    } catch (error) {\n      if (error instanceof Error) throw error;\n      // Not to be read',
    contended: true,
  },
  {
    name: 'who is fast looks for slow rivals (discovery)',
    file: lead,
    find: 'return next % LOOK_EVERY_RECORDS === 0 || FIRST_LOOKS.includes(next);',
    replace: 'return next < 0;',
    contended: true,
    tests: ['packages/sim/src/discovery.test.ts'],
  },
  {
    name: 'who has lost has a turn',
    file: turns,
    find: 'return this.#before(processId).some(({ reads }) => reads.isHitBy(proposal.changes, proposal.deleted));',
    replace: 'return this.#before(processId).length < 0;',
    contended: true,
    tests: ['packages/mvcc/src/commit/turns.test.ts', 'test/turns.test.ts'],
  },
];
