// Interrupts of the core: locked, restored, waited for.
#pragma once

#define noInterrupts() __asm volatile("csrci mstatus, 8" ::: "memory")
#define interrupts() __asm volatile("csrsi mstatus, 8" ::: "memory")

#ifdef __cplusplus
#include <cstdint>

namespace emulated {

// Disables interrupts for a scope, and restores their state.
class InterruptLock {
  public:
    InterruptLock() { asm volatile("csrrci %0, mstatus, 8" : "=r"(saved_)::"memory"); }
    ~InterruptLock() { asm volatile("csrs mstatus, %0" ::"r"(saved_ & 8U) : "memory"); }
    InterruptLock(const InterruptLock&) = delete;
    InterruptLock& operator=(const InterruptLock&) = delete;

  private:
    std::uint32_t saved_;
};

inline void wait_for_interrupt() {
    asm volatile("wfi" ::: "memory");
}

}  // namespace emulated
#endif
