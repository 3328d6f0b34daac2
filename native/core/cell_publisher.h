#pragma once

// The writer of a cell: its segment, its readers, and waking them.
//
// Used by one thread. Create comes first, and Close at any time.

#include <cstdint>
#include <optional>

#include "core/cell_writer.h"
#include "core/status.h"
#include "core/writer_attachment.h"

namespace shmwire {

class CellPublisher {
 public:
  CellPublisher() = default;
  CellPublisher(const CellPublisher&) = delete;
  CellPublisher& operator=(const CellPublisher&) = delete;
  ~CellPublisher() { Close(); }

  // Creates the own segment, once. `value_bytes_max` is at most kCellValueBytesMax. Errors: as
  // WriterAttachment::Create.
  Status Create(uint64_t value_bytes_max);
  // `*reader`: its index, until Detach. Errors: as WriterAttachment::Accept.
  Status Accept(platform::HandoverSocket* socket, const platform::Token& token, uint32_t* reader) {
    return attachment_.Accept(socket, token, reader);
  }
  // No effect if there is no such reader.
  void Detach(uint32_t reader) { attachment_.readers()->Detach(reader); }

  // Stores a value, and wakes the readers that sleep. Errors: kClosed, kMessageTooLarge.
  Status Set(const std::byte* value, uint64_t bytes, uint64_t* version, WakeCounts* counts);
  // Wakes the readers that sleep and were not woken, as Set does.
  Status Wake(WakeCounts* counts);

  [[nodiscard]] WriterAttachment* attachment() { return &attachment_; }
  // Announces the close, and wakes the readers that sleep. Keeps the memory.
  void AnnounceClosed(WakeCounts* counts);
  // Announces the close and drops the memory, which readers keep. Idempotent. Every other call but
  // Detach fails afterwards.
  void Close();

 private:
  uint64_t value_bytes_max_ = 0;
  WriterAttachment attachment_;
  std::optional<CellWriter> writer_;
};

}  // namespace shmwire
