// The plain kernel of fully connected layers: any sizes, scales and activation, on any machine.
#pragma once

#include <cstdint>

#include "output_clamp.h"
#include "requantize.h"

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

// Requantizes the sums of `count` rows, 1 to 4, from row `first` on.
void finish(const Dense& layer, std::uint32_t first, const std::uint32_t* sums, std::uint32_t count,
            std::int8_t* output);

// input int8 [inputs], output int8 [outputs]; they do not overlap.
void dense(const Dense& layer, const std::int8_t* input, std::int8_t* output);

// The converter counts these bytes of a 32-bit board (tools/convert/operators/dense.py).
static_assert(sizeof(void*) != 4 || sizeof(Dense) == 28);
static_assert(sizeof(OneMultiply) == 12 && sizeof(Multiplier) == 8);

}  // namespace vigil::compiled
