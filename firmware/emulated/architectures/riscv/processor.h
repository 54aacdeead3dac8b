// What the core needs before the program runs: memory protection, interrupts.
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
