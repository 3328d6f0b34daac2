#pragma once

// The actors of a cell: a writer, and a reader that sleeps in an event loop.

#include <array>
#include <cstdint>

#include "core/cell_watcher.h"
#include "test/explore/side.h"

namespace shmwire::explore {

struct CellOptions {
  uint32_t sets = 0;
  bool closes = false;
};

// Two processes over the same mappings, with simulated doorbells.
class CellRun {
 public:
  explicit CellRun(const CellOptions& options);

  void Write();
  void Read();

 private:
  // Copied in three pieces.
  using Value = std::array<uint64_t, 9>;

  bool Take(const CellValue& value, const Value& copied);

  CellOptions options_;
  uint64_t version_ = 0;  // that the reader has
  // The publisher ends first, because it checks the wake word of the watcher at its end.
  CellWatcher watcher_;
  CellPublisher publisher_;
  Doorbell reader_doorbell_;
};

}  // namespace shmwire::explore
