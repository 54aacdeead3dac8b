// Depthwise convolutions, the plain way: every output channel sees one input channel.
#pragma once

#include <cstdint>

#include "dense.h"

namespace vigil::compiled {

// One position, a row kernel for `convolve`. The layer's weights are [inputs][outputs], `inputs`
// the kernel's pixels; output c sees channel c / multiplier of patch [inputs][outputs /
// multiplier].
void depthwise(const Dense& layer, std::uint32_t multiplier, const std::int8_t* patch,
               std::int8_t* output);

}  // namespace vigil::compiled
