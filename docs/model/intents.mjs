// What run.mjs checks of intents.pml: who runs, what is too large for CI, and which rules are taken out.

/** Two writers of one transaction each, at most two writer ids each; `run` for those that are told apart. */
const two = 'run Process(0, 1, 1, 1, false); run Process(1, 1, 2, 2, false);';

export const configurations = {
  carry: {
    about: 'two writers that carry each other, others that carry, a writer dropped',
    defines: { P: 2, V: 6, I: 3 },
    run: two,
  },
  'carry-hot': {
    about: 'the same on one key, which others write too',
    defines: { P: 2, V: 5, I: 3, FLOORS_MAX: 0, 'HOT(t)': 'true', OTHERS_ARE_HOT: '' },
    run: two,
  },
  'carry-in-order': {
    about: 'a writer that is told OUTCOME_UNKNOWN and goes on, others that carry, two writers dropped',
    defines: { P: 1, V: 6, I: 3, FLOORS_MAX: 2, 'HOT(t)': '((t) == 2)', 'LATER(t)': '((t) == 1 -> 4 : 0)' },
    run: 'run Process(0, 1, 1, 2, false);',
  },
  'carry-request': {
    about: 'one request sent by two processes, and closed by one of them',
    defines: {
      P: 2,
      V: 5,
      I: 3,
      FLOORS_MAX: 0,
      'REQUEST(t)': '1',
      'HAS_ID(t)': 'true',
      'CLOSES(t)': '((t) == 3)',
    },
    run: 'run Process(0, 1, 1, 1, false); run Process(1, 1, 2, 3, false);',
  },
  'carry-staged': {
    about: 'a large transaction with a staged segment, on one key with others; the log is collected',
    defines: { P: 1, V: 6, I: 3, 'HOT(t)': 'true', OTHERS_ARE_HOT: '', STAGED: '' },
    run: 'run Process(0, 1, 1, 1, false);',
  },
  clones: {
    about: 'a process cloned while its intent is out; both go on',
    defines: { P: 2, V: 5, I: 3 },
    run: 'run Process(0, 1, 1, 2, false); run Process(1, 1, 3, 3, true);',
  },
  'clones-honest-store': {
    about: 'the same, and each object of an intent: late copies, collection',
    defines: { P: 2, V: 5, I: 3, FLOORS_MAX: 0, HONEST_STORE: '', NO_OTHERS: '' },
    run: 'run Process(0, 1, 1, 2, false); run Process(1, 1, 3, 3, true);',
  },
  'combiner-dies': {
    about: 'two writers, one dies at any step: the other ends, nobody goes round in circles',
    defines: { P: 2, V: 6, I: 3, FLOORS_MAX: 0, NO_OTHERS: '', DIES: 1 },
    run: two,
    cycles: true,
  },
};

export const large = {
  'carry-three': {
    about: 'three writers, others, two writers dropped: bitstate',
    defines: { P: 3, V: 7, I: 5, FLOORS_MAX: 2, 'HOT(t)': '((t) != 3)', OTHERS_ARE_HOT: '' },
    run: `${two} run Process(2, 1, 3, 3, false);`,
    bitstateMinutes: 2,
  },
  'clones-honest-store': {
    about: 'as in CI, with one version more, and a writer dropped: complete',
    defines: { ...configurations['clones-honest-store'].defines, V: 6, FLOORS_MAX: 1 },
    run: configurations['clones-honest-store'].run,
  },
  'carry-hot': {
    about: 'as in CI, and a writer dropped: complete',
    defines: { ...configurations['carry-hot'].defines, FLOORS_MAX: 1 },
    run: configurations['carry-hot'].run,
  },
};

export const controls = {
  NO_WATERMARK: ['carry', "k is the next of its writer's", 'TRANSACTION_IS_DOUBLED', 'VOID_INTENT_COUNTS'],
  NO_HASH: [
    'clones-honest-store',
    'hash of the decided intent',
    'VERDICT_IS_NOT_IN_THE_CHAIN',
    'ACKED_COMMIT_IS_LOST',
  ],
  NO_INTENT_FLOOR: [
    'carry',
    'unknown writers: base at or above the intent floor',
    'TRANSACTION_IS_DOUBLED',
    'DEAD_INTENT_COUNTS',
    'VOID_INTENT_COUNTS',
  ],
  FLOOR_ONE_LOW: [
    'carry',
    'the floor reaches the version that decided',
    'TRANSACTION_IS_DOUBLED',
    'DEAD_INTENT_COUNTS',
    'VOID_INTENT_COUNTS',
  ],
  TABLE_IS_NOT_COPIED: [
    'carry',
    "every record copies its parent's table",
    'TRANSACTION_IS_DOUBLED',
    'DEAD_INTENT_COUNTS',
    'VOID_INTENT_COUNTS',
  ],
  NO_HELPING: ['carry', 'a record of its own carries the intent', 'TRANSACTION_IS_DOUBLED'],
  NO_ONE_OUTSTANDING: ['carry-in-order', 'one outstanding', 'EARLIER_COMMITS_AFTER_LATER'],
  ACK_ON_ANNOUNCE: ['carry-hot', 'only a record acknowledges', 'ACKED_COMMIT_IS_LOST'],
  VERDICT_FROM_AN_ORPHAN: [
    'carry-hot',
    'only a record of the chain acknowledges',
    'VERDICT_IS_NOT_IN_THE_CHAIN',
  ],
  NO_PARENT_CHECK: [
    'carry-hot',
    'verdicts are judged on the parent',
    'CONFLICT_IS_COMMITTED',
    'TRANSACTION_IS_DOUBLED',
  ],
  NO_VOID: ['carry', 'void before "did not happen"', 'DID_NOT_HAPPEN_BUT_DID'],
  FENCE_IS_NO_VOID: ['carry', 'a fence voids the intent that is out', 'DID_NOT_HAPPEN_BUT_DID'],
  VOID_BELOW_FLOOR: ['carry', 'a void must count like an intent', 'DID_NOT_HAPPEN_BUT_DID'],
  CARRY_BELOW_FLOOR: ['carry', "one's own intent must count like others'", 'TRANSACTION_IS_DOUBLED'],
  DROPPED_IS_DEAD: ['carry', 'dropped: the records in between, before a new id', 'TRANSACTION_IS_DOUBLED'],
  LATER_IS_DEAD: ['clones-honest-store', 'a later k: the records in between', 'DEAD_INTENT_COUNTS'],
  CLONE_TAKES_NEW_ID: [
    'clones-honest-store',
    'occupied: a new id only once k is used up',
    'TRANSACTION_IS_DOUBLED',
  ],
  ID_AT_OPEN: [
    'carry',
    'a writer id belongs to one first intent',
    'DEAD_INTENT_COUNTS',
    'TRANSACTION_IS_DOUBLED',
  ],
  TWO_OF_ONE_WRITER: [
    'clones-honest-store',
    'one entry for a writer in a record',
    'TRANSACTION_IS_DOUBLED',
    'DEAD_INTENT_COUNTS',
    'VERDICT_IS_NOT_IN_THE_CHAIN',
  ],
  ANNOUNCE_UNDER_WAY: ['carry', 'announced only when its slot is lost', 'TRANSACTION_IS_DOUBLED'],
  NO_REQUEST_CHECK: [
    'carry-request',
    'request looked up for each intent',
    'REQUEST_IS_DOUBLED',
    'CLOSED_REQUEST_COMMITS',
  ],
  ALREADY_MEANS_COMMITTED: [
    'carry-request',
    '"already": the result is looked up',
    'ANSWER_IS_NOT_IN_THE_STATE',
  ],
  NO_STAGED_FLOOR: ['carry-staged', 'staged segments obey the floor', 'RECORD_NAMES_A_DELETED_SEGMENT'],
  FLOOR_BY_INTENTS_BASE: [
    'carry-staged',
    "by the segment's base, not the intent's",
    'RECORD_NAMES_A_DELETED_SEGMENT',
  ],
  NO_STEP_IN: ['combiner-dies', 'after silence the owner carries its own', 'HELD_UP_FOR_EVER'],
};
