// Datagrams and descriptors from any process to a handover socket or through a doorbell, over the
// kernel's own sockets. The fuzzer chooses payloads, tokens and numbers of descriptors. Oracles:
// only an expected token with exactly two descriptors and the right sender is taken, once; only the
// documented statuses occur; at the end every descriptor is closed.

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <bitset>
#include <string>

#include "fuzz/input.h"
#include "fuzz/require.h"
#include "platform/doorbell.h"
#include "platform/handover_socket.h"
#include "platform/posix/stray_descriptors.h"

namespace shmwire::fuzz {
namespace {

using platform::Handle;
using platform::HandoverSocket;
using platform::Token;

constexpr int kStepsMax = 24;
constexpr size_t kTokens = 4;
constexpr size_t kStray = 2;  // of System::files
// More descriptors than a run can open.
constexpr size_t kDescriptorsSeen = 300;

int Native(const Handle& handle) { return static_cast<int>(handle.native()); }

// Which of the lowest descriptors are open, by one call instead of a directory listing.
std::bitset<kDescriptorsSeen> OpenDescriptors() {
  static std::array<pollfd, kDescriptorsSeen> all;
  for (size_t index = 0; index < all.size(); index++) all[index] = {static_cast<int>(index), 0, 0};
  // Counts the descriptors that another thread closes as closed.
  while (platform::StrayDescriptorsOpen() > 0) sched_yield();
  FUZZ_REQUIRE(poll(all.data(), all.size(), 0) >= 0);
  std::bitset<kDescriptorsSeen> open;
  for (size_t index = 0; index < all.size(); index++)
    open[index] = (all[index].revents & POLLNVAL) == 0;
  return open;
}

struct System {
  System() {
    char pattern[] = "/tmp/shmwire-fuzz-XXXXXX";
    FUZZ_REQUIRE(mkdtemp(pattern) != nullptr);
    path = std::string(pattern) + "/handover";
    FUZZ_REQUIRE(handover_socket.Bind(path.c_str()).ok());
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    sender = Handle(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    FUZZ_REQUIRE(sender.valid());
    FUZZ_REQUIRE(connect(Native(sender), reinterpret_cast<sockaddr*>(&address), sizeof(address)) ==
                 0);
    // The socket keeps its address. Only SendToHandoverSocket needs the name, and it has its own
    // tests.
    FUZZ_REQUIRE(unlink(path.c_str()) == 0 && rmdir(pattern) == 0);
  }

  HandoverSocket handover_socket;
  std::string path;
  sockaddr_un address{};
  Handle sender;
  // The files to send: two different ones of known kinds, and one stray.
  Handle files[3] = {Handle(memfd_create("fuzz", MFD_CLOEXEC | MFD_ALLOW_SEALING)),
                     Handle(memfd_create("fuzz", MFD_CLOEXEC | MFD_ALLOW_SEALING)),
                     Handle(open("/dev/null", O_RDONLY | O_CLOEXEC))};
};

// Sends a message with `descriptors` copies of `one`. False: the kernel rejected it.
bool SendRaw(int socket, const void* payload, size_t bytes, size_t descriptors, int one) {
  static std::array<int, 253> copies;
  alignas(cmsghdr) static unsigned char control[CMSG_SPACE(sizeof(copies))];
  copies.fill(one);
  iovec vector{const_cast<void*>(payload), bytes};
  msghdr header{};
  header.msg_iov = &vector;
  header.msg_iovlen = 1;
  if (descriptors > 0) {
    header.msg_control = control;
    header.msg_controllen = CMSG_SPACE(descriptors * sizeof(int));
    cmsghdr* part = CMSG_FIRSTHDR(&header);
    part->cmsg_level = SOL_SOCKET;
    part->cmsg_type = SCM_RIGHTS;
    part->cmsg_len = CMSG_LEN(descriptors * sizeof(int));
    std::memcpy(CMSG_DATA(part), copies.data(), descriptors * sizeof(int));
  }
  return sendmsg(socket, &header, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0;
}

size_t DescriptorCount(Input* input) {
  const uint8_t how = input->Byte();
  return how < 128 ? 2 : how < 240 ? how % 5 : how < 254 ? how - 230 : 253;
}

class HandoverSocketRun {
 public:
  HandoverSocketRun(System* system, Input input) : system_(system), input_(input) {}
  void Go();

 private:
  enum class State : uint8_t { kUnknown, kExpected, kForeign, kArrived };

  static Token TokenOf(size_t index) {
    Token token{};
    token[0] = static_cast<uint8_t>(index);
    token[15] = 1;
    return token;
  }
  size_t Index() { return input_.Byte() % kTokens; }

  void Expect();
  void Send();
  void SendNoToken();
  void Take();
  void Drain();
  void Answer();

  System* system_;
  Input input_;
  // The expected state of each token.
  std::array<State, kTokens> states_{};
  // Which of the two files arrived first with it.
  std::array<size_t, kTokens> arrived_{};
};

void HandoverSocketRun::Expect() {
  const size_t index = Index();
  const bool foreign = (input_.Byte() & 7) == 0;
  const platform::Credentials stranger = {0, 4'000'000'000, 7};
  const Status status =
      system_->handover_socket.Expect(TokenOf(index), foreign ? &stranger : nullptr);
  const bool fresh = states_[index] == State::kUnknown;
  FUZZ_REQUIRE(status.code() == (fresh ? StatusCode::kOk : StatusCode::kInvalidArgument));
  if (fresh) states_[index] = foreign ? State::kForeign : State::kExpected;
}

// One call reads a queue of the default length; the next calls may read nothing (see Drain).
void HandoverSocketRun::Drain() {
  while (platform::StrayDescriptorsOpen() > 0) sched_yield();
  for (bool rested = true; rested;) FUZZ_REQUIRE(system_->handover_socket.Drain(&rested).ok());
}

void HandoverSocketRun::Send() {
  const size_t index = Index();
  const size_t count = DescriptorCount(&input_);
  const uint8_t choice = input_.Byte();
  const size_t file = (choice & 0x0F) == 0x0F ? kStray : choice & 1;
  const Token token = TokenOf(index);
  // Only a token that is expected now can accept the datagram.
  if (!SendRaw(Native(system_->sender), token.data(), token.size(), count,
               Native(system_->files[file]))) {
    return;
  }
  Drain();
  if (count != 2 || file == kStray || states_[index] != State::kExpected) return;
  states_[index] = State::kArrived;
  arrived_[index] = file;
}

void HandoverSocketRun::SendNoToken() {
  std::array<uint8_t, 40> payload = input_.Take<std::array<uint8_t, 40>>();
  const Token token = TokenOf(Index());
  if ((input_.Byte() & 1) != 0) std::memcpy(payload.data(), token.data(), token.size());
  const size_t bytes = input_.Below(payload.size() + 1);
  // A complete token alone belongs to another step.
  if (bytes == token.size()) payload[15] = 2;
  SendRaw(Native(system_->sender), payload.data(), bytes, DescriptorCount(&input_),
          Native(system_->files[0]));
}

void HandoverSocketRun::Take() {
  const size_t index = Index();
  if ((input_.Byte() & 3) == 0) {
    system_->handover_socket.Discard(TokenOf(index));
    states_[index] = State::kUnknown;
    return;
  }
  // Take does not wait until Drain reads again.
  Drain();
  platform::Handover handover;
  const Status status = system_->handover_socket.Take(TokenOf(index), &handover);
  const State state = states_[index];
  states_[index] = State::kUnknown;
  FUZZ_REQUIRE(handover.memory.valid() == status.ok() && handover.doorbell.valid() == status.ok());
  if (state == State::kUnknown) {
    FUZZ_REQUIRE(status.code() == StatusCode::kInvalidArgument);
  } else {
    FUZZ_REQUIRE(status.code() ==
                 (state == State::kArrived ? StatusCode::kOk : StatusCode::kCorrupt));
  }
  if (!status.ok()) return;
  FUZZ_REQUIRE(handover.sender.uid == platform::CurrentUserId());
  struct stat sent {};
  struct stat taken {};
  FUZZ_REQUIRE(fstat(Native(system_->files[arrived_[index]]), &sent) == 0);
  FUZZ_REQUIRE(fstat(Native(handover.memory), &taken) == 0 && taken.st_ino == sent.st_ino);
  // The doorbell is a file, which accepts no message.
  FUZZ_REQUIRE(SendHandles(handover.doorbell, handover.memory, handover.memory).code() ==
               StatusCode::kCorrupt);
}

// The answer of the peer through the doorbell.
void HandoverSocketRun::Answer() {
  Handle own;
  Handle peer_end;
  FUZZ_REQUIRE(platform::MakeDoorbell(&own, &peer_end).ok());
  const uint8_t how = input_.Byte();
  const auto payload = input_.Take<std::array<uint8_t, 4>>();
  const size_t bytes = how & 3;
  const size_t count = DescriptorCount(&input_);
  const bool sent =
      (how & 4) == 0 && SendRaw(Native(peer_end), payload.data(), bytes, count, Native(peer_end));
  if ((how & 8) != 0) peer_end.Close();
  Handle memory;
  Handle doorbell;
  // The server is this process, or another one.
  const bool foreign = (how & 16) != 0;
  const platform::Credentials server{platform::CurrentProcessId() + (foreign ? 1 : 0),
                                     platform::CurrentUserId(), getegid()};
  const Status status = platform::ReceiveHandles(own, &server, &memory, &doorbell);
  FUZZ_REQUIRE(memory.valid() == status.ok() && doorbell.valid() == status.ok());
  // Only the first byte carries descriptors; further bytes are wake-ups.
  FUZZ_REQUIRE(status.ok() == (sent && count == 2 && bytes >= 1 && !foreign));
  FUZZ_REQUIRE(status.ok() || status.code() == StatusCode::kCorrupt ||
               status.code() == StatusCode::kPeerGone);
}

void HandoverSocketRun::Go() {
  for (int step = 0; step < kStepsMax && !input_.empty(); step++) {
    switch (input_.Byte() % 6) {
      case 0:
        Expect();
        break;
      case 1:
      case 2:
        Send();
        break;
      case 3:
        SendNoToken();
        break;
      case 4:
        Take();
        break;
      default:
        Answer();
        break;
    }
  }
  Drain();
  for (size_t index = 0; index < kTokens; index++) system_->handover_socket.Discard(TokenOf(index));
}

void Run(Input input) {
  static System system;
  // Counted in each run: between two runs, the fuzzer may open pipes to a symbolizer.
  const std::bitset<kDescriptorsSeen> before = OpenDescriptors();
  HandoverSocketRun(&system, input).Go();
  FUZZ_REQUIRE(OpenDescriptors() == before);
}

}  // namespace
}  // namespace shmwire::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t count) {
  shmwire::fuzz::Run(shmwire::fuzz::Input(bytes, count));
  return 0;
}
