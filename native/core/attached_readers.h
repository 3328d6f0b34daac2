#pragma once

// The readers of a topic or a cell, as its writer sees them: their memory, their wake words and
// their doorbells.
//
// Used by one thread. A reader in this process has no doorbell and is not woken: the program polls
// it after it has written.

#include <cstdint>
#include <memory>

#include "core/reader_layout.h"
#include "core/segment.h"
#include "core/status.h"
#include "core/wake.h"
#include "platform/handle.h"
#include "platform/handover_socket.h"

namespace shmwire {

class AttachedReaders {
 public:
  // Bounds the handles and the memory that readers can make the writer keep, and how long it takes
  // to check their wake words.
  static constexpr uint32_t kReadersMax = 1024;

  // Maps the memory that arrived with the token, and sends `own` through the reader's doorbell.
  // `*reader`: its index, until Detach. Errors: as HandoverSocket::Take, PeerSegment::Map and
  // SendHandles; kUnavailable (kReadersMax).
  Status Accept(platform::HandoverSocket* socket, const platform::Token& token,
                const OwnSegment& own, uint32_t* reader);
  // A reader in this process. Errors: kUnavailable (kReadersMax), kOutOfMemory.
  Status AttachOwn(const OwnSegment& segment, uint32_t* reader);
  // The last step of Accept. Tests pass a borrowed segment. Errors: as AttachOwn.
  Status Add(PeerSegment segment, platform::Handle doorbell, platform::Handle own_doorbell,
             uint32_t* reader);
  // No effect if there is no such reader.
  void Detach(uint32_t reader);
  void DetachAll();

  [[nodiscard]] const ReaderControl* control(uint32_t reader) const {
    return readers_[reader].segment.control_as<ReaderControl>();
  }

  // Call it after the store that the readers wait for. Wakes those that sleep. `*wakes`: how many.
  // `*unwoken`: how many could not be woken now; another call tries them again.
  void Wake(uint32_t* wakes, uint32_t* unwoken) {
    *wakes = 0;
    *unwoken = 0;
    for (uint32_t index = 0; index < used_; index++) {
      if (wakers_[index].Check() != WakeAction::kNone) WakeOne(index, wakes, unwoken);
    }
  }

 private:
  struct Reader {
    [[nodiscard]] bool attached() const { return segment.valid(); }

    PeerSegment segment;
    platform::Handle doorbell;
    // The other end of the doorbell that the reader got: some systems verify a doorbell only while
    // it is connected. Nothing arrives there.
    platform::Handle own_doorbell;
  };

  // Ensures that the lowest free index exists. Errors: kUnavailable, kOutOfMemory.
  Status FindFree(uint32_t* reader);
  void WakeOne(uint32_t reader, uint32_t* wakes, uint32_t* unwoken);

  // Apart from the readers, so that a check of all wake words loads few lines. A free index has a
  // Waker that never wakes.
  std::unique_ptr<Waker[]> wakers_;
  std::unique_ptr<Reader[]> readers_;
  uint32_t wakers_size_ = 0;
  uint32_t readers_size_ = 0;
  uint32_t used_ = 0;  // indices from here on are free
};

}  // namespace shmwire
