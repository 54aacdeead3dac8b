// The instructions that disable, enable and restore interrupts.
#pragma once

#define noInterrupts() __asm volatile("cpsid i" ::: "memory")
#define interrupts() __asm volatile("cpsie i" ::: "memory")

#ifdef __cplusplus
#include <cstdint>

namespace emulated {

// Disables interrupts; `saved` receives the state for restore_interrupts().
inline void disable_interrupts(std::uint32_t& saved) {
    asm volatile("mrs %0, primask\n cpsid i" : "=r"(saved)::"memory");
}
inline void restore_interrupts(std::uint32_t saved) {
    asm volatile("msr primask, %0" ::"r"(saved) : "memory");
}

}  // namespace emulated
#endif
