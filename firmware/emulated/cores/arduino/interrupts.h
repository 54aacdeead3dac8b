// Locks interrupts and waits for one.
#pragma once

#include "interrupt_state.h"

#ifdef __cplusplus
namespace emulated {

// Disables interrupts for a scope, and restores their state.
class InterruptLock {
  public:
    InterruptLock() { disable_interrupts(saved_); }
    ~InterruptLock() { restore_interrupts(saved_); }
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
