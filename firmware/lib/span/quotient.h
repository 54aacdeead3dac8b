// Division of 64 bits, without the 710 bytes that the compiler's own takes of its library.
#pragma once

#include <cstdint>

namespace vigil {

// Returns value / divisor. A value of 32 bits, such as the count of samples in the first 49 days at
// 1 kHz, is divided by the processor; a larger one bit by bit.
[[gnu::noinline]] inline std::uint64_t quotient(std::uint64_t value, std::uint32_t divisor) {
    if (value >> 32 == 0) return static_cast<std::uint32_t>(value) / divisor;
    std::uint64_t rest = 0;
    for (int bit = 0; bit < 64; ++bit) {
        rest = rest << 1 | value >> 63;
        value <<= 1;
        if (rest >= divisor) {
            rest -= divisor;
            value |= 1;
        }
    }
    return value;
}

}  // namespace vigil
