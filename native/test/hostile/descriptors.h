#pragma once

// What a hostile peer does with memory and descriptors. Nothing is checked: the tests know what
// they ask for, and want it done as they say.

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

// Memory of `bytes` bytes; as many are reserved from `reserved_from` on, which may be beyond the
// end, or none if it is -1. -1: it could not be made.
int MakeMemory(uint64_t bytes, int64_t reserved_from, bool sealable);
// These return 0 or the error number.
int AddSeals(int descriptor, int seals);
int PunchHole(int descriptor, uint64_t offset, uint64_t bytes);
int RemovePages(void* start, uint64_t bytes);

// Sends payload and descriptors, as many times as the kernel takes in one message, to `path` by a
// datagram, or through `socket` where `path` is empty. 0 or the error number.
int Send(int socket, const std::string& path, const void* payload, size_t payload_bytes,
         const std::vector<int>& descriptors);
// What is queued; never waits.
Received Receive(int socket);
// A datagram socket at `path`. -1: it could not be bound.
int BindInbox(const std::string& path);
// Writes up to `count` bytes without waiting. How many were taken.
uint64_t Ring(int socket, uint64_t count);
void SetBlocking(int descriptor, bool blocking);

}  // namespace shmwire::hostile
