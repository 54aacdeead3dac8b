// Inside of the core: the clock that startup starts and interrupt handlers report to.
#pragma once

#include <cstdint>

namespace emulated {

// Starts timer 0. Counts begin here.
void start_clock();

// Leaves the ticks since `since` (a reading of timer 0) out of the instruction count. Called with
// interrupts locked.
void set_apart(std::uint32_t since);

// The same, for a handler that read timer 0 first thing and returns after this: also leaves out
// what surrounds the two readings. All handlers have the same priority, so none interrupts another.
void handler_done(std::uint32_t since);

}  // namespace emulated
