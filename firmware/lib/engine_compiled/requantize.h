// TensorFlow Lite Micro's requantization with its two roundings, bit for bit.
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
    // Round by adding the bit below the result; the sum stays within 32 bits.
    const auto below = static_cast<std::uint32_t>(product) >> 30;
    const auto high =
        static_cast<std::int32_t>(product >> 31) + static_cast<std::int32_t>(below & 1);
    if (right == 0) {
        return high;
    }
    // Halves of the result's unit; odd values round up. |high| < 2^31, so nothing wraps.
    const std::int32_t halves = (high - (high < 0 ? 1 : 0)) >> (right - 1);
    return (halves >> 1) + (halves & 1);
}

inline std::int8_t clamp(std::int32_t value, std::int32_t low, std::int32_t high) {
    value = value < low ? low : value;
    return static_cast<std::int8_t>(value > high ? high : value);
}

// Requantizes a sum to an output. Adding the zero point wraps as it does on the boards.
inline std::int8_t output_of(std::int32_t sum, Multiplier by, std::int32_t zero_point,
                             std::int32_t low, std::int32_t high) {
    const auto value = static_cast<std::uint32_t>(requantize(sum, by));
    const auto zero = static_cast<std::uint32_t>(zero_point);
    return clamp(static_cast<std::int32_t>(value + zero), low, high);
}

}  // namespace vigil::compiled
