// Prepares the core before the program runs: turns on the FPU, the traps and memory protection.
#pragma once

#include "memory_protection.h"
#include "registers.h"

namespace emulated {

// Bits of the Configuration and Control Register. A division by zero faults. An unaligned access
// faults if the program's core does not have it.
#if defined(__ARM_FEATURE_UNALIGNED)
constexpr std::uint32_t kTraps = 1U << 4U;
#else
constexpr std::uint32_t kTraps = 1U << 4U | 1U << 3U;
#endif

inline void prepare_processor() {
    if constexpr (!machine::kVectorsAtReset) {
        system_register(0xE000ED08U) = reinterpret_cast<std::uintptr_t>(__flash_start);  // VTOR
    }
    system_register(0xE000ED88U) |= 0xFU << 20U;  // CPACR: the FPU is on
    system_register(0xE000ED14U) |= kTraps;
    asm volatile("dsb\n isb" ::: "memory");
    protect_memory();
}

}  // namespace emulated
