// The last step of kernels whose values the converter has scaled to 0..255.
#pragma once

#include <cstdint>

#include "simd.h"

namespace vigil::compiled {

// The output's clamps and zero point, for values in 0..255 of which 255 is the largest output:
// values up to `floor` become the smallest output, `low`.
struct OutputClamp {
    std::uint8_t floor;
    std::int8_t low;
};

// Turns lanes of values 0 and 2, and of 1 and 3, into four outputs.
inline std::uint32_t clamped(std::uint32_t even, std::uint32_t odd, const OutputClamp& clamp) {
    const std::uint32_t four = saturated(even) | saturated(odd) << 8;
    return add_bytes(less_bytes(four, bytes_of(clamp.floor)), bytes_of(clamp.low));
}

}  // namespace vigil::compiled
