#pragma once

#include <cstdint>

namespace bench {

// Two processes pass one cache line to and fro.
void Bounce(uint64_t duration_nanos);
// One thread copies messages within its own memory.
void Memcpy(uint64_t duration_nanos, uint64_t message_bytes);
// One process copies batches of messages into shared memory, the other copies them out; one cache
// line passes between them for each batch.
void Handover(uint64_t duration_nanos, uint64_t message_bytes);
// Our core, its ends in two processes, both polling.
void RingRoundTrip(uint64_t duration_nanos, uint64_t message_bytes);
void RingOneWay(uint64_t duration_nanos, uint64_t message_bytes);

}  // namespace bench
