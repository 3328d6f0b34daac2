#pragma once

#include "core/endpoint.h"
#include "fuzz/forged_peer.h"
#include "fuzz/input.h"

namespace shmwire::fuzz {

// The peer of an endpoint writes something to its segment, as the input determines.
void PeerStep(const Endpoint& endpoint, uint64_t message_bytes_max, ForgedPeer* peer, Input* input);

}  // namespace shmwire::fuzz
