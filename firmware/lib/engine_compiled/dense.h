// The plain kernel of fully connected layers: any sizes, scales and activation, on any machine.
#pragma once

#include <cstdint>

#include "output_clamp.h"
#include "requantize.h"
#include "simd.h"

namespace vigil::compiled {

// A requantization in one multiplication, which the converter has proven equal to the two roundings
// for every sum of a row:
// value = ((sum << shift) * by / 2^32 + start) >> 16, with start + below where the sum is negative.
struct OneMultiply {
    std::int32_t by, start, below;
};

struct Dense {
    const std::int8_t* weights;         // [outputs][inputs]
    const std::int32_t* bias;           // [outputs], the input's zero point folded in
    const OneMultiply* one_multiplies;  // [1], or [outputs] if per_channel; null if inexact
    const Multiplier* multipliers;      // as many, if there are no one_multiplies
    std::uint16_t inputs;
    std::uint16_t outputs;
    bool per_channel;
    std::uint8_t shift;      // of the one_multiplies
    OutputClamp clamp;       // of the one_multiplies
    std::int8_t zero_point;  // of the output
    std::int8_t low, high;   // smallest and largest output
};

// The value of a sum, with 16 fractional bits.
inline std::uint32_t multiplied(const OneMultiply& by, std::uint32_t sum, std::uint32_t shift) {
    const auto sign = static_cast<std::uint32_t>(static_cast<std::int32_t>(sum) >> 31);
    const auto start = static_cast<std::uint32_t>(by.start);
    return add_high_word(sum << shift, static_cast<std::uint32_t>(by.by),
                         start + (static_cast<std::uint32_t>(by.below) & sign));
}

// The output of a value.
inline std::int8_t clamped(std::uint32_t value, const OutputClamp& clamp) {
    const std::int32_t floor = clamp.floor;
    const std::int32_t whole = static_cast<std::int32_t>(value) >> 16;
    const std::int32_t above = (whole < floor ? floor : whole > 255 ? 255 : whole) - floor;
    return static_cast<std::int8_t>(above + clamp.low);
}

// Requantizes the sums of `count` rows, 1 to 4, from row `first` on.
void finish(const Dense& layer, std::uint32_t first, const std::uint32_t* sums, std::uint32_t count,
            std::int8_t* output);

// input int8 [inputs], output int8 [outputs]; they do not overlap.
void dense(const Dense& layer, const std::int8_t* input, std::int8_t* output);

// The converter counts these bytes of a 32-bit board (tools/convert/operators/dense.py).
static_assert(sizeof(void*) != 4 || sizeof(Dense) == 28);
static_assert(sizeof(OneMultiply) == 12 && sizeof(Multiplier) == 8);

}  // namespace vigil::compiled
