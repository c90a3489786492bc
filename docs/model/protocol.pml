/*
 * The commit protocol over a log that is garbage collected, for Spin. README.md says what is abstracted, and why
 * that is sound. `run.mjs` chooses a configuration (who runs) and, for the controls, a rule to leave out.
 *
 * One atomic step is one effect on the store, or one decision after an answer. Between any two of them a process
 * may sleep for as long as it likes, and forever: that is the crash.
 *
 * Properties are assertions. Each names itself: a false constant with the property's name is in its expression.
 */
bool ACKED_COMMIT_IS_LOST, REQUEST_IS_DOUBLED, CLOSED_REQUEST_COMMITS, DID_NOT_HAPPEN_BUT_DID,
  ORPHAN_IS_TAKEN_FOR_A_RECORD, READER_MISSES_A_COMMIT, RECORD_NAMES_A_DELETED_SEGMENT, ANSWER_IS_NOT_IN_THE_STATE,
  FALSE_ALARM, EXPIRED_VERSION_IS_ANSWERED;

/* What a slot holds. Calls 1..8 are transactions, each with one author; FENCE + call is that call's fence. */
#define EMPTY 0
#define GENESIS 10
#define OTHERS 11
#define FLOOR 12
#define FENCE 20

#ifndef V
#define V 5             /* the last version; a call that would need a later one stops (the bound of the model) */
#endif
#ifndef OTHERS_MAX
#define OTHERS_MAX 0    /* records that further, well-behaved writers add */
#endif
#ifndef FLOORS_MAX
#define FLOORS_MAX 0    /* how often the floor moves */
#endif

/* Which request a call is for, whether it looks for it first (it has a request id), and whether it closes it. */
#ifndef IDEMPOTENT
#define IDEMPOTENT(c) false
#endif
#ifndef REQUEST
#define REQUEST(c) (c)
#endif
#ifndef CLOSES
#define CLOSES(c) 0
#endif
#ifndef FLUSHES
#define FLUSHES(c) 0
#endif

byte slot[V + 2];       /* the store */
byte chain[V + 1];      /* ghost: the author of each version, for ever */
byte top;               /* the tip */
byte others;
byte copies[5];         /* by call: bit v: copies of its PUT to slot v are under way, and may land any number of times */
byte fences[5];         /* the same of its fence */

byte floors;            /* how many records moved the floor */
byte floorAt[3];        /* their versions: the floor they set is one less */
byte collecting;        /* for how many of them a whole grace period has passed, and deletion begun */

/* What processes know: shared by the calls of one process. */
byte view[4];           /* version */
byte confirmed[4];      /* `floors`, at a moment at which `view` was the tip */

byte applied;           /* ghost: bit r: request r is in the chain */
byte closed;            /* ghost: bit r: and so is its closing */
byte disowned;             /* ghost: bit c: call c was told that it did not happen */
byte acked;             /* ghost: the newest acknowledged version */
bool uploaded, deleted; /* the segment of the flush */
byte segmentBase;       /* the version its uploader knew */
byte flushed;           /* the version whose record names it */
byte replaced;          /* the version whose record names it no more: somebody has compacted it */
#ifdef NO_CREATE_ONLY
byte acknowledged;      /* ghost: bit c */
#endif

#define mask(n) (1 << (n))
#define floorOf(n) \
  ((floors >= 2 && floorAt[2] <= (n)) -> floorAt[2] - 1 : ((floors >= 1 && floorAt[1] <= (n)) -> floorAt[1] - 1 : 1))
#define isCall(x) ((x) >= 1 && (x) <= 8)

/*
 * The grace rule. Whoever's confirmation is older than a floor for which a whole grace period has passed finds
 * that on his clock. (Half of one may have passed at any time: `maybe` in the steps where that matters.)
 */
#ifdef NO_GRACE
#define mustBeStale(at) false
#else
#define mustBeStale(at) (collecting > (at))
#endif

/* A PUT arrives. */
inline land(x, n) {
  atomic {
#ifdef NO_CREATE_ONLY
    if
    :: slot[n] != EMPTY && chain[n] == slot[n] ->
       assert(chain[n] == x || !isCall(chain[n]) || !(acknowledged & mask(chain[n])) || ACKED_COMMIT_IS_LOST);
       slot[n] = x; chain[n] = x
    :: else
    fi;
#endif
    if
    :: slot[n] != EMPTY
    :: else ->
       slot[n] = x;
       if
       :: n != top + 1
       :: else ->
          top = n;
          chain[n] = x;
          if
          :: isCall(x) && CLOSES(x) ->
             assert(!(applied & mask(REQUEST(x))) || CLOSED_REQUEST_COMMITS);
             closed = closed | mask(REQUEST(x))
          :: isCall(x) && FLUSHES(x) ->
             assert(!deleted || RECORD_NAMES_A_DELETED_SEGMENT);
             flushed = n
          :: isCall(x) && !CLOSES(x) && !FLUSHES(x) ->
             assert(!(applied & mask(REQUEST(x))) || REQUEST_IS_DOUBLED);
             assert(!(closed & mask(REQUEST(x))) || CLOSED_REQUEST_COMMITS);
             applied = applied | mask(REQUEST(x))
          :: else
          fi;
          assert(!isCall(x) || !(disowned & mask(x)) || DID_NOT_HAPPEN_BUT_DID)
       fi
    fi
  }
}

/* Tip.adopt */
inline adopt(p, n, at) {
  if
  :: n >= view[p] -> view[p] = n; confirmed[p] = at
  :: else
  fi
}

/* Tip.#relocate: list, read what is newest, and again if more than half a grace has passed in between. */
inline relocate(p) {
  do
  :: atomic { ln = top; la = floors };
     atomic {
       if
#ifndef LISTING_IS_NOT_TIMED
       :: mustBeStale(la) -> skip
#endif
#ifdef LISTING_IS_NOT_TIMED
       :: false
#endif
       :: else ->
          assert(slot[ln] != EMPTY || FALSE_ALARM);
          assert(slot[ln] == chain[ln] || ORPHAN_IS_TAKEN_FOR_A_RECORD);
#ifdef LISTING_IS_NOT_TIMED
          la = floors;  /* what the code did: the probe that follows confirms */
#endif
          adopt(p, ln, la);
          ln = 0; la = 0;
          break
       fi
     }
  od
}

/* Tip.follow: read on until a slot is empty. Answers count only while the view they rest on is not stale. */
inline follow(p) {
  do
  :: atomic {
       if
#ifndef NO_RELOCATE
       :: mustBeStale(confirmed[p]) -> relocated = true
       :: !relocated -> relocated = true  /* by half a grace */
       :: !mustBeStale(confirmed[p]) -> fv = view[p]; fb = confirmed[p]; fa = floors
#else
       :: true -> fv = view[p]; fb = confirmed[p]; fa = floors
#endif
       fi
     };
     if
     :: fv == 0 -> relocate(p)
     :: else ->
        do
        :: atomic {
             if
#ifndef PROBE_IS_NOT_TIMED
#ifndef NO_RELOCATE
             :: mustBeStale(fb) ->
                if
                :: relocated -> relocated = false; fv = 0; fb = 0; fa = 0; x = 2
                :: else -> fv = 0; fb = 0; fa = 0; x = 1
                fi;
                break
#endif
#endif
             :: else ->
                if
                :: slot[fv + 1] == EMPTY ->
                   adopt(p, fv, fa);
                   relocated = false; fv = 0; fb = 0; fa = 0; x = 2;
                   break
                :: else ->
                   assert(slot[fv + 1] == chain[fv + 1] || ORPHAN_IS_TAKEN_FOR_A_RECORD);
                   fv = fv + 1
                fi
             fi
           }
        od;
        atomic {
          if
          :: x == 2 -> x = 0; break
          :: else -> x = 0
          fi
        }
     fi
  od
}

#define LOOK 0
#define CREATED 1
#define OCCUPIED 2
#define FENCED 3
#define DONE 4

#ifdef NO_CREATE_ONLY
#define ackGhost acknowledged = acknowledged | mask(c)
#else
#define ackGhost skip
#endif

inline acknowledge(p) {
  assert(chain[n] == c || ACKED_COMMIT_IS_LOST);
  assert(!FLUSHES(c) || !deleted || replaced != 0 || RECORD_NAMES_A_DELETED_SEGMENT);
  if
  :: n > acked -> acked = n
  :: else
  fi;
  ackGhost;
  state = DONE
}

inline didNotHappen() {
  atomic {
    x = 2;
    do
    :: x <= top ->
#ifndef NO_CREATE_ONLY  /* there a fence does not hold either: of interest is what else goes wrong */
       assert(chain[x] != c || DID_NOT_HAPPEN_BUT_DID);
#endif
       x++
    :: else -> break
    od;
    x = 0;
    disowned = disowned | mask(c)
  };
  state = DONE
}

/* Is the call's request in view `n`, or closed there? */
inline lookUp(m) {
  atomic {
    x = 2; found = 0;
    do
    :: x <= m ->
       if
       :: isCall(chain[x]) && REQUEST(chain[x]) == REQUEST(c) -> found = (CLOSES(chain[x]) -> 2 : 1)
       :: else
       fi;
       x++
    :: else -> break
    od;
    x = 0
  }
}

/* One call: Committer.#commitMembers with publish() and #settle(). `c` is the call, `p` its process. */
inline call(p) {
  state = LOOK;
#ifdef WITH_FLUSH
  atomic {
    if
    :: FLUSHES(c) -> uploaded = true; segmentBase = view[p]
    :: else
    fi
  };
#endif
  do
  :: state == DONE -> break

  :: state == LOOK ->
     if
     :: mustBeStale(confirmed[p]) -> follow(p)
     :: else
     fi;
     atomic {
       lookUp(view[p]);
       if
#ifndef NO_REQUEST_CHECK
       :: IDEMPOTENT(c) && found == 1 ->  /* a repeated request: the first one's result */
          assert((applied & mask(REQUEST(c))) || ANSWER_IS_NOT_IN_THE_STATE);
          state = DONE
       :: IDEMPOTENT(c) && found == 2 ->  /* REQUEST_CLOSED, or closed already */
          assert((closed & mask(REQUEST(c))) || ANSWER_IS_NOT_IN_THE_STATE);
          state = DONE
#endif
       :: view[p] >= V -> state = DONE
#ifdef WITH_FLUSH
#ifndef NO_BASE_RULE
       :: FLUSHES(c) && segmentBase < floorOf(view[p]) -> state = DONE
#endif
#endif
       :: else -> n = view[p] + 1; base = confirmed[p]; sent = floors
       fi;
       found = 0
     };
     /* publish(): the same bytes again and again, until there is an answer or the time is over. */
     do
     :: state != LOOK -> break
     :: else ->
        if
        :: atomic {  /* answered */
             copies[c] = copies[c] | mask(n);
             if
#ifdef NO_CREATE_ONLY
             :: true -> state = CREATED
#else
             :: slot[n] == EMPTY -> state = CREATED
             :: else -> state = OCCUPIED
#endif
             fi;
             land(c, n)
           }
        :: atomic { copies[c] = copies[c] | mask(n) };  /* unknown: it may land now, later, never, twice */
progress_fault:
           if
           :: atomic { slot[n] != EMPTY -> state = OCCUPIED }  /* the slot is read */
           :: skip                                             /* it was empty, or could not be read: again */
#ifdef NO_FENCE
           :: atomic { slot[n] == EMPTY -> didNotHappen() }
#else
           :: atomic {  /* given up: the fence, answered */
                fences[c] = fences[c] | mask(n);
                if
                :: slot[n] == EMPTY -> state = FENCED
                :: else -> state = OCCUPIED
                fi;
                land(FENCE + c, n)
              }
           :: atomic {  /* given up: the fence, unknown. OUTCOME_UNKNOWN claims nothing */
                fences[c] = fences[c] | mask(n);
                state = DONE
              }
#endif
           fi
        fi
     od

  :: state == CREATED || state == FENCED ->
     /* #confirm. Stale: by more than half a grace (may be so at any time), or a whole one (is seen). */
     x = 1;
     atomic {
       if
#ifdef CONFIRM_BY_SHARED_TIP
       :: !mustBeStale(confirmed[p]) -> x = 0
#else
       :: !mustBeStale(base) -> x = 0
#endif
#ifdef NO_CONFIRM
       :: state == CREATED -> x = 0
#endif
#ifdef FENCE_IS_NOT_CONFIRMED
       :: state == FENCED -> x = 0
#endif
       :: true -> x = 1
       fi
     };
     do
     :: atomic { x == 1 -> ln = top; la = floors };
        atomic {
          x = 0;
          if
          :: mustBeStale(la) -> x = 1
          :: else ->
             assert(slot[ln] == chain[ln] || ORPHAN_IS_TAKEN_FOR_A_RECORD);
             if
             :: floorOf(ln) > n ->
#ifdef REBASE_BELOW_FLOOR
                state = LOOK
#else
                state = DONE  /* OUTCOME_UNKNOWN */
#endif
             :: else
             fi
          fi;
          ln = 0; la = 0
        }
     :: else -> break
     od;
     atomic {
       if
       :: state == CREATED -> adopt(p, n, sent); acknowledge(p)
       :: state == FENCED -> didNotHappen()
#ifdef REBASE_BELOW_FLOOR
       :: state == LOOK -> skip
#endif
       :: else
       fi
     };
#ifdef REBASE_BELOW_FLOOR
     if
     :: state == LOOK -> follow(p)
     :: else
     fi
#endif

  :: state == OCCUPIED ->
     /* #findAfterLoss */
     follow(p);
     atomic {
       assert(view[p] >= n || FALSE_ALARM);
       base = confirmed[p];
       if
#ifndef NO_BELOW_FLOOR
       :: floorOf(view[p]) > n -> state = DONE  /* OUTCOME_UNKNOWN */
#endif
       :: else
       fi
     };
     atomic {
       if
       :: state == DONE
       :: else ->
          if
#ifndef LOST_SLOT_IS_NOT_TIMED
          :: mustBeStale(base) -> skip  /* asleep before the slot was read: follow again */
#endif
#ifdef LOST_SLOT_IS_NOT_TIMED
          :: false
#endif
          :: else ->
#ifndef NO_BELOW_FLOOR
#ifndef LOST_SLOT_IS_NOT_TIMED
             assert(slot[n] == chain[n] || ORPHAN_IS_TAKEN_FOR_A_RECORD);
#endif
#endif
             if
#ifndef NO_READ_BACK
             :: slot[n] == c -> acknowledge(p)
#endif
             :: else -> state = LOOK
             fi
          fi
       fi
     }
  od;
  atomic { n = 0; base = 0; sent = 0; x = 0; found = 0; state = LOOK }
}

#define LOCALS byte c, n, base, sent, state, found, x, ln, la, fv, fb, fa; bool relocated

/* A process that makes one call, or two: the second whatever became of the first. It starts with a tip that was
   confirmed when the world began. */
proctype Writer(byte p; byte first; byte second) {
  LOCALS;
  c = first;
  do
  :: c != 0 ->
     call(p);
     c = (c == first -> second : 0)
  :: else -> break
  od
}

/* Looks at any time: a strong read, and a snapshot of an older version. */
proctype Reader(byte p; bool past) {
  byte n, x, seen, ln, la, fv, fb, fa, need;
  bool relocated;
  need = acked;
  follow(p);
  atomic {
    assert(view[p] >= need || READER_MISSES_A_COMMIT);
    need = 0
  };
  if
  :: past ->
     /* History.viewAt, #read: the slot's content counts while the version is retained. */
     atomic {
       n = 1;
       do
       :: n + 1 < view[p] -> n++
       :: n >= floorOf(view[p]) -> break
       :: n < floorOf(view[p]) -> n = 0; break
       od
     };
     if
     :: n == 0  /* SNAPSHOT_EXPIRED */
     :: else ->
        atomic { seen = slot[n]; need = 1 };
        do
        :: atomic {
             need == 1 ->
             if
#ifndef PAST_IS_NOT_TIMED
             :: seen == EMPTY || mustBeStale(confirmed[p]) -> need = 2
#endif
#ifdef PAST_IS_NOT_TIMED
             :: seen == EMPTY -> need = 2
#endif
             :: else -> need = 3
             fi
           }
        :: need == 2 -> follow(p); need = 3
        :: need == 3 -> break
        od;
        atomic {
          if
          :: n < floorOf(view[p])  /* SNAPSHOT_EXPIRED */
          :: else ->
             assert(seen != EMPTY || FALSE_ALARM);
             assert(seen == EMPTY || seen == chain[n] || EXPIRED_VERSION_IS_ANSWERED)
          fi;
          n = 0; seen = 0; need = 0
        }
     fi
  :: else
  fi
}

#define lateCopy(k, v) \
  :: atomic { (copies[k] & mask(v)) && mayLand(v) -> land(k, v) } \
  :: atomic { (fences[k] & mask(v)) && mayLand(v) -> land(FENCE + k, v) }
#ifdef NO_CREATE_ONLY
#define mayLand(v) true
#else
#define mayLand(v) (slot[v] == EMPTY)
#endif
#if V >= 6
#define lateCopies(k) lateCopy(k, 2) lateCopy(k, 3) lateCopy(k, 4) lateCopy(k, 5) lateCopy(k, 6)
#else
#if V == 5
#define lateCopies(k) lateCopy(k, 2) lateCopy(k, 3) lateCopy(k, 4) lateCopy(k, 5)
#else
#define lateCopies(k) lateCopy(k, 2) lateCopy(k, 3) lateCopy(k, 4)
#endif
#endif
/* By floor i. The root's own floor, not the one that lets the root go. */
#ifdef NO_ROOTS_FLOOR
#define baseMax(i) floorOf(floorAt[i])
#else
#define baseMax(i) floorOf(floorAt[i] - 2)
#endif
#ifdef NAMED_BY_THE_NEWEST
#define rootOf(i) top
#else
#define rootOf(i) (floorAt[i] - 2)
#endif
#define isNamedBy(v) (flushed != 0 && flushed <= (v) && (replaced == 0 || replaced > (v)))
/* A version from the floor on, of any floor that was passed, names it. */
#define isNeeded(i) (flushed != 0 && (replaced == 0 || replaced > floorAt[i] - 1))
#define deleteSegment(i) \
  :: atomic { collecting >= (i) && floorAt[i] > 2 && uploaded && !deleted && segmentBase < baseMax(i) && !isNamedBy(rootOf(i)) -> \
       deleted = true; assert(!isNeeded(i) || RECORD_NAMES_A_DELETED_SEGMENT) }
#define collect(v) :: atomic { collecting >= 1 && v < floorAt[collecting] - 1 && slot[v] != EMPTY -> slot[v] = EMPTY }

/* The network's late copies, further writers, and the collector. */
proctype World() {
  byte next;
end:
  do
  lateCopies(1)
#if CALLS >= 2
  lateCopies(2)
#endif
#if CALLS >= 3
  lateCopies(3)
#endif
#if CALLS >= 4
  lateCopies(4)
#endif
#if OTHERS_MAX > 0
  :: atomic { others < OTHERS_MAX && top < V -> others++; next = top + 1; land(OTHERS, next); next = 0; acked = top }
#endif
#if FLOORS_MAX > 0
  :: atomic { floors < FLOORS_MAX && top < V && top > 1 -> next = top + 1; land(FLOOR, next); next = 0; floors++; floorAt[floors] = top; acked = top }
  :: atomic { collecting < floors -> collecting++ }
  collect(1) collect(2) collect(3) collect(4)
#endif
#ifdef WITH_FLUSH
  /* Somebody else's record replaces it by another one. */
  :: atomic { flushed != 0 && replaced == 0 && top < V -> next = top + 1; land(OTHERS, next); next = 0; replaced = top; acked = top }
  /* The collector looks into one record, the root: the one before the floor. What that does not name, and began below
     the floor that it says, goes. */
  deleteSegment(1) deleteSegment(2)
#endif
  od
}

init {
  atomic {
    slot[1] = GENESIS; chain[1] = GENESIS; top = 1; acked = 1;
    view[0] = 1; view[1] = 1; view[2] = 1; view[3] = 1;
    run World();
    RUN
  }
}
