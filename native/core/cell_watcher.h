#pragma once

// A reader of a cell: its attachment, the copies of values, and the wake protocol.
//
// Used by one thread. A reader calls Offer and Attach of the attachment, or AttachOwn; then
// everything else; and Close at any time.

#include <cstdint>
#include <optional>

#include "core/cell_publisher.h"
#include "core/cell_reader.h"
#include "core/reader_attachment.h"
#include "core/status.h"

namespace shmwire {

class CellWatcher {
 public:
  CellWatcher() = default;
  CellWatcher(const CellWatcher&) = delete;
  CellWatcher& operator=(const CellWatcher&) = delete;
  ~CellWatcher() { Close(); }

  [[nodiscard]] ReaderAttachment* attachment() { return &attachment_; }
  // For a publisher in this process. `*reader`: its index there.
  Status AttachOwn(CellPublisher* publisher, uint32_t* reader);

  // See CellReader::Get. `*closed`: the value is the last one. Errors: kCorrupt, which every later
  // call reports too.
  Status Get(std::byte* target, uint64_t target_bytes, CellValue* value, bool* closed);
  // The newest version, without its value.
  Status LoadVersion(uint64_t* version);

  // Arms the wake word and polls. `*ready`: there is a newer value than the last one that Get
  // copied, or the cell is closed; the word is disarmed.
  Status Arm(bool* ready);
  Status Disarm() { return attachment_.Disarm(); }
  // Idempotent. Every other call fails afterwards.
  void Close();

 private:
  // Attached and without a violation; creates the reader.
  Status CheckUsable();
  Status KeepViolation(Status status);
  [[nodiscard]] bool LoadClosed() const;

  Status violation_;
  ReaderAttachment attachment_{SegmentKind::kCell};
  std::optional<CellReader> reader_;
  uint64_t copied_version_ = 0;
};

}  // namespace shmwire
