// MPS2 boards without TrustZone: Arm's application notes AN385 (Cortex-M3), AN386 (M4), AN500 (M7).
#pragma once

#include <cstdint>

namespace emulated::machine {

constexpr std::uint32_t kUart0 = 0x40004000U;
constexpr std::uint32_t kTimer0 = 0x40000000U;
constexpr std::uint32_t kTimer1 = 0x40001000U;
constexpr std::uint32_t kDualTimer = 0x40002000U;
constexpr std::uint32_t kLeds = 0x40028000U;  // FPGA I/O block

constexpr std::uint32_t kTickNanoseconds = 40;  // all timers run at 25 MHz

constexpr unsigned kInterrupts = 32;
constexpr unsigned kUart0RxIrq = 0;
constexpr unsigned kUart0TxIrq = 1;
constexpr unsigned kClockIrq = 8;
constexpr unsigned kAlarmIrq = 9;
constexpr unsigned kSamplingIrq = 10;

constexpr bool kVectorsAtReset = true;  // whether the processor starts with the whole table

}  // namespace emulated::machine
