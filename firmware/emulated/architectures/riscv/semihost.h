// The instructions with which a program calls the emulator.
#pragma once

#include <cstdint>

// Assembly of vigil_semihost(), for a program's startup code. Its three instructions must lie in
// one page of memory.
#define VIGIL_SEMIHOST_ROUTINE    \
    "   .global vigil_semihost\n" \
    "   .balign 16\n"             \
    "vigil_semihost:\n"           \
    "   slli zero, zero, 0x1f\n"  \
    "   ebreak\n"                 \
    "   srai zero, zero, 7\n"     \
    "   ret\n"

extern "C" std::uint32_t vigil_semihost(std::uint32_t call, const void* argument);

namespace emulated {

inline std::uint32_t semihost(std::uint32_t call, const void* argument) {
    return vigil_semihost(call, argument);
}

}  // namespace emulated
