#include "test/explore/load_window.h"

#include <algorithm>

namespace shmwire::explore {

uint64_t LoadWindow::Earliest(const Range& range, std::memory_order order) const {
  uint64_t earliest = begin_;
  if (order == std::memory_order_seq_cst) earliest = std::max(earliest, seq_cst_stored_);
  for (const Seen& seen : seen_) {
    if (seen.range.Overlaps(range)) earliest = std::max(earliest, seen.time);
  }
  return earliest;
}

void LoadWindow::Loaded(const Range& range, std::memory_order order, uint64_t time) {
  loaded_ = std::max(loaded_, time);
  if (order == std::memory_order_relaxed) {
    See(range, time);
  } else {
    Begin(time);
  }
}

void LoadWindow::Stored(const Range& range, std::memory_order order, uint64_t time) {
  See(range, time);
  if (order == std::memory_order_seq_cst) seq_cst_stored_ = time;
}

void LoadWindow::Begin(uint64_t time) {
  begin_ = std::max(begin_, time);
  std::erase_if(seen_, [this](const Seen& seen) { return seen.time <= begin_; });
}

void LoadWindow::See(const Range& range, uint64_t time) {
  if (time <= begin_) return;
  const auto known = std::find_if(seen_.begin(), seen_.end(),
                                  [&](const Seen& seen) { return seen.range == range; });
  if (known == seen_.end()) {
    seen_.push_back({range, time});
  } else {
    known->time = std::max(known->time, time);
  }
}

void LoadWindow::Clear() {
  begin_ = 0;
  seq_cst_stored_ = 0;
  loaded_ = 0;
  seen_.clear();
}

}  // namespace shmwire::explore
