// Internal to the core: the time that instruction counts exclude.
#pragma once

#include <cstdint>

namespace emulated {

// Excludes the ticks since `since` (a reading of the clock) from the instruction count. Call with
// interrupts locked.
void set_apart(std::uint32_t since);

// The same for an interrupt handler, which reads the clock first and calls this last; also excludes
// the instructions around the two readings. All handlers have one priority, so that none interrupts
// another.
void handler_done(std::uint32_t since);

}  // namespace emulated
