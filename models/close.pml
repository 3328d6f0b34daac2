/*
 * How a channel ends: src/channel/close-handshake.ts with sender.ts, outbox.ts, outgoing-requests.ts and incoming-requests.ts,
 * on the rings and the control socket of src/link/shm/shm-link.ts.
 *
 * Each side sends a message of two fragments, may send a request, and answers. It closes at any time, or only because the peer
 * does, and may pause its reading while it is open. A ring holds RING fragments. With DEATH, one of the two may be killed.
 *
 * Required: both sides end, without an error if both live. Everything that was reported to the sender as sent is delivered, and
 * so is everything that the link of a dead side had accepted. No record follows CLOSE, and no message is torn. A side that
 * closes gets the answers to its requests, and answers those of the peer.
 *
 * Left out: wake-ups, which wake.pml has; more than one request for each side; cancelled requests.
 */

/* RUN(): both sides live */
/* RUN(-DDEATH): either may be killed at any step */

/* MUTATION(-DENDS_WHEN_SENT): a side ends the link when its own CLOSE is written */
/* MUTATION(-DENDS_WHEN_RECEIVED): a side ends the link when the peer's CLOSE has arrived */
/* MUTATION(-DCLOSE_OVERTAKES): CLOSE overtakes the records in the outbox */
/* MUTATION(-DCLOSE_UNANSWERED): a side does not answer CLOSE with its own */
/* MUTATION(-DCLOSES_TWICE): a side sends CLOSE again when the peer's arrives */
/* MUTATION(-DBEGUN_DROPPED): the peer's CLOSE drops a message that is partly written */
/* MUTATION(-DREQUESTS_UNAWAITED): a side closes while its request is open */
/* MUTATION(-DANSWERS_UNAWAITED): a side closes before it has answered a request */
/* MUTATION(-DSTAYS_PAUSED): a side that closes stops reading */
/* MUTATION(-DREST_UNREAD): a side ends with the socket, and does not read the rest of the ring */
/* MUTATION(-DDEATH -DEND_UNSEEN): a side does not see that the peer's socket has closed */

#ifndef RING
#define RING 2
#endif

mtype = { FIRST, LAST, REQUEST, REPLY, CLOSE, a, b };
#define NAME(me) (me == 0 -> a : b)

#define CLAIM(condition, text) \
  if \
  :: condition \
  :: else -> printf(text); assert(false) \
  fi

chan outbox[2] = [6] of { mtype };
chan ring[2] = [RING] of { mtype };  /* written by this side */

bool closing[2];   /* or closed: not open */
bool sent[2];
bool taken[2];
bool received[2];
bool over[2];
bool in_error[2];
bool paused[2];
bool ended[2];     /* the link has been told that there is no more */
bool gone[2];      /* this side's socket is closed */
bool killed[2];
bool begun[2];     /* the message at the head of the outbox is written in part */
bool reading[2];   /* a message has come in part */
byte told[2];      /* messages that the link has taken whole */
byte delivered[2]; /* messages that have come from this side */
bool asked[2];
bool open_request[2];
bool running[2];   /* owes an answer */
bool answered[2];  /* and has it in the outbox, or beyond */
bool has_sent[2];

/* The oldest record goes to the link, if there is room. */
inline pump(me, record) {
  outbox[me]?record;
  ring[me]!record;
  printf("%e: writes %e\n", NAME(me), record);
  if
  :: record == FIRST -> begun[me] = true
  :: record == LAST -> begun[me] = false; told[me]++
  :: record == REPLY -> running[me] = false; when_idle(me)
  :: record == CLOSE -> taken[me] = true; end_when_both_closed(me)
  :: else
  fi;
  record = 0
}

#ifdef REQUESTS_UNAWAITED
#define AWAITS(me) false
#else
#define AWAITS(me) open_request[me]
#endif
#ifdef ANSWERS_UNAWAITED
#define OWES(me) false
#else
#define OWES(me) running[me]
#endif

inline send_close(me) {
  sent[me] = true;
#ifdef CLOSE_OVERTAKES
  if
  :: nfull(ring[me]) && !begun[me] -> ring[me]!CLOSE; taken[me] = true; end_when_both_closed(me)
  :: else -> outbox[me]!CLOSE
  fi
#else
  outbox[me]!CLOSE
#endif
}

inline when_idle(me) {
  if
  :: closing[me] && !sent[me] && (received[me] || (!AWAITS(me) && !OWES(me))) -> send_close(me)
  :: else
  fi
}

inline end_when_both_closed(me) {
  if
#if defined(ENDS_WHEN_SENT)
  :: taken[me] -> ended[me] = true
#elif defined(ENDS_WHEN_RECEIVED)
  :: received[me] -> ended[me] = true
#else
  :: taken[me] && received[me] -> ended[me] = true; printf("%e: ends the link\n", NAME(me))
#endif
  :: else
  fi
}

inline empty_outbox(me, record) {
  do
  :: nempty(outbox[me]) -> outbox[me]?record
  :: empty(outbox[me]) -> break
  od;
  record = 0
}

/* What has not begun to travel is rejected. */
inline fail_outbox(me, record) {
#ifdef BEGUN_DROPPED
  begun[me] = false;
#endif
  if
  :: begun[me] -> outbox[me]?LAST; empty_outbox(me, record); outbox[me]!LAST
  :: else -> empty_outbox(me, record)
  fi
}

inline peer_closes(me, record) {
  received[me] = true;
  closing[me] = true;
  /* The peer does not close while it waits for our answer, unless it has had our CLOSE. */
  CLAIM(!running[me] || sent[me], "end: a pending request gets no answer\n");
  /* The peer does not close while it owes us an answer, unless it has had our CLOSE. */
  CLAIM(!open_request[me] || !running[1 - me] || sent[me], "end: a request of the peer gets no answer\n");
  open_request[me] = false;
  running[me] = false;
  if
  :: !sent[me] -> fail_outbox(me, record)
  :: else
  fi;
#ifdef CLOSES_TWICE
  send_close(me);
#elif !defined(CLOSE_UNANSWERED)
  when_idle(me);
#endif
  end_when_both_closed(me)
}

inline receive(me, record) {
  ring[1 - me]?record;
  printf("%e: reads %e\n", NAME(me), record);
  CLAIM(!received[me], "end: a record follows CLOSE\n");
  CLAIM(reading[me] == (record == LAST), "end: a message is torn\n");
  if
  :: record == FIRST -> reading[me] = true
  :: record == LAST -> reading[me] = false; delivered[1 - me]++;
     if
     :: !closing[me] -> paused[me] = true; printf("%e: pauses\n", NAME(me))
     :: skip
     fi
  :: record == REQUEST && !sent[me] && !closing[me] -> running[me] = true
  /* No new work: it is refused at once. */
  :: record == REQUEST && !sent[me] && closing[me] -> running[me] = true; answered[me] = true; outbox[me]!REPLY
  /* After our CLOSE there is no place for an answer. */
  :: record == REQUEST && sent[me]
  :: record == REPLY -> CLAIM(open_request[me], "end: a reply without a request\n"); open_request[me] = false; when_idle(me)
  :: record == CLOSE -> peer_closes(me, record)
  fi;
  record = 0
}

inline finish(me) {
  over[me] = true;
  closing[me] = true;
  in_error[me] = !ended[me];
  gone[me] = true;
  printf("%e: is over\n", NAME(me))
}

#ifdef END_UNSEEN
#define SEES_END(me) ((ended[1 - me] || gone[1 - me]) && !killed[1 - me])
#else
#define SEES_END(me) (ended[1 - me] || gone[1 - me])
#endif
#ifdef REST_UNREAD
#define HAS_READ_REST(me) true
#else
#define HAS_READ_REST(me) empty(ring[1 - me])
#endif
/* A dead peer's records come whether the user wants them or not. */
#define TAKES(me) (!paused[me] || gone[me])

proctype Side(byte me) {
  mtype record;
  {
    do
    :: over[me] -> break
    :: atomic { !closing[me] && !has_sent[me] -> has_sent[me] = true; outbox[me]!FIRST; outbox[me]!LAST;
         printf("%e: sends a message\n", NAME(me)) }
    :: atomic { !closing[me] && !asked[me] -> asked[me] = true; open_request[me] = true; outbox[me]!REQUEST;
         printf("%e: sends a request\n", NAME(me)) }
    :: atomic { !over[me] && nempty(outbox[me]) && nfull(ring[me]) -> pump(me, record) }
    :: atomic { !over[me] && TAKES(me) && nempty(ring[1 - me]) -> receive(me, record) }
    :: atomic { running[me] && !answered[me] && !sent[me] -> answered[me] = true; outbox[me]!REPLY;
         printf("%e: sends a reply\n", NAME(me)) }
    :: atomic { !closing[me] && paused[me] -> paused[me] = false; printf("%e: goes on\n", NAME(me)) }
    :: atomic { !closing[me] -> closing[me] = true; printf("%e: closes\n", NAME(me));
#ifndef STAYS_PAUSED
         paused[me] = false;
#endif
         when_idle(me) }
    :: atomic { !over[me] && !gone[me] && SEES_END(me) -> gone[me] = true; printf("%e: its socket closes\n", NAME(me)) }
    :: atomic { !over[me] && gone[me] && HAS_READ_REST(me) -> finish(me) }
    od
  } unless { killed[me] -> gone[me] = true; over[me] = true }
}

#ifdef DEATH
active proctype Reaper() {
  if
  :: atomic { !over[0] -> killed[0] = true; printf("a: is killed\n") }
  :: atomic { !over[1] -> killed[1] = true; printf("b: is killed\n") }
  :: skip
  fi
}
#endif

active proctype Judge() {
  atomic {
    over[0] && over[1];
    CLAIM(killed[1] || delivered[0] >= told[0], "end: a message that was reported as sent is not delivered\n");
    CLAIM(killed[0] || delivered[1] >= told[1], "end: a message that was reported as sent is not delivered\n");
    CLAIM(killed[0] || killed[1] || (!in_error[0] && !in_error[1]), "end: a side that closed in order has an error\n")
  }
}

init {
  atomic { run Side(0); run Side(1) }
}
