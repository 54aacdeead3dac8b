// Interrupts of the core: locked, restored, waited for.
#pragma once

#define noInterrupts() __asm volatile("cpsid i" ::: "memory")
#define interrupts() __asm volatile("cpsie i" ::: "memory")

#ifdef __cplusplus
#include <cstdint>

namespace emulated {

// Disables interrupts for a scope, and restores their state.
class InterruptLock {
  public:
    InterruptLock() { asm volatile("mrs %0, primask\n cpsid i" : "=r"(saved_)::"memory"); }
    ~InterruptLock() { asm volatile("msr primask, %0" ::"r"(saved_) : "memory"); }
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
