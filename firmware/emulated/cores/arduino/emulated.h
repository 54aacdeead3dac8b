// Functions of the emulated board alone: exact counts, and requests to the emulator.
#pragma once

#include <cstddef>
#include <cstdint>

extern "C" {

// Instructions of the program since reset, without those of the core's interrupt handlers.
// Repeatable; a reading is exact to an instruction.
std::uint64_t emulated_instructions(void);

// Nanoseconds of virtual time since reset: 64 per instruction, plus the time asleep.
std::uint64_t emulated_nanoseconds(void);

// Size of the stack and the most of it ever used, in bytes. It is painted at reset.
std::size_t emulated_stack_size(void);
std::size_t emulated_stack_used(void);

// Bytes of SRAM that malloc has ever requested; 0 in a program without heap.
std::size_t emulated_heap_used(void);

// Changes at each start: a hash of the number of starts of this emulator, and of the number after
// "seed=" on its command line.
std::uint32_t emulated_boot_id(void);

// Writes to the emulator's standard error.
void emulated_log(const char* text);

// Ends the emulator with an exit code.
[[noreturn]] void emulated_exit(int code);

// Sleeps until an interrupt or for `nanoseconds` of virtual time; returns at once on a
// deterministic board. Callers must therefore check their condition again.
void emulated_sleep(std::uint32_t nanoseconds);
}

namespace emulated {

// Exit code after a fault, abort() or a failed assertion ("internal software error" in sysexits.h).
constexpr int kFaultExit = 70;

}  // namespace emulated
