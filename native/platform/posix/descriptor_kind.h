#pragma once

namespace shmwire::platform {

// Whether the protocol transfers such a descriptor: memory that a peer can map, or a Unix stream
// socket. Never blocks. Each system implements this in its own folder.
bool IsKnownKind(int descriptor);

}  // namespace shmwire::platform
