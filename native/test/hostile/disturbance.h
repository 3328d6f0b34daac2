#pragma once

// Threads that write shared memory without end, while the victim reads it.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <list>
#include <thread>
#include <vector>

namespace shmwire::hostile {

class Disturbances {
 public:
  ~Disturbances() { Stop(); }

  // Stores the values at `word` in a loop, with pauses in between. `word_bytes` is 4 or 8. Each
  // store to a word of 4 bytes also wakes every sleeper on it.
  void Cycle(std::byte* word, size_t word_bytes, std::vector<uint64_t> values,
             uint64_t pause_nanos);
  // Fills the ring of segment `own` with empty messages of kind 1, as fast as the reader in segment
  // `peer` releases room. Sends no wake-ups.
  void Flood(std::byte* own, const std::byte* peer, uint64_t ring_bytes);
  // Ends all threads. Returns how many messages Flood has published since the last call.
  uint64_t Stop();

 private:
  // Relaxed: it ends a loop, and nothing else depends on it.
  [[nodiscard]] bool stopping() const { return stopping_.load(std::memory_order_relaxed); }

  std::list<std::thread> threads_;
  std::atomic<bool> stopping_ = false;
  std::atomic<uint64_t> published_ = 0;
};

}  // namespace shmwire::hostile
