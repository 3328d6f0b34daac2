#pragma once

// A descriptor whose last close blocks.

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

#include "platform/handle.h"

namespace shmwire::test {

// A connected TCP socket with unsent data, and SO_LINGER of `seconds`: its last close blocks for
// that time, or until the other end is closed.
class LingeringSocket {
 public:
  explicit LingeringSocket(int seconds) {
    const platform::Handle listener(socket(AF_INET, SOCK_STREAM, 0));
    const int small = 2048;
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t bytes = sizeof(address);
    auto* name = reinterpret_cast<sockaddr*>(&address);
    const int listening = static_cast<int>(listener.native());
    REQUIRE(setsockopt(listening, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)) == 0);
    REQUIRE(bind(listening, name, bytes) == 0);
    REQUIRE(listen(listening, 1) == 0);
    REQUIRE(getsockname(listening, name, &bytes) == 0);
    descriptor_ = socket(AF_INET, SOCK_STREAM, 0);
    REQUIRE(connect(descriptor_, name, bytes) == 0);
    other_ = platform::Handle(accept(listening, nullptr, nullptr));
    REQUIRE(other_.valid());
    const linger on{.l_onoff = 1, .l_linger = seconds};
    REQUIRE(setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &on, sizeof(on)) == 0);
    static constexpr std::array<char, 65'536> kUnread{};
    while (send(descriptor_, kUnread.data(), kUnread.size(), MSG_DONTWAIT | MSG_NOSIGNAL) > 0) {
    }
  }

  // The caller owns it: this object does not close it.
  [[nodiscard]] int descriptor() const { return descriptor_; }
  // Ends a close that blocks.
  void CloseOther() { other_.Close(); }

 private:
  int descriptor_ = -1;
  platform::Handle other_;
};

}  // namespace shmwire::test
