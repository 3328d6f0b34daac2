#include "platform/handle_inbox.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>

#include "platform/linux/descriptor_message.h"

namespace shmwire::platform {
namespace {

constexpr size_t kHandoverHandles = 2;
// So that senders who never stop cannot keep us here; the kernel's queue (net.unix.max_dgram_qlen)
// is shorter.
constexpr int kDrainDatagramsMax = 4096;

int Native(const Handle& handle) { return static_cast<int>(handle.native()); }

Status OutOfHandles(int os_error) {
  return Status::Error(StatusCode::kOutOfMemory, "cannot create a socket", os_error);
}

// False when the path is too long for an address.
bool FillAddress(const char* path, sockaddr_un* address) {
  *address = {};
  address->sun_family = AF_UNIX;
  const size_t bytes = std::strlen(path);
  // Never empty: Linux would bind a name of its own making.
  if (bytes == 0 || bytes >= sizeof(address->sun_path)) return false;
  std::memcpy(address->sun_path, path, bytes);
  return true;
}

Status PathTooLong() {
  return Status::Error(StatusCode::kInvalidArgument,
                       "the inbox's path must have 1 to 107 bytes; SHMWIRE_DIR can shorten it");
}

Status BindError(int os_error) {
  const char* context = "cannot bind the inbox";
  switch (os_error) {
    case EADDRINUSE:
      return Status::Error(StatusCode::kNameInUse, context, os_error);
    case EACCES:
    case EPERM:
    case EROFS:
      return Status::Error(StatusCode::kDenied, context, os_error);
    case ENOSPC:
    case ENOMEM:
    case EDQUOT:
      return Status::Error(StatusCode::kOutOfMemory, context, os_error);
    default:
      return Status::Error(StatusCode::kUnavailable, context, os_error);
  }
}

}  // namespace

Status HandleInbox::Bind(const char* path) {
  sockaddr_un address;
  if (!FillAddress(path, &address)) return PathTooLong();
  Handle bound(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!bound.valid()) return OutOfHandles(errno);
  // Before the bind, so that no datagram can come without credentials.
  const int enabled = 1;
  if (setsockopt(Native(bound), SOL_SOCKET, SO_PASSCRED, &enabled, sizeof(enabled)) != 0) {
    return BindError(errno);
  }
  if (bind(Native(bound), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return BindError(errno);
  }
  socket_ = std::move(bound);
  return {};
}

HandleInbox::Slot* HandleInbox::Find(const Token& token) {
  for (Slot& slot : slots_) {
    if (slot.state != SlotState::kFree && slot.token == token) return &slot;
  }
  return nullptr;
}

Status HandleInbox::Expect(const Token& token, const Credentials* sender) {
  if (!socket_.valid()) return Status::Error(StatusCode::kClosed, "the inbox is closed");
  if (Find(token) != nullptr) {
    return Status::Error(StatusCode::kInvalidArgument, "the token is expected already");
  }
  for (Slot& slot : slots_) {
    if (slot.state != SlotState::kFree) continue;
    slot.state = SlotState::kExpected;
    slot.token = token;
    slot.has_sender = sender != nullptr;
    slot.sender = sender != nullptr ? *sender : Credentials{};
    return {};
  }
  return Status::Error(StatusCode::kOutOfMemory, "256 handshakes are under way already");
}

void HandleInbox::Discard(const Token& token) {
  if (Slot* slot = Find(token); slot != nullptr) *slot = Slot{};
}

bool HandleInbox::ReceiveOne(Status* status) {
  Token token{};
  ReceivedMessage message;
  const int os_error = ReceiveMessage(Native(socket_), token.data(), token.size(), &message);
  if (os_error == EAGAIN) return false;
  if (os_error != 0) {
    *status = Status::Error(StatusCode::kUnavailable, "cannot read the inbox", os_error);
    return false;
  }
  const bool is_token = message.payload_bytes == kTokenBytes && !message.payload_truncated;
  Slot* slot = is_token && message.has_credentials ? Find(token) : nullptr;
  // The first one holds: a second handover with the same token is a mistake or an attack.
  if (slot == nullptr || slot->state != SlotState::kExpected) return true;
  if (slot->has_sender && slot->sender != message.credentials) return true;
  if (message.descriptors_truncated) {
    slot->state = SlotState::kNoHandles;
    return true;
  }
  if (message.handle_count != kHandoverHandles) return true;
  slot->handover = {std::move(message.handles[0]), std::move(message.handles[1]),
                    message.credentials};
  slot->state = SlotState::kArrived;
  return true;
}

Status HandleInbox::Drain() {
  if (!socket_.valid()) return Status::Error(StatusCode::kClosed, "the inbox is closed");
  Status status;
  for (int count = 0; count < kDrainDatagramsMax && ReceiveOne(&status); count++) {
  }
  return status;
}

Status HandleInbox::Take(const Token& token, Handover* handover) {
  if (Status status = Drain(); !status.ok()) return status;
  Slot* slot = Find(token);
  if (slot == nullptr) {
    return Status::Error(StatusCode::kInvalidArgument, "the token is not expected");
  }
  const SlotState state = slot->state;
  *handover = std::move(slot->handover);
  *slot = Slot{};
  if (state == SlotState::kArrived) return {};
  if (state == SlotState::kNoHandles) {
    return Status::Error(StatusCode::kOutOfMemory, "cannot receive the peer's descriptors", EMFILE);
  }
  return Status::Error(StatusCode::kCorrupt, "the peer handed over no acceptable descriptors");
}

void HandleInbox::Close() {
  socket_.Close();
  for (Slot& slot : slots_) slot = Slot{};
}

Status MakeHandlePair(Handle* kept, Handle* given) {
  int ends[2];
  // Message boundaries, so that one answer is one read; and an end of file when the peer is gone.
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) {
    return OutOfHandles(errno);
  }
  *kept = Handle(ends[0]);
  *given = Handle(ends[1]);
  return {};
}

Status SendToInbox(const char* path, const Token& token, const Handle& memory, const Handle& given,
                   bool* full) {
  *full = false;
  sockaddr_un address;
  if (!FillAddress(path, &address)) return PathTooLong();
  const Handle sender(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!sender.valid()) return OutOfHandles(errno);
  const int descriptors[kHandoverHandles] = {Native(memory), Native(given)};
  const int os_error =
      SendMessage(Native(sender), reinterpret_cast<const sockaddr*>(&address), sizeof(address),
                  token.data(), token.size(), descriptors, kHandoverHandles);
  switch (os_error) {
    case 0:
      return {};
    case EAGAIN:
      *full = true;
      return {};
    case ENOMEM:
    case ENOBUFS:
    case ETOOMANYREFS:
      return Status::Error(StatusCode::kOutOfMemory, "cannot send to the server's inbox", os_error);
    default:
      // Not there, or not for us: whatever the reason, the control socket still works.
      return Status::Error(StatusCode::kUnavailable, "cannot reach the server's inbox", os_error);
  }
}

Status SendHandle(const Handle& reply, const Handle& memory) {
  // Whatever the peer sent us as its end of the pair: only a Unix socket carries descriptors.
  int domain = 0;
  socklen_t bytes = sizeof(domain);
  if (getsockopt(Native(reply), SOL_SOCKET, SO_DOMAIN, &domain, &bytes) != 0 || domain != AF_UNIX) {
    return Status::Error(StatusCode::kCorrupt, "the peer's reply descriptor is no Unix socket");
  }
  const uint8_t payload = 0;
  const int descriptors[1] = {Native(memory)};
  const int os_error =
      SendMessage(Native(reply), nullptr, 0, &payload, sizeof(payload), descriptors, 1);
  switch (os_error) {
    case 0:
      return {};
    case EPIPE:
    case ECONNRESET:
      return Status::Error(StatusCode::kPeerGone, "the peer closed its end of the pair", os_error);
    case ENOMEM:
    case ENOBUFS:
    case ETOOMANYREFS:
      return Status::Error(StatusCode::kOutOfMemory, "cannot send the own descriptor", os_error);
    default:
      return Status::Error(StatusCode::kCorrupt, "the peer's reply descriptor takes no message",
                           os_error);
  }
}

Status ReceiveHandle(const Handle& kept, Handle* memory) {
  uint8_t payload = 0;
  ReceivedMessage message;
  const int os_error = ReceiveMessage(Native(kept), &payload, sizeof(payload), &message);
  if (os_error == EAGAIN) {
    return Status::Error(StatusCode::kCorrupt, "the peer sent no descriptor through the pair");
  }
  if (os_error == ECONNRESET || (os_error == 0 && message.payload_bytes == 0)) {
    return Status::Error(StatusCode::kPeerGone, "the peer closed its end of the pair", os_error);
  }
  if (os_error != 0) {
    return Status::Error(StatusCode::kUnavailable, "cannot read the pair", os_error);
  }
  if (message.descriptors_truncated) {
    return Status::Error(StatusCode::kOutOfMemory, "cannot receive the peer's descriptor", EMFILE);
  }
  if (message.handle_count != 1 || message.payload_truncated) {
    return Status::Error(StatusCode::kCorrupt, "the peer sent no single descriptor");
  }
  *memory = std::move(message.handles[0]);
  return {};
}

}  // namespace shmwire::platform
