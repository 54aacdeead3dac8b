// The instructions with which a program calls the emulator.
#pragma once

#include <cstdint>

extern "C" std::uint32_t vigil_semihost(std::uint32_t call, const void* argument);  // vectors.cpp

namespace emulated {

inline std::uint32_t semihost(std::uint32_t call, const void* argument) {
    return vigil_semihost(call, argument);
}

}  // namespace emulated
