// MPS3 board with Arm's application note AN547: Cortex-M55 in an SSE-300 subsystem. Programs run in
// the secure state, so that these are the secure addresses.
#pragma once

#include <cstdint>

namespace emulated::machine {

constexpr std::uint32_t kUart0 = 0x59303000U;
constexpr std::uint32_t kTimer0 = 0x58000000U;
constexpr std::uint32_t kTimer1 = 0x58001000U;
constexpr std::uint32_t kCounter = 0x58100000U;  // control frame of the timers' counter
constexpr std::uint32_t kLeds = 0x59302000U;     // FPGA I/O block

constexpr std::uint32_t kTickNanoseconds = 1;  // timers.h sets the scale

constexpr unsigned kInterrupts = 128;
constexpr unsigned kUart0RxIrq = 33;
constexpr unsigned kUart0TxIrq = 34;
constexpr unsigned kAlarmIrq = 3;
constexpr unsigned kSamplingIrq = 4;

constexpr bool kVectorsAtReset = false;  // memory.ld has two words at reset

}  // namespace emulated::machine
