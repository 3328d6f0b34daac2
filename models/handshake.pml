/*
 * The handshake: docs/protocol.md, src/control/handshake-client.ts and src/control/handshake-server.ts.
 *
 * Both sides have every combination of `transport` and of available transports. Each native call succeeds, fails so that the
 * socket can replace it, or fails fatally. Either side may refuse the other. The handover socket may be full. When they have
 * agreed, each sends one record on its data plane and waits for the peer's. The control socket is a pair of reliable byte streams.
 *
 * Required: both sides have the same data plane, or both failed. Neither has an excluded data plane. No frame arrives that its
 * receiver does not expect. Both records arrive. All resources are released. Neither side waits for ever.
 *
 * Left out: the preamble, which fails like a refusal; the codec and the lengths; forged frames.
 */

/* RUN(): both sides live */
/* RUN(-DDEATH): either may be killed, or run out of time, at any step */

/* MUTATION(-DCLIENT_ENTERS_EARLY): the client uses the ring when it has sent its memory */
/* MUTATION(-DSERVER_ENTERS_EARLY): the server uses the ring when it has sent READY */
/* MUTATION(-DCLIENT_FAILS_SILENTLY): the client switches to the socket without a frame */
/* MUTATION(-DSERVER_FAILS_SILENTLY): the server switches to the socket and sends READY instead of SOCKET */
/* MUTATION(-DCLIENT_CONFIRMS_NOT): the client does not answer SOCKET with READY */
/* MUTATION(-DSERVER_CONFIRMS_NOT): the server does not answer HANDOVER_FULL */
/* MUTATION(-DRECORD_BEFORE_READY): the client sends its first record before its last frame */
/* MUTATION(-DSURPLUS_DROPPED): the server drops the bytes after the last frame */
/* MUTATION(-DHANDLES_FIRST): the client sends HANDLES before its descriptor */
/* MUTATION(-DREADY_FIRST): the server sends READY before its descriptor */
/* MUTATION(-DSOCKET_UNEXPECTED): the server does not expect SOCKET after its READY */
/* MUTATION(-DINSISTENCE_FORGOTTEN): a side that requires shared memory falls back */
/* MUTATION(-DFATAL_FALLS_BACK): a sign of a hostile peer leads to the socket */
/* MUTATION(-DTOKEN_KEPT): the server that falls back keeps the token */
/* MUTATION(-DSEGMENT_KEPT): the client that falls back keeps its segment */
/* MUTATION(-DDEATH -DEND_UNSEEN): the client does not see the end of the stream */

mtype = {
  HELLO, OFFER_SOCKET, OFFER_MEMORY, REJECT, HANDLES, HANDOVER_FULL, HANDOVER_READY, READY, SOCKET, RECORD,
  auto, shm, socket, undecided, failed,
  client, server
};
#define CLIENT 0
#define SERVER 1
#define NAME(side) (side == CLIENT -> client : server)
#define TRIES_MAX 2

chan streams[2] = [6] of { mtype };  /* to this side */
chan rings[2] = [1] of { mtype };
mtype wants[2];
mtype plane[2] = undecided;
bool has_memory[2];
bool segment[2];
bool hung_up[2];
bool killed[2];
bool received[2];
bool token;
bool datagram;
bool descriptor_back;
/* Somebody refused or failed for good, so that both are to fail. */
bool refused;

#define MAY_FALL_BACK (wants[CLIENT] == auto && wants[SERVER] == auto)
#ifdef INSISTENCE_FORGOTTEN
#define FALLS_BACK true
#else
#define FALLS_BACK MAY_FALL_BACK
#endif

#include "handshake.inc"

active proctype Client() {
  mtype frame;
  byte outcome, tries;
  atomic {
    wants[CLIENT] != 0 && wants[SERVER] != 0
  }
  {
    send(CLIENT, HELLO);
    receive(CLIENT, frame);
    if
    :: skip
    :: refuse(CLIENT)
    fi;
    if
    :: frame == OFFER_SOCKET -> go_to_socket(CLIENT); goto agreed
    :: frame == OFFER_MEMORY
    :: else -> unexpected()
    fi;
    call_native(CLIENT, outcome);
    if
    :: outcome == WORKS -> segment[CLIENT] = true
    :: else -> goto falls_back
    fi;
#ifdef HANDLES_FIRST
    send(CLIENT, HANDLES);
#endif
    do
    :: tries < TRIES_MAX ->
       tries++;
       send(CLIENT, HANDOVER_FULL);
       receive(CLIENT, frame);
       if
       :: frame == HANDOVER_READY
       :: else -> unexpected()
       fi
    :: tries == TRIES_MAX -> outcome = FAILS; goto falls_back
    :: datagram = true; break
    od;
#ifndef HANDLES_FIRST
    send(CLIENT, HANDLES);
#endif
#ifdef CLIENT_ENTERS_EARLY
    agree(CLIENT, shm);
    goto agreed;
#endif
    receive(CLIENT, frame);
    if
    :: frame == SOCKET && FALLS_BACK ->
#ifndef SEGMENT_KEPT
       segment[CLIENT] = false;
#endif
#ifdef CLIENT_CONFIRMS_NOT
       agree(CLIENT, socket);
#else
       go_to_socket(CLIENT);
#endif
       goto agreed
    :: frame == READY
    :: else -> unexpected()
    fi;
    CLAIM(descriptor_back, "end: READY has arrived without the server's descriptor\n");
    call_native(CLIENT, outcome);
    if
    :: outcome == WORKS -> send(CLIENT, READY); agree(CLIENT, shm); goto agreed
    :: else
    fi;
falls_back:
    note_fatal(outcome);
#ifndef SEGMENT_KEPT
    segment[CLIENT] = false;
#endif
    if
    :: ALLOWS_FALLBACK(outcome) && FALLS_BACK ->
#ifndef CLIENT_FAILS_SILENTLY
       send(CLIENT, SOCKET);
#endif
#ifdef RECORD_BEFORE_READY
       send(CLIENT, RECORD);
#endif
       agree(CLIENT, socket)
    :: else -> refuse(CLIENT)
    fi;
agreed:
    exchange(CLIENT);
    goto over;
fails:
    atomic { plane[CLIENT] = failed; printf("client: fails\n") }
over:
    skip
  } unless { killed[CLIENT] -> plane[CLIENT] = failed };
  atomic {
    if
    :: plane[CLIENT] == failed -> segment[CLIENT] = false
    :: else
    fi;
    hung_up[CLIENT] = true
  }
}

inline give_memory_back() {
  segment[SERVER] = false;
#ifndef TOKEN_KEPT
  token = false;
#endif
  skip
}

inline drop_surplus() {
#ifdef SURPLUS_DROPPED
  do
  :: nempty(streams[SERVER]) -> streams[SERVER]?_; printf("server: drops the bytes after it\n")
  :: empty(streams[SERVER]) -> break
  od
#else
  skip
#endif
}

inline await_ready(which) {
  receive(SERVER, frame);
  if
  :: frame == READY -> drop_surplus(); agree(SERVER, which); goto agreed
#ifdef SOCKET_UNEXPECTED
  :: else -> unexpected()
#else
  :: which == shm && frame == SOCKET && FALLS_BACK -> give_memory_back(); agree(SERVER, socket); goto agreed
  :: !(frame == READY || (which == shm && frame == SOCKET && FALLS_BACK)) -> unexpected()
#endif
  fi
}

active proctype Server() {
  mtype frame;
  byte outcome;
  atomic {
    if
    :: wants[CLIENT] = auto
    :: wants[CLIENT] = shm
    :: wants[CLIENT] = socket
    fi;
    if
    :: has_memory[CLIENT] = true
    :: skip
    fi;
    if
    :: has_memory[SERVER] = true
    :: skip
    fi;
    if
    :: wants[SERVER] = auto
    :: wants[SERVER] = shm
    :: wants[SERVER] = socket
    fi;
    printf("client: wants %e\nserver: wants %e\n", wants[CLIENT], wants[SERVER])
  }
  {
    receive(SERVER, frame);
    if
    :: skip
    :: refuse(SERVER)
    fi;
    if
    :: (wants[CLIENT] == shm && wants[SERVER] == socket) || (wants[CLIENT] == socket && wants[SERVER] == shm) ->
       refuse(SERVER)
    :: else
    fi;
    if
    :: wants[CLIENT] == socket || wants[SERVER] == socket -> goto offers_socket
    :: else
    fi;
    if
    :: !has_memory[CLIENT] || !has_memory[SERVER] -> outcome = FAILS
    :: else -> call_native(SERVER, outcome)
    fi;
    note_fatal(outcome);
    if
    :: outcome == WORKS
    :: outcome != WORKS && ALLOWS_FALLBACK(outcome) && FALLS_BACK -> goto offers_socket
    :: outcome != WORKS && !(ALLOWS_FALLBACK(outcome) && FALLS_BACK) -> refuse(SERVER)
    fi;
    token = true;
    send(SERVER, OFFER_MEMORY);
    do
    :: receive(SERVER, frame);
       if
       :: frame == HANDOVER_FULL ->
#ifndef SERVER_CONFIRMS_NOT
          send(SERVER, HANDOVER_READY)
#else
          skip
#endif
       :: frame == HANDLES -> break
       :: frame == SOCKET && FALLS_BACK -> give_memory_back(); drop_surplus(); agree(SERVER, socket); goto agreed
       :: else -> unexpected()
       fi
    od;
    CLAIM(datagram, "end: HANDLES has arrived without the client's descriptor\n");
    call_native(SERVER, outcome);
    note_fatal(outcome);
    if
    :: outcome != WORKS && ALLOWS_FALLBACK(outcome) && FALLS_BACK ->
       give_memory_back();
#ifdef SERVER_FAILS_SILENTLY
       send(SERVER, READY);
#else
       send(SERVER, SOCKET);
#endif
       await_ready(socket)
    :: outcome != WORKS && !(ALLOWS_FALLBACK(outcome) && FALLS_BACK) -> refuse(SERVER)
    :: outcome == WORKS -> segment[SERVER] = true
    fi;
#ifdef READY_FIRST
    send(SERVER, READY);
    descriptor_back = true;
#else
    descriptor_back = true;
    send(SERVER, READY);
#endif
#ifdef SERVER_ENTERS_EARLY
    agree(SERVER, shm);
    goto agreed;
#endif
    await_ready(shm);
offers_socket:
    send(SERVER, OFFER_SOCKET);
    await_ready(socket);
agreed:
    exchange(SERVER);
    goto over;
fails:
    atomic { plane[SERVER] = failed; printf("server: fails\n") }
over:
    skip
  } unless { killed[SERVER] -> plane[SERVER] = failed };
  atomic {
    if
    :: plane[SERVER] == failed -> segment[SERVER] = false; token = false
    :: plane[SERVER] == shm -> token = false
    :: else
    fi;
    hung_up[SERVER] = true
  }
}

#define IS_PLANE(which) (which == shm || which == socket)

active proctype Judge() {
  atomic {
    hung_up[CLIENT] && hung_up[SERVER];
    CLAIM(!IS_PLANE(plane[CLIENT]) || !IS_PLANE(plane[SERVER]) || plane[CLIENT] == plane[SERVER],
          "end: the two have agreed on different data planes\n");
    CLAIM(!refused || (plane[CLIENT] == failed && plane[SERVER] == failed),
          "end: a side was refused, and the other continues\n");
    CLAIM((plane[CLIENT] != socket && plane[SERVER] != socket) || (wants[CLIENT] != shm && wants[SERVER] != shm),
          "end: a side that requires shared memory uses the socket\n");
    CLAIM((plane[CLIENT] != shm && plane[SERVER] != shm) || (wants[CLIENT] != socket && wants[SERVER] != socket),
          "end: a side that requires the socket uses shared memory\n");
    CLAIM(segment[CLIENT] == (plane[CLIENT] == shm) && segment[SERVER] == (plane[SERVER] == shm) && !token,
          "end: a segment or a token was not released\n");
    CLAIM(refused || killed[CLIENT] || killed[SERVER] || (IS_PLANE(plane[CLIENT]) && IS_PLANE(plane[SERVER])) ||
          (wants[CLIENT] == shm || wants[SERVER] == shm),
          "end: a side has failed for no reason\n");
    CLAIM(refused || killed[CLIENT] || killed[SERVER] || plane[CLIENT] == failed || (received[CLIENT] && received[SERVER]),
          "end: a record is lost\n")
  }
}

#ifdef DEATH
active proctype Reaper() {
  if
  :: atomic { !hung_up[CLIENT] -> killed[CLIENT] = true; printf("client: is killed\n") }
  :: atomic { !hung_up[SERVER] -> killed[SERVER] = true; printf("server: is killed\n") }
  :: skip
  fi
}
#endif
