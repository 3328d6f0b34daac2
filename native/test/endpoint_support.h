#pragma once

// Two ends of a connection, in the ways that tests need them.

#include "core/endpoint.h"
#include "test/support.h"

namespace shmwire::test {

// Both over the same mappings, so that ThreadSanitizer sees both sides of each word.
struct EndpointPair {
  explicit EndpointPair(uint64_t ring_bytes = kRingBytes,
                        uint64_t message_bytes_max = kMessageBytesMax) {
    REQUIRE(first.Create(ring_bytes, message_bytes_max).ok());
    REQUIRE(second.Create(ring_bytes, message_bytes_max).ok());
    REQUIRE(first.Attach(PeerSegment::Borrow(second.own())).ok());
    REQUIRE(second.Attach(PeerSegment::Borrow(first.own())).ok());
  }

  Endpoint first;
  Endpoint second;
};

// Each with its own mapping of the other, handed over as two processes do it.
struct HandedOverPair {
  explicit HandedOverPair(uint64_t ring_bytes = kRingBytes,
                          uint64_t message_bytes_max = kMessageBytesMax) {
    TemporaryPath path("inbox");
    platform::HandleInbox inbox;
    const platform::Token token{1, 2, 3};
    bool full = true;
    REQUIRE(client.Create(ring_bytes, message_bytes_max).ok());
    REQUIRE(server.Create(ring_bytes, message_bytes_max).ok());
    REQUIRE(inbox.Bind(path.c_str()).ok());
    REQUIRE(inbox.Expect(token, nullptr).ok());
    REQUIRE(client.OfferHandles(path.c_str(), token, &full).ok());
    REQUIRE_FALSE(full);
    REQUIRE(server.AcceptHandles(&inbox, token).ok());
    REQUIRE(client.AttachOffered(nullptr).ok());
  }

  Endpoint client;
  Endpoint server;
};

// One message, as far as it goes. Whether anything was written, and whether the doorbell is due.
struct WriteResult {
  Status status;
  bool wrote = false;
  bool doorbell = false;
  uint64_t offset = 0;
};

inline WriteResult WriteOne(Endpoint* endpoint, const Payload& payload, uint32_t id = 0) {
  WriteResult result;
  result.status = endpoint->Write(1, id, payload.data(), payload.size(), &result.offset,
                                  &result.wrote, &result.doorbell);
  return result;
}

// Takes what is there, whole messages and fragments, and gives each message away as it becomes
// whole.
class Collector {
 public:
  explicit Collector(Endpoint* endpoint) : endpoint_(endpoint), target_(4096), descriptors_(64) {}

  // `sink(id, data, bytes)`. False when nothing was there. `*doorbell` is only ever set, never
  // cleared.
  template <typename Sink>
  bool Collect(Sink sink, bool* doorbell) {
    bool rings = false;
    Batch batch = {.target = target_.data(),
                   .target_bytes = target_.size(),
                   .offset = 0,
                   .descriptors = descriptors_.data(),
                   .descriptors_max = static_cast<uint32_t>(descriptors_.size())};
    status_ = endpoint_->Receive(&batch, 0, false, &rings);
    *doorbell = *doorbell || rings;
    for (uint32_t index = 0; index < batch.count; index++) {
      const MessageDescriptor& one = descriptors_[index];
      sink(one.id, target_.data() + one.offset, one.length);
    }
    if (batch.fragmented) return Assemble(batch, sink, doorbell);
    if (batch.required_bytes > static_cast<int64_t>(target_.size())) {
      target_.resize(static_cast<size_t>(batch.required_bytes));
    }
    return batch.count > 0 || batch.required_bytes >= 0;
  }

  [[nodiscard]] Status status() const { return status_; }

 private:
  template <typename Sink>
  bool Assemble(const Batch& batch, Sink sink, bool* doorbell) {
    bool rings = false;
    whole_.resize(static_cast<size_t>(batch.required_bytes));
    AssembledMessage message;
    status_ = endpoint_->Assemble(whole_.data(), whole_.size(), 0, false, &message, &rings);
    *doorbell = *doorbell || rings;
    if (message.whole) sink(message.id, whole_.data(), whole_.size());
    return true;
  }

  Endpoint* endpoint_;
  Payload target_;
  Payload whole_;
  std::vector<MessageDescriptor> descriptors_;
  Status status_;
};

}  // namespace shmwire::test
