#pragma once

#include <vector>

namespace shmwire::hostile {

// A connected TCP socket with unsent data and SO_LINGER, and its other end. The last close of the
// first blocks for `seconds`, or until the other end is closed.
std::vector<int> MakeLingering(int seconds);

}  // namespace shmwire::hostile
