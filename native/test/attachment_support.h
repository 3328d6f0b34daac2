#pragma once

// Readers that attach to a topic or a cell through a handover socket, as processes do.

#include "core/broadcast_subscriber.h"
#include "core/cell_watcher.h"
#include "test/broadcast_support.h"

namespace shmwire::test {

class HandoverPlace {
 public:
  HandoverPlace() : path_("handover") { REQUIRE(socket_.Bind(path_.c_str()).ok()); }

  [[nodiscard]] const char* path() const { return path_.c_str(); }
  [[nodiscard]] platform::HandoverSocket* socket() { return &socket_; }
  // A token that the socket expects.
  platform::Token Expect() {
    platform::Token token{};
    tokens_++;
    std::memcpy(token.data(), &tokens_, sizeof(tokens_));
    REQUIRE(socket_.Expect(token, nullptr).ok());
    return token;
  }

  // `accept(token)` attaches the reader to its writer.
  template <typename Accept>
  void Attach(ReaderAttachment* reader, Accept accept) {
    const platform::Token token = Expect();
    bool full = true;
    REQUIRE(reader->Offer(path(), token, &full).ok());
    REQUIRE_FALSE(full);
    accept(token);
    REQUIRE(reader->Attach(nullptr).ok());
  }
  uint32_t Attach(BroadcastPublisher* publisher, BroadcastSubscriber* subscriber,
                  bool blocks = false) {
    uint32_t reader = 0;
    Attach(subscriber->attachment(), [&](const platform::Token& token) {
      REQUIRE(publisher->Accept(&socket_, token, blocks, &reader).ok());
    });
    return reader;
  }
  uint32_t Attach(CellPublisher* publisher, CellWatcher* watcher) {
    uint32_t reader = 0;
    Attach(watcher->attachment(), [&](const platform::Token& token) {
      REQUIRE(publisher->Accept(&socket_, token, &reader).ok());
    });
    return reader;
  }

 private:
  TemporaryPath path_;
  platform::HandoverSocket socket_;
  uint64_t tokens_ = 0;
};

// A message with the sequence that it will have. Returns whether there was room.
inline bool Publish(BroadcastPublisher* publisher, uint64_t sequence, uint64_t body_bytes,
                    WakeCounts* counts) {
  const TestMessage message(sequence, body_bytes, sequence % 3, sequence % 2);
  uint64_t published = 0;
  REQUIRE(publisher->Publish(message.parts(), &published, counts).ok());
  REQUIRE((published == 0 || published == sequence));
  return published != 0;
}

inline void SeekTo(BroadcastSubscriber* subscriber, SeekStart start, uint64_t sequence = 0) {
  uint64_t next = 0;
  REQUIRE(subscriber->Seek(start, sequence, &next).ok());
}

}  // namespace shmwire::test
