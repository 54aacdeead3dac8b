// What only the emulated board has: exact counts, and ways to talk to the emulator.
#pragma once

#include <cstddef>
#include <cstdint>

extern "C" {

// Instructions that the program has run since reset, as QEMU counts them, without those of this
// core's own interrupt handlers. Repeatable; one read is exact to an instruction.
std::uint64_t emulated_instructions(void);

// Nanoseconds of virtual time since reset: 64 for every instruction, plus time spent asleep.
std::uint64_t emulated_nanoseconds(void);

// Stack, painted at reset: its size and the most of it that was ever in use, in bytes.
std::size_t emulated_stack_size(void);
std::size_t emulated_stack_used(void);

// Bytes that malloc has taken from what SRAM is left, ever. 0 in a program that keeps no heap.
std::size_t emulated_heap_used(void);

// Differs from one start to the next: a hash of the starts since the emulator came up, and of the
// number that its command line gives after "seed=".
std::uint32_t emulated_boot_id(void);

// Text on the emulator's standard error.
void emulated_log(const char* text);

// Ends the emulator with an exit code.
[[noreturn]] void emulated_exit(int code);

// Sleeps until an interrupt comes or `nanoseconds` of virtual time have passed; or not at all, when
// the emulator is told to spin. So callers ask again what they wait for.
void emulated_sleep(std::uint32_t nanoseconds);
}

namespace emulated {

// Exit code after a fault, abort() or a failed assertion ("internal software error" in sysexits.h).
constexpr int kFaultExit = 70;

}  // namespace emulated
