// Prepares the core before the program runs: turns on memory protection and interrupts.
#pragma once

#include "memory_protection.h"
#include "registers.h"
#include "timers.h"

namespace emulated {

inline void prepare_processor() {
    protect_memory();
    interrupt_at(kNever);
    VIGIL_WRITE_CSR("mie", kTimerInterrupt | kExternalInterrupt);
    interrupts();
}

}  // namespace emulated
