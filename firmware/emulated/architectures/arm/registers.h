// Registers of the core, and of Arm's FPGA images as QEMU models them (CMSDK APB UART); addresses
// and interrupts of the latter are in machine.h, the timers in timers.h.
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

constexpr std::uint32_t kUartTxFull = 1U << 0U;
constexpr std::uint32_t kUartRxFull = 1U << 1U;
constexpr std::uint32_t kUartTxEnable = 1U << 0U;
constexpr std::uint32_t kUartRxEnable = 1U << 1U;
constexpr std::uint32_t kUartTxInterrupt = 1U << 2U;
constexpr std::uint32_t kUartRxInterrupt = 1U << 3U;
constexpr std::uint32_t kUartTxPending = 1U << 0U;
constexpr std::uint32_t kUartRxPending = 1U << 1U;

inline Uart& uart0() {
    return *reinterpret_cast<Uart*>(machine::kUart0);
}

inline volatile std::uint32_t& system_register(std::uintptr_t address) {
    return *reinterpret_cast<volatile std::uint32_t*>(address);
}

inline void enable_irq(unsigned number) {
    system_register(0xE000E100U + number / 32 * 4) = 1U << number % 32;
}

using Handler = void (*)();

// An interrupt's number and its handler, for the vector table.
struct Interrupt {
    unsigned number;
    Handler handler;
};

}  // namespace emulated
