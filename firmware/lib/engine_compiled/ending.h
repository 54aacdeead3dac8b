// The end of kernels whose values the converter brought to 0..255.
#pragma once

#include <cstdint>

#include "simd.h"

namespace vigil::compiled {

// What is left of the output's clamps and zero point once a value is clamped to 0..255, 255 the
// largest output: `floor` and all below it are the smallest, `low`.
struct Ending {
    std::uint8_t floor;
    std::int8_t low;
};

// Lanes of values 0 and 2, and of 1 and 3, to four outputs.
inline std::uint32_t ended(std::uint32_t even, std::uint32_t odd, const Ending& ending) {
    const std::uint32_t four = saturated(even) | saturated(odd) << 8;
    return add_bytes(less_bytes(four, bytes_of(ending.floor)), bytes_of(ending.low));
}

}  // namespace vigil::compiled
