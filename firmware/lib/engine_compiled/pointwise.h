// The plain kernel of a layer that runs at every pixel, for few channels: a convolution of 1x1, or
// a fully connected layer on several rows.
#pragma once

#include <cstdint>

#include "dense.h"

namespace vigil::compiled {

// input int8 [pixels][inputs], output int8 [pixels][outputs]; they do not overlap.
void pointwise(const Dense& layer, std::uint32_t pixels, const std::int8_t* input,
               std::int8_t* output);

}  // namespace vigil::compiled
