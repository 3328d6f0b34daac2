#include "test/explore/trace.h"

#include <algorithm>
#include <sstream>

namespace shmwire::explore {
namespace {

const char* OrderName(std::memory_order order) {
  switch (order) {
    case std::memory_order_relaxed:
      return "relaxed";
    case std::memory_order_acquire:
      return "acquire";
    case std::memory_order_release:
      return "release";
    default:
      return "seq_cst";
  }
}

void Print(const TraceEntry& entry, std::ostream* stream) {
  *stream << "  " << entry.step << "\tactor " << entry.actor << "  ";
  const std::string place = NameOf(entry.place);
  switch (entry.event) {
    case Event::kLoad:
      *stream << "loads " << place << ": " << entry.value << ", " << OrderName(entry.order);
      if (entry.late != 0) *stream << ", as before the last " << entry.late << " stores";
      break;
    case Event::kStore:
      *stream << "stores " << entry.value << " to " << place << ", " << OrderName(entry.order);
      break;
    case Event::kCopy:
      *stream << "copies " << entry.value << " bytes to " << place;
      if (entry.late != 0) *stream << ", as before the last " << entry.late << " stores";
      break;
    case Event::kReleaseFence:
      *stream << "release fence";
      break;
    case Event::kAcquireFence:
      *stream << "acquire fence";
      break;
    case Event::kSleep:
      *stream << "sleeps";
      break;
    case Event::kWoken:
      *stream << "is woken";
      break;
    case Event::kWake:
      *stream << "wakes every sleeper on its wake sequence or doorbell";
      break;
    case Event::kDone:
      *stream << "is done";
      break;
  }
  *stream << '\n';
}

}  // namespace

std::string Trace::Text() const {
  std::ostringstream text;
  const uint64_t kept = std::min<uint64_t>(count_, kEntries);
  for (uint64_t index = count_ - kept; index < count_; index++) {
    Print(entries_[index % kEntries], &text);
  }
  return text.str();
}

}  // namespace shmwire::explore
