// Division of 64 bits, without the 710 bytes that the compiler's own takes of its library.
#pragma once

#include <cstdint>

namespace vigil {

// value / divisor: by the processor where the value has 32 bits, as counts of samples have for
// months; then bit by bit.
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
