/*
 * The growth of a ring: native/core/ring_writer.cc and native/core/ring_reader.cc, docs/decisions/0082-elastic-rings.md.
 *
 * A writer writes RECORDS records of two units. At first it uses the first SMALL units of a data area of LARGE units, and keeps
 * KEPT of them free. When a record finds no room, it creates the other units and writes OFFER. The reader accepts, or does not.
 * When a record finds no room and the reader has accepted, the writer writes MOVE, and continues at the next position that is
 * right behind the small ring. Without room, it sleeps. The reader may stop reading after any release.
 *
 * Required: the reader finds every published record, whole, once, in order, and nothing else. It never touches a unit that does
 * not exist. The writer does not sleep while a record has room, or would have it after MOVE. So everything arrives, also if the
 * reader never accepts.
 *
 * Left out: weaker orders of the tail (ring.pml); blocked sleepers, the epochs of wake words, and a reader that dies (wake.pml);
 * pads, and a record that is not published at once; the rule that the reader wakes the writer only when a quarter is free.
 */

/* RUN(): all orders as in the code */
/* RUN(-DPATIENT): each store waits in its buffer for as long as it may */
/* RUN(-DLARGE=12 -DRECORDS=8): a larger data area */
/* RUN(-DDECLINES): the reader never accepts */
/* RUN(-DDEATH): the writer may be killed at any step */
/* RUN(-DFORGED): the writer may offer units that do not exist, and move without acceptance */

/* MUTATION(-DJUMP_FORGOTTEN): records continue right behind MOVE */
/* MUTATION(-DJUMP_TO_START): MOVE leads to the start of the data area */
/* MUTATION(-DJUMP_UNSEEN): the reader continues right behind MOVE */
/* MUTATION(-DJUMP_UNCHECKED): the writer moves although the next record would be more than a data area ahead of the reader */
/* MUTATION(-DROOM_FROM_MOVE): the writer counts the data area as empty when it has moved */
/* MUTATION(-DROOM_WITHOUT_MOVE): the writer counts the whole data area as room before it has moved */
/* MUTATION(-DKEPT=0): the writer keeps no room for OFFER and MOVE */
/* MUTATION(-DKEPT=1): the writer keeps room for OFFER only */
/* MUTATION(-DROOM_WRAPS): the writer also keeps room for OFFER behind OFFER, and the room that is left is less than nothing */
/* MUTATION(-DACCEPTANCE_UNSEEN): the writer moves without acceptance */
/* MUTATION(-DACCEPTANCE_AWAITED): the writer that has offered does not use the small ring */
/* MUTATION(-DFORGED -DUNITS_UNCHECKED): the reader accepts without a check of the units */
/* MUTATION(-DFORGED -DMOVE_UNCHECKED): the reader follows MOVE although it has not accepted */
/* MUTATION(-DACCEPTED_AFTER_HEAD): the acceptance is stored after the head */
/* MUTATION(-DACCEPTED_AFTER_HEAD -DACCEPTED_STORE=RELEASE): the acceptance is stored with release after the head */
/* MUTATION(-DPATIENT -DACCEPTED_BEFORE_HEAD): the acceptance is loaded before the head */
/* MUTATION(-DPATIENT -DACCEPTED_BEFORE_HEAD -DACCEPTED_LOAD=ACQUIRE): the acceptance is loaded with acquire before the head */
/* MUTATION(-DACCEPTED_NOT_POLLED): the armed writer checks for room, and not for the acceptance */
/* MUTATION(-DOFFER_NEVER_WAKES): the reader does not check the wake word when it has read OFFER */
/* MUTATION(-DARM_AFTER_POLL): the writer loads the head and the acceptance before it arms */
/* MUTATION(-DPATIENT -DHEAD_LOAD=ACQUIRE): the armed writer loads the head with acquire only */
/* MUTATION(-DHEAD_STORE=RELEASE): the reader stores the head with release only */

#ifndef ACCEPTED_STORE
#define ACCEPTED_STORE RELAXED
#endif
#ifndef ACCEPTED_LOAD
#define ACCEPTED_LOAD RELAXED
#endif
#ifndef HEAD_STORE
#define HEAD_STORE SEQ_CST
#endif
#ifndef HEAD_LOAD
#define HEAD_LOAD SEQ_CST
#endif
#ifndef LARGE
#define LARGE 8
#endif
#ifndef RECORDS
#define RECORDS 6
#endif
/* For OFFER and MOVE. */
#ifndef KEPT
#define KEPT 2
#endif
#define SMALL 4
/* Of a record. OFFER and MOVE have one. */
#define UNITS 2

mtype = {
  writer, reader,
  room_wake, accepted, head, tail,
  unit_11, unit_10, unit_9, unit_8, unit_7, unit_6, unit_5, unit_4, unit_3, unit_2, unit_1, unit_0
};
#define WORDS 16
#define WRITER 0
#define READER 1
#define NAME(process) (process == WRITER -> writer : reader)
#include "memory.inc"

#define UNIT_AT(position, capacity) (unit_0 + (position) % capacity)

/* What units hold. A record holds its number, from 1 on. */
#define OFFER 101
#define MOVE 102

#if defined(JUMP_FORGOTTEN)
#define AFTER_MOVE(position) (position + 1)
#elif defined(JUMP_TO_START)
#define AFTER_MOVE(position) (position + 1 + (2 * LARGE - (position + 1) % LARGE) % LARGE)
#else
#define AFTER_MOVE(position) (position + 1 + (LARGE + SMALL - (position + 1) % LARGE) % LARGE)
#endif

/* Private memory of the writer. */
byte written;             /* records */
byte position;            /* the tail */
byte capacity = SMALL;
byte kept = KEPT;
byte peer_head;
bool offered;
/* The world outside of shared memory. */
bool exist;               /* the units after the small ring */
bool doorbell;
bool killed;
bool hung_up;
bool paused;
bool corrupt;             /* the reader has found a violation */

#define IS_SMALL (capacity == SMALL)

#if defined(ROOM_FROM_MOVE)
byte moved_to;
#define IN_USE(from) (position - (from > moved_to -> from : moved_to))
#else
#define IN_USE(from) (position - from)
#endif
#if defined(ROOM_WITHOUT_MOVE)
#define ROOM LARGE
#else
#define ROOM capacity
#endif
#if defined(ACCEPTANCE_AWAITED)
#define USES_RING (!IS_SMALL || !offered)
#else
#define USES_RING true
#endif
#if defined(ROOM_WRAPS)
#define FITS(from) (UNITS <= ((ROOM - (IS_SMALL -> KEPT : 0) - IN_USE(from)) & 255))
#else
#define FITS(from) (IN_USE(from) + UNITS + kept <= ROOM)
#endif
#if defined(JUMP_UNCHECKED)
#define MAY_MOVE(from) (IS_SMALL && offered)
#else
#define MAY_MOVE(from) (IS_SMALL && offered && AFTER_MOVE(position) - from <= LARGE)
#endif

#if defined(ACCEPTED_BEFORE_HEAD)
#define ACCEPTED_FIRST (IS_SMALL && offered)
#else
#define ACCEPTED_FIRST false
#endif

inline put(what) { store(WRITER, UNIT_AT(position, capacity), what, RELAXED) }

inline put_record() {
  store(WRITER, UNIT_AT(position + 1, capacity), written + 1, RELAXED);
  put(written + 1);
  written++;
  publish(position + UNITS)
}

inline publish(next) {
  atomic { store(WRITER, tail, next, SEQ_CST); position = next }
}

inline arm() { atomic { store(WRITER, room_wake, 1, SEQ_CST); armed = true } }

inline disarm() { atomic { store(WRITER, room_wake, 0, RELAXED); armed = false } }

inline poll_head() { load(WRITER, head, peer_head, HEAD_LOAD) }

inline poll_accepted() {
  if
  :: MAY_MOVE(peer_head) || ACCEPTED_FIRST -> load(WRITER, accepted, acceptance, ACCEPTED_LOAD)
  :: else
  fi
}

inline poll() {
#if defined(ACCEPTED_BEFORE_HEAD)
  poll_accepted();
  poll_head()
#else
  poll_head();
#if defined(ACCEPTED_NOT_POLLED)
  if
  :: armed -> acceptance = 0
  :: else -> poll_accepted()
  fi
#else
  poll_accepted()
#endif
#endif
}

inline offer() {
  if
  :: exist = true
#if defined(FORGED)
  :: skip
#endif
  fi;
  put(OFFER);
  atomic { kept = (kept > 0 -> kept - 1 : 0); offered = true }
  publish(position + 1)
}

inline grow() {
  put(MOVE);
  publish(AFTER_MOVE(position));
  d_step {
    capacity = LARGE;
    kept = 0;
#if defined(ROOM_FROM_MOVE)
    moved_to = position;
#endif
    printf("writer: uses the whole data area\n")
  }
}

#if defined(ACCEPTANCE_UNSEEN)
#define ACCEPTED true
#elif defined(FORGED)
#define ACCEPTED (acceptance || forges)
#else
#define ACCEPTED acceptance
#endif

#define CAN_WRITE (USES_RING && FITS(peer_head))
#define CAN_OFFER (IS_SMALL && !offered)
#define CAN_GROW (MAY_MOVE(peer_head) && ACCEPTED)

inline sleep() {
  printf("writer: sleeps\n");
  if
  :: atomic { doorbell -> doorbell = false; printf("writer: is woken\n") }
     disarm()
  :: timeout ->
     CLAIM(!FITS(memory[head]) && !(MAY_MOVE(memory[head]) && memory[accepted]),
           "end: the writer sleeps, although it may write\n");
     break
  fi
}

active proctype Writer() {
  byte acceptance;
  bool armed, forges;
  {
#if defined(FORGED)
    if
    :: forges = true
    :: forges = false
    fi;
#endif
    do
    :: written == RECORDS -> break
    :: written < RECORDS && CAN_WRITE ->
       if
       :: armed -> disarm()
       :: !armed
       fi;
       put_record()
    :: written < RECORDS && !CAN_WRITE ->
#if defined(ARM_AFTER_POLL)
       poll(); arm();
#else
       poll();
#endif
       if
       :: CAN_WRITE
       :: !CAN_WRITE && CAN_OFFER -> offer()
       :: !CAN_WRITE && CAN_GROW -> grow()
       :: !CAN_WRITE && !CAN_OFFER && !CAN_GROW ->
          if
          :: !armed -> arm()
          :: armed -> sleep()
          fi
       fi;
       acceptance = 0
    od
  } unless { killed -> skip };
  skip;
  d_step { DRAINED(WRITER) -> hung_up = true; printf("writer: is over\n") }
}

/* The units that the reader may touch. */
#define EXISTS(at) ((at) % LARGE < SMALL || exist)

inline check_room_wake() {
  atomic {
    load(READER, room_wake, word, SEQ_CST);
    if
    :: word != 0 -> word = 0; doorbell = true; printf("reader: wakes the writer\n")
    :: else
    fi
  }
}

inline take(at) {
  atomic {
    CLAIM(EXISTS(at) || size == SMALL, "end: the reader touches a unit that does not exist\n");
    load(READER, UNIT_AT(at, size), word, RELAXED)
  }
}

inline check_number() { atomic { CLAIM(word == next, "end: this is not the expected record\n"); word = 0 } }

inline accept() {
#if defined(DECLINES)
  skip
#else
  if
#if defined(UNITS_UNCHECKED)
  :: has_accepted = true
#else
  :: exist -> has_accepted = true
#endif
  /* They do not exist, or were swapped out. */
  :: skip
  fi;
#if !defined(ACCEPTED_AFTER_HEAD)
  if
  :: has_accepted -> store(READER, accepted, 1, ACCEPTED_STORE)
  :: else
  fi
#endif
#endif
}

inline release() {
  store(READER, head, read, HEAD_STORE);
#if defined(ACCEPTED_AFTER_HEAD)
  if
  :: has_accepted && !has_stored -> store(READER, accepted, 1, ACCEPTED_STORE); has_stored = true
  :: else
  fi;
#endif
#if defined(OFFER_NEVER_WAKES)
  if
  :: was_offer
  :: else -> check_room_wake()
  fi
#else
  check_room_wake()
#endif
}

active proctype Reader() {
  byte read, seen, next, word;
  byte size = SMALL;
  bool has_accepted, was_offer, has_stored;
  do
  :: seen == read && memory[tail] != seen ->
     load(READER, tail, seen, SEQ_CST);
     CLAIM(seen - read <= LARGE, "end: the tail is more than a data area ahead\n")
  :: seen != read ->
     take(read);
     was_offer = false;
     if
     :: word == OFFER -> word = 0; was_offer = true; accept(); read++
     :: word == MOVE ->
        word = 0;
#if !defined(MOVE_UNCHECKED)
        if
        :: has_accepted
        :: else ->
#if defined(FORGED)
           corrupt = true; printf("reader: finds MOVE without acceptance\n"); break
#else
           CLAIM(false, "end: MOVE without acceptance\n")
#endif
        fi;
#endif
        size = LARGE;
#if defined(JUMP_UNSEEN)
        read++
#else
        read = AFTER_MOVE(read)
#endif
     :: else ->
        next++;
        check_number();
        take(read + 1);
        check_number();
        read = read + UNITS
     fi;
     if
     :: release()
     :: release(); paused = true; printf("reader: stops reading\n"); break
     :: seen != read
     fi
  :: hung_up && memory[tail] == seen && seen == read -> break
  od;
  CLAIM(killed || paused || corrupt || next == RECORDS, "end: records are missing\n")
}

#ifdef DEATH
active proctype Reaper() {
  if
  :: skip
  :: atomic { !hung_up -> killed = true; printf("writer: is killed\n") }
  fi
}
#endif
