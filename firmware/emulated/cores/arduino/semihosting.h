// Arm semihosting, the calls that the emulated board makes: QEMU does the work on the host.
#pragma once

#include <cstdint>

namespace emulated {

enum class Call : std::uint32_t {
    write_text = 0x04,
    command_line = 0x15,
    exit_extended = 0x20,
};

inline std::uint32_t semihost(Call call, const void* argument) {
    register std::uint32_t r0 asm("r0") = static_cast<std::uint32_t>(call);
    register const void* r1 asm("r1") = argument;
    asm volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

}  // namespace emulated
