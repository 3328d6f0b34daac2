/*
 * The broadcast ring: native/core/broadcast_writer.cc and native/core/broadcast_reader.cc.
 *
 * A publisher writes RECORDS records of one or two units into a ring of UNITS, with a pad where a record would wrap. It never
 * waits. It ends, or is killed. A subscriber begins at any time, at the next record, the last one or the oldest one, and reads
 * at any speed. When it is lapped, it resumes at a mark. Each word of a record has the record's sequence, so a part differs from
 * a whole. What a record has in the place of a header could be one.
 *
 * Required: every record that is delivered is whole. Sequences increase, and the count of lost records before each is exact. What
 * is published after the start is delivered or lost. At the end, the subscriber has got to the last published record.
 *
 * Left out: wake-ups (subscribers.pml); the bound on tries; a publisher that breaks the rules.
 */

/* RUN(): all orders as in the code */
/* RUN(-DBATCHES): the subscriber also copies two records before it checks them */
/* RUN(-DDEATH -DSINGLE -DRECORDS=6): the publisher may be killed at any step; records of one unit */
/* RUN(-DPATIENT -DSINGLE -DRECORDS=3): each store waits in its buffer for as long as it may; records of one unit */
/* RUN(-DBLOCKS): the publisher waits for the subscriber, which then loses nothing */

/* MUTATION(-DRELEASE_FENCE_FORGOTTEN): the publisher has no fence between the intent and the record */
/* MUTATION(-DINTENT_AFTER_DATA): the intent is stored after the record */
/* MUTATION(-DINTENT_OF_BEGIN): the intent is the begin of the record, and not its end */
/* MUTATION(-DINTENT_WITHOUT_PAD): the intent does not count the pad before the record */
/* MUTATION(-DINTENT_UNCHECKED): the subscriber does not load the intent after the copy */
/* MUTATION(-DACQUIRE_FENCE_FORGOTTEN): the subscriber has no fence after the copy, so that the intent may be loaded before it */
/* MUTATION(-DVALID_BY_ONE): a copy is valid although its first unit is being overwritten */
/* MUTATION(-DTAIL_STORE=RELAXED): the tail is stored relaxed */
/* MUTATION(-DTAIL_LOAD=RELAXED): the tail is loaded relaxed, so that records may be loaded before it */
/* MUTATION(-DPUBLISHED_BEFORE_WRITTEN): the tail is stored before the record */
/* MUTATION(-DTAIL_UNSEEN): the subscriber resumes or begins at a record that the tail does not announce */
/* MUTATION(-DLOSS_FROM_POSITION): the loss is the difference of the positions */
/* MUTATION(-DDEATH -DSINGLE -DLATEST_BEFORE_TAIL): latest is stored before the tail, and the publisher may die between the two */
/* MUTATION(-DPATIENT -DSINGLE -DLATEST_STORE=RELAXED): latest is stored relaxed, so that it may be visible before the tail */
/* MUTATION(-DSINGLE -DTAIL_BEFORE_LATEST): the subscriber loads the tail before it loads latest */
/* MUTATION(-DBLOCKS -DRELEASED_BEFORE_READ): the head is stored before the copy, or relaxed, so that it may be visible before */
/* MUTATION(-DBLOCKS -DROOM_WITHOUT_PAD): the publisher does not count the pad when it checks for room */
/* MUTATION(-DBLOCKS -DROOM_BY_ONE): the publisher assumes that there is room for one more unit */

/* ALLOWED(-DRECORDS=3 -DTAIL_STORE=RELEASE): the tail is stored with release; seq_cst is for the waking */
/* ALLOWED(-DRECORDS=3 -DTAIL_LOAD=ACQUIRE): the tail is loaded with acquire; seq_cst is for the waking */

#ifndef TAIL_STORE
#define TAIL_STORE SEQ_CST
#endif
#ifndef TAIL_LOAD
#define TAIL_LOAD SEQ_CST
#endif
#ifndef LATEST_STORE
#define LATEST_STORE RELEASE
#endif
#ifndef RECORDS
#define RECORDS 4
#endif

#define UNITS 4
#define BLOCK 2

mtype = {
  publisher, subscriber,
  head, tail, latest, intent, mark_1, mark_0, body_3, header_3, body_2, header_2, body_1, header_1, body_0, header_0
};
#define WORDS 14
#define PUBLISHER 0
#define SUBSCRIBER 1
#define NAME(process) (process == PUBLISHER -> publisher : subscriber)
#include "memory.inc"

#define HEADER_AT(position) (header_0 + 2 * ((position) % UNITS))
#define BODY_AT(position) (body_0 + 2 * ((position) % UNITS))
#define MARK_OF(position) (mark_0 + ((position) % UNITS) / BLOCK)

/* A header: the sequence of the record and its units; or a pad of one unit. */
#define HEADER(record, units) ((record) * 4 + units)
#define PAD 3
#define UNITS_OF(header) ((header) % 4)
#define SEQUENCE_OF(header) ((header) / 4)

#ifdef VALID_BY_ONE
#define VALID_UNITS (UNITS + 1)
#else
#define VALID_UNITS UNITS
#endif

byte published; /* the sequence of the last published record, for the assertions alone */
bool killed;
bool hung_up;

inline store_tail() {
  atomic {
    store(PUBLISHER, tail, end, TAIL_STORE);
    published = sequence
  }
}

inline store_intent() {
#if defined(INTENT_OF_BEGIN)
  store(PUBLISHER, intent, begin, RELAXED)
#elif defined(INTENT_WITHOUT_PAD)
  store(PUBLISHER, intent, end - (begin - position), RELAXED)
#else
  store(PUBLISHER, intent, end, RELAXED)
#endif
}

inline store_unit(at, header) {
  store(PUBLISHER, HEADER_AT(at), header, RELAXED);
  store(PUBLISHER, BODY_AT(at), sequence, RELAXED)
}

inline write() {
#ifdef PUBLISHED_BEFORE_WRITTEN
  store_tail();
#endif
#ifndef INTENT_AFTER_DATA
  store_intent();
#endif
#ifndef RELEASE_FENCE_FORGOTTEN
  release_fence(PUBLISHER);
#endif
  if
  :: begin == position
  :: else -> store(PUBLISHER, HEADER_AT(position), HEADER(0, PAD), RELAXED)
  fi;
  store_unit(begin, HEADER(sequence, end - begin));
  if
  :: end - begin == 1
  :: else -> store_unit(begin + 1, HEADER(sequence + 1, 1))
  fi;
#ifdef INTENT_AFTER_DATA
  store_intent();
#endif
  if
  :: begin / BLOCK == last / BLOCK && sequence > 1
  :: else -> store(PUBLISHER, MARK_OF(begin), begin, RELAXED)
  fi;
#ifdef LATEST_BEFORE_TAIL
  store(PUBLISHER, latest, begin, LATEST_STORE);
#endif
#ifndef PUBLISHED_BEFORE_WRITTEN
  store_tail();
#endif
#ifndef LATEST_BEFORE_TAIL
  store(PUBLISHER, latest, begin, LATEST_STORE);
#endif
  d_step { last = begin; position = end; begin = 0; end = 0 }
}

#if defined(ROOM_BY_ONE)
#define FITS (end - peer_head <= UNITS + 1)
#elif defined(ROOM_WITHOUT_PAD)
#define FITS (end - (begin - position) - peer_head <= UNITS)
#else
#define FITS (end - peer_head <= UNITS)
#endif

active proctype Publisher() {
  byte position, begin, end, last, sequence, peer_head;
  {
    do
    :: d_step { sequence < RECORDS -> sequence++; begin = position }
       if
       :: end = 1
#ifndef SINGLE
       :: end = 2
#endif
       fi;
       d_step {
         if
         :: begin % UNITS + end > UNITS -> begin++
         :: else
         fi;
         end = begin + end
       }
#ifdef BLOCKS
       do
       :: FITS -> break
       :: !FITS && memory[head] != peer_head -> load(PUBLISHER, head, peer_head, SEQ_CST)
       od;
#endif
       write()
    :: sequence == RECORDS -> break
    od
  } unless { killed -> skip };
  skip;
  d_step { DRAINED(PUBLISHER) -> hung_up = true; printf("publisher: is over\n") }
}

#ifdef TAIL_UNSEEN
#define IS_PUBLISHED(at) true
#else
#define IS_PUBLISHED(at) (at < seen)
#endif

inline load_tail() { load(SUBSCRIBER, tail, seen, TAIL_LOAD) }

/* BroadcastReader::IsIntact, without its fence. */
inline load_intent() { load(SUBSCRIBER, intent, ahead, RELAXED) }
#define IS_INTACT(at) (ahead - at <= VALID_UNITS)

/* BroadcastReader::LoadLatest: the last record that the tail announces, or the one before it. */
inline load_latest() {
#ifdef TAIL_BEFORE_LATEST
  load_tail();
  load(SUBSCRIBER, latest, place, ACQUIRE);
#else
  load(SUBSCRIBER, latest, place, ACQUIRE);
  load_tail();
#endif
  CLAIM(IS_PUBLISHED(place), "end: a subscriber takes a good publisher for a broken one\n")
}

/* BroadcastReader::FindMark: the first record that starts at or after `from` in one of two blocks. */
inline take_mark(block) {
  if
  :: found
  :: else ->
     load(SUBSCRIBER, MARK_OF((block) * BLOCK), place, RELAXED);
     found = (place / BLOCK == block && place >= from && IS_PUBLISHED(place))
  fi
}

inline find_mark() {
  found = false;
  take_mark(from / BLOCK);
  take_mark(from / BLOCK + 1)
}

/* BroadcastReader::LoadRecord: the header of the record at `place`, after pads. */
inline load_header() {
  load(SUBSCRIBER, HEADER_AT(place), header, RELAXED);
  do
  :: UNITS_OF(header) == PAD && place + 1 < seen && place % UNITS == UNITS - 1 ->
     place++;
     load(SUBSCRIBER, HEADER_AT(place), header, RELAXED)
  :: else -> break
  od;
  broken = broken || UNITS_OF(header) == 0 || UNITS_OF(header) == PAD || place + UNITS_OF(header) > seen ||
    place % UNITS + UNITS_OF(header) > UNITS
}

/* What BroadcastReader::Seek and Receive report if the copy is intact. */
inline accept_header() { CLAIM(!broken, "end: a subscriber takes a good record for a broken one\n") }

/* BroadcastReader::SeekEnd: walks to the last record. */
inline seek_end() {
  load_latest();
  from = place;
  load_header();
  do
  :: !broken && place + UNITS_OF(header) < seen -> place = place + UNITS_OF(header); load_header()
  :: else -> break
  od;
  load_intent();
  if
  :: IS_INTACT(from) -> accept_header()
  :: else -> d_step { broken = false; header = 0; place = 0; from = 0; ahead = 0 } goto seek
  fi
}

inline seek_oldest() {
  load_intent();
  from = (ahead > UNITS -> ahead - UNITS : 0);
  find_mark();
  if
  :: found -> load_header(); load_intent()
  :: else -> memory[tail] != seen; goto seek
  fi;
  if
  :: IS_INTACT(place) -> accept_header()
  :: else -> d_step { broken = false; header = 0; place = 0; from = 0; ahead = 0; found = false } goto seek
  fi
}

/* BroadcastReader::Resume. */
inline resume() {
  load_tail();
  from = (seen > UNITS / 2 -> seen - UNITS / 2 : 0);
  find_mark();
  if
  :: found
  :: else -> load_latest()
  fi;
  if
  :: place > position ->
#ifdef LOSS_FROM_POSITION
     lost = lost + place - position; gap = false;
#else
     gap = true;
#endif
     position = place
  :: else -> memory[tail] != seen || memory[latest] != place
  fi
}

inline begin() {
  skip;
seek:
  load_tail();
  if
  :: seen == 0 -> next = 1
  :: seen != 0 -> seek_end(); position = seen; next = SEQUENCE_OF(header) + 1;
     CLAIM(next > before, "end: a subscriber of what follows begins with an older record\n")
  :: seen != 0 -> seek_end(); position = place; next = SEQUENCE_OF(header);
     CLAIM(next >= before, "end: a subscriber begins before the last record\n")
  :: seen != 0 -> seek_oldest(); position = place; next = SEQUENCE_OF(header)
  fi;
  CLAIM(next <= published + 1, "end: a subscriber begins after a record that follows\n")
}

inline copy_record() {
  load_header();
  if
  :: broken
  :: else ->
     if
     :: count == 0 && gap -> lost = SEQUENCE_OF(header) - next
     :: else -> broken = broken || SEQUENCE_OF(header) != next + lost + count
     fi;
#if TAIL_LOAD == RELAXED
     if
     :: early != 0 -> body = early - 1; early = 0
     :: else -> load(SUBSCRIBER, BODY_AT(place), body, RELAXED)
     fi;
#else
     load(SUBSCRIBER, BODY_AT(place), body, RELAXED);
#endif
     d_step { torn = torn || body != SEQUENCE_OF(header); body = 0 }
     if
     :: UNITS_OF(header) == 2 ->
        load(SUBSCRIBER, BODY_AT(place + 1), body, RELAXED);
        d_step { torn = torn || body != SEQUENCE_OF(header); body = 0 }
     :: else
     fi;
     d_step { count++; place = place + UNITS_OF(header); header = 0 }
  fi
}

/* BroadcastReader::CopyRecords: one record, or also two. */
inline copy_records() {
  place = position;
  count = 0;
  copy_record();
#ifdef BATCHES
  if
  :: !broken && place < seen -> copy_record()
  :: true
  fi
#endif
}

inline release() {
#ifdef BLOCKS
  store(SUBSCRIBER, head, position, SEQ_CST)
#else
  skip
#endif
}

/* So that states differ only in what matters. */
inline forget() { d_step { place = 0; count = 0; header = 0; from = 0; found = false; ahead = 0 } }

/* BroadcastReader::Receive. */
inline receive() {
#ifdef RELEASED_BEFORE_READ
  store(SUBSCRIBER, head, seen, SEQ_CST);
#endif
#ifdef ACQUIRE_FENCE_FORGOTTEN
  load_intent();
#endif
  copy_records();
#ifndef ACQUIRE_FENCE_FORGOTTEN
  load_intent();
#endif
#ifdef INTENT_UNCHECKED
  ahead = position;
#endif
  if
  :: IS_INTACT(position) ->
     atomic {
       printf("subscriber: receives %d to %d, after %d lost ones\n", next + lost, next + lost + count - 1, lost);
       accept_header();
       CLAIM(!torn, "end: a record is not whole\n");
#ifdef BLOCKS
       CLAIM(lost == 0, "end: a blocking subscriber loses a record\n");
#endif
       next = next + lost + count;
       position = place;
       lost = 0;
       gap = false
     }
     release()
  :: else ->
     d_step { printf("subscriber: is lapped\n"); broken = false; torn = false; count = 0; header = 0; ahead = 0 }
     resume()
  fi;
  forget()
}

active proctype Subscriber() {
  byte position, next, lost, seen, ahead, place, from, header, body, count, before, early;
  bool gap, found, broken, torn;
  /* A tail that is stored with less may become visible later. */
#ifndef PATIENT
  before = (TAIL_STORE == SEQ_CST -> published : 0);
#endif
  begin();
  d_step { before = 0; place = 0; header = 0; from = 0; found = false; ahead = 0 };
  release();
  do
  :: position == seen && memory[tail] != seen -> load_tail()
#if TAIL_LOAD == RELAXED
  /* A record is loaded before the tail that says that it is there. */
  :: atomic { position == seen && early == 0 -> load(SUBSCRIBER, BODY_AT(position), early, RELAXED); early++ }
#endif
  :: position != seen -> receive()
  :: position == seen && hung_up && memory[tail] == seen -> break
  od;
  CLAIM(next == published + 1, "end: records are missing\n")
}

#ifdef DEATH
active proctype Reaper() {
  if
  :: skip
  :: atomic { !hung_up -> killed = true; printf("publisher: is killed\n") }
  fi
}
#endif
