// Inside of the core: what the emulator's command line tells the board.
#pragma once

#include <cstddef>

namespace emulated {

// Copies what follows `name` (say "seed=") up to the next space, as text. Returns its length; 0 and
// an empty text if the command line does not have it, or it is `size` or longer.
std::size_t command_line(const char* name, char* value, std::size_t size);

// "spin=1" on the command line: never sleep. Then virtual time is a count of instructions and of
// nothing else, and runs as fast as the host can.
bool spins();

}  // namespace emulated
