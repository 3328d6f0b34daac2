#include "test/explore/cell_actors.h"

#include <utility>

#include "platform/doorbell.h"
#include "test/explore/explorer.h"

namespace shmwire::explore {
namespace {

void Check(Status status) { Expect(status.ok(), status.context()); }

}  // namespace

CellRun::CellRun(const CellOptions& options) : options_(options) {
  ReaderAttachment* attachment = watcher_.attachment();
  WriterAttachment* writer = publisher_.attachment();
  platform::Handle doorbell;
  platform::Handle own_doorbell;
  uint32_t reader = 0;
  (void)publisher_.Create(sizeof(Value));
  (void)attachment->Create();
  // Only to count wake-ups; reader_doorbell_ is the one that wakes.
  (void)platform::MakeDoorbell(&own_doorbell, &doorbell);
  (void)writer->readers()->Add(PeerSegment::Borrow(attachment->own()), std::move(doorbell),
                               std::move(own_doorbell), &reader);
  (void)attachment->Attach(PeerSegment::Borrow(writer->own()));
}

void CellRun::Write() {
  for (uint64_t expected = 1; expected <= options_.sets; expected++) {
    Value value;
    value.fill(expected);
    uint64_t version = 0;
    WakeCounts counts;
    Check(publisher_.Set(reinterpret_cast<const std::byte*>(value.data()), sizeof(value), &version,
                         &counts));
    Expect(version == expected, "a value has a wrong version");
    Expect(counts.unwoken == 0, "a reader could not be woken");
    if (counts.wakes != 0) reader_doorbell_.Wake();
  }
  if (!options_.closes) return;
  WakeCounts counts;
  publisher_.AnnounceClosed(&counts);
  if (counts.wakes != 0) reader_doorbell_.Wake();
}

// Whether the value is newer than the last one.
bool CellRun::Take(const CellValue& value, const Value& copied) {
  if (value.behind || value.version == 0) return false;
  Expect(value.length == sizeof(Value), "a value has a wrong length");
  for (const uint64_t word : copied) Expect(word == value.version, "a value differs");
  Expect(value.version >= version_, "a version moved back");
  const bool is_newer = value.version > version_;
  version_ = value.version;
  return is_newer;
}

void CellRun::Read() {
  bool closed = false;
  while (options_.closes ? !closed : version_ < options_.sets) {
    Value copied{};
    CellValue value;
    Check(
        watcher_.Get(reinterpret_cast<std::byte*>(copied.data()), sizeof(copied), &value, &closed));
    if (Take(value, copied) || value.behind || closed) continue;
    bool ready = false;
    Check(watcher_.Arm(&ready));
    if (!ready) reader_doorbell_.Wait();
    Check(watcher_.Disarm());
  }
  Expect(version_ == options_.sets, "the cell closed before its last value");
}

}  // namespace shmwire::explore
