/*
 * Sleeping and waking: native/core/wake.h; Wait, Publish, ReleaseRead and AnnounceClosed of native/core/endpoint.cc; and the
 * sleeping link of src/link/shm/shm-link.ts.
 *
 * A writer sends RECORDS records through a ring that holds CAPACITY, and leaves. A reader receives them, and may leave before.
 * Either sleeps when it has no work: in its event loop, where the peer wakes it through a doorbell, or blocked, where the peer
 * changes its wake sequence. Each sleep is of either kind. Either may be killed between any two steps.
 *
 * Every run must end, and the reader must have read everything that was published. A state in which neither can continue is a
 * lost wake-up, or a wait for a peer that has gone. No wait in this model ends by time.
 *
 * Left out: the content of records (ring.pml), and an end that waits for data and for room in the same call.
 */

/* RUN(-DPATIENT): nobody leaves early; each store waits in its buffer for as long as it may */
/* RUN(-DRECORDS=3 -DCAPACITY=2): a longer ring */
/* RUN(-DEARLY): either may close early: the writer before all is read, the reader before all is written */
/* RUN(-DDEATH): either may be killed at any step */
/* RUN(-DCALLS): a blocking call in between */

/* MUTATION(-DTAIL_STORE=RELEASE): the writer publishes with release only */
/* MUTATION(-DHEAD_STORE=RELEASE): the reader frees room with release only */
/* MUTATION(-DPATIENT -DCHECK_LOAD=ACQUIRE): the waker loads the wake word with acquire only */
/* MUTATION(-DARM_STORE=RELEASE): the sleeper arms with release only */
/* MUTATION(-DPATIENT -DTAIL_LOAD=ACQUIRE): the armed reader polls for data with acquire only */
/* MUTATION(-DPATIENT -DHEAD_LOAD=ACQUIRE): the armed writer checks for room with acquire only */
/* MUTATION(-DARM_AFTER_POLL): the sleeper polls before it arms */
/* MUTATION(-DPOLL_FORGOTTEN): the sleeper does not poll once it is armed */
/* MUTATION(-DWAKE_BEFORE_STORE): the waker loads the wake word before it stores the position */
/* MUTATION(-DBLOCKED_BIT_UNSEEN): the waker uses the doorbell for a blocked sleeper too */
/* MUTATION(-DEPOCH_UNCHANGED): each arming is the same epoch */
/* MUTATION(-DROOM_NEVER_WOKEN): the reader frees room and does not check the wake word */
/* MUTATION(-DSEQUENCE_UNCHANGED): the waker wakes without changing its wake sequence */
/* MUTATION(-DWAKE_BEFORE_CHANGE): the waker wakes before it changes its wake sequence */
/* MUTATION(-DSEQUENCE_READ_AFTER_ARM): the sleeper reads the wake sequence after it has armed, before it polls */
/* MUTATION(-DSEQUENCE_READ_AFTER_POLL): the sleeper reads the wake sequence after it has polled */
/* MUTATION(-DSEQUENCE_LOAD=RELAXED): the wake sequence is loaded relaxed, so that the arming may come before it */
/* MUTATION(-DSEQUENCE_UNCOMPARED): the system's wait begins although the wake sequence has changed */
/* MUTATION(-DEARLY -DCLOSED_UNSEEN): a blocked sleeper does not check whether the peer has closed */
/* MUTATION(-DEARLY -DCLOSED_AFTER_DATA): a blocked sleeper polls for data first, and then checks whether the peer has closed */
/* MUTATION(-DEARLY -DSTATE_LOAD=RELAXED): the state is loaded relaxed, so that the poll may come before it */
/* MUTATION(-DEARLY -DCLOSE_WITHOUT_WAKE): a close does not change the wake sequence */
/* MUTATION(-DEARLY -DSEQUENCE_BEFORE_STATE): a close changes the wake sequence before the state */
/* MUTATION(-DPATIENT -DEARLY -DSEQUENCE_STORE=RELAXED): the wake sequence is stored relaxed, and may pass the state */
/* MUTATION(-DDEATH -DHANG_UP_UNSEEN): a blocked wait does not check that the peer is alive */
/* MUTATION(-DDEATH -DGONE_WITHOUT_POLL): a blocked wait ends at the peer's death without a last poll */
/* MUTATION(-DDEATH -DDEAD_WITHOUT_POLL): an event loop ends at the peer's death without a last poll */
/* MUTATION(-DCALLS -DWAIT_LEAVES_ASLEEP): a link that slept before a blocking call counts as asleep after it */

/* ALLOWED(-DDISARM_FORGOTTEN): the sleeper does not disarm: one more spurious wake-up */
/* ALLOWED(-DWOKEN_FORGOTTEN): the waker does not remember the epoch that it has woken */
/* ALLOWED(-DPATIENT -DSEQUENCE_LOAD=ACQUIRE): the wake sequence is loaded with acquire: the arming stays behind it */
/* ALLOWED(-DPATIENT -DEARLY -DSEQUENCE_STORE=RELEASE): the wake sequence is stored with release: a system call follows */
/* ALLOWED(-DPATIENT -DEARLY -DSTATE_STORE=RELAXED): the state is stored relaxed: the wake sequence follows */
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
#ifndef SEQUENCE_STORE
#define SEQUENCE_STORE SEQ_CST
#endif
#ifndef SEQUENCE_LOAD
#define SEQUENCE_LOAD SEQ_CST
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
  writer_state, reader_state, writer_sequence, reader_sequence, room_wake, data_wake, head, tail
};
#define WORDS 8
#define WRITER 0
#define READER 1
#define NAME(end) (end == WRITER -> writer : reader)
#include "memory.inc"

#include "wake.inc"

#define IS_DONE(me) (me == WRITER && mine[me] == RECORDS)
/* A close wakes the peer. It must not hide that the last record did not, so the writer closes after that was read. */
#ifdef EARLY
#define MAY_CLOSE true
#else
#define MAY_CLOSE (mine[READER] == RECORDS)
#endif

proctype End(byte me; byte peer) {
  byte word, sequence;
  bool closed, gone, called;
  {
    skip;
awake:
    if
    :: atomic { doorbell[me] -> doorbell[me] = false; printf("%e: is woken by the doorbell, awake\n", NAME(me)); goto awake }
    :: hung_up[peer] -> goto dead
#ifdef EARLY
    :: me == READER -> leave(me, peer); goto over
#endif
    :: IS_DONE(me) && MAY_CLOSE -> leave(me, peer); goto over
    :: atomic {
         !IS_DONE(me) -> poll(me, peer);
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
#ifdef ARM_AFTER_POLL
    poll(me, peer); arm(me, 0);
#elif defined(POLL_FORGOTTEN)
    arm(me, 0);
#else
    arm(me, 0); poll(me, peer);
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
         doorbell[me] -> doorbell[me] = false; printf("%e: is woken by the doorbell\n", NAME(me));
         /* A link that will not poll again goes back to sleep without disarming. */
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
#if SEQUENCE_LOAD == RELAXED
    if
    :: read_sequence(me, peer, sequence); arm(me, BLOCKED)
    :: arm(me, BLOCKED); read_sequence(me, peer, sequence)
    fi;
#else
#if !defined(SEQUENCE_READ_AFTER_ARM) && !defined(SEQUENCE_READ_AFTER_POLL)
    read_sequence(me, peer, sequence);
#endif
#ifndef ARM_AFTER_POLL
    arm(me, BLOCKED);
#endif
#endif
#ifdef SEQUENCE_READ_AFTER_ARM
    read_sequence(me, peer, sequence);
#endif
    poll_armed(me, peer, closed);
polled:
    skip;
#ifdef ARM_AFTER_POLL
    arm(me, BLOCKED);
#endif
#ifdef SEQUENCE_READ_AFTER_POLL
    read_sequence(me, peer, sequence);
#endif
    atomic {
      if
      :: closed || gone ->
         sequence = 0; closed = false; gone = false;
         disarm(me);
         if
         :: me == READER && HAS_WORK(me) -> goto working
         :: else -> goto over
         fi
      :: !(closed || gone) && HAS_WORK(me) -> sequence = 0; disarm(me); goto awake
      :: else
      fi
    }
    d_step {
      DRAINED(me) ->
#ifdef SEQUENCE_UNCOMPARED
      waiting[me] = true;
#else
      waiting[me] = (memory[SEQUENCE_OF(peer)] == sequence);
#endif
      sequence = 0;
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
#ifdef GONE_WITHOUT_POLL
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
#ifndef DEAD_WITHOUT_POLL
      poll(me, peer);
      if
      :: me == READER && HAS_WORK(me) -> mine[me] = seen[me]
      :: else
      fi
#endif
    }

over:
    /* An end that left by itself has no further duty. */
    CLAIM(me == WRITER || hung_up[me] || mine[me] >= published, "end: not all that was published has been read\n");
    d_step { DRAINED(me) -> hung_up[me] = true; printf("%e: is over\n", NAME(me)) }
  } unless { killed[me] -> skip }
}

/* Kills one of the two, or neither. */
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
  d_step { DRAINED(who) -> hung_up[who] = true; doorbell[who] = false; waiting[who] = false }
spared:
  skip
}

init {
  atomic { run End(WRITER, READER); run End(READER, WRITER) }
}
