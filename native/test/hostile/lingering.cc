#include "test/hostile/lingering.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

namespace shmwire::hostile {

std::vector<int> MakeLingering(int seconds) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int small = 2048;
  setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t bytes = sizeof(address);
  auto* name = reinterpret_cast<sockaddr*>(&address);
  bind(listener, name, bytes);
  listen(listener, 1);
  getsockname(listener, name, &bytes);
  const int lingering = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  connect(lingering, name, bytes);
  const int other = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
  close(listener);
  const linger on{.l_onoff = 1, .l_linger = seconds};
  setsockopt(lingering, SOL_SOCKET, SO_LINGER, &on, sizeof(on));
  static constexpr std::array<char, 65'536> kUnread{};
  while (send(lingering, kUnread.data(), kUnread.size(), MSG_DONTWAIT | MSG_NOSIGNAL) > 0) {
  }
  return {lingering, other};
}

}  // namespace shmwire::hostile
