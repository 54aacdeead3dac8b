// Internal to the core: the settings on the emulator's command line.
#pragma once

#include <cstddef>

namespace emulated {

// Copies the text after `name` (for example "seed=") up to the next space; returns its length. The
// result is empty if the command line does not have it, or if it does not fit `size`.
std::size_t command_line(const char* name, char* value, std::size_t size);

// Whether the command line has "spin=1": the board never sleeps, so that virtual time counts only
// instructions and runs as fast as the host can.
bool spins();

}  // namespace emulated
