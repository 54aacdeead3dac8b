// Inside of the core: the clock that startup starts and interrupt handlers report to.
#pragma once

#include <cstdint>

namespace emulated {

// Starts timer 0. Counts begin here.
void start_clock();

// Leaves the ticks since `since` (a reading of timer 0) out of the instruction count. Called with
// interrupts locked, or from a handler: all have the same priority.
void set_apart(std::uint32_t since);

}  // namespace emulated
