#pragma once

// The positions of the blocking readers of a topic, for which its writer keeps room.
//
// Used by one thread. Everything that a reader wrote is input. A reader that breaks the rules no
// longer blocks: it can only harm itself.

#include <cstdint>
#include <limits>
#include <memory>

#include "core/reader_layout.h"
#include "core/status.h"

namespace shmwire {

class ReaderHeads {
 public:
  static constexpr uint32_t kNoReader = std::numeric_limits<uint32_t>::max();

  // `ring_bytes`: of the writer's ring.
  explicit ReaderHeads(uint64_t ring_bytes) : ring_bytes_(ring_bytes) {}

  // Ensures that the next Add does not fail. Errors: kOutOfMemory.
  Status Reserve();
  // A reader begins at `tail` until it states another position. `head` must stay valid until
  // Remove. Errors: as Reserve.
  Status Add(uint32_t reader, const SharedWord<uint64_t>* head, uint64_t tail);
  // No effect for a reader that does not block.
  void Remove(uint32_t reader);

  // Whether the writer may write up to `end`, without overwriting records that a reader has not
  // read. `tail`: the published tail.
  [[nodiscard]] bool HasRoom(uint64_t end, uint64_t tail) {
    if (count_ == 0) return true;
    if (unstarted_ != 0) RefreshUnstarted(tail);
    return end - oldest_ <= ring_bytes_ || HasRoomNow(end, tail);
  }
  // The reader with the oldest position; kNoReader without any.
  [[nodiscard]] uint32_t Slowest() const;
  // A reader that broke the rules and was not removed; otherwise kNoReader.
  [[nodiscard]] uint32_t Violator() const;

 private:
  struct BlockingReader {
    const SharedWord<uint64_t>* head = nullptr;
    uint64_t position = 0;  // the last one that passed the checks
    uint32_t reader = kNoReader;
    bool violated = false;
  };

  bool HasRoomNow(uint64_t end, uint64_t tail);
  // A reader may start at an older position than oldest_.
  void RefreshUnstarted(uint64_t tail);
  void Refresh(uint32_t index, uint64_t tail);
  void Swap(uint32_t one, uint32_t other);

  uint64_t ring_bytes_;
  // Of all readers, when they were last loaded.
  uint64_t oldest_ = 0;
  uint32_t count_ = 0;
  // The first readers are those that have stated nothing yet, so that each message loads the heads
  // of these alone.
  uint32_t unstarted_ = 0;
  uint32_t violated_ = 0;
  uint32_t size_ = 0;
  std::unique_ptr<BlockingReader[]> readers_;
};

}  // namespace shmwire
