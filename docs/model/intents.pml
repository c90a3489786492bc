/*
 * Announce, collect, carry (decision 0021), for Spin. README.md says what is abstracted, and why that is
 * sound. `run.mjs` chooses a configuration (who runs) and, for the controls, a rule to leave out.
 *
 * One atomic step is one effect on the store, or one decision on what was read. Between any two of them a process
 * may sleep for as long as it likes, and forever: that is the crash.
 *
 * Properties are assertions. Each names itself: a false constant with the property's name is in its expression.
 */
bool ACKED_COMMIT_IS_LOST, TRANSACTION_IS_DOUBLED, REQUEST_IS_DOUBLED, CLOSED_REQUEST_COMMITS,
  ANSWER_IS_NOT_IN_THE_STATE, VERDICT_IS_NOT_IN_THE_CHAIN, DID_NOT_HAPPEN_BUT_DID, VOID_INTENT_COUNTS, DEAD_INTENT_COUNTS, CONFLICT_IS_COMMITTED,
  EARLIER_COMMITS_AFTER_LATER, RECORD_NAMES_A_DELETED_SEGMENT;

#ifndef V
#define V 5              /* the last version: processes that would need a later one stop (the bound of the model) */
#endif
#ifndef I
#define I 3              /* how many intents are ever sealed (at most 7) */
#endif
#ifndef P
#define P 2              /* processes */
#endif
#ifdef ID_AT_OPEN
#define W (2 * I)          /* writer ids, and the first that nobody has */
#define FRESH 2
#else
#define W I
#define FRESH 1
#endif

/* Transactions are 1..7, each one call of one process. */
#ifndef HOT
#define HOT(t) false       /* reads and writes the one key that others write */
#endif
#ifndef REQUEST
#define REQUEST(t) (t)     /* its request: if it has no id, nobody can look for it */
#endif
#ifndef HAS_ID
#define HAS_ID(t) false
#endif
#ifndef CLOSES
#define CLOSES(t) false    /* closes the request instead of making it */
#endif
#ifndef LATER
#define LATER(t) 0         /* the transactions that its process begins after it, as bits */
#endif
#ifndef FLOORS_MAX
#define FLOORS_MAX 1       /* how often they raise the intent floor */
#endif

/* run.mjs --trace prints what was done on the way to a violation. */
#ifdef TRACE
#define say(...) printf(__VA_ARGS__)
#else
#define say(...) skip
#endif

#define bit(n) (1 << (n))
#define NONE 0
#define COMMITTED 1
#define CONFLICT 2
#define ALREADY 3
#define VOID 4

/* Intents, in the order in which they were sealed; an intent's number here stands for its hash. */
byte sealed;
byte iw[I + 1];          /* its writer id */
byte ik[I + 1];          /* its k */
byte ibase[I + 1];       /* the version that its process knew */
byte iread[I + 1];       /* the version that its transaction ran on */
byte itxn[I + 1];        /* its transaction */
byte sent;               /* bits: its PUT was sent; copies may land, be shown, be hidden and be collected at any time */
byte there;              /* bits: an honest store has it (HONEST_STORE) */

/* The chain, and the table of its newest record. */
byte top;
byte who[V + 2];         /* the author of each version */
byte last[W + 1];        /* by writer: its last intent that was decided */
byte lastAt[W + 1];      /* by writer: the version that did so */
byte intentFloor;
byte hotAt;              /* the version that last wrote the hot key */
byte requests;           /* bits: requests in the state */
byte closed;             /* bits: closed requests in the state */
byte floors;
byte freshId;            /* the next writer id never used */

/* Records under way: what a process sent for a slot, and its fence there. Late copies may land while it is free. */
byte rslot[P], rdirect[P], rbase[P], rcarried[P], rcommitted[P], rvoid[P];
byte fslot[P], fvoid[P];

/* Ghosts */
byte verdict[I + 1];     /* what the chain says of the intent */
byte counted;            /* bits: transactions in the chain */
byte acked;              /* bits: transactions whose caller was told "committed" */
byte disowned;           /* bits: whose caller was told "did not happen" */
byte dead;               /* bits: intents that an owner knows never to count */

#ifdef STAGED
/* The staged segment of transaction 1, and the floor of the log. */
bool deleted;
byte stagedAt;           /* the version its uploader knew: in its name */
byte named;              /* the version whose record names it */
byte logFloor, logFloorAt;
#define isStaged(t) ((t) == 1)
#ifdef NO_STAGED_FLOOR
#define isTooOld(i) false
#else
#ifdef FLOOR_BY_INTENTS_BASE
#define isTooOld(i) (isStaged(itxn[i]) && ibase[i] < logFloor)
#else
#define isTooOld(i) (isStaged(itxn[i]) && stagedAt < logFloor)
#endif
#endif
#else
#define isStaged(t) false
#define isTooOld(i) false
#endif

#define RECORD(p) (1 + (p))
#define FENCE(p) (11 + (p))
#define OTHERS 21

/* Whether intent i counts on the newest record as parent. */
#ifdef NO_INTENT_FLOOR
#define isAboveFloor(i) true
#else
#define isAboveFloor(i) (ibase[i] >= intentFloor)
#endif
#ifdef NO_WATERMARK
#define counts(i) (last[iw[i]] == 0 -> (ik[i] == 1 && isAboveFloor(i)) : true)
#else
#define counts(i) (last[iw[i]] == 0 -> (ik[i] == 1 && isAboveFloor(i)) : ik[i] == ik[last[iw[i]]] + 1)
#endif

/* Whether its owner may decide it, there. */
#ifdef CARRY_BELOW_FLOOR
#define mayDecide(i) true
#else
#ifdef VOID_BELOW_FLOOR
#define mayDecide(i) true
#else
#define mayDecide(i) counts(i)
#endif
#endif

#ifdef HONEST_STORE
#define isFound(i) (there & bit(i))
#else
#define isFound(i) (sent & bit(i))
#endif

/* Whether others' bytes are where intent i belongs. */
#define isOther(i, j) (j <= sealed && j != (i) && iw[i] == iw[j] && ik[i] == ik[j] && isFound(j))
#if I >= 4
#define isTaken(i) (isOther(i, 1) || isOther(i, 2) || isOther(i, 3) || isOther(i, 4))
#else
#define isTaken(i) (isOther(i, 1) || isOther(i, 2) || isOther(i, 3))
#endif

#ifdef NO_REQUEST_CHECK
#define isInState(t) false
#else
#define isInState(t) (HAS_ID(t) && ((requests | closed | usedRequests) & bit(REQUEST(t))))
#endif
#define isOutdated(t, base) (HOT(t) && (base < hotAt || usedHot))

/* A transaction takes effect in the record `top`. */
inline apply(t, base) {
  assert(!(counted & bit(t)) || TRANSACTION_IS_DOUBLED);
  assert(!(disowned & bit(t)) || DID_NOT_HAPPEN_BUT_DID);
  assert(!(counted & (LATER(t))) || EARLIER_COMMITS_AFTER_LATER);
  assert(!HOT(t) || base >= hotAt || CONFLICT_IS_COMMITTED);
  counted = counted | bit(t);
  if
  :: HOT(t) -> hotAt = top
  :: else
  fi;
  if
  :: CLOSES(t) ->
     assert(!(requests & bit(REQUEST(t))) || CLOSED_REQUEST_COMMITS);
     closed = closed | bit(REQUEST(t))
  :: else ->
     assert(!(requests & bit(REQUEST(t))) || REQUEST_IS_DOUBLED);
     assert(!(closed & bit(REQUEST(t))) || CLOSED_REQUEST_COMMITS);
     requests = requests | bit(REQUEST(t))
  fi;
#ifdef STAGED
  if
  :: isStaged(t) -> assert(!deleted || RECORD_NAMES_A_DELETED_SEGMENT); named = top
  :: else
  fi
#endif
}

inline decide(i, v) {
  assert(!(acked & bit(itxn[i])) || (counted & bit(itxn[i])) || v == COMMITTED || ACKED_COMMIT_IS_LOST);
  assert(!(dead & bit(i)) || v != COMMITTED || verdict[i] != VOID || VOID_INTENT_COUNTS);
  assert(!(dead & bit(i)) || v != COMMITTED || DEAD_INTENT_COUNTS);
  say("    record %d: intent %d (writer %d, k %d, transaction %d): verdict %d\n", top, i, iw[i], ik[i], itxn[i], v);
  verdict[i] = v;
  last[iw[i]] = i;
  lastAt[iw[i]] = top
}

/* A record takes its slot. `q`: a counter of the caller's. */
inline land(author, direct, dbase, carried, committed, voided, q) {
  top++;
  who[top] = author;
  say("record %d by %d: transaction %d\n", top, author, direct);
  q = 1;
  do
  :: q <= sealed ->
     if
     :: carried & committed & bit(q) -> decide(q, COMMITTED); apply(itxn[q], iread[q])
     :: q == voided -> decide(q, VOID)
     :: else
     fi;
     q++
  :: else -> break
  od;
  if
  :: direct -> apply(direct, dbase)
  :: else
  fi;
  q = 1;
  do
  :: q <= sealed ->
     if
     :: (carried & bit(q)) && !(committed & bit(q)) ->
        if
        :: HAS_ID(itxn[q]) && ((requests | closed) & bit(REQUEST(itxn[q]))) -> decide(q, ALREADY)
        :: else -> decide(q, CONFLICT)
        fi
     :: else
     fi;
     q++
  :: else -> break
  od;
  /* What was sent for this slot can land no more. */
  q = 0;
  do
  :: q < P ->
#ifndef VERDICT_FROM_AN_ORPHAN
     if
     :: rslot[q] && rslot[q] <= top ->
        rslot[q] = 0; rdirect[q] = 0; rbase[q] = 0; rcarried[q] = 0; rcommitted[q] = 0; rvoid[q] = 0
     :: else
     fi;
#endif
     if
     :: fslot[q] && fslot[q] <= top -> fslot[q] = 0; fvoid[q] = 0
     :: else
     fi;
     q++
  :: else -> break
  od;
  q = 0
}

/* One intent into the record that is being made, with its verdict. */
inline take(i) {
  carried = carried | bit(i);
  usedWriters = usedWriters | bit(iw[i]);
  if
  :: isInState(itxn[i]) || isOutdated(itxn[i], iread[i]) || isTooOld(i)
  :: else ->
     committed = committed | bit(i);
     usedRequests = usedRequests | bit(REQUEST(itxn[i]));
     usedHot = usedHot || HOT(itxn[i])
  fi
}

/* Any of those that are found and count. */
inline collect(own, x) {
  x = 1;
  do
  :: x <= sealed ->
     if
     :: isFound(x) && x != own && counts(x) && !(usedWriters & bit(iw[x])) ->
        if
        :: take(x)
        :: skip
        fi
     :: else
     fi;
     x++
  :: else -> break
  od;
  x = 0
}

inline forget() {
  carried = 0; committed = 0; usedWriters = 0; usedRequests = 0; usedHot = false
}

/* The caller of the current transaction has its answer. */
inline acknowledge(tx) {
  say("  %d: transaction %d is acknowledged\n", p, tx);
  assert((counted & bit(tx)) || ACKED_COMMIT_IS_LOST);
  acked = acked | bit(tx)
}
inline already(tx) {
#ifdef ALREADY_MEANS_COMMITTED
  assert((requests & bit(REQUEST(tx))) || ANSWER_IS_NOT_IN_THE_STATE)
#else
  assert(((requests | closed) & bit(REQUEST(tx))) || ANSWER_IS_NOT_IN_THE_STATE)
#endif
}
inline didNotHappen(tx) {
  say("  %d: transaction %d did not happen\n", p, tx);
  assert(!(counted & bit(tx)) || DID_NOT_HAPPEN_BUT_DID);
  disowned = disowned | bit(tx)
}
/* The process goes on to its next transaction; if this one's caller was told OUTCOME_UNKNOWN it did so before. */
inline answered(tx) {
  if
  :: tx == t -> t++
  :: else
  fi
}
inline newWriterId() {
  w = freshId; freshId++; before = 0
}
#ifdef ID_AT_OPEN
#define leaveId() newWriterId()
#else
#define leaveId() before = 0
#endif
/* One's own transaction is sealed, and its PUT sent. */
inline announce() {
  if
#ifdef ID_AT_OPEN
  :: last[w] != before && seen == top -> newWriterId()
#else
  :: before == 0 || (last[w] != before && seen == top) -> newWriterId()  /* its first, or dropped, or a clone uses it */
#endif
  :: else
  fi;
  sealed++;
  i = sealed;
  iw[i] = w; ik[i] = ik[before] + 1; ibase[i] = seen; iread[i] = base; itxn[i] = t;
  say("  %d: intent %d (writer %d, k %d, base %d) announces transaction %d\n", p, i, w, ik[i], seen, t);
  sent = sent | bit(i)
}
inline neverCounts() {
  say("  %d: intent %d never counts\n", p, i);
  assert(verdict[i] != COMMITTED || DEAD_INTENT_COUNTS);
  dead = dead | bit(i);
  i = 0; base = top
}

/* What a record with a verdict on one's own intent says. */
inline learn(v) {
  if
  :: v == COMMITTED ->
     assert(verdict[i] == COMMITTED || VERDICT_IS_NOT_IN_THE_CHAIN);
     if
     :: itxn[i] == t -> acknowledge(t); t++
     :: else
     fi;
     before = i; i = 0; base = top
  :: v == CONFLICT -> before = i; dead = dead | bit(i); i = 0; base = top
  :: v == ALREADY ->
     if
     :: itxn[i] == t -> already(t); t++
     :: else
     fi;
     before = i; dead = dead | bit(i); i = 0; base = top
  :: v == VOID ->
     if
     :: itxn[i] == t -> didNotHappen(t); t++
     :: else
     fi;
     before = i; neverCounts()
  fi;
#ifdef STAGED
  stage()
#endif
}

#ifdef STAGED
/* A body that runs again stages again. */
inline stage() {
#ifdef FLOOR_BY_INTENTS_BASE
  skip
#else
  if
  :: t == 1 && i == 0 -> deleted = false; named = 0; stagedAt = top
  :: else
  fi
#endif
}
#endif

/* The newest record's table, and the records in between, about one's own outstanding intent. */
inline look() {
  seen = top;
  if
  :: i == 0
  :: else ->
     if
#ifdef NO_HASH
     :: last[w] && ik[last[w]] == ik[i] -> learn(verdict[last[w]])
#else
     :: last[w] && ik[last[w]] == ik[i] && last[w] == i -> learn(verdict[i])
     :: last[w] && ik[last[w]] == ik[i] && last[w] != i -> neverCounts(); leaveId()  /* a clone's */
#endif
#ifdef VOID_BELOW_FLOOR
     :: last[w] == 0 && ik[i] == 1 && !isAboveFloor(i)
#endif
#ifdef CARRY_BELOW_FLOOR
     :: last[w] == 0 && ik[i] == 1 && !isAboveFloor(i)
#endif
     :: !(last[w] && ik[last[w]] == ik[i]) && counts(i)  /* not decided yet */
     :: !(last[w] && ik[last[w]] == ik[i]) && !counts(i) ->
#ifdef DROPPED_IS_DEAD
        if
        :: last[w] == 0 -> i = 0; base = top; leaveId()
        :: else
        fi;
#endif
#ifdef LATER_IS_DEAD
        if
        :: last[w] && ik[last[w]] > ik[i] -> neverCounts(); leaveId()
        :: else
        fi;
#endif
        /* It can count no more. Whether it has, the records in between tell while they are there. */
        if
        :: i == 0
        :: i && verdict[i] ->
           v = verdict[i];
           learn(v);
           v = 0;
           leaveId()
        :: i && verdict[i] == NONE -> neverCounts(); leaveId()
        :: i ->  /* one of them is gone: OUTCOME_UNKNOWN, and the request id */
           answered(itxn[i]); i = 0; base = top; leaveId()
        fi
     fi
  fi
}

/* A record of one's own for the next slot: one's own intent, one's own transaction, and any of the others'. */
inline send(direct, voids) {
  say("  %d: sends record %d: transaction %d, carries (bits) %d, commits (bits) %d, voids %d\n", p, top + 1, direct,
    carried, committed, voids);
  slot = top + 1; mine = direct;
  rslot[p] = slot; rdirect[p] = direct; rbase[p] = (direct -> base : 0);
  rcarried[p] = carried; rcommitted[p] = committed; rvoid[p] = voids;
#ifdef NO_PARENT_CHECK
  oldCarried = carried; oldCommitted = committed;
#endif
  forget()
}

/*
 * A process with transactions `t` to `end`. `copied`: it is a clone made when the process before it had announced,
 * and knows nothing of it afterwards; whoever asked for that transaction does not listen any more.
 */
proctype Process(byte p; byte w; byte t; byte end; bool copied) {
  byte i;              /* the outstanding intent */
  byte before;         /* its writer's last one that was decided */
  byte base = 1;       /* the version that the body ran on */
  byte seen = 1;       /* the version whose table it has looked at */
  byte slot, mine;     /* the slot of its record under way, and the transaction of its own in that */
  byte direct, directBase, x, v;
  byte carried, committed, usedWriters, usedRequests;
  bool usedHot;
#ifdef NO_PARENT_CHECK
  byte oldCarried, oldCommitted;
  bool resent;
#endif
  if
  :: copied ->
     if
     :: atomic { sealed >= 1 -> i = 1; w = iw[1] }
     :: t = end + 1
     fi
  :: else
  fi;
  do
  :: atomic { t > end || top >= V -> break }
#ifdef DIES
  :: p == DIES -> break
#endif

  /* Tip.follow, or a jump */
  :: atomic { top < V && seen != top && slot == 0 -> look() }

  /* Nothing is out: a record of one's own, as ever; or, in place of that, a first or next intent. */
  :: atomic {
       t <= end && i == 0 && slot == 0 && seen == top && top < V ->
       if
       :: isInState(t) -> already(t); t++
#ifdef STAGED
       :: !isInState(t) && isStaged(t) && stagedAt < logFloor -> stage(); base = top
#endif
       :: else ->
          if
          :: isOutdated(t, base) -> base = top  /* the body runs again */
          :: else
          fi;
          if
          :: usedRequests = bit(REQUEST(t));
             usedHot = HOT(t);
             collect(0, x);
             direct = t;
             send(direct, 0);
             direct = 0
#ifdef ANNOUNCE_UNDER_WAY
             ;
             if
             :: sealed < I -> announce()
             :: skip
             fi
#endif
          :: sealed < I -> announce()
          fi
       fi
     }

  /* Announced on a view that is the tip's no more. */
  :: atomic { t <= end && i == 0 && slot == 0 && seen != top && top < V && sealed < I -> announce() }

  /* One's own intent is out: a record of one's own carries it; whoever gives up voids it. */
  :: atomic {
       i && slot == 0 && seen == top && top < V && mayDecide(i) ->
#ifdef NO_STEP_IN
       false ->
#endif
       if
#ifdef NO_HELPING
       :: itxn[i] == t && !isOutdated(t, base) ->
          usedRequests = bit(REQUEST(t)); usedHot = HOT(t);
          direct = t; send(direct, 0); direct = 0
#endif
#ifndef VOID_BELOW_FLOOR
       :: take(i);
          if
          :: t <= end && itxn[i] != t && !isInState(t) && !isOutdated(t, base) ->
             usedRequests = usedRequests | bit(REQUEST(t)); usedHot = usedHot || HOT(t); direct = t
          :: true
          fi;
          collect(i, x);
          send(direct, 0);
          direct = 0
#endif
#ifdef NO_VOID
       :: itxn[i] == t -> didNotHappen(t); t++
#else
#ifndef CARRY_BELOW_FLOOR
       :: true ->
#ifndef TWO_OF_ONE_WRITER
          usedWriters = bit(w);
#endif
          collect(i, x);
          send(0, i)
#endif
#endif
       fi
     }

  /* Its caller is told OUTCOME_UNKNOWN. It stays out. */
  :: atomic {
       i && slot == 0 && itxn[i] == t && t < end -> t++; base = top;
#ifdef NO_ONE_OUTSTANDING
       before = i; i = 0
#endif
     }
#ifdef ACK_ON_ANNOUNCE
  :: atomic { i && itxn[i] == t && !(acked & bit(t)) -> acked = acked | bit(t) }
#endif
#ifdef VERDICT_FROM_AN_ORPHAN
  :: atomic {
       i && slot == 0 && (rcarried[1 - p] & rcommitted[1 - p] & bit(i)) && rslot[1 - p] > ibase[i] -> learn(COMMITTED)
     }
#endif
#ifdef CLONE_TAKES_NEW_ID
  /* "occupied", with other bytes */
  :: atomic {
       i && slot == 0 && isTaken(i) -> i = 0; base = top; leaveId()
     }
#endif

  /* A record is under way: it lands, or another does; who gives up sends a fence for the slot, that may land too. */
  :: atomic {
       slot && top + 1 == slot && rslot[p] == slot ->
       direct = rdirect[p]; carried = rcarried[p]; committed = rcommitted[p]; v = rvoid[p]; directBase = rbase[p];
       land(RECORD(p), direct, directBase, carried, committed, v, x);
       direct = 0; v = 0; directBase = 0; forget()
     }
#ifndef CARRY_BELOW_FLOOR
  :: atomic {
       slot && top + 1 == slot && fslot[p] == 0 -> fslot[p] = slot;
#ifndef FENCE_IS_NO_VOID
       fvoid[p] = i
#endif
     }
#endif
  :: atomic { slot && top + 1 == slot && fslot[p] == slot -> v = fvoid[p]; land(FENCE(p), 0, 0, 0, 0, v, x); v = 0 }
  :: atomic {
       slot && top >= slot ->
       if
       :: who[slot] == RECORD(p) ->
          if
          :: mine -> acknowledge(mine); t++
          :: else
          fi
       :: who[slot] == FENCE(p) ->
          if
          :: mine -> didNotHappen(mine); t++
          :: else
          fi;
#ifdef FENCE_IS_NO_VOID
          if
          :: i && itxn[i] == t -> didNotHappen(t); t++
          :: else
          fi
#endif
       :: else  /* lost */
#ifdef NO_PARENT_CHECK
          ;
          if
          :: top < V && oldCarried && !mine ->  /* what was collected goes into the next record as it is */
             look();
             if
             :: !(oldCarried & dead) -> carried = oldCarried; committed = oldCommitted; resent = true
             :: else
             fi
          :: true
          fi
#endif
       fi;
       slot = 0; mine = 0;
#ifdef NO_PARENT_CHECK
       if
       :: resent -> resent = false; send(0, 0)
       :: else -> oldCarried = 0; oldCommitted = 0
       fi
#endif
     }
  od;
  atomic { w = 0; t = 0; i = 0; base = 0; seen = 0; slot = 0; mine = 0; before = 0 }
}

#ifdef HONEST_STORE
#define isOver(x) (last[iw[x]] -> ik[last[iw[x]]] >= ik[x] : (ik[x] > 1 || !isAboveFloor(x)))
#define intentObject(x) \
  :: atomic { (sent & bit(x)) && !(there & bit(x)) && !isTaken(x) -> there = there | bit(x) } \
  :: atomic { (there & bit(x)) && isOver(x) -> there = there & ~bit(x) }
#endif

/* Further combiners and committers that do everything right, and the collector of intents. */
proctype World() {
  byte x, v, carried, committed, usedWriters, usedRequests;
  bool usedHot;
end:
  do
  :: false  /* not one of these need exist */
#ifndef NO_OTHERS
  :: atomic {
       top < V -> skip;
#ifdef OTHERS_ARE_HOT
       if
       :: usedHot = true
       :: skip
       fi;
       v = usedHot;
#endif
       collect(0, x);
       land(OTHERS, 0, 0, carried, committed, 0, x);
       if
       :: v -> hotAt = top; v = 0
       :: else
       fi;
#ifdef TABLE_IS_NOT_COPIED
       x = 1;
       do
       :: x <= W ->
          if
          :: lastAt[x] < top -> last[x] = 0; lastAt[x] = 0
          :: else
          fi;
          x++
       :: else -> break
       od;
       x = 0;
#endif
       forget()
     }
#endif
#if FLOORS_MAX > 0
  /* A record that drops a writer: the floor reaches what decided its last intent. Or one that raises it further. */
  :: atomic {
       floors < FLOORS_MAX && top < V -> floors++;
       x = 1;
       do
       :: x < W -> x++
       :: last[x] -> break
       :: x = 0; break
       od;
       if
       :: x && lastAt[x] > intentFloor ->
#ifdef FLOOR_ONE_LOW
          intentFloor = lastAt[x] - 1
#else
          intentFloor = lastAt[x]
#endif
       :: x && lastAt[x] <= intentFloor
       :: x == 0 -> intentFloor = top
       fi;
       say("the intent floor is %d, writer %d is dropped\n", intentFloor, x);
       if
       :: x -> last[x] = 0; lastAt[x] = 0
       :: else
       fi;
       land(OTHERS, 0, 0, 0, 0, 0, x)
     }
#endif
#ifdef HONEST_STORE
  /* A copy of an intent's PUT lands, or lands again; what can count no more is collected. */
  intentObject(1) intentObject(2) intentObject(3)
#if I >= 4
  intentObject(4)
#endif
#endif
#ifdef STAGED
  /* A record that moves the log's floor to the version before it; what no record up to it names goes. */
  :: atomic {
       logFloor == 0 && top < V && top > 1 -> logFloor = top;
       land(OTHERS, 0, 0, 0, 0, 0, x);
       logFloorAt = top
     }
  :: atomic {
       logFloor && !deleted && stagedAt && stagedAt < logFloor && (named == 0 || named > logFloorAt) -> deleted = true;
       assert(named == 0 || RECORD_NAMES_A_DELETED_SEGMENT)
     }
#endif
  od
}

init {
  atomic {
    top = 1; who[1] = OTHERS;
    freshId = FRESH;
#ifdef STAGED
    stagedAt = 1;
#endif
    run World();
    RUN
  }
}
