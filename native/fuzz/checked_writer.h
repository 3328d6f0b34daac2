#pragma once

// A RingWriter, and a model of what it must write (ring_writer_fuzz.cc).

#include <vector>

#include "core/ring_writer.h"
#include "fuzz/forged_peer.h"
#include "fuzz/platform/guarded_memory.h"

namespace shmwire::fuzz {

inline constexpr uint64_t kWrittenBytesMost = 1 << 18;

struct WriterMemory {
  explicit WriterMemory(uint64_t ring_bytes);

  OwnSegment own;
  OwnSegment peer;
  PeerSegment peer_view;
  // One byte more than the longest message, for callers that make a mistake.
  GuardedMemory payload = MapGuarded(kWrittenBytesMost + 1);
  // The expected content of the ring, kept between runs.
  std::vector<std::byte> shadow;
};

class CheckedWriter {
 public:
  explicit CheckedWriter(WriterMemory* memory)
      : memory_(memory),
        writer_(Fresh(memory)),
        whole_bytes_(memory->own.ring_bytes()),
        stage_(whole_bytes_ == kRingBytes ? Stage::kWhole : Stage::kSmall) {}

  void Step(Input* input);
  void CheckOwnMemory() const;

 private:
  enum class Stage : uint8_t { kSmall, kOffered, kWhole };
  enum class Room : uint8_t { kFound, kNone, kViolation };

  struct Message {
    bool open = false;
    uint16_t kind = 1;
    uint32_t id = 0;
    uint64_t length = 0;
    uint64_t offset = 0;
  };

  static RingWriter Fresh(WriterMemory* memory) {
    std::memset(static_cast<void*>(memory->own.control()), 0, sizeof(ControlBlock));
    std::memset(static_cast<void*>(memory->peer.control()), 0, sizeof(ControlBlock));
    RemovePages(memory->own);
    LetPagesBeAdded(true);
    return {memory->own, memory->peer_view};
  }

  void ForgeHead(Input* input);
  void ForgeGrowth(Input* input);
  void WriteNext(Input* input);
  void Claim(Input* input);
  void Commit(Input* input);
  void HasRoom(Input* input);
  void DepthBytes();
  void Publish();
  // Before each call: the head that the peer publishes is the one that the writer may use.
  void ReadHead();
  // The result of a call that needs room, from the head that the writer has loaded.
  [[nodiscard]] bool Fits(uint64_t span) const {
    return PadBefore(span) + span <= limit() - (tail_ - known_);
  }
  bool LoadHead();
  Room FindRoom(uint64_t span);
  // The same after a call that may grow the ring: checks and adopts the steps that it has written.
  Room FindRoomOrGrow(uint64_t span);
  [[nodiscard]] bool MayMove() const;
  void CheckStep(GrowthStep step);
  static void CheckStatus(Status status, Room room);
  void CheckRecord(const Message& message, uint64_t count, uint64_t prefix,
                   const std::byte* payload);
  void CheckKept() const;
  // The ring at a position, and at the tail.
  [[nodiscard]] uint64_t RingAt(uint64_t position) const {
    return stage_ == Stage::kWhole && position >= moved_to_ ? whole_bytes_ : kRingBytes;
  }
  [[nodiscard]] uint64_t ring_bytes() const { return RingAt(tail_); }
  [[nodiscard]] uint64_t inline_max() const { return ring_bytes() / 8 - 16; }
  [[nodiscard]] uint64_t limit() const {
    if (stage_ == Stage::kWhole) return whole_bytes_;
    return kRingBytes - (stage_ == Stage::kSmall ? 32 : 16);
  }
  // Contiguous bytes.
  void Remember(uint64_t position, uint64_t bytes) {
    std::memcpy(memory_->shadow.data() + position % RingAt(position), At(position), bytes);
  }
  [[nodiscard]] std::byte* At(uint64_t position) const {
    return memory_->own.data() + position % RingAt(position);
  }
  [[nodiscard]] uint64_t PadBefore(uint64_t span) const {
    const uint64_t left = ring_bytes() - tail_ % ring_bytes();
    return span <= left ? 0 : left;
  }

  WriterMemory* memory_;
  RingWriter writer_;
  uint64_t whole_bytes_;
  Stage stage_;
  uint64_t refusals_ = 0;
  // The small ring ends at moved_from_, and the positions until moved_to_ are not used.
  uint64_t moved_from_ = 0;
  uint64_t moved_to_ = 0;
  uint64_t tail_ = 0;
  uint64_t published_ = 0;
  uint32_t sequence_ = 0;
  // The largest valid head that the peer has published, and the present one.
  uint64_t released_ = 0;
  uint64_t head_ = 0;
  // The head that the writer has loaded last, and that was valid.
  uint64_t known_ = 0;
  Message message_;
  std::byte* claim_ = nullptr;
  uint64_t claim_pad_ = 0;
  uint64_t claim_length_ = 0;
  uint64_t messages_ = 0;
  uint64_t bytes_ = 0;
};

}  // namespace shmwire::fuzz
