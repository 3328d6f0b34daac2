#include "platform/handover_socket.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>
#include <ctime>

#include "platform/doorbell.h"
#include "platform/posix/descriptor_message.h"
#include "platform/posix/local_socket.h"
#include "platform/posix/stray_descriptors.h"

namespace shmwire::platform {
namespace {

constexpr size_t kHandoverHandles = kHandlesMax;
// How long one call reads, so that senders that never stop cannot keep this thread busy.
constexpr uint64_t kReadNanosMax = 1'000'000;
// How long no call reads afterwards. So senders use at most a fifth of the thread.
constexpr uint64_t kRestNanos = 4'000'000;
// Every call reads this many. More than Linux queues (net.unix.max_dgram_qlen, 10 by default)
// unless an administrator raises the limit. macOS queues about 40 (net.local.dgram.recvspace).
constexpr int kReadDatagramsMin = 12;
constexpr uint64_t kNanosPerSecond = 1'000'000'000;

// Of this thread. Not the monotonic clock: a wait for a core is not the senders' work.
uint64_t ProcessorNanos() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<uint64_t>(time.tv_sec) * kNanosPerSecond + static_cast<uint64_t>(time.tv_nsec);
}

int Native(const Handle& handle) { return static_cast<int>(handle.native()); }

Status OutOfHandles(int os_error) {
  return Status::Error(StatusCode::kOutOfMemory, "cannot create a socket", os_error);
}

Status TooManyStrays() {
  return Status::Error(StatusCode::kUnavailable,
                       "too many descriptors from peers are waiting to be closed: a close blocks, "
                       "or no thread can be started");
}

// False: the path is too long for an address.
bool FillAddress(const char* path, sockaddr_un* address) {
  *address = {};
  address->sun_family = AF_UNIX;
  const size_t bytes = std::strlen(path);
  // Not empty: Linux would choose a name.
  if (bytes == 0 || bytes >= sizeof(address->sun_path)) return false;
  std::memcpy(address->sun_path, path, bytes);
  return true;
}

Status PathTooLong() {
  constexpr bool kLinuxRoom = sizeof(sockaddr_un::sun_path) == 108;
  return Status::Error(StatusCode::kInvalidArgument,
                       kLinuxRoom ? "the path of the handover socket must have 1 to 107 bytes; set "
                                    "SHMWIRE_DIR to a shorter directory"
                                  : "the path of the handover socket must have 1 to 103 bytes; set "
                                    "SHMWIRE_DIR to a shorter directory");
}

Status BindError(int os_error) {
  const char* context = "cannot bind the handover socket";
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

Status HandoverSocket::Bind(const char* path) {
  sockaddr_un address;
  if (!FillAddress(path, &address)) return PathTooLong();
  // Its queue may hold descriptors when it is closed.
  Handle bound(MakeLocalSocket(SOCK_DGRAM), Closing::kOwnElsewhere);
  if (!bound.valid()) return OutOfHandles(errno);
  // Before the bind, so that no datagram arrives without credentials.
  if (const int os_error = NameSenders(Native(bound)); os_error != 0) return BindError(os_error);
  if (bind(Native(bound), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return BindError(errno);
  }
  socket_ = std::move(bound);
  return {};
}

HandoverSocket::Slot* HandoverSocket::Find(const Token& token) {
  for (Slot& slot : slots_) {
    if (slot.state != SlotState::kFree && slot.token == token) return &slot;
  }
  return nullptr;
}

Status HandoverSocket::Expect(const Token& token, const Credentials* sender) {
  if (!socket_.valid()) return Status::Error(StatusCode::kClosed, "the handover socket is closed");
  if (StrayDescriptorBacklog() == StrayBacklog::kStuck) return TooManyStrays();
  if (Find(token) != nullptr) {
    return Status::Error(StatusCode::kInvalidArgument, "the token is already in use");
  }
  for (Slot& slot : slots_) {
    if (slot.state != SlotState::kFree) continue;
    slot.state = SlotState::kExpected;
    slot.token = token;
    slot.has_sender = sender != nullptr;
    slot.sender = sender != nullptr ? *sender : Credentials{};
    return {};
  }
  return Status::Error(StatusCode::kOutOfMemory, "256 handshakes are already in progress");
}

void HandoverSocket::Discard(const Token& token) {
  if (Slot* slot = Find(token); slot != nullptr) *slot = Slot{};
}

bool HandoverSocket::ReceiveOne(Status* status) {
  Token token{};
  ReceivedMessage message;
  const int os_error = ReceiveMessage(Native(socket_), token.data(), token.size(), &message);
  if (os_error == EAGAIN) return false;
  if (os_error != 0) {
    *status = Status::Error(StatusCode::kUnavailable, "cannot read the handover socket", os_error);
    return false;
  }
  const bool is_token = message.payload_bytes == kTokenBytes && !message.payload_truncated;
  Slot* slot = is_token && message.has_credentials ? Find(token) : nullptr;
  // The first handover counts: a second one with the same token is a mistake or an attack.
  if (slot == nullptr || slot->state != SlotState::kExpected) return true;
  if (slot->has_sender && slot->sender != message.credentials) {
    // Processes with pid 0 may differ.
    const bool same_process = slot->sender.pid != 0 && slot->sender.pid == message.credentials.pid;
    slot->sender_changed = slot->sender_changed || same_process;
    return true;
  }
  if (message.descriptors_truncated) {
    slot->state = SlotState::kNoHandles;
    return true;
  }
  if (message.handle_count != kHandoverHandles || message.stray_count > 0) return true;
  slot->handover = {std::move(message.handles[0]), std::move(message.handles[1]),
                    message.credentials};
  slot->state = SlotState::kArrived;
  return true;
}

Status HandoverSocket::ReadQueue(const Slot* awaited, ReadEnd* end) {
  *end = ReadEnd::kRested;
  if (!socket_.valid()) return Status::Error(StatusCode::kClosed, "the handover socket is closed");
  if (MonotonicNanos() < rests_until_nanos_) return {};
  Status status;
  const uint64_t begin = ProcessorNanos();
  for (int count = 0; count < kReadDatagramsMin || ProcessorNanos() - begin < kReadNanosMax;
       count++) {
    *end = ReadEnd::kArrived;
    if (awaited != nullptr && awaited->state != SlotState::kExpected) return status;
    const StrayBacklog backlog = StrayDescriptorBacklog();
    if (backlog == StrayBacklog::kStuck) return TooManyStrays();
    if (backlog == StrayBacklog::kFull) break;
    if (ReceiveOne(&status)) continue;
    *end = ReadEnd::kEmpty;
    return status;
  }
  *end = ReadEnd::kBound;
  rests_until_nanos_ = MonotonicNanos() + kRestNanos;
  return status;
}

Status HandoverSocket::Drain(bool* rested) {
  ReadEnd end = ReadEnd::kRested;
  Status status = ReadQueue(nullptr, &end);
  *rested = status.ok() && end == ReadEnd::kRested;
  return status;
}

Status HandoverSocket::Settle(const Token& token, bool* settled) {
  *settled = false;
  if (!socket_.valid()) return Status::Error(StatusCode::kClosed, "the handover socket is closed");
  Slot* slot = Find(token);
  if (slot == nullptr) {
    return Status::Error(StatusCode::kInvalidArgument, "the token is not expected");
  }
  if (slot->state == SlotState::kExpected) {
    ReadEnd end = ReadEnd::kRested;
    if (Status status = ReadQueue(slot, &end); !status.ok()) return status;
    // The kernel keeps the order: a valid datagram comes before the end of the queue.
    if (end == ReadEnd::kEmpty && slot->state == SlotState::kExpected) {
      slot->state = SlotState::kMissing;
    }
  }
  *settled = slot->state != SlotState::kExpected;
  return {};
}

Status HandoverSocket::Take(const Token& token, Handover* handover) {
  bool settled = false;
  if (Status status = Settle(token, &settled); !status.ok()) return status;
  Slot* slot = Find(token);
  const SlotState state = slot->state;
  const bool sender_changed = slot->sender_changed;
  *handover = std::move(slot->handover);
  *slot = Slot{};
  if (state == SlotState::kArrived) return {};
  if (state == SlotState::kNoHandles) {
    return Status::Error(StatusCode::kOutOfMemory, "cannot receive the peer's descriptors", EMFILE);
  }
  if (sender_changed) {
    return Status::Error(StatusCode::kUnavailable,
                         "the peer has changed its user or group since it connected");
  }
  if (!settled) {
    return Status::Error(StatusCode::kUnavailable,
                         "too many datagrams are queued before the peer's");
  }
  return Status::Error(StatusCode::kCorrupt, "the peer did not send the expected descriptors");
}

void HandoverSocket::Close() {
  socket_.Close();
  for (Slot& slot : slots_) slot = Slot{};
}

Status SendToHandoverSocket(const char* path, const Token& token, const Handle& memory,
                            const Handle& doorbell, bool* full) {
  *full = false;
  sockaddr_un address;
  if (!FillAddress(path, &address)) return PathTooLong();
  const Handle sender(MakeLocalSocket(SOCK_DGRAM));
  if (!sender.valid()) return OutOfHandles(errno);
  // The answer may bring further ones.
  if (StrayDescriptorBacklog() == StrayBacklog::kStuck) return TooManyStrays();
  const int descriptors[kHandoverHandles] = {Native(memory), Native(doorbell)};
  const int os_error =
      SendMessage(Native(sender), reinterpret_cast<const sockaddr*>(&address), sizeof(address),
                  token.data(), token.size(), descriptors, kHandoverHandles);
  *full = IsFullQueue(os_error);
  if (*full) return {};
  switch (os_error) {
    case 0:
      return {};
    case ENOMEM:
    case ENOBUFS:
    case ETOOMANYREFS:
      return Status::Error(StatusCode::kOutOfMemory, "cannot send to the server's handover socket",
                           os_error);
    default:
      // Missing, or not accessible. In either case, the control socket still works.
      return Status::Error(StatusCode::kUnavailable, "cannot reach the server's handover socket",
                           os_error);
  }
}

Status SendHandles(const Handle& peer_doorbell, const Handle& memory, const Handle& doorbell) {
  const uint8_t payload = 0;
  const int descriptors[kHandoverHandles] = {Native(memory), Native(doorbell)};
  const int os_error = SendMessage(Native(peer_doorbell), nullptr, 0, &payload, sizeof(payload),
                                   descriptors, kHandoverHandles);
  switch (os_error) {
    case 0:
      return {};
    case EPIPE:
    case ECONNRESET:
      return Status::Error(StatusCode::kPeerGone, "the peer closed its doorbell", os_error);
    case ENOMEM:
    case ENOBUFS:
    case ETOOMANYREFS:
      return Status::Error(StatusCode::kOutOfMemory, "cannot send the descriptors", os_error);
    case EPERM:
    case EACCES:
    case ENOSYS:
      // A sandbox or a security module forbids it; the peer did nothing wrong.
      return Status::Error(StatusCode::kUnavailable, "cannot send the descriptors", os_error);
    default:
      return Status::Error(StatusCode::kCorrupt, "the peer's doorbell accepts no message",
                           os_error);
  }
}

Status ReceiveHandles(const Handle& own_doorbell, const Credentials* sender, Handle* memory,
                      Handle* peer_doorbell, const MemoryId& /*own*/) {
  uint8_t payload = 0;
  ReceivedMessage message;
  const int os_error = ReceiveMessage(Native(own_doorbell), &payload, sizeof(payload), &message);
  if (os_error == EAGAIN) {
    return Status::Error(StatusCode::kCorrupt, "the peer sent no descriptors through the doorbell");
  }
  if (os_error == ECONNRESET || (os_error == 0 && message.payload_bytes == 0)) {
    return Status::Error(StatusCode::kPeerGone, "the peer closed the doorbell", os_error);
  }
  if (os_error != 0) {
    return Status::Error(StatusCode::kUnavailable, "cannot read the doorbell", os_error);
  }
  if (message.descriptors_truncated) {
    return Status::Error(StatusCode::kOutOfMemory, "cannot receive the peer's descriptors", EMFILE);
  }
  if (message.handle_count != kHandoverHandles || message.stray_count > 0 ||
      !message.has_credentials) {
    return Status::Error(
        StatusCode::kCorrupt,
        "the peer did not send exactly two descriptors, one of memory and one of a doorbell");
  }
  if (sender != nullptr && !NameSameProcess(*sender, message.credentials)) {
    return Status::Error(StatusCode::kCorrupt,
                         "another process than the server at the address sent the descriptors");
  }
  Status status = CheckDoorbell(message.handles[1], message.credentials);
  if (!status.ok()) return status;
  *memory = std::move(message.handles[0]);
  *peer_doorbell = std::move(message.handles[1]);
  return {};
}

}  // namespace shmwire::platform
