// QEMU's machine `virt` of RISC-V. It has no LEDs: a word beyond the board's memory stands for
// them.
#pragma once

#include <cstdint>

namespace emulated::machine {

constexpr std::uint32_t kResetCode = 0x00001000U;
constexpr std::uint32_t kTestDevice = 0x00100000U;  // resets the machine
constexpr std::uint32_t kClint = 0x02000000U;
constexpr std::uint32_t kPlic = 0x0C000000U;
constexpr std::uint32_t kUart0 = 0x10000000U;
constexpr std::uint32_t kLeds = 0x80200000U;

constexpr std::uint32_t kTickNanoseconds = 1;  // the clock is the counter mcycle
constexpr std::uint32_t kTimerNanoseconds = 100;

constexpr unsigned kUart0Irq = 10;

}  // namespace emulated::machine
