/*
 * Sleeping and waking: native/core/wake.h, Wait and Publish and ReleaseRead and AnnounceClosed of native/core/endpoint.cc,
 * and the sleeping link of src/link/shm/shm-link.ts.
 *
 * A writer sends RECORDS records through a ring that holds CAPACITY, and leaves. A reader takes them, and may leave before.
 * Either sleeps when there is nothing to do for it: in its event loop, where the peer rings a bell, or blocked, where it
 * changes its signal word; each sleep is of either kind. Either may be killed between any two steps.
 *
 * What must hold: every run comes to its end (a state in which nobody can go on is a lost wake-up, or a wait for a peer that
 * has gone), and the reader has read all that was published. No wait in this model ends by time.
 *
 * Left out: what the records hold (ring.pml); an end that waits for data and for room in the same call.
 */

/* RUN(-DPATIENT): nobody leaves early; each store waits in its buffer for as long as it may */
/* RUN(-DRECORDS=3 -DCAPACITY=2): a longer ring */
/* RUN(-DEARLY): either may close early: the writer before all is read, the reader before all is written */
/* RUN(-DDEATH): either may be killed at any step */
/* RUN(-DCALLS): a blocking call in between */

/* MUTATION(-DTAIL_STORE=RELEASE): the writer publishes with release only */
/* MUTATION(-DHEAD_STORE=RELEASE): the reader frees room with release only */
/* MUTATION(-DPATIENT -DCHECK_LOAD=ACQUIRE): the waker looks at the wake word with acquire only */
/* MUTATION(-DARM_STORE=RELEASE): the sleeper arms with release only */
/* MUTATION(-DPATIENT -DTAIL_LOAD=ACQUIRE): the armed reader looks for data with acquire only */
/* MUTATION(-DPATIENT -DHEAD_LOAD=ACQUIRE): the armed writer looks for room with acquire only */
/* MUTATION(-DARM_AFTER_LOOK): the sleeper looks before it arms */
/* MUTATION(-DLOOK_FORGOTTEN): the sleeper does not look once it is armed */
/* MUTATION(-DRING_BEFORE_STORE): the waker looks at the wake word before it stores the position */
/* MUTATION(-DBLOCKED_BIT_UNSEEN): the waker rings the bell for a blocked sleeper too */
/* MUTATION(-DEPOCH_UNCHANGED): each arming is the same epoch */
/* MUTATION(-DROOM_NEVER_RUNG): the reader frees room and does not look whether it must ring */
/* MUTATION(-DSIGNAL_UNCHANGED): the waker wakes without changing its signal word */
/* MUTATION(-DWAKE_BEFORE_CHANGE): the waker wakes before it changes its signal word */
/* MUTATION(-DSIGNAL_READ_AFTER_ARM): the sleeper reads the signal word after it has armed, before it looks */
/* MUTATION(-DSIGNAL_READ_AFTER_LOOK): the sleeper reads the signal word after it has looked */
/* MUTATION(-DSIGNAL_LOAD=RELAXED): the signal word is loaded relaxed, so that the arming may come before it */
/* MUTATION(-DSIGNAL_UNCOMPARED): the system's wait begins although the signal word has changed */
/* MUTATION(-DEARLY -DCLOSED_UNSEEN): a blocked sleeper does not look whether the peer has closed */
/* MUTATION(-DEARLY -DCLOSED_AFTER_DATA): a blocked sleeper looks for data first and then whether the peer has closed */
/* MUTATION(-DEARLY -DSTATE_LOAD=RELAXED): the state is loaded relaxed, so that the look for data may come before it */
/* MUTATION(-DEARLY -DCLOSE_WITHOUT_SIGNAL): who closes does not ring unasked */
/* MUTATION(-DEARLY -DSIGNAL_BEFORE_STATE): who closes rings first and then says so */
/* MUTATION(-DPATIENT -DEARLY -DSIGNAL_STORE=RELAXED): the signal word is stored relaxed, and may pass the state */
/* MUTATION(-DDEATH -DHANG_UP_UNSEEN): a blocked wait does not ask whether the peer lives */
/* MUTATION(-DDEATH -DGONE_WITHOUT_LOOK): a blocked wait ends at the peer's death without one more look */
/* MUTATION(-DDEATH -DDEAD_WITHOUT_LOOK): an event loop ends at the peer's death without one more look */
/* MUTATION(-DCALLS -DWAIT_LEAVES_ASLEEP): a link that slept before a blocking call counts as asleep after it */

/* ALLOWED(-DDISARM_FORGOTTEN): the sleeper does not disarm: it is rung once too often, no more */
/* ALLOWED(-DRUNG_FORGOTTEN): the waker does not remember what it has rung */
/* ALLOWED(-DPATIENT -DSIGNAL_LOAD=ACQUIRE): the signal word is loaded with acquire: the arming stays behind it */
/* ALLOWED(-DPATIENT -DEARLY -DSIGNAL_STORE=RELEASE): the signal word is stored with release: a system call follows */
/* ALLOWED(-DPATIENT -DEARLY -DSTATE_STORE=RELAXED): the state is stored relaxed: the signal word follows */
/* ALLOWED(-DPATIENT -DEARLY -DSTATE_LOAD=ACQUIRE): the state is loaded with acquire */

#ifndef TAIL_STORE
#define TAIL_STORE SEQ_CST
#endif
#ifndef HEAD_STORE
#define HEAD_STORE SEQ_CST
#endif
#ifndef TAIL_LOAD
#define TAIL_LOAD SEQ_CST
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
#ifndef SIGNAL_STORE
#define SIGNAL_STORE SEQ_CST
#endif
#ifndef SIGNAL_LOAD
#define SIGNAL_LOAD SEQ_CST
#endif
#ifndef STATE_STORE
#define STATE_STORE SEQ_CST
#endif
#ifndef STATE_LOAD
#define STATE_LOAD SEQ_CST
#endif
#ifndef RECORDS
#define RECORDS 2
#endif
#ifndef CAPACITY
#define CAPACITY 1
#endif

mtype = {
  writer, reader,
  writer_state, reader_state, writer_signal, reader_signal, room_wake, data_wake, head, tail
};
#define WORDS 8
#define WRITER 0
#define READER 1
#define NAME(end) (end == WRITER -> writer : reader)
#include "memory.inc"

#include "wake.inc"

#define IS_DONE(me) (me == WRITER && mine[me] == RECORDS)
/* A close wakes the peer; so as not to hide that the last record did not, the writer closes when that has been read. */
#ifdef EARLY
#define MAY_CLOSE true
#else
#define MAY_CLOSE (mine[READER] == RECORDS)
#endif

proctype End(byte me; byte peer) {
  byte word, signal;
  bool closed, gone, called;
  {
    skip;
awake:
    if
    :: atomic { bell[me] -> bell[me] = false; printf("%e: hears the bell, awake\n", NAME(me)); goto awake }
    :: hung_up[peer] -> goto dead
#ifdef EARLY
    :: me == READER -> leave(me, peer); goto over
#endif
    :: IS_DONE(me) && MAY_CLOSE -> leave(me, peer); goto over
    :: atomic {
         !IS_DONE(me) -> look(me, peer);
         if
         :: HAS_WORK(me) -> goto working
         :: !HAS_WORK(me) -> goto loop_sleep
         :: !HAS_WORK(me) -> goto blocked_sleep
         fi
       }
    fi;

working:
    work(me, peer, word);
    goto awake;

loop_sleep:
    skip;
#ifdef ARM_AFTER_LOOK
    look(me, peer); arm(me, 0);
#elif defined(LOOK_FORGOTTEN)
    arm(me, 0);
#else
    arm(me, 0); look(me, peer);
#endif
    atomic {
      if
      :: HAS_WORK(me) -> disarm(me); goto awake
      :: else -> printf("%e: sleeps in its event loop\n", NAME(me))
      fi
    }
asleep:
    if
    :: atomic {
         bell[me] -> bell[me] = false; printf("%e: hears the bell\n", NAME(me));
         /* A link that will not look on goes back to sleep, without disarming. */
         if
         :: disarm(me)
         :: skip
         fi;
         goto awake
       }
    :: hung_up[peer] -> goto dead
#ifdef CALLS
    :: atomic { !called -> called = true; printf("%e: makes a blocking call\n", NAME(me)) }
       disarm(me); arm(me, BLOCKED); disarm(me);
#ifdef WAIT_LEAVES_ASLEEP
       goto asleep
#else
       goto awake
#endif
#endif
    fi;

blocked_sleep:
    skip;
#if SIGNAL_LOAD == RELAXED
    if
    :: read_signal(me, peer, signal); arm(me, BLOCKED)
    :: arm(me, BLOCKED); read_signal(me, peer, signal)
    fi;
#else
#if !defined(SIGNAL_READ_AFTER_ARM) && !defined(SIGNAL_READ_AFTER_LOOK)
    read_signal(me, peer, signal);
#endif
#ifndef ARM_AFTER_LOOK
    arm(me, BLOCKED);
#endif
#endif
#ifdef SIGNAL_READ_AFTER_ARM
    read_signal(me, peer, signal);
#endif
    look_around(me, peer, closed);
looked:
    skip;
#ifdef ARM_AFTER_LOOK
    arm(me, BLOCKED);
#endif
#ifdef SIGNAL_READ_AFTER_LOOK
    read_signal(me, peer, signal);
#endif
    atomic {
      if
      :: closed || gone ->
         signal = 0; closed = false; gone = false;
         disarm(me);
         if
         :: me == READER && HAS_WORK(me) -> goto working
         :: else -> goto over
         fi
      :: !(closed || gone) && HAS_WORK(me) -> signal = 0; disarm(me); goto awake
      :: else
      fi
    }
    d_step {
      DRAINED(me) ->
#ifdef SIGNAL_UNCOMPARED
      waiting[me] = true;
#else
      waiting[me] = (memory[SIGNAL_OF(peer)] == signal);
#endif
      signal = 0;
      if
      :: waiting[me] -> printf("%e: sleeps, blocked\n", NAME(me))
      :: else
      fi
    }
    if
    :: !waiting[me]
#ifndef HANG_UP_UNSEEN
    :: atomic {
         waiting[me] && killed[peer] && hung_up[peer] ->
         waiting[me] = false; printf("%e: sees that the peer has hung up\n", NAME(me));
#ifdef GONE_WITHOUT_LOOK
         goto over
#else
         gone = true
#endif
       }
#endif
    fi;
    goto blocked_sleep;

dead:
    atomic {
      printf("%e: its socket closes\n", NAME(me));
#ifndef DEAD_WITHOUT_LOOK
      look(me, peer);
      if
      :: me == READER && HAS_WORK(me) -> mine[me] = seen[me]
      :: else
      fi
#endif
    }

over:
    /* Who left by itself owes nothing more. */
    CLAIM(me == WRITER || hung_up[me] || mine[me] >= published, "end: not all that was published has been read\n");
    d_step { DRAINED(me) -> hung_up[me] = true; printf("%e: is over\n", NAME(me)) }
  } unless { killed[me] -> skip }
}

/* Kills one of the two, or nobody. */
active proctype Reaper() {
  byte who;
  if
  :: skip
#ifdef DEATH
  :: !hung_up[WRITER] -> who = WRITER; goto kill
  :: !hung_up[READER] -> who = READER; goto kill
#endif
  fi;
  goto spared;
kill:
  skip;
  d_step { killed[who] = true; printf("%e: is killed\n", NAME(who)) }
  d_step { DRAINED(who) -> hung_up[who] = true; bell[who] = false; waiting[who] = false }
spared:
  skip
}

init {
  atomic { run End(WRITER, READER); run End(READER, WRITER) }
}
