// Registers of the core (CSRs), and of QEMU's devices: CLINT, PLIC, 16550 UART.
#pragma once

#include <cstddef>
#include <cstdint>

#include "machine.h"

#define VIGIL_READ_CSR(name)                          \
    ([] {                                             \
        std::uint32_t value;                          \
        asm volatile("csrr %0, " name : "=r"(value)); \
        return value;                                 \
    }())
#define VIGIL_WRITE_CSR(name, value) asm volatile("csrw " name ", %0" ::"r"(value) : "memory")

namespace emulated {

// Bits of mie.
constexpr std::uint32_t kTimerInterrupt = 1U << 7U;
constexpr std::uint32_t kExternalInterrupt = 1U << 11U;

inline volatile std::uint32_t& device_register(std::uint32_t device, std::uint32_t offset) {
    return *reinterpret_cast<volatile std::uint32_t*>(device + offset);
}

// Core-Local Interruptor: the time, and the time at which the timer interrupts.
constexpr std::uint32_t kTimeCompare = 0x4000U;
constexpr std::uint32_t kTime = 0xBFF8U;

// Platform-Level Interrupt Controller, context 0: processor 0 in machine mode.
constexpr std::uint32_t kPlicPriority = 0x0U;   // a word per interrupt
constexpr std::uint32_t kPlicEnable = 0x2000U;  // a bit per interrupt
constexpr std::uint32_t kPlicThreshold = 0x200000U;
constexpr std::uint32_t kPlicClaim = 0x200004U;  // read: the interrupt; write: done with it

// 16550 UART: registers of a byte.
constexpr std::uint32_t kUartData = 0;
constexpr std::uint32_t kUartInterrupts = 1;
constexpr std::uint32_t kUartCause = 2;  // cause of the interrupt
constexpr std::uint32_t kUartState = 5;

constexpr std::uint8_t kUartRxInterrupt = 1U << 0U;
constexpr std::uint8_t kUartTxInterrupt = 1U << 1U;
constexpr std::uint8_t kUartRxFull = 1U << 0U;
constexpr std::uint8_t kUartTxEmpty = 1U << 5U;

inline volatile std::uint8_t& uart0(std::uint32_t offset) {
    return *reinterpret_cast<volatile std::uint8_t*>(machine::kUart0 + offset);
}

}  // namespace emulated
