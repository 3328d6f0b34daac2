#pragma once

// What an actor does at its end of a connection: sends a stream, takes one, and sleeps when it can
// do neither, as a program does it in an event loop or in blocking calls.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/endpoint.h"
#include "test/explore/random.h"

namespace shmwire::explore {

// The bell of an event loop. Ringing is a system call, and so is the wait.
class Doorbell {
 public:
  void Ring();
  void Wait();

 private:
  bool rung_ = false;
};

struct Connection {
  Connection();

  Endpoint ends[2];
  Doorbell doorbells[2];
};

enum class Sizes : uint8_t { kSmall, kLargest, kFragments, kMixed };

struct SideOptions {
  SleepMode sleeps = SleepMode::kEventLoop;
  uint32_t sends = 0;
  uint32_t receives = 0;
  Sizes sizes = Sizes::kSmall;
  bool claims = false;       // sends by Claim and Commit
  bool in_place = false;     // looks at messages where they lie
  bool closes = false;       // announces its close when it has sent and received all
  bool sees_close = false;   // goes on until the peer has closed, in blocking waits
  uint32_t sends_first = 0;  // messages of the stream that are there before the run
};

class Side {
 public:
  Side(Connection* connection, size_t end, uint64_t seed, const SideOptions& options,
       const SideOptions& peer);

  // Before the run: what is there already.
  void Prepare();
  // To its end; faults are reported to the explorer.
  void Run();

 private:
  [[nodiscard]] bool sending() const { return sent_ < options_.sends; }
  [[nodiscard]] bool receiving() const { return received_ < options_.receives; }
  bool Send();
  bool SendClaimed();
  bool Receive();
  bool Assemble(const Batch& batch);
  void Take(uint32_t id, const std::byte* data, uint64_t bytes);
  void RingIf(bool doorbell);
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
  std::vector<uint64_t> outgoing_;  // words, so that it is filled and compared fast
  uint64_t outgoing_bytes_ = 0;
  std::vector<std::byte> target_;
  std::vector<std::byte> whole_;
};

}  // namespace shmwire::explore
