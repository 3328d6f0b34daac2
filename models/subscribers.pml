/*
 * Room for several subscribers: native/core/reader_heads.cc, native/core/attached_readers.cc, and Arm, Seek and Receive of
 * native/core/broadcast_subscriber.cc, with `overflow: 'block'`.
 *
 * A publisher writes RECORDS records into a ring of CAPACITY. Subscribers attach at any time, begin at the next record, read at
 * any speed, and sleep in their event loops when there is nothing to read. The publisher keeps room for all of them, and sleeps
 * when there is none. A subscriber that makes room sends it a message. The publisher closes when each has read everything since
 * its attachment. It or the first subscriber may be killed.
 *
 * Every run must end: a state in which no process can continue is a lost wake-up. Nothing is overwritten that a living
 * subscriber has not read. No wait in this model ends by time.
 *
 * Left out: the content of records, and lapped subscribers (broadcast.pml); subscribers that begin at an older record.
 */

/* RUN(-DREADERS=1 -DRECORDS=3): one subscriber; all orders as in the code */
/* RUN(-DPOLLS): two subscribers that poll */
/* RUN(-DREADERS=1 -DRECORDS=3 -DPATIENT): one subscriber; each store waits in its buffer for as long as it may */
/* RUN(-DREADERS=1 -DRECORDS=3 -DDEATH): the publisher or the subscriber may be killed at any step */

/* MUTATION(-DREADERS=1 -DHEAD_STORE=RELEASE): the head is stored with release only */
/* MUTATION(-DREADERS=1 -DPATIENT -DHEAD_LOAD=ACQUIRE): the armed publisher loads the heads with acquire only */
/* MUTATION(-DREADERS=1 -DROOM_AFTER_POLL): the publisher loads the heads before it arms */
/* MUTATION(-DREADERS=1 -DROOM_STORE=RELEASE): the publisher arms with release only */
/* MUTATION(-DREADERS=1 -DPATIENT -DROOM_LOAD=ACQUIRE): the subscriber loads the room word with acquire only */
/* MUTATION(-DREADERS=1 -DROOM_BEFORE_HEAD): the subscriber loads the room word before it stores its head */
/* MUTATION(-DREADERS=1 -DROOM_EPOCH_UNCHANGED -DRECORDS=3): the publisher arms the same epoch again */
/* MUTATION(-DREADERS=1 -DSEEK_WITHOUT_WAKE): a subscriber that begins does not wake the publisher that waits for it */
/* MUTATION(-DREADERS=1 -DUNSTARTED_UNSEEN): the publisher keeps no room for a subscriber that has not begun */
/* MUTATION(-DREADERS=1 -DDEATH -DDEAD_BLOCKS): the publisher waits for a subscriber that has died */
/* MUTATION(-DPOLLS -DFIRST_HEAD_ALONE): the publisher keeps room for one subscriber */
/* MUTATION(-DREADERS=1 -DTAIL_STORE=RELEASE): the tail is stored with release only */
/* MUTATION(-DREADERS=1 -DSEEKS_BEFORE_ATTACHED): the subscriber begins and arms before the publisher knows its words */

#ifndef ROOM_STORE
#define ROOM_STORE SEQ_CST
#endif
#ifndef ROOM_LOAD
#define ROOM_LOAD SEQ_CST
#endif
#ifndef TAIL_STORE
#define TAIL_STORE SEQ_CST
#endif
#ifndef TAIL_LOAD
#define TAIL_LOAD SEQ_CST
#endif
#ifndef HEAD_STORE
#define HEAD_STORE SEQ_CST
#endif
#ifndef HEAD_LOAD
#define HEAD_LOAD SEQ_CST
#endif
#ifndef ARM_STORE
#define ARM_STORE SEQ_CST
#endif
#ifndef CHECK_LOAD
#define CHECK_LOAD SEQ_CST
#endif
#ifndef READERS
#define READERS 2
#endif
#ifndef RECORDS
#define RECORDS 2
#endif
#define CAPACITY 1

mtype = {
  publisher, first, second,
  head_2, head_1, wake_2, wake_1, room_wake, tail
};
#define WORDS 6
#define PROCESSES (READERS + 1)
#define WRITER 0
#define NAME(process) (process == WRITER -> publisher : (process == 1 -> first : second))
#include "memory.inc"
#include "watch.inc"

#define HEAD_OF(reader) (reader == 1 -> head_1 : head_2)
/* A head says that the subscriber has begun: kHeadStarted. */
#define STARTED 128

byte kept[PROCESSES];      /* private memory of the publisher: the position from which it keeps room */
byte read[PROCESSES];      /* private memory of a subscriber: its position */
byte room_woken[PROCESSES];
bool room_message;         /* a subscriber has sent a message to the publisher */
byte written;              /* the end of the records that are written, for the assertions alone */

bool begun[PROCESSES]; /* likewise */
#define IS_OVERWRITTEN(reader) (begun[reader] && !hung_up[reader] && !killed[reader] && written - read[reader] > CAPACITY)

#ifdef DEAD_BLOCKS
#define BLOCKED_BY(reader) (accepted[reader] || killed[reader])
#else
#define BLOCKED_BY(reader) accepted[reader]
#endif
#define HAS_ROOM_FOR(reader) (!BLOCKED_BY(reader) || mine + 1 - kept[reader] <= CAPACITY)
#define HAS_ALL(reader) (killed[reader] || hung_up[reader] || (accepted[reader] && read[reader] == RECORDS))
#if READERS == 1
#define ALL_HAVE_ALL HAS_ALL(1)
#else
#define ALL_HAVE_ALL (HAS_ALL(1) && HAS_ALL(2))
#endif
#if READERS == 1 || defined(FIRST_HEAD_ALONE)
#define HAS_ROOM HAS_ROOM_FOR(1)
#else
#define HAS_ROOM (HAS_ROOM_FOR(1) && HAS_ROOM_FOR(2))
#endif

/* ReaderHeads::Refresh. */
inline refresh(reader) {
  atomic {
    load(WRITER, HEAD_OF(reader), word, HEAD_LOAD);
    if
    :: !accepted[reader]
#ifdef UNSTARTED_UNSEEN
    :: accepted[reader] && word == 0 -> kept[reader] = mine
#else
    :: accepted[reader] && word == 0
#endif
    :: accepted[reader] && word != 0 -> kept[reader] = word - STARTED
    fi;
    word = 0
  }
}

inline refresh_all() {
  refresh(1);
#if READERS > 1
  refresh(2)
#endif
}

inline arm_for_room() {
#ifdef ROOM_EPOCH_UNCHANGED
  room_epoch = EPOCH_STEP;
#else
  room_epoch = room_epoch + EPOCH_STEP;
#endif
  store(WRITER, room_wake, room_epoch + ARMED, ROOM_STORE)
}

inline attach(reader) {
  atomic { accept(reader); kept[reader] = mine }
}

inline write() {
  d_step {
    mine++;
    written = mine;
    CLAIM(!IS_OVERWRITTEN(1), "end: a record is overwritten that the first subscriber has not read\n");
#if READERS > 1
    CLAIM(!IS_OVERWRITTEN(2), "end: a record is overwritten that the second subscriber has not read\n")
#endif
  }
  store(WRITER, tail, mine, TAIL_STORE);
#ifndef POLLS
  check(1, word)
#endif
}

proctype Publisher() {
  byte mine, word, room_epoch;
  {
    do
    :: mine < RECORDS && HAS_ROOM -> write()
    :: mine < RECORDS && !HAS_ROOM ->
#ifdef ROOM_AFTER_POLL
       refresh_all();
       arm_for_room();
#else
       arm_for_room();
       refresh_all();
#endif
       do
       :: HAS_ROOM -> break
       :: !HAS_ROOM && room_message -> break
       :: !HAS_ROOM && wants[1] -> attach(1)
       :: !HAS_ROOM && accepted[1] && hung_up[1] -> detach(1)
#if READERS > 1
       :: !HAS_ROOM && wants[2] -> attach(2)
       :: !HAS_ROOM && accepted[2] && hung_up[2] -> detach(2)
#endif
       od;
       room_message = false;
       store(WRITER, room_wake, room_epoch, RELAXED);
       refresh_all()
    :: attach(1)
    :: detach(1)
#if READERS > 1
    :: attach(2)
    :: detach(2)
#endif
    :: mine == RECORDS && ALL_HAVE_ALL -> break
    od
  } unless { killed[WRITER] -> skip };
  skip;
  d_step { DRAINED(WRITER) -> hung_up[WRITER] = true; printf("publisher: is over\n") }
}

inline load_tail() { load(me, tail, seen, TAIL_LOAD) }

inline check_room() {
  atomic {
    load(me, room_wake, word, ROOM_LOAD);
    if
    :: !(word & ARMED) || word == room_woken[me] -> word = 0
    :: else -> room_woken[me] = word
    fi
  }
}

/* BroadcastSubscriber::Release, and the message of its program. */
inline release() {
#ifdef ROOM_BEFORE_HEAD
  check_room();
#endif
  store(me, HEAD_OF(me), read[me] + STARTED, HEAD_STORE);
#ifndef ROOM_BEFORE_HEAD
  check_room();
#endif
  if
  :: word == 0
  :: atomic {
       word != 0 && DRAINED(me) ->
       word = 0;
#ifdef SEEK_WITHOUT_WAKE
       room_message = room_message || started;
#else
       room_message = true;
#endif
       printf("%e: wakes the publisher\n", NAME(me))
     }
  fi
}

proctype Subscriber(byte me) {
  byte seen, word;
  bool started;
  {
    skip;
    ask(me);
#ifndef SEEKS_BEFORE_ATTACHED
    if
    :: accepted[me]
    :: hung_up[WRITER] -> goto over
    fi;
#endif
    /* Seek: at the next record. */
    atomic {
      load_tail();
      read[me] = seen;
      begun[me] = true
    }
    release();
    started = true;
awake:
    load_tail();
    do
    :: read[me] != seen -> atomic { read[me] = seen; printf("%e: reads up to %d\n", NAME(me), seen) } release()
    :: else -> break
    od;
#ifdef POLLS
    if
    :: memory[tail] != read[me] -> goto awake
    :: hung_up[WRITER] -> goto last
    fi;
#endif
    arm(me);
    load_tail();
    atomic {
      if
      :: read[me] != seen -> disarm(me); goto awake
      :: else -> printf("%e: sleeps\n", NAME(me))
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
    atomic { load_tail(); read[me] = seen };
    CLAIM(read[me] == memory[tail], "end: the subscriber has not read all that was published\n");
over:
    skip;
    d_step { DRAINED(me) -> hung_up[me] = true; printf("%e: is over\n", NAME(me)) }
  } unless { killed[me] -> skip }
}

#ifdef DEATH
/* Kills the publisher or the first subscriber, or neither. */
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
    run Publisher();
    run Subscriber(1);
#if READERS > 1
    run Subscriber(2)
#endif
  }
}
