// MPS2 board with Arm's application note AN505: Cortex-M33 with TrustZone. Programs run in the
// secure state, so that these are the secure addresses.
#pragma once

#include <cstdint>

namespace emulated::machine {

constexpr std::uint32_t kUart0 = 0x50200000U;
constexpr std::uint32_t kTimer0 = 0x50000000U;
constexpr std::uint32_t kTimer1 = 0x50001000U;
constexpr std::uint32_t kDualTimer = 0x50002000U;
constexpr std::uint32_t kLeds = 0x50302000U;  // FPGA I/O block

constexpr std::uint32_t kTickNanoseconds = 50;  // all timers run at 20 MHz

constexpr unsigned kInterrupts = 64;
constexpr unsigned kUart0RxIrq = 32;
constexpr unsigned kUart0TxIrq = 33;
constexpr unsigned kClockIrq = 3;
constexpr unsigned kAlarmIrq = 4;
constexpr unsigned kSamplingIrq = 5;

constexpr bool kVectorsAtReset = true;  // whether the processor starts with the whole table

}  // namespace emulated::machine
