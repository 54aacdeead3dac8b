// Fully connected layers, the plain way: any sizes, scales and activation, on any machine.
#pragma once

#include <cstdint>

#include "requantize.h"

namespace vigil::compiled {

struct Dense {
    const std::int8_t* weights;     // [outputs][inputs]
    const std::int32_t* bias;       // [outputs], the input's zero point folded in
    const Multiplier* multipliers;  // [1], or [outputs] when per_channel
    std::uint16_t inputs;
    std::uint16_t outputs;
    bool per_channel;
    std::int8_t zero_point;  // of the output
    std::int8_t low, high;   // what the fused activation lets through
};

// input int8 [inputs], output int8 [outputs]; they do not overlap.
void dense(const Dense& layer, const std::int8_t* input, std::int8_t* output);

}  // namespace vigil::compiled
