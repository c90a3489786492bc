/** What the process answers its caller with. Scripts rely on these: a number keeps its meaning. */
export const EXIT = {
  ok: 0,
  /** The command did its work, and the answer is "no". */
  failed: 1,
  usage: 2,
  refused: 3,
  unavailable: 4,
  corrupt: 5,
  bug: 70,
  /** EX_IOERR of BSD's sysexits. */
  io: 74,
  interrupted: 130,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export const EXIT_CODES_HELP = `Exit codes:
  0    done
  1    a check failed: verify found problems, probe found the store unsafe, get
       found no such key, import met bad lines
  2    bad usage
  3    refused by the state: no database here, wrong key, prefix in use,
       read-only, version expired …
  4    the object store did not answer, or refused access
  5    corrupt, forked or rolled back: stop using this database and look
  70   a bug in holdfast
  74   the output, or a file that was named, could not be read or written: disk
       full, device failure, too many open files
  130  interrupted by Ctrl-C (143: by SIGTERM)`;
