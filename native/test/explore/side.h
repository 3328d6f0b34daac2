#pragma once

// An actor's side of a connection: sends one stream, receives another, and sleeps when it can do
// neither, in an event loop or in blocking calls.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/endpoint.h"
#include "test/explore/random.h"

namespace shmwire::explore {

// The doorbell of an event loop. Wake and Wait are system calls.
class Doorbell {
 public:
  void Wake();
  void Wait();

 private:
  bool woken_ = false;
};

struct Connection {
  explicit Connection(uint64_t ring_bytes);

  Endpoint ends[2];
  Doorbell doorbells[2];
};

enum class Sizes : uint8_t {
  kSmall,
  kLargest,
  kFragments,
  kMixed,
  kExact,    // as many as fit leave exactly the room of the growth steps
  kOffered,  // for PrepareOffer
};

struct SideOptions {
  SleepMode sleeps = SleepMode::kEventLoop;
  uint32_t sends = 0;
  uint32_t receives = 0;
  Sizes sizes = Sizes::kSmall;
  bool claims = false;       // sends by Claim and Commit
  bool in_place = false;     // reads messages in place
  bool closes = false;       // announces its close after it has sent and received everything
  bool sees_close = false;   // continues until the peer has closed, in blocking waits
  uint32_t sends_first = 0;  // how many messages are sent before the run
};

class Side {
 public:
  Side(Connection* connection, size_t end, uint64_t seed, const SideOptions& options,
       const SideOptions& peer);

  // Sends the first messages, before the run.
  void Prepare();
  // The same for a ring that grows: the writer has offered and has no room for its next message,
  // also when the reader has released OFFER and the next message. Only the acceptance makes room.
  void PrepareOffer(Side* reader);
  // Runs to the end, and reports faults to the explorer.
  void Run();

 private:
  [[nodiscard]] bool sending() const { return sent_ < options_.sends; }
  [[nodiscard]] bool receiving() const { return received_ < options_.receives; }
  bool Send();
  bool SendClaimed();
  // Attempts to send a message that is dropped, so that the ring is offered.
  void FindNoRoom();
  bool Receive(uint32_t count_max);
  bool Assemble(const Batch& batch);
  void Take(uint32_t id, const std::byte* data, uint64_t bytes);
  void WakeIf(bool needs_wake);
  void SleepInEventLoop();
  bool SleepBlocked();
  void FillNext();

  Endpoint* endpoint_;
  Doorbell* own_doorbell_;
  Doorbell* peer_doorbell_;
  SideOptions options_;
  SideOptions peer_;
  uint64_t own_seed_;
  uint64_t peer_seed_;
  uint32_t sent_ = 0;
  uint32_t received_ = 0;
  uint64_t offset_ = 0;
  bool peer_closed_ = false;
  std::vector<uint64_t> outgoing_;  // words, so that filling and comparing are fast
  uint64_t outgoing_bytes_ = 0;
  std::vector<std::byte> target_;
  std::vector<std::byte> whole_;
};

}  // namespace shmwire::explore
