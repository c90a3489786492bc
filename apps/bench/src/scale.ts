/** How much is measured. */
export interface Scale {
  readonly name: 'full' | 'quick' | 'tiny';
  /** Commits, and opens. */
  readonly samples: number;
  /** Before the first sample. */
  readonly warmUps: number;
  /** Rounds of what takes long: each is one sample of ours and one of the baseline's. */
  readonly rounds: number;
  /** Milliseconds of load in each round of group commit. */
  readonly loadMs: number;
  /** Bytes of state of the cold increment, as the naive blob counts them. */
  readonly stateBytes: readonly number[];
  readonly pointEntries: number;
  readonly pointReads: number;
  readonly hotRows: number;
  readonly scanBytes: number;
  readonly deletedKeys: number;
  readonly loadRows: number;
  readonly importRecords: number;
  readonly memoryScanBytes: number;
}

const MB = 1_000_000;

export const scales: Readonly<Record<Scale['name'], Scale>> = {
  full: {
    name: 'full',
    samples: 200,
    warmUps: 20,
    rounds: 7,
    loadMs: 3_000,
    stateBytes: [4096, MB, 10 * MB],
    pointEntries: 100_000,
    pointReads: 1_000,
    hotRows: 200_000,
    scanBytes: 200 * MB,
    deletedKeys: 1_000_000,
    loadRows: 200_000,
    importRecords: 100_000,
    memoryScanBytes: 1_000 * MB,
  },
  quick: {
    name: 'quick',
    samples: 30,
    warmUps: 5,
    rounds: 3,
    loadMs: 1_000,
    stateBytes: [4096, MB, 10 * MB],
    pointEntries: 100_000,
    pointReads: 1_000,
    hotRows: 50_000,
    scanBytes: 20 * MB,
    deletedKeys: 100_000,
    loadRows: 100_000,
    importRecords: 100_000,
    memoryScanBytes: 100 * MB,
  },
  /** For the test that every measure runs. */
  tiny: {
    name: 'tiny',
    samples: 3,
    warmUps: 1,
    rounds: 1,
    loadMs: 20,
    stateBytes: [4096],
    pointEntries: 300,
    pointReads: 20,
    hotRows: 300,
    scanBytes: 100_000,
    deletedKeys: 300,
    loadRows: 300,
    importRecords: 500,
    memoryScanBytes: 100_000,
  },
};
