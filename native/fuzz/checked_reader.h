#pragma once

// A RingReader whose every answer is held against the reference reader, and whose targets end where
// memory ends.

#include "core/ring_reader.h"
#include "fuzz/platform/guarded_memory.h"
#include "fuzz/reference_reader.h"

namespace shmwire::fuzz {

inline constexpr uint64_t kMessageBytesMost = 1 << 18;
inline constexpr uint32_t kDescriptorsMost = 64;

// The two segments of one direction, and where the reader copies to. Made once for a process.
struct ReaderMemory {
  ReaderMemory();

  OwnSegment peer;  // the writer's, in the fuzzer's hands
  OwnSegment own;   // the reader's
  PeerSegment peer_view;
  GuardedMemory target;
  GuardedMemory message;
  GuardedMemory descriptors;
};

class CheckedReader {
 public:
  CheckedReader(ReaderMemory* memory, uint64_t message_bytes_max);

  void Poll();
  void Freeze();
  // `target_bytes` of negative size: in place.
  void Receive(int64_t target_bytes, uint64_t offset, uint32_t descriptors_max);
  // With the length that the last Receive asked for, give or take `wrong_bytes`.
  void Assemble(int64_t wrong_bytes);
  void Release();
  // What nobody but the reader may have written, and what it must have.
  void CheckOwnMemory() const;

  // Of the last call.
  [[nodiscard]] bool failed() const { return failed_; }
  [[nodiscard]] uint64_t messages() const { return messages_; }

 private:
  void Note(Status status);
  void CheckBatch(const Batch& batch, uint64_t offset);
  void CheckStop(Status status, const Batch& batch, bool more);
  void CheckFragments(Status status, uint64_t before, const AssembledMessage& message, bool more);

  ReaderMemory* memory_;
  RingReader reader_;
  ReferenceReader reference_;
  uint64_t message_bytes_max_;
  uint64_t released_ = 0;
  bool frozen_ = false;
  bool failed_ = false;
  uint64_t messages_ = 0;
  uint64_t bytes_ = 0;
};

}  // namespace shmwire::fuzz
