// Registers of the core, and of Arm's FPGA images as QEMU models them (CMSDK APB UART and timers);
// addresses and interrupts of the latter are in machine.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "machine.h"

namespace emulated {

struct Uart {
    volatile std::uint32_t data;
    volatile std::uint32_t state;
    volatile std::uint32_t control;
    volatile std::uint32_t interrupts;  // write 1 to clear
    volatile std::uint32_t divider;
};

struct Timer {
    volatile std::uint32_t control;
    volatile std::uint32_t value;  // counts down
    volatile std::uint32_t reload;
    volatile std::uint32_t interrupts;  // write 1 to clear
};

// One of the two counters of the dual timer (Arm CMSDK, as SP804).
struct DualTimer {
    volatile std::uint32_t load;
    volatile std::uint32_t value;  // counts down
    volatile std::uint32_t control;
    volatile std::uint32_t clear;  // any write clears the interrupt
};

constexpr std::uint32_t kUartTxFull = 1U << 0U;
constexpr std::uint32_t kUartRxFull = 1U << 1U;
constexpr std::uint32_t kUartTxEnable = 1U << 0U;
constexpr std::uint32_t kUartRxEnable = 1U << 1U;
constexpr std::uint32_t kUartTxInterrupt = 1U << 2U;
constexpr std::uint32_t kUartRxInterrupt = 1U << 3U;
constexpr std::uint32_t kUartTxPending = 1U << 0U;
constexpr std::uint32_t kUartRxPending = 1U << 1U;

constexpr std::uint32_t kTimerEnable = 1U << 0U;
constexpr std::uint32_t kTimerInterrupt = 1U << 3U;

constexpr std::uint32_t kDualTimer32Bit = 1U << 1U;
constexpr std::uint32_t kDualTimerInterrupt = 1U << 5U;
constexpr std::uint32_t kDualTimerPeriodic = 1U << 6U;
constexpr std::uint32_t kDualTimerEnable = 1U << 7U;

inline Uart& uart0() {
    return *reinterpret_cast<Uart*>(machine::kUart0);
}
inline Timer& timer0() {
    return *reinterpret_cast<Timer*>(machine::kTimer0);
}
inline Timer& timer1() {
    return *reinterpret_cast<Timer*>(machine::kTimer1);
}
inline DualTimer& dual_timer() {
    return *reinterpret_cast<DualTimer*>(machine::kDualTimer);
}

inline volatile std::uint32_t& system_register(std::uintptr_t address) {
    return *reinterpret_cast<volatile std::uint32_t*>(address);
}

inline void enable_irq(unsigned number) {
    system_register(0xE000E100U + number / 32 * 4) = 1U << number % 32;
}

}  // namespace emulated
