#pragma once

// Compares each result of a RingReader with the reference reader. Targets end where their memory
// ends.

#include "core/ring_reader.h"
#include "fuzz/platform/guarded_memory.h"
#include "fuzz/reference_reader.h"

namespace shmwire::fuzz {

inline constexpr uint64_t kMessageBytesMost = 1 << 18;
inline constexpr uint32_t kDescriptorsMost = 64;

// The two segments of one direction and the reader's target. Created once for a process.
struct ReaderMemory {
  explicit ReaderMemory(uint64_t ring_bytes);

  OwnSegment peer;  // the writer's, which the fuzzer controls
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
  // A negative `target_bytes`: in place.
  void Receive(int64_t target_bytes, uint64_t offset, uint32_t descriptors_max);
  // With the length that the last Receive required, plus `wrong_bytes`.
  void Assemble(int64_t wrong_bytes);
  void Release();
  // Checks the memory that only the reader may write.
  void CheckOwnMemory() const;

  // Whether the last call failed.
  [[nodiscard]] bool failed() const { return failed_; }
  [[nodiscard]] uint64_t messages() const { return messages_; }

 private:
  void Check(Status status);
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
