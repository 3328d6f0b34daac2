#pragma once

// Unix sockets, as far as the systems differ. Each system implements this in its own folder.

#include <sys/socket.h>

#include <cstdint>

namespace shmwire::platform {

// For every send: it never blocks, and a broken connection raises no SIGPIPE.
extern const int kSendFlags;

// Non-blocking and closed on exec. -1: see errno.
int MakeLocalSocket(int type);
// The same for a pair of connected stream sockets. False: see errno.
bool MakeLocalSocketPair(int ends[2]);

// From now on, the kernel names the sender of everything that arrives, where it can. Returns 0 or
// the error number.
int NameSenders(int socket);

// Before the first send through a socket that a peer created.
void PrepareToSend(int socket);

// recvmsg that never blocks. All received descriptors are closed on exec. -1: see errno.
ssize_t ReceiveOnce(int socket, msghdr* message);

// The other end sees that this one is closed, although the descriptor still is open. Never blocks.
void HangUp(int socket);

// Stops further receiving. False: not a connected socket.
bool StopReceiving(int socket);

// Whether a send failed because the receiver's queue of datagrams is full.
bool IsFullQueue(int os_error);

// Whether it is a Unix stream socket. Never blocks.
bool IsLocalStream(int descriptor);

// A number that no other socket has at the same time, unlike its descriptor, which is reused. 0: it
// is not a Unix socket.
uint64_t SocketIdentity(int descriptor);

}  // namespace shmwire::platform
