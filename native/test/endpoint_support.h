#pragma once

// Pairs of connected ends for tests.

#include "core/endpoint.h"
#include "test/support.h"

namespace shmwire::test {

// Both ends use the same mappings, so that ThreadSanitizer sees both sides of each word.
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

// Each end maps the other's memory after a handover, as two processes do.
struct HandedOverPair {
  explicit HandedOverPair(uint64_t ring_bytes = kRingBytes,
                          uint64_t message_bytes_max = kMessageBytesMax) {
    TemporaryPath path("handover");
    platform::HandoverSocket handover_socket;
    const platform::Token token{1, 2, 3};
    bool full = true;
    REQUIRE(client.Create(ring_bytes, message_bytes_max).ok());
    REQUIRE(server.Create(ring_bytes, message_bytes_max).ok());
    REQUIRE(handover_socket.Bind(path.c_str()).ok());
    REQUIRE(handover_socket.Expect(token, nullptr).ok());
    REQUIRE(client.OfferHandles(path.c_str(), token, &full).ok());
    REQUIRE_FALSE(full);
    REQUIRE(server.AcceptHandles(&handover_socket, token).ok());
    REQUIRE(client.AttachOffered(nullptr).ok());
  }

  Endpoint client;
  Endpoint server;
};

// The result of writing one message as far as there is room.
struct WriteResult {
  Status status;
  bool wrote = false;
  bool needs_wake = false;
  uint64_t offset = 0;
};

inline WriteResult WriteOne(Endpoint* endpoint, const Payload& payload, uint32_t id = 0) {
  WriteResult result;
  result.status = endpoint->Write(1, id, payload.data(), payload.size(), &result.offset,
                                  &result.wrote, &result.needs_wake);
  return result;
}

// Receives whole messages and fragments, and passes each message on when it is complete.
class Collector {
 public:
  explicit Collector(Endpoint* endpoint) : endpoint_(endpoint), target_(4096), descriptors_(64) {}

  // `sink(id, data, bytes)`. False: there was no data. Sets `*needs_wake` and never clears it.
  template <typename Sink>
  bool Collect(Sink sink, bool* needs_wake) {
    bool needed = false;
    Batch batch = {.target = target_.data(),
                   .target_bytes = target_.size(),
                   .offset = 0,
                   .descriptors = descriptors_.data(),
                   .descriptors_max = static_cast<uint32_t>(descriptors_.size())};
    status_ = endpoint_->Receive(&batch, {}, &needed);
    *needs_wake = *needs_wake || needed;
    for (uint32_t index = 0; index < batch.count; index++) {
      const MessageDescriptor& one = descriptors_[index];
      sink(one.id, target_.data() + one.offset, one.length);
    }
    if (batch.fragmented) return Assemble(batch, sink, needs_wake);
    if (batch.required_bytes > static_cast<int64_t>(target_.size())) {
      target_.resize(static_cast<size_t>(batch.required_bytes));
    }
    return batch.count > 0 || batch.required_bytes >= 0;
  }

  [[nodiscard]] Status status() const { return status_; }

 private:
  template <typename Sink>
  bool Assemble(const Batch& batch, Sink sink, bool* needs_wake) {
    bool needed = false;
    whole_.resize(static_cast<size_t>(batch.required_bytes));
    AssembledMessage message;
    status_ = endpoint_->Assemble(whole_.data(), whole_.size(), {}, &message, &needed);
    *needs_wake = *needs_wake || needed;
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
