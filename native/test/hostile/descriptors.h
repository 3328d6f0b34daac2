#pragma once

// Memory and descriptors for a hostile peer. Arguments are unchecked: the tests need invalid ones.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace shmwire::hostile {

struct Received {
  bool any = false;
  std::vector<unsigned char> payload;
  std::vector<int> descriptors;
};

// Creates memory of `bytes` bytes, and reserves as many from `reserved_from` on, possibly beyond
// the end; none if it is -1. Returns -1 on failure.
int MakeMemory(uint64_t bytes, int64_t reserved_from, bool sealable);
// Return 0 or the error number.
int AddSeals(int descriptor, int seals);
int PunchHole(int descriptor, uint64_t offset, uint64_t bytes);
int RemovePages(void* start, uint64_t bytes);

// Sends the payload and as many descriptors as one message holds: in a datagram to `path`, or
// through `socket` if `path` is empty. Returns 0 or the error number.
int Send(int socket, const std::string& path, const void* payload, size_t payload_bytes,
         const std::vector<int>& descriptors);
// Receives the next queued message. Never blocks.
Received Receive(int socket);
// Binds a datagram socket at `path`. Returns -1 on failure.
int BindHandoverSocket(const std::string& path);
// Writes up to `count` bytes without blocking. Returns how many were written.
uint64_t WriteBytes(int socket, uint64_t count);
void SetBlocking(int descriptor, bool blocking);

}  // namespace shmwire::hostile
