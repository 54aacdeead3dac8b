// The plain kernels of convolutions: any sizes, scales and activation. They skip the part of the
// kernel outside the input. convolve_paired.h has convolutions in the paired kernel.
#pragma once

#include <cstdint>

#include "dense.h"

namespace vigil::compiled {

// The inputs [in_height][in_width][channels] that each of rows * columns positions sees, and the
// addresses of its outputs.
struct Positions {
    std::uint16_t in_height, in_width, channels;
    std::uint16_t kernel_height, kernel_width;
    std::int16_t top, left;  // first input of the first position; negative in the padding
    std::uint8_t stride_height, stride_width;
    std::uint8_t dilation_height, dilation_width;
    std::uint16_t rows, columns;
    std::uint32_t row_step, column_step;  // output values from one position to the next
    std::int8_t padding;                  // the input's zero point
};

// layer: weights [outputs][kernel_height][kernel_width][channels], and the model's own bias, as the
// kernel subtracts the zero point from its inputs. `output` does not overlap the input.
void convolve(const Positions& at, const Dense& layer, const std::int8_t* input,
              std::int8_t* output);

// Output channel c sees input channel c / multiplier. layer: weights
// [kernel_height][kernel_width][outputs], and the bias as above.
void depthwise(const Positions& at, const Dense& layer, std::uint32_t multiplier,
               const std::int8_t* input, std::int8_t* output);

// The converter counts these bytes (tools/convert/operators/positions.py).
static_assert(sizeof(Positions) == 36);

}  // namespace vigil::compiled
