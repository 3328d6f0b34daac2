/*
 * The segment's header: StoreHeader and LoadHeader of native/core/segment.cc.
 *
 * An owner fills the header of its segment and stores the magic. A peer that has the memory reads the header at any time. (The
 * descriptor is transferred later, so the kernel already orders all of this. The magic does not depend on that.)
 *
 * Required: a header with the magic is complete.
 */

/* RUN(): all orders as in the code */

/* MUTATION(-DMAGIC_FIRST): the magic is stored first */
/* MUTATION(-DMAGIC_STORE=RELAXED): the magic is stored relaxed */
/* MUTATION(-DMAGIC_LOAD=RELAXED): the magic is loaded relaxed, so that the fields may be loaded before it */
/* MUTATION(-DMAGIC_LAST): the magic is loaded after the fields */
/* MUTATION(-DMAGIC_UNSEEN): the magic is not checked */

#ifndef MAGIC_STORE
#define MAGIC_STORE RELEASE
#endif
#ifndef MAGIC_LOAD
#define MAGIC_LOAD ACQUIRE
#endif

mtype = {
  owner, peer,
  capacity, size, magic
};
#define WORDS 3
#define OWNER 0
#define PEER 1
#define NAME(process) (process == OWNER -> owner : peer)
#include "memory.inc"

active proctype Owner() {
#ifdef MAGIC_FIRST
  store(OWNER, magic, 1, MAGIC_STORE);
#endif
  store(OWNER, size, 1, RELAXED);
  store(OWNER, capacity, 1, RELAXED);
#ifndef MAGIC_FIRST
  store(OWNER, magic, 1, MAGIC_STORE);
#endif
  skip
}

active proctype Peer() {
  byte has_magic, has_size, has_capacity;
  if
#ifndef MAGIC_LAST
  :: load(PEER, magic, has_magic, MAGIC_LOAD);
     load(PEER, size, has_size, RELAXED);
     load(PEER, capacity, has_capacity, RELAXED)
#endif
#if defined(MAGIC_LAST) || MAGIC_LOAD == RELAXED
  :: load(PEER, size, has_size, RELAXED);
     load(PEER, capacity, has_capacity, RELAXED);
     load(PEER, magic, has_magic, MAGIC_LOAD)
#endif
  fi;
#ifdef MAGIC_UNSEEN
  has_magic = 1;
#endif
  CLAIM(has_magic == 0 || (has_size == 1 && has_capacity == 1), "end: the header has the magic and is not complete\n")
}
