#pragma once

// The parts that the writers of topics and cells share: the own segment, the readers, and waking.
//
// Used by one thread. Every call fails after Close.

#include <cstdint>

#include "core/attached_readers.h"
#include "core/segment.h"
#include "core/status.h"

namespace shmwire {

// How a call woke readers.
struct WakeCounts {
  uint32_t wakes = 0;
  // Readers that could not be woken now: call Wake later.
  uint32_t unwoken = 0;
};

class WriterAttachment {
 public:
  // Errors: as OwnSegment::Create, and kInvalidArgument (created already).
  Status Create(SegmentKind kind, uint64_t data_bytes);
  // Errors: kClosed, kInvalidArgument (not created).
  [[nodiscard]] Status CheckOpen() const;
  // Errors: kClosed, kInvalidArgument, and as AttachedReaders::Accept.
  Status Accept(platform::HandoverSocket* socket, const platform::Token& token, uint32_t* reader);

  [[nodiscard]] const OwnSegment& own() const { return own_; }
  [[nodiscard]] AttachedReaders* readers() { return &readers_; }

  // After the store that the readers wait for.
  void Wake(WakeCounts* counts) { readers_.Wake(&counts->wakes, &counts->unwoken); }
  // Marks the segment as closed, and wakes the readers that sleep. `state`: of the own segment.
  void AnnounceClosed(SharedWord<uint32_t>* state, WakeCounts* counts);
  // Detaches all readers, and drops the memory. Idempotent.
  void Close();

 private:
  bool closed_ = false;
  OwnSegment own_;
  AttachedReaders readers_;
};

}  // namespace shmwire
