/*
 * The ring: native/core/ring_writer.cc and native/core/ring_reader.cc.
 *
 * A writer writes RECORDS records into a ring with room for two. It publishes them one by one or two at once, and ends or is
 * killed. A reader reads one record or all published ones, and releases each one or all together. A record consists of two
 * words, so a part differs from a whole. Its place is used again, so an old record differs from a new one.
 *
 * Required: the reader finds every published record, whole, once, in order, and nothing else. Both sides end.
 *
 * Left out: pads and fragments, which become visible with the tail as records do; a peer that breaks the rules.
 */

/* RUN(): all orders as in the code */
/* RUN(-DDEATH): the writer may be killed at any step */

/* MUTATION(-DTAIL_STORE=RELAXED): the tail is stored relaxed */
/* MUTATION(-DTAIL_LOAD=RELAXED): the tail is loaded relaxed, so that records may be loaded before it */
/* MUTATION(-DPUBLISHED_BEFORE_WRITTEN): the tail is stored before the record */
/* MUTATION(-DTAIL_UNSEEN): the reader treats the number of a record as the sign that it is published */
/* MUTATION(-DHEAD_STORE=RELAXED): the head is stored relaxed, so that it may be visible before the copy is done */
/* MUTATION(-DHEAD_LOAD=RELAXED): the head is loaded relaxed, so that later writes may come before it */
/* MUTATION(-DRELEASED_BEFORE_READ): the head is stored before the copy */
/* MUTATION(-DRELEASES_UNREAD): the head is stored as the last tail, although only a part was read */
/* MUTATION(-DROOM_BY_ONE): the writer assumes a ring with room for one more record */
/* MUTATION(-DROOM_UNSEEN): the writer does not check the position of the reader */

/* ALLOWED(-DTAIL_STORE=RELEASE): the tail is stored with release; seq_cst is for the waking */
/* ALLOWED(-DTAIL_LOAD=ACQUIRE): the tail is loaded with acquire; seq_cst is for the waking */
/* ALLOWED(-DHEAD_STORE=RELEASE): the head is stored with release; seq_cst is for the waking */
/* ALLOWED(-DHEAD_LOAD=ACQUIRE): the head is loaded with acquire; seq_cst is for the waking */

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

#define RECORDS 5
#define CAPACITY 2

mtype = {
  writer, reader,
  head, tail, body_1, header_1, body_0, header_0
};
#define WORDS 6
#define WRITER 0
#define READER 1
#define NAME(process) (process == WRITER -> writer : reader)
#include "memory.inc"

#define HEADER_AT(position) (position % CAPACITY == 0 -> header_0 : header_1)
#define BODY_AT(position) (position % CAPACITY == 0 -> body_0 : body_1)
/* What the record at a position holds, in both of its words. */
#define CONTENT(position) (position + 1)

bool killed;
bool hung_up;

#ifdef ROOM_BY_ONE
#define FITS (written - peer_head < CAPACITY + 1)
#elif defined(ROOM_UNSEEN)
#define FITS true
#else
#define FITS (written - peer_head < CAPACITY)
#endif

active proctype Writer() {
  byte written, published, peer_head;
  bool ahead;
  {
    do
    :: written < RECORDS && FITS ->
#ifdef PUBLISHED_BEFORE_WRITTEN
       store(WRITER, tail, written + 1, TAIL_STORE);
#endif
       if
       :: atomic { ahead -> ahead = false }
       :: atomic { !ahead -> store(WRITER, BODY_AT(written), CONTENT(written), RELAXED) }
          store(WRITER, HEADER_AT(written), CONTENT(written), RELAXED)
       fi;
       written++;
       if
       :: store(WRITER, tail, written, TAIL_STORE); published = written
       :: written < RECORDS && FITS && written - published < CAPACITY
       fi
    :: written < RECORDS && !FITS && memory[head] != peer_head -> load(WRITER, head, peer_head, HEAD_LOAD)
    /* What is written is not kept behind the load that says that there is room. */
    :: atomic {
         HEAD_LOAD == RELAXED && written < RECORDS && !FITS && !ahead ->
         ahead = true;
         store(WRITER, BODY_AT(written), CONTENT(written), RELAXED)
       }
    :: written == RECORDS -> break
    od
  } unless { killed -> skip };
  skip;
  d_step { DRAINED(WRITER) -> hung_up = true; printf("writer: is over\n") }
}

#define IS_RIGHT(position) \
  CLAIM(word == CONTENT(position), "end: this is not the expected record\n")

inline take_word(at, position) {
  atomic {
    load(READER, at, word, RELAXED);
    IS_RIGHT(position)
  }
}

inline copy(position) {
  take_word(HEADER_AT(position), position);
  take_word(BODY_AT(position), position)
}

inline release(position) { store(READER, head, position, HEAD_STORE) }

/* One record, by an order of loads that only a tail loaded with acquire rules out. */
inline take(position) {
  if
  :: early != 0 -> take_word(HEADER_AT(position), position);
     atomic { word = early - 1; early = 0; IS_RIGHT(position) }
  :: early == 0 -> copy(position)
  fi;
  word = 0
}

active proctype Reader() {
  byte read, released, seen, word, early;
  do
#ifdef TAIL_UNSEEN
  :: atomic { memory[HEADER_AT(read)] == CONTENT(read) -> seen = read + 1 }
#else
  :: seen == read && memory[tail] != seen -> load(READER, tail, seen, TAIL_LOAD)
  /* A record's body is loaded before the tail that says that it is there. */
  :: atomic {
       TAIL_LOAD == RELAXED && seen == read && early == 0 ->
       load(READER, BODY_AT(read), early, RELAXED);
       early++
     }
#endif
  :: seen != read ->
#ifdef RELEASED_BEFORE_READ
     release(read + 1);
     take(read);
     read++;
#else
     if
     :: take(read); read++;
        if
#ifdef RELEASES_UNREAD
        :: release(seen)
#else
        :: release(read)
#endif
        :: seen != read
        fi
     :: HEAD_STORE == RELAXED -> release(read + 1); take(read); read++
     fi
#endif
  :: hung_up && memory[tail] == seen && seen == read -> break
  od;
  CLAIM(killed || read == RECORDS, "end: records are missing\n")
}

#ifdef DEATH
active proctype Reaper() {
  if
  :: skip
  :: atomic { !hung_up -> killed = true; printf("writer: is killed\n") }
  fi
}
#endif
