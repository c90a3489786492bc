/**
 * What may be wrong with the intents of a database that has every field: with their objects, and with how records carry
 * them.
 */
import { body, type Fault } from './every-field-faults.js';
import { filled, only, userKey } from './field-writes.js';
import type { Announced, Brought, Content } from './intent-layout.js';
import type { Body } from './layout.js';
import type { Spec } from './rebuild.js';
import type { World } from './world.js';

/** Of the intent that says everything, and is still out. */
const intent = (change: (content: Content) => unknown) => {
  return (world: World): Spec => {
    const [name] = [...world.intents].find(([, { content }]) => content.flush)!;
    return { intents: new Map([[name, (content) => void change(content)]]) };
  };
};
const transaction = (change: (of: Announced) => unknown) => intent((of) => change(of.transactions[0]!));
const bulk = (change: (segments: Brought[]) => unknown) =>
  intent(({ transactions }) => change(transactions[1]!.segments!));
const parts = (change: (segments: Brought[]) => unknown) =>
  intent(({ transactions }) => change(transactions[2]!.segments!));
const flushed = (change: (run: Brought[]) => unknown) => intent(({ flush }) => change(flush!.runs[0]!));

/** Of an intent's content. The engine's own decoder refuses all of them too. */
export const FAULTS_OF_ANNOUNCEMENTS: readonly Fault[] = [
  ['a turn of more than a minute', intent((of) => (of.turnMs = 60_001)), 'a turn that is too long'],
  ['neither a flush nor none', intent((of) => (of.hasFlush = 2)), 'a flush or none'],
  ['a flush of no versions', intent(({ flush }) => (flush!.through = flush!.after)), 'a flush of other'],
  ['a flush beyond its base', intent(({ flush }) => (flush!.through = 18)), 'a flush of other versions'],
  ['a flushed run of nothing', flushed((run) => run.splice(0)), 'no segments'],
  ['flushed entries from before', flushed((run) => (run[0]!.minVersion = 11)), 'of other versions'],
  ['flushed entries from after', flushed((run) => (run[0]!.maxVersion = 17)), 'of other versions'],
  ['flushed entries without versions', flushed((run) => (run[0]!.minVersion = 0)), 'of other versions'],
  ['a read of what is to come', transaction((of) => (of.readVersion = 18)), 'a read version above'],
  ['keys read out of order', transaction(({ reads }) => reads.points.reverse()), 'keys in order'],
  [
    'a range read that neither ends nor does not',
    transaction(({ reads }) => (reads.ranges[0]!.hasEnd = 2)),
    'an end or none',
  ],
  [
    'an empty range read',
    transaction(({ reads: { ranges } }) => Object.assign(ranges[0]!, { hasEnd: 1, end: ranges[0]!.begin })),
    'a range that is not empty',
  ],
  [
    'deleted ranges that touch',
    transaction((of) => (of.ranges[1]!.begin = of.ranges[0]!.end)),
    'ranges in order',
  ],
  ['staged segments of no kind', intent((of) => (of.transactions[1]!.staged = 3)), 'of another kind'],
  ['no staged segments', bulk((segments) => segments.splice(0)), 'no segments'],
  ['a staged segment with versions', bulk(([first]) => Object.assign(first!, versions)), 'with versions'],
  ['staged range tombstones', bulk(([first]) => Object.assign(first!, ranged)), 'with versions or ranges'],
  ['staged segments out of order', bulk((segments) => segments.reverse()), 'segments that overlap'],
  ['sizes that no segment has', bulk(([first]) => (first!.metaBytes = 123)), 'of other sizes'],
  ['meta bytes beyond the object', bulk(([first]) => (first!.bytes = 399)), 'of other sizes'],
  ['a segment of nothing', bulk(([first]) => Object.assign(first!, empty)), 'a segment of nothing'],
  ['more tombstones than entries', bulk(([first]) => (first!.tombstones = 3)), 'more tombstones'],
  ['keys that descend', bulk(([first]) => (first!.lastKey = userKey('seg'))), 'keys that descend'],
  ['a part of two entries', parts(([first]) => (first!.entries = 2)), 'more than one value'],
  ['a part that is deleted', parts(([first]) => (first!.tombstones = 1)), 'more than one value'],
  ['parts of two streams', parts(([first]) => Object.assign(first!, other)), 'parts of two streams'],
  ['a write of no form', transaction((of) => Object.assign(of.changes[0]!, { form: 4 })), 'expected form'],
  [
    'a key that is changed twice',
    transaction(({ changes }) => (changes[1]!.key = changes[0]!.key)),
    'changes in order',
  ],
  [
    'mutations that are none',
    transaction((of) => Object.assign(of.changes[4]!, { mutations: [] })),
    'no mutations',
  ],
  [
    'a mutation of no kind',
    transaction((of) => Object.assign(of.changes[4]!, { mutations: [{ kind: 3, operand: filled(1, 1) }] })),
    'add, max or min',
  ],
];

const versions = { minVersion: 1, maxVersion: 1 };
const ranged = { ranges: 1, rangeBegin: userKey('seg', 1), rangeEnd: userKey('seg', 2) };
const empty = { entries: 0, tombstones: 0, firstKey: filled(0, 0), lastKey: filled(0, 0) };
const other = { firstKey: userKey('seg', 8), lastKey: userKey('seg', 8) };

/** In each of these records. */
const bodies = (versions: readonly number[], change: (body: Body) => unknown) => (): Spec => ({
  bodies: new Map(versions.map((version) => [version, (of) => void change(of)])),
});
const FROM_8_TO_13 = [8, 9, 10, 11, 12, 13];

/** Of how an intent is carried: only who has its object sees it. */
export const FAULTS_OF_CARRIED: readonly Fault[] = [
  [
    'a carried write that is another',
    body(7, ({ transactions }) => (transactions[0]!.writes[0]!.value = filled(2, 1))),
    'a transaction of other writes',
  ],
  [
    'a carried write that is left out',
    body(7, ({ transactions }) => transactions[0]!.writes.shift()),
    'a transaction of other writes',
  ],
  [
    'a mutation of something else',
    body(7, ({ transactions }) => transactions[0]!.writes[1]!.value!.set([5], 1)),
    'a transaction of other writes',
  ],
  ['a carried range that is left out', body(7, (of) => of.transactions[0]!.ranges.pop()), 'of other ranges'],
  ['another read version', body(7, (of) => (of.transactions[0]!.readVersion = 5)), 'of another read version'],
  [
    'a run that nobody staged',
    body(7, (of) => (of.transactions[0]!.bulkRun = 2)),
    'run of another transaction',
  ],
  [
    'one transaction for two',
    bodies([7, 8], ({ decided }) => (decided[0]!.verdicts[1] = { kind: 0, order: 0 })),
    'a transaction of two intents',
  ],
  ['a verdict less', bodies([7, 8], ({ decided }) => decided[0]!.verdicts.pop()), 'a verdict more or less'],
  [
    'a first intent below the floor',
    bodies(FROM_8_TO_13, (of) => (of.intentFloor = 6)),
    'a first intent below the floor',
  ],
  [
    'a commit of what was overtaken',
    bodies([7, 8], ({ transactions, decided }) => {
      const [first] = transactions;
      const key = userKey('a', 2);
      if (first?.writes.length === 2)
        transactions.unshift({ ...first, ranges: [only(key)], writes: [{ key, form: 0, value: undefined }] });
      decided[0]!.verdicts[0]!.order = 1;
    }),
    'had read what has changed',
  ],
];
