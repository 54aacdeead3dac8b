// Depthwise convolution by planes: one input channel at a time is widened to 16-bit lanes, padding
// included, so that every kernel row is a few words. Other convolutions too, as of one channel
// whose values are the channels of all pixels of a row.
#pragma once

#include <cstdint>

#include "convolve.h"

namespace vigil::compiled {

// The scratch memory of a call. `pitch` words lie between rows of the plane, which has
// (rows - 1) * stride_height + (kernel_height - 1) * dilation_height + 1 rows. `weights` follow:
// 2 * (kernel_width / 2 + 1) words per kernel row.
struct Plane {
    std::uint32_t* lanes;
    std::uint32_t pitch;
};

// Output channel c sees input channel c / multiplier. layer: weights
// [outputs][kernel_height][kernel_width], the input's zero point folded into the bias, and
// one_multiplies. The columns have no dilation.
void depthwise_plane(const Positions& at, const Dense& layer, std::uint32_t multiplier,
                     const std::int8_t* input, std::int8_t* output, const Plane& plane);

}  // namespace vigil::compiled
