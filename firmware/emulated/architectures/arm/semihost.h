// The instruction with which a program calls the emulator.
#pragma once

#include <cstdint>

namespace emulated {

inline std::uint32_t semihost(std::uint32_t call, const void* argument) {
    register std::uint32_t r0 asm("r0") = call;
    register const void* r1 asm("r1") = argument;
    asm volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

}  // namespace emulated
