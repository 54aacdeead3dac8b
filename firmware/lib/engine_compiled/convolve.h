// Convolutions, the plain way: any sizes, scales and activation. Taps outside the input are left
// out. convolve_pairs.h has those that the paired kernel takes.
#pragma once

#include <cstdint>

#include "dense.h"

namespace vigil::compiled {

// Which inputs [in_height][in_width][channels] each of rows * columns positions sees, and where
// its outputs go.
struct Positions {
    std::uint16_t in_height, in_width, channels;
    std::uint16_t kernel_height, kernel_width;
    std::int16_t top, left;  // of the first position's inputs; negative in the padding
    std::uint8_t stride_height, stride_width;
    std::uint8_t dilation_height, dilation_width;
    std::uint16_t rows, columns;
    std::uint32_t row_step, column_step;  // output values from one position to the next
    std::int8_t padding;                  // stands for zero: the input's zero point
};

// layer: weights [outputs][kernel_height][kernel_width][channels], the bias as the model has it:
// the input's zero point is taken off the inputs. `output` does not overlap the input.
void convolve(const Positions& at, const Dense& layer, const std::int8_t* input,
              std::int8_t* output);

// Every output channel c sees one input channel, c / multiplier. layer: weights
// [kernel_height][kernel_width][outputs], the bias as above.
void depthwise(const Positions& at, const Dense& layer, std::uint32_t multiplier,
               const std::int8_t* input, std::int8_t* output);

}  // namespace vigil::compiled
