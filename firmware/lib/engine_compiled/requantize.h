// TensorFlow Lite Micro's requantization: two roundings, bit for bit.
#pragma once

#include <cstdint>

namespace vigil::compiled {

// A real factor as value / 2^31 * 2^shift; 2^30 <= value < 2^31, or 0.
struct Multiplier {
    std::int32_t value;
    std::int8_t shift;
};

// Saturating rounding doubling high multiply (ties up), then rounding division by a power of two
// (ties away from zero). Left shifts wrap as they do on the boards.
inline std::int32_t requantize(std::int32_t value, Multiplier by) {
    const int left = by.shift > 0 ? by.shift : 0;
    const int right = by.shift > 0 ? 0 : -by.shift;
    const auto shifted = static_cast<std::int32_t>(static_cast<std::uint32_t>(value) << left);
    const std::int64_t product = static_cast<std::int64_t>(shifted) * by.value;
    const auto high = static_cast<std::int32_t>((product + (std::int64_t{1} << 30)) >> 31);
    if (right == 0) {
        return high;
    }
    const std::int64_t half = std::int64_t{1} << (right - 1);
    return static_cast<std::int32_t>((high + half - (high < 0 ? 1 : 0)) >> right);
}

inline std::int8_t clamp(std::int32_t value, std::int8_t low, std::int8_t high) {
    return static_cast<std::int8_t>(value < low ? low : value > high ? high : value);
}

}  // namespace vigil::compiled
