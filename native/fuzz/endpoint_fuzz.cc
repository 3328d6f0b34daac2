// An end whose peer writes anything anywhere in its segment, also while the end spins, yields or
// waits. Both rings may be elastic, and pages that do not exist cannot be used. Oracles: only the
// documented statuses. After a violation, every call reports it and delivers nothing. After Close,
// every call fails with kClosed. Delivered messages lie in the target. The counters count the
// delivered messages. Every call ends.

#include <functional>
#include <initializer_list>
#include <optional>

#include "core/endpoint.h"
#include "fuzz/endpoint_peer.h"
#include "fuzz/forged_peer.h"
#include "fuzz/platform/guarded_memory.h"
#include "fuzz/platform/scripted_process.h"
#include "fuzz/require.h"

namespace shmwire::fuzz {
namespace {

constexpr int kStepsMax = 96;
constexpr uint64_t kMessageBytesMax = 100'000;
constexpr uint32_t kDescriptorsMost = 32;
constexpr uint64_t kWaitNanosMost = 100'000'000;
constexpr intptr_t kSomeSocket = 77;
constexpr uint64_t kSpinNanos = 5'000;

OwnSegment MakeSegment(uint64_t ring_bytes) {
  OwnSegment segment;
  FUZZ_REQUIRE(OwnSegment::Create(ring_bytes, &segment).ok());
  return segment;
}

struct EndpointMemory {
  explicit EndpointMemory(uint64_t ring_bytes) : peer(MakeSegment(ring_bytes)) {}

  OwnSegment peer;
  GuardedMemory target = MapGuarded(kRingBytes);
  GuardedMemory message = MapGuarded(kMessageBytesMax);
  GuardedMemory payload = MapGuarded(kMessageBytesMax + 1);
  GuardedMemory descriptors = MapGuarded(kDescriptorsMost * sizeof(MessageDescriptor));
};

class EndpointRun {
 public:
  EndpointRun(uint64_t ring_bytes, EndpointMemory* memory, ForgedPeer* peer, Input input);
  ~EndpointRun() { TheScript() = {}; }
  EndpointRun(const EndpointRun&) = delete;
  EndpointRun& operator=(const EndpointRun&) = delete;

  void Go();

 private:
  void PeerStep() { fuzz::PeerStep(endpoint_, kMessageBytesMax, peer_, &input_); }
  void Write();
  void Room();
  void Claim();
  void Commit();
  void Receive();
  void Assemble();
  void Wait();
  void CallOther();
  void Close();
  void Step();
  void CheckOwnMemory();
  // Checks the status of a call that needs a working connection. True: it had one.
  bool Usable(Status status, std::initializer_list<StatusCode> others = {});
  // Checks the status of a call that works after a violation, too.
  void Unconditional(Status status) const {
    FUZZ_REQUIRE(status.code() == (closed_ ? StatusCode::kClosed : StatusCode::kOk));
  }

  uint64_t ring_bytes_;
  EndpointMemory* memory_;
  ForgedPeer* peer_;
  Input input_;
  Endpoint endpoint_;
  bool closed_ = false;
  std::optional<Status> violation_;
  uint64_t delivered_ = 0;
  uint64_t required_ = 0;
  uint64_t tail_ = 0;
  uint16_t kind_ = 1;
  uint64_t length_ = 0;
  uint64_t offset_ = 0;
  uint64_t claimed_ = 0;
};

EndpointRun::EndpointRun(uint64_t ring_bytes, EndpointMemory* memory, ForgedPeer* peer, Input input)
    : ring_bytes_(ring_bytes), memory_(memory), peer_(peer), input_(input) {
  LetPagesExist(true);
  LetPagesBeAdded(true);
  peer->Reset();
  Script& script = TheScript();
  script = {};
  FUZZ_REQUIRE(endpoint_.Create(ring_bytes, kMessageBytesMax).ok());
  FUZZ_REQUIRE(endpoint_.Attach(MapReadOnly(memory->peer)).ok());
  script.moment = [this] {
    if (!input_.empty() && (input_.Byte() & 1) != 0) PeerStep();
  };
}

bool EndpointRun::Usable(Status status, std::initializer_list<StatusCode> others) {
  if (closed_) {
    FUZZ_REQUIRE(status.code() == StatusCode::kClosed);
    return false;
  }
  if (violation_.has_value()) {
    FUZZ_REQUIRE(status.code() == StatusCode::kCorrupt);
    FUZZ_REQUIRE(status.context() == violation_->context());
    return false;
  }
  if (status.ok()) return true;
  if (status.code() == StatusCode::kCorrupt) {
    violation_ = status;
    return true;
  }
  bool documented = false;
  for (const StatusCode code : others) documented = documented || status.code() == code;
  FUZZ_REQUIRE(documented);
  return true;
}

void EndpointRun::Write() {
  if (offset_ == 0 || offset_ == length_) {
    const uint8_t how = input_.Byte();
    kind_ = 1 + how % 3;
    length_ = input_.Below(how < 128 ? 300 : kMessageBytesMax + 2);
    offset_ = 0;
  }
  const uint64_t before = offset_;
  bool wrote = true;
  bool needs_wake = true;
  const Status status = endpoint_.Write(kind_, 9, memory_->payload.Last(length_), length_, &offset_,
                                        &wrote, &needs_wake);
  const bool tried = Usable(status, {StatusCode::kMessageTooLarge, StatusCode::kInvalidArgument});
  FUZZ_REQUIRE(offset_ >= before && offset_ <= length_);
  // A violation may come after the first fragments were published.
  FUZZ_REQUIRE(wrote || offset_ == before);
  if (!tried) FUZZ_REQUIRE(!wrote);
  // Without a record, only for a growth step.
  if (needs_wake) FUZZ_REQUIRE(tried && endpoint_.own().control()->tail.LoadRelaxed() > tail_);
  if (status.code() == StatusCode::kMessageTooLarge) FUZZ_REQUIRE(length_ > kMessageBytesMax);
  if (offset_ == before && !wrote) length_ = before == 0 ? 0 : length_;
}

void EndpointRun::Room() {
  const uint64_t length = input_.Below(kMessageBytesMax);
  bool has_room = true;
  bool armed_room = true;
  if (!Usable(endpoint_.HasRoom(length, &has_room))) FUZZ_REQUIRE(!has_room);
  if (!Usable(endpoint_.ArmForRoom(length, &armed_room))) FUZZ_REQUIRE(!armed_room);
  if ((length & 1) != 0) Unconditional(endpoint_.DisarmForRoom());
}

void EndpointRun::Claim() {
  claimed_ = input_.Below(InlineBytesMax(ring_bytes_) + 16);
  int64_t offset = 0;
  bool needs_wake = true;
  const Status status = endpoint_.Claim(claimed_, &offset, &needs_wake);
  const bool tried = Usable(status, {StatusCode::kMessageTooLarge, StatusCode::kInvalidArgument});
  if (!tried || !status.ok()) FUZZ_REQUIRE(offset == -1);
  if (needs_wake) FUZZ_REQUIRE(tried && endpoint_.own().control()->tail.LoadRelaxed() > tail_);
  if (offset == -1) return;
  FUZZ_REQUIRE(offset >= 16 && offset % 16 == 0);
  FUZZ_REQUIRE(static_cast<uint64_t>(offset) + claimed_ <= ring_bytes_);
  std::memset(endpoint_.own().data() + offset, 0x77, claimed_);
}

void EndpointRun::Commit() {
  bool needs_wake = true;
  const uint64_t length = input_.Below(claimed_ + 2);
  const Status status = endpoint_.Commit(1, 1, length, &needs_wake);
  Usable(status, {StatusCode::kInvalidArgument});
  if (!status.ok()) FUZZ_REQUIRE(!needs_wake);
}

void EndpointRun::Receive() {
  const uint8_t how = input_.Byte();
  const bool in_place = (how & 1) != 0;
  const uint64_t bytes = in_place ? 0 : input_.Below(kRingBytes);
  const auto most = static_cast<uint32_t>(1 + input_.Below(kDescriptorsMost));
  auto* descriptors = reinterpret_cast<MessageDescriptor*>(
      memory_->descriptors.Last(most * sizeof(MessageDescriptor)));
  Batch batch = {.target = in_place ? nullptr : memory_->target.Last(bytes),
                 .target_bytes = bytes,
                 .offset = 0,
                 .descriptors = descriptors,
                 .descriptors_max = most};
  bool needs_wake = true;
  const SpinOptions options = {(how & 2) != 0 ? kSpinNanos : 0, (how & 4) != 0};
  const Status status = endpoint_.Receive(&batch, options, &needs_wake);
  if (!Usable(status) || !status.ok()) FUZZ_REQUIRE(batch.count == 0);
  FUZZ_REQUIRE(batch.count <= most && batch.offset <= bytes);
  const uint64_t peer_bytes = memory_->peer.ring_bytes();
  const uint64_t end = in_place ? peer_bytes : bytes;
  for (uint32_t index = 0; index < batch.count; index++) {
    const MessageDescriptor& one = descriptors[index];
    FUZZ_REQUIRE(one.kind != 0 && one.length <= InlineBytesMax(peer_bytes));
    FUZZ_REQUIRE(one.length == 0 || uint64_t{one.offset} + one.length <= end);
  }
  delivered_ += batch.count;
  FUZZ_REQUIRE(batch.required_bytes >= -1);
  FUZZ_REQUIRE(batch.required_bytes <= static_cast<int64_t>(kMessageBytesMax));
  if (batch.fragmented) required_ = static_cast<uint64_t>(batch.required_bytes);
  if (in_place && (how & 8) != 0) Unconditional(endpoint_.Release(&needs_wake));
}

void EndpointRun::Assemble() {
  bool needs_wake = true;
  AssembledMessage message;
  const uint8_t how = input_.Byte();
  const SpinOptions options = {(how & 1) != 0 ? kSpinNanos : 0, (how & 2) != 0};
  const Status status = endpoint_.Assemble(memory_->message.Last(required_), required_, options,
                                           &message, &needs_wake);
  const bool tried = Usable(status, {StatusCode::kInvalidArgument});
  FUZZ_REQUIRE(message.received_bytes <= required_);
  if (!tried || !status.ok()) FUZZ_REQUIRE(!message.whole);
  if (!message.whole) return;
  FUZZ_REQUIRE(message.received_bytes == required_ && message.kind != 0);
  delivered_++;
}

void EndpointRun::Wait() {
  const uint8_t how = input_.Byte();
  WaitFor wait = {.for_data = (how & 1) != 0, .timeout_nanos = input_.Below(kWaitNanosMost)};
  if ((how & 2) != 0) wait.room_length = input_.Below(kMessageBytesMax);
  if ((how & 4) != 0) wait.control_socket = kSomeSocket;
  WaitOutcome outcome = WaitOutcome::kPeerGone;
  const Status status = endpoint_.Wait(wait, &outcome);
  if (!Usable(status) || !status.ok()) FUZZ_REQUIRE(outcome == WaitOutcome::kTimeout);
  if (outcome == WaitOutcome::kClosed) {
    FUZZ_REQUIRE(memory_->peer.control()->state.LoadRelaxed() != 0);
  }
  if (outcome == WaitOutcome::kPeerGone) FUZZ_REQUIRE((how & 4) != 0);
  // An end that is awake requests no wake-up.
  if (closed_) return;
  FUZZ_REQUIRE((endpoint_.own().control()->data_wake.LoadRelaxed() & kWakeArmedBit) == 0 ||
               violation_.has_value());
}

void EndpointRun::CallOther() {
  bool flag = true;
  uint64_t bytes = ~uint64_t{0};
  switch (input_.Byte() & 7) {
    case 0:
      if (!Usable(endpoint_.ArmForData(&flag))) FUZZ_REQUIRE(!flag);
      break;
    case 1:
      Unconditional(endpoint_.DisarmForData());
      break;
    case 2:
      if (!Usable(endpoint_.DepthBytes(&bytes))) FUZZ_REQUIRE(bytes == 0);
      FUZZ_REQUIRE(bytes <= ring_bytes_);
      break;
    case 4:
    case 5: {
      const uint64_t waited = input_.Take<uint32_t>();
      Unconditional(endpoint_.PeerWakeNanos(waited, &bytes));
      FUZZ_REQUIRE(bytes <= waited);
      Unconditional(endpoint_.Woken(waited, &bytes));
      FUZZ_REQUIRE(bytes <= waited);
      break;
    }
    default:
      Unconditional(endpoint_.Release(&flag));
      break;
  }
}

void EndpointRun::Close() {
  switch (input_.Byte() & 7) {
    case 0:
    case 1:
      endpoint_.Close();
      closed_ = true;
      break;
    case 2:
      endpoint_.AnnounceClosed();
      break;
    case 3:
      Unconditional(endpoint_.Abort());
      break;
    default:
      Usable(endpoint_.Freeze());
      break;
  }
}

void EndpointRun::CheckOwnMemory() {
  if (closed_) return;
  const ControlBlock* control = endpoint_.own().control();
  const uint64_t tail = control->tail.LoadRelaxed();
  FUZZ_REQUIRE(tail % 16 == 0 && tail >= tail_);
  tail_ = tail;
  FUZZ_REQUIRE(control->head.LoadRelaxed() % 16 == 0);
  // A message counts when it is complete, and the messages of a failed batch were delivered.
  FUZZ_REQUIRE(control->counters.messages_read.LoadRelaxed() == delivered_);
}

void EndpointRun::Step() {
  using Call = void (EndpointRun::*)();
  static constexpr Call kCalls[] = {
      &EndpointRun::PeerStep,  &EndpointRun::PeerStep, &EndpointRun::PeerStep,
      &EndpointRun::Receive,   &EndpointRun::Receive,  &EndpointRun::Assemble,
      &EndpointRun::Write,     &EndpointRun::Write,    &EndpointRun::Claim,
      &EndpointRun::Commit,    &EndpointRun::Wait,     &EndpointRun::Room,
      &EndpointRun::CallOther, &EndpointRun::Close};
  (this->*kCalls[input_.Byte() % std::size(kCalls)])();
  CheckOwnMemory();
}

void EndpointRun::Go() {
  for (int step = 0; step < kStepsMax && !input_.empty(); step++) Step();
}

}  // namespace
}  // namespace shmwire::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t count) {
  using shmwire::fuzz::EndpointMemory;
  using shmwire::fuzz::ForgedPeer;
  using shmwire::fuzz::kRingSizes;
  static EndpointMemory memories[] = {EndpointMemory(kRingSizes[0]), EndpointMemory(kRingSizes[1]),
                                      EndpointMemory(kRingSizes[2])};
  static ForgedPeer peers[] = {ForgedPeer(&memories[0].peer), ForgedPeer(&memories[1].peer),
                               ForgedPeer(&memories[2].peer)};
  shmwire::fuzz::Input input(bytes, count);
  const uint8_t sizes = input.Byte();
  const size_t peer = sizes % std::size(kRingSizes);
  const uint64_t own_bytes = kRingSizes[sizes / std::size(kRingSizes) % std::size(kRingSizes)];
  shmwire::fuzz::EndpointRun(own_bytes, &memories[peer], &peers[peer], input).Go();
  return 0;
}
