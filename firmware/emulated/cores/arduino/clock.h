// Internal to the core: the clock of virtual time, and the time that instruction counts exclude.
#pragma once

#include <cstdint>

namespace emulated {

// Starts timer 0 and all counts.
void start_clock();

// Excludes the ticks since `since` (a reading of timer 0) from the instruction count. Call with
// interrupts locked.
void set_apart(std::uint32_t since);

// The same for an interrupt handler, which reads timer 0 first and calls this last; also excludes
// the instructions around the two readings. All handlers have one priority, so that none interrupts
// another.
void handler_done(std::uint32_t since);

}  // namespace emulated
