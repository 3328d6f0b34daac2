#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "core/cache_line.h"
#include "core/endpoint.h"
#include "figures.h"
#include "platform/process.h"
#include "programs.h"
#include "two_processes.h"

namespace bench {
namespace {

using shmwire::AssembledMessage;
using shmwire::Batch;
using shmwire::Endpoint;
using shmwire::MessageDescriptor;
using shmwire::OwnSegment;
using shmwire::PauseCpu;
using shmwire::PeerSegment;
using shmwire::RingReader;
using shmwire::RingWriter;
using shmwire::Status;
using shmwire::platform::MonotonicNanos;

// The defaults of src/options.ts.
constexpr uint64_t kRingBytes = uint64_t{1} << 20;
constexpr uint64_t kMessageBytesMax = uint64_t{64} << 20;
constexpr uint64_t kSpinNanos = 100'000;
// The bounds of a batch that the addon's caller sets.
constexpr size_t kTargetBytes = size_t{1} << 16;
constexpr uint32_t kDescriptorsMax = 1024;
constexpr size_t kSamplesMax = size_t{1} << 22;
// The batch size of copies.cc.
constexpr uint64_t kBatchMessages = 64;

constexpr uint16_t kMessage = 1;
constexpr uint16_t kEnd = 2;

void Expect(const Status& status) {
  if (!status.ok()) Fail(status.context());
}

// One end: writes whole messages, and delivers received ones.
class End {
 public:
  End() : target_(kTargetBytes), descriptors_(kDescriptorsMax) {
    Expect(endpoint_.Create(kRingBytes, kMessageBytesMax));
  }

  [[nodiscard]] const Endpoint& endpoint() const { return endpoint_; }

  // In the process that uses this end.
  void Attach(const End& other) {
    PeerSegment peer;
    Expect(PeerSegment::Map(other.endpoint_.own().handle(), &peer));
    Expect(endpoint_.Attach(std::move(peer)));
  }

  void Send(uint16_t kind, const std::byte* payload, uint64_t length) {
    uint64_t offset = 0;
    bool wrote = false;
    bool doorbell = false;
    for (;;) {
      Expect(endpoint_.Write(kind, 0, payload, length, &offset, &wrote, &doorbell));
      if (wrote && offset == length) return;
      PauseCpu();
    }
  }

  // Waits for messages, and calls `sink(kind, bytes, length)` with each of a batch.
  template <typename Sink>
  void Receive(Sink sink) {
    Batch batch{};
    batch.target = target_.data();
    batch.target_bytes = target_.size();
    batch.descriptors = descriptors_.data();
    batch.descriptors_max = kDescriptorsMax;
    batch.required_bytes = -1;
    bool doorbell = false;
    Expect(endpoint_.Receive(&batch, {.spin_nanos = kSpinNanos, .yield_cpu = true}, &doorbell));
    for (uint32_t index = 0; index < batch.count; index++) {
      const MessageDescriptor& message = descriptors_[index];
      sink(static_cast<uint16_t>(message.kind), target_.data() + message.offset, message.length);
    }
    if (batch.count > 0 || batch.required_bytes < 0) return;
    const auto required = static_cast<size_t>(batch.required_bytes);
    if (whole_.size() < required) whole_.resize(required);
    if (!batch.fragmented) {
      std::swap(whole_, target_);
      return;
    }
    for (AssembledMessage message; !message.whole;) {
      Expect(endpoint_.Assemble(whole_.data(), required, {}, &message, &doorbell));
      if (message.whole) sink(message.kind, whole_.data(), required);
    }
  }

 private:
  Endpoint endpoint_;
  std::vector<std::byte> target_;
  std::vector<std::byte> whole_;
  std::vector<MessageDescriptor> descriptors_;
};

uint64_t FirstWord(const std::byte* bytes) {
  uint64_t word;
  std::memcpy(&word, bytes, sizeof(word));
  return word;
}

ServerReport Echo(End* end) {
  ServerReport report;
  for (bool over = false; !over;) {
    end->Receive([&](uint16_t kind, const std::byte* bytes, uint64_t length) {
      if (kind == kEnd) {
        over = true;
        return;
      }
      end->Send(kMessage, bytes, length);
      report.messages++;
    });
  }
  report.cpu_seconds = CpuSeconds();
  return report;
}

// The ring alone: its writer, and the word in which its reader publishes its position.
struct Segments {
  Segments() {
    Expect(OwnSegment::Create(kRingBytes, &writer));
    Expect(OwnSegment::Create(kRingBytes, &reader));
  }

  OwnSegment writer;
  OwnSegment reader;
};

ServerReport Count(Segments* segments) {
  ServerReport report;
  PeerSegment peer;
  Expect(PeerSegment::Map(segments->writer.handle(), &peer));
  RingReader reader(peer, segments->reader, kMessageBytesMax);
  std::vector<std::byte> target(kTargetBytes);
  std::vector<std::byte> whole;
  std::vector<MessageDescriptor> descriptors(kDescriptorsMax);
  bool over = false;
  const auto see = [&](uint32_t kind, const std::byte* bytes) {
    over = kind == kEnd;
    if (over) return;
    if (FirstWord(bytes) != report.messages) report.faults++;
    report.messages++;
  };
  while (!over) {
    Expect(reader.Poll());
    if (!reader.has_data()) {
      PauseCpu();
      continue;
    }
    Batch batch{};
    batch.target = target.data();
    batch.target_bytes = target.size();
    batch.descriptors = descriptors.data();
    batch.descriptors_max = kDescriptorsMax;
    bool more = false;
    Expect(reader.Receive(&batch, &more));
    reader.Release();
    for (uint32_t index = 0; index < batch.count; index++) {
      see(descriptors[index].kind, target.data() + descriptors[index].offset);
    }
    const auto required = static_cast<size_t>(std::max<int64_t>(batch.required_bytes, 0));
    if (!batch.fragmented && batch.count == 0 && required > target.size()) target.resize(required);
    if (!batch.fragmented) continue;
    if (whole.size() < required) whole.resize(required);
    AssembledMessage message;
    do {
      Expect(reader.Assemble(whole.data(), required, &message, &more));
      reader.Release();
    } while (more);
    if (message.whole) see(message.kind, whole.data());
  }
  report.cpu_seconds = CpuSeconds();
  return report;
}

}  // namespace

void RingRoundTrip(uint64_t duration_nanos, uint64_t message_bytes) {
  End client;
  End server;
  TwoProcesses processes([&] {
    server.Attach(client);
    return Echo(&server);
  });
  client.Attach(server);

  Run run;
  run.message_bytes = message_bytes;
  run.latency_nanos.reserve(kSamplesMax);
  std::vector<std::byte> message(message_bytes);
  const double cpu = CpuSeconds();
  const uint64_t begin = MonotonicNanos();
  uint64_t now = begin;
  while (now - begin < duration_nanos && run.messages < kSamplesMax) {
    const uint64_t sent = now;
    std::memcpy(message.data(), &run.messages, sizeof(run.messages));
    client.Send(kMessage, message.data(), message_bytes);
    for (bool came = false; !came;) {
      client.Receive([&](uint16_t, const std::byte* bytes, uint64_t length) {
        if (length != message_bytes || FirstWord(bytes) != run.messages) Fail("another echo");
        came = true;
      });
    }
    now = MonotonicNanos();
    run.latency_nanos.push_back(static_cast<uint32_t>(now - sent));
    run.messages++;
  }
  run.seconds = static_cast<double>(now - begin) / 1e9;
  run.client_cpu_seconds = CpuSeconds() - cpu;
  client.Send(kEnd, message.data(), sizeof(uint64_t));
  const ServerReport report = processes.Join();
  if (report.messages != run.messages) Fail("the server saw other messages");
  run.server_cpu_seconds = report.cpu_seconds;
  PrintFigures(&run);
}

void RingOneWay(uint64_t duration_nanos, uint64_t message_bytes) {
  Segments segments;
  TwoProcesses processes([&] { return Count(&segments); });

  Run run;
  run.message_bytes = message_bytes;
  std::vector<std::byte> message(message_bytes);
  PeerSegment peer;
  Expect(PeerSegment::Map(segments.reader.handle(), &peer));
  RingWriter writer(segments.writer, peer);
  const auto send = [&](uint16_t kind, uint64_t length) {
    uint64_t offset = 0;
    bool wrote = false;
    for (;;) {
      Expect(writer.WriteNext(kind, 0, message.data(), length, &offset, &wrote));
      if (wrote && offset == length) return;
      // The reader frees the messages that it has read.
      writer.Publish();
      if (!wrote) PauseCpu();
    }
  };
  const uint64_t batch_mask =
      std::clamp<uint64_t>(kRingBytes / 4 / message_bytes, 1, kBatchMessages) - 1;
  const double cpu = CpuSeconds();
  const uint64_t begin = MonotonicNanos();
  for (uint64_t now = begin; now - begin < duration_nanos;) {
    std::memcpy(message.data(), &run.messages, sizeof(run.messages));
    send(kMessage, message_bytes);
    if ((++run.messages & batch_mask) == 0) {
      writer.Publish();
      now = MonotonicNanos();
    }
  }
  send(kEnd, sizeof(uint64_t));
  writer.Publish();
  run.client_cpu_seconds = CpuSeconds() - cpu;
  const ServerReport report = processes.Join();
  run.seconds = static_cast<double>(MonotonicNanos() - begin) / 1e9;
  if (report.messages != run.messages || report.faults > 0) Fail("the server saw other messages");
  run.server_cpu_seconds = report.cpu_seconds;
  PrintFigures(&run);
}

}  // namespace bench
