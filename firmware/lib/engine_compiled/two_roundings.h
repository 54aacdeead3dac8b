// TensorFlow Lite Micro's requantization with its two roundings, for kernels that the converter
// instantiates with a layer's shifts: three instructions on cores with the DSP extension.
#pragma once

#include <cstdint>

#include "simd.h"

namespace vigil::compiled {

// The output of `twice`, a sum times 2^(1 + left shift). `by` is the multiplier, kShift its right
// shift; start = zero_point * 2^kShift, plus 2^(kShift - 1) where kShift is not 0. The converter
// has checked that nothing leaves 32 bits (tools/convert/requantization.py).
template <int kShift>
inline std::int32_t rounded_twice(std::uint32_t twice, std::uint32_t by, std::uint32_t start) {
#if defined(VIGIL_DSP)
    std::uint32_t high;
    asm("smmlar %0, %1, %2, %3" : "=r"(high) : "r"(twice), "r"(by), "r"(start));
    std::int32_t value;
    if constexpr (kShift == 0) {
        asm("ssat %0, #8, %1" : "=r"(value) : "r"(high));
    } else {
        high += static_cast<std::uint32_t>(static_cast<std::int32_t>(twice) >> 31);
        asm("ssat %0, #8, %1, asr %2" : "=r"(value) : "r"(high), "i"(kShift));
    }
    return value;
#else
    // The upper word of the product, plus its lower word's upper bit.
    const std::uint32_t high = add_high_word(twice, by, start) + (twice * by >> 31);
    const auto value = static_cast<std::int32_t>(high);
    const bool negative = static_cast<std::int32_t>(twice) < 0;
    const std::int32_t whole = (kShift != 0 && negative ? value - 1 : value) >> kShift;
    return whole < -128 ? -128 : whole > 127 ? 127 : whole;
#endif
}

// Clamps values to the range of a fused activation.
__attribute__((noinline)) inline void clamp_values(std::int8_t* values, std::uint32_t count,
                                                   std::int8_t low, std::int8_t high) {
    const std::uint32_t least = bytes_of(low);
    const std::uint32_t most = ~bytes_of(high);
    for (; count >= 4; count -= 4, values += 4) {
        store_four(values, ~larger_four(~larger_four(load_four(values), least), most));
    }
    for (; count != 0; --count, ++values) {
        *values = *values < low ? low : *values > high ? high : *values;
    }
}

}  // namespace vigil::compiled
