// The instructions that disable, enable and restore interrupts.
#pragma once

#define noInterrupts() __asm volatile("csrci mstatus, 8" ::: "memory")
#define interrupts() __asm volatile("csrsi mstatus, 8" ::: "memory")

#ifdef __cplusplus
#include <cstdint>

namespace emulated {

// Disables interrupts; `saved` receives the state for restore_interrupts().
inline void disable_interrupts(std::uint32_t& saved) {
    asm volatile("csrrci %0, mstatus, 8" : "=r"(saved)::"memory");
}
inline void restore_interrupts(std::uint32_t saved) {
    asm volatile("csrs mstatus, %0" ::"r"(saved & 8U) : "memory");
}

}  // namespace emulated
#endif
