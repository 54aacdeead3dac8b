// Fully connected layers, the plain way: any sizes, scales and activation, on any machine.
#pragma once

#include <cstdint>

#include "ending.h"
#include "requantize.h"

namespace vigil::compiled {

// One multiplication that the converter has proven to equal both roundings, for every sum of a row:
// value = ((sum << shift) * by / 2^32 + start) >> 16, with start + below where the sum is negative.
struct Step {
    std::int32_t by, start, below;
};

struct Dense {
    const std::int8_t* weights;     // [outputs][inputs]
    const std::int32_t* bias;       // [outputs], the input's zero point folded in
    const Step* steps;              // [1], or [outputs] when per_channel; or null: no such form
    const Multiplier* multipliers;  // as many, where there are no steps
    std::uint16_t inputs;
    std::uint16_t outputs;
    bool per_channel;
    std::uint8_t shift;      // of the steps
    Ending ending;           // of the steps
    std::int8_t zero_point;  // of the output
    std::int8_t low, high;   // what the fused activation lets through
};

// output[i] = the output of sums[i], which belongs to row `first` + i; `count` of them, 1 to 4.
void finish(const Dense& layer, std::uint32_t first, const std::uint32_t* sums, std::uint32_t count,
            std::int8_t* output);

// input int8 [inputs], output int8 [outputs]; they do not overlap.
void dense(const Dense& layer, const std::int8_t* input, std::int8_t* output);

}  // namespace vigil::compiled
