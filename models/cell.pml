/*
 * The cell: native/core/cell_writer.cc and native/core/cell_reader.cc.
 *
 * A writer sets a value VERSIONS times in four slots, and never waits. A value consists of two words, so a part differs from a
 * whole. Watchers attach at any time, read the value, and sleep until the next one. The writer closes when all have the last
 * version, or is killed before. A watcher may be killed, or leave and attach again.
 *
 * Required: a value is whole, and at least as new as the last one that was set completely before the read began. Versions
 * increase. Every living watcher reads the last version without a time limit, whenever it attaches. When the writer has died,
 * the last value is readable.
 *
 * Left out: the new writer, which has a segment of its own; a writer that breaks the rules.
 */

/* RUN(): one watcher; all orders as in the code */
/* RUN(-DPATIENT): each store waits in its buffer for as long as it may */
/* RUN(-DPATIENT -DPOLLS): a watcher that polls, so that the writer checks no wake word */
/* RUN(-DDEATH -DVERSIONS=4): the writer or the watcher may be killed at any step */
/* RUN(-DLEAVES): the watcher may leave and attach again in the same place */
/* RUN(-DWATCHERS=2 -DVERSIONS=2): two watchers */
/* RUN(-DWATCHERS=2 -DVERSIONS=2 -DDEATH): two watchers, and the writer or one of them may be killed */

/* MUTATION(-DPATIENT -DPOLLS -DRELEASE_FENCE_FORGOTTEN): the writer has no fence before it writes the slot */
/* MUTATION(-DACQUIRE_FENCE_FORGOTTEN): the reader has no fence after the copy, so that it may load the second sequence first */
/* MUTATION(-DPUBLISHED_BEFORE_WRITTEN): the sequence is stored before the slot */
/* MUTATION(-DSEQUENCE_STORE=RELAXED): the sequence is stored relaxed */
/* MUTATION(-DFIRST_LOAD=RELAXED): the sequence is loaded relaxed, so that the slot may be loaded before it */
/* MUTATION(-DVALID_BEHIND=3): a copy is valid although the writer is three versions ahead */
/* MUTATION(-DSLOTS=3): there are three slots */
/* MUTATION(-DSEQUENCE_UNCHECKED): the reader does not load the sequence again */
/* MUTATION(-DSEQUENCE_STORE=RELEASE): the sequence is stored with release only */
/* MUTATION(-DPATIENT -DFIRST_LOAD=ACQUIRE): the armed watcher loads the sequence with acquire only */
/* MUTATION(-DPATIENT -DCHECK_LOAD=ACQUIRE): the writer loads the wake word with acquire only */
/* MUTATION(-DARM_STORE=RELEASE): the watcher arms with release only */
/* MUTATION(-DARM_AFTER_POLL): the watcher loads the sequence before it arms */
/* MUTATION(-DPOLL_FORGOTTEN): the watcher does not load the sequence once it is armed */
/* MUTATION(-DWAKE_BEFORE_STORE): the writer checks the wake words before it stores the sequence */
/* MUTATION(-DSLEEPS_BEFORE_ATTACHED): the watcher arms, and checks for a new version, before the writer knows its wake word */
/* MUTATION(-DLEAVES -DWOKEN_KEPT): the writer remembers the woken epoch of the watcher that had the place before */
/* MUTATION(-DWATCHERS=2 -DVERSIONS=2 -DWOKEN_SHARED): the writer remembers one woken epoch for all watchers */
/* MUTATION(-DWATCHERS=2 -DVERSIONS=2 -DFIRST_ALONE): the writer checks the wake word of one watcher */
/* MUTATION(-DDEATH -DGONE_WITHOUT_POLL): the watcher does not read the value once more when the writer has died */

/* ALLOWED(-DPATIENT -DRELEASE_FENCE_FORGOTTEN): no fence before the slot, with a check of a wake word after each version */
/* ALLOWED(-DVERSIONS=2 -DDISARM_FORGOTTEN): the watcher does not disarm: one more spurious wake-up */

#ifndef SEQUENCE_STORE
#define SEQUENCE_STORE SEQ_CST
#endif
#ifndef FIRST_LOAD
#define FIRST_LOAD SEQ_CST
#endif
#ifndef ARM_STORE
#define ARM_STORE SEQ_CST
#endif
#ifndef CHECK_LOAD
#define CHECK_LOAD SEQ_CST
#endif
#ifndef VALID_BEHIND
#define VALID_BEHIND 2
#endif
#ifndef SLOTS
#define SLOTS 4
#endif
#ifndef VERSIONS
#define VERSIONS 5
#endif
#ifndef WATCHERS
#define WATCHERS 1
#endif

mtype = {
  writer, first, second,
  wake_2, wake_1, sequence, body_3, length_3, body_2, length_2, body_1, length_1, body_0, length_0
};
#define WORDS 11
#define PROCESSES (WATCHERS + 1)
#define WRITER 0
#define NAME(process) (process == WRITER -> writer : (process == 1 -> first : second))
#include "memory.inc"
#include "watch.inc"

#define LENGTH_AT(version) (length_0 + 2 * ((version) % SLOTS))
#define BODY_AT(version) (body_0 + 2 * ((version) % SLOTS))

byte completed;         /* the last version whose set has returned, for the assertion alone */
byte known[PROCESSES];  /* private memory of a watcher: the last version that it has delivered */

#define HAS_LAST(watcher) (killed[watcher] || hung_up[watcher] || known[watcher] == VERSIONS)
#if WATCHERS == 1
#define ALL_HAVE_LAST HAS_LAST(1)
#else
#define ALL_HAVE_LAST (HAS_LAST(1) && HAS_LAST(2))
#endif

inline publish() { store(WRITER, sequence, version, SEQUENCE_STORE) }

inline wake_all() {
#ifndef POLLS
  check(1, word);
#if WATCHERS > 1 && !defined(FIRST_ALONE)
  check(2, word)
#endif
#else
  skip
#endif
}

inline set() {
  version++;
#ifdef PUBLISHED_BEFORE_WRITTEN
  publish();
#endif
#ifdef WAKE_BEFORE_STORE
  wake_all();
#endif
#ifndef RELEASE_FENCE_FORGOTTEN
  release_fence(WRITER);
#endif
  store(WRITER, LENGTH_AT(version), version, RELAXED);
  store(WRITER, BODY_AT(version), version, RELAXED);
#ifndef PUBLISHED_BEFORE_WRITTEN
  publish();
#endif
#ifndef WAKE_BEFORE_STORE
  wake_all();
#endif
  /* Another process knows that the value is set only by a system call. */
  if
  :: d_step { DRAINED(WRITER) -> completed = version; printf("%e: announces version %d\n", NAME(WRITER), version) }
  :: version < VERSIONS
  fi
}

proctype Writer() {
  byte version = 1, word;
  {
    do
    :: version < VERSIONS -> set()
    :: accept(1)
    :: detach(1)
#if WATCHERS > 1
    :: accept(2)
    :: detach(2)
#endif
    :: version == VERSIONS && ALL_HAVE_LAST -> break
    od
  } unless { killed[WRITER] -> skip };
  skip;
  d_step { DRAINED(WRITER) -> hung_up[WRITER] = true; printf("%e: is over\n", NAME(WRITER)) }
}

inline copy() {
  load(me, LENGTH_AT(version), length, RELAXED);
  load(me, BODY_AT(version), body, RELAXED)
}

/* CellReader::Get. Delivers a version that is newer than the known one. */
inline get() {
  expected = completed;
  do
  :: if
     :: load(me, sequence, version, FIRST_LOAD)
#if FIRST_LOAD == RELAXED
     /* The slot of the version that it expects is loaded before the sequence. */
     :: version = known[me] + 1;
        copy();
        atomic {
          load(me, sequence, again, RELAXED);
          if
          :: again == version -> goto copied
          :: else -> version = again; again = 0
          fi
        }
#endif
     fi;
     if
     :: version == known[me] && version >= expected -> break
     :: else
     fi;
#ifdef ACQUIRE_FENCE_FORGOTTEN
     load(me, sequence, again, RELAXED);
     copy();
#else
     copy();
#ifdef SEQUENCE_UNCHECKED
     again = version;
#else
     load(me, sequence, again, RELAXED);
#endif
#endif
#if FIRST_LOAD == RELAXED
copied:
     skip;
#endif
     atomic {
       if
       :: again - version <= VALID_BEHIND ->
          CLAIM(length == version && body == version, "end: the value is not whole\n");
          CLAIM(version >= expected, "end: the value is older than one that was set completely\n");
          CLAIM(version > known[me], "end: the version does not increase\n");
          known[me] = version;
          printf("%e: has version %d\n", NAME(me), version);
          break
       :: else -> printf("%e: repeats the copy\n", NAME(me))
       fi
     }
  od;
  skip;
  d_step { version = 0; again = 0; length = 0; body = 0; expected = 0 }
}

inline leave() {
  d_step {
    DRAINED(me) ->
    hung_up[me] = true;
    known[me] = 0;
    left = true;
    printf("%e: leaves\n", NAME(me))
  }
  d_step { hung_up[WRITER] || !accepted[me] -> hung_up[me] = false }
}

proctype Watcher(byte me) {
  byte version, again, length, body, expected;
  bool left;
  {
    skip;
attaching:
    ask(me);
#ifndef SLEEPS_BEFORE_ATTACHED
    if
    :: accepted[me]
    :: hung_up[WRITER] -> goto over
    fi;
#endif
awake:
    get();
#ifdef LEAVES
    if
    :: !left && accepted[me] -> leave(); goto attaching
    :: true
    fi;
#endif
#ifdef POLLS
    if
    :: memory[sequence] != known[me] -> goto awake
    :: hung_up[WRITER] -> goto last
    fi;
#endif
#ifdef ARM_AFTER_POLL
    load(me, sequence, again, FIRST_LOAD);
    arm(me);
#else
    arm(me);
#ifdef POLL_FORGOTTEN
    again = known[me];
#else
    load(me, sequence, again, FIRST_LOAD);
#endif
#endif
    atomic {
      if
      :: again != known[me] ->
         again = 0;
#ifndef DISARM_FORGOTTEN
         disarm(me);
#endif
         goto awake
      :: else -> again = 0; printf("%e: sleeps\n", NAME(me))
      fi
    }
    if
    :: atomic { doorbell[me] -> doorbell[me] = false; printf("%e: is woken\n", NAME(me)) }
       disarm(me);
       goto awake
    :: hung_up[WRITER]
    fi;
#ifdef POLLS
last:
    skip;
#endif
#ifndef GONE_WITHOUT_POLL
    get();
#endif
    CLAIM(known[me] == memory[sequence], "end: the watcher does not have the last version\n");
over:
    skip;
    d_step { DRAINED(me) -> hung_up[me] = true; printf("%e: is over\n", NAME(me)) }
  } unless { killed[me] -> skip }
}

#ifdef DEATH
/* Kills the writer or the first watcher, or neither. */
active proctype Reaper() {
  byte who;
  if
  :: goto spared
  :: !hung_up[WRITER] -> who = WRITER
  :: !hung_up[1] -> who = 1
  fi;
  d_step { killed[who] = true; printf("%e: is killed\n", NAME(who)) }
  if
  :: who == WRITER
  :: d_step { who != WRITER && DRAINED(who) -> hung_up[who] = true }
  fi;
spared:
  skip
}
#endif

init {
  atomic {
    memory[sequence] = 1;
    memory[LENGTH_AT(1)] = 1;
    memory[BODY_AT(1)] = 1;
    completed = 1;
    run Writer();
    run Watcher(1);
#if WATCHERS > 1
    run Watcher(2)
#endif
  }
}
