// Convolutions as many small fully connected layers: the inputs that one position sees go through a
// row kernel (dense.h, pairs.h, depthwise.h), position after position.
#pragma once

#include <cstdint>

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
    std::int8_t padding;                  // stands for zero outside the input
};

// Turns a patch int8 [kernel_height][kernel_width][channels] into one position's outputs.
using RowKernel = void (*)(const std::int8_t* patch, std::int8_t* output);

// `patch` is room for one patch. `output` overlaps neither.
void convolve(const Positions& at, const std::int8_t* input, std::int8_t* output,
              std::int8_t* patch, RowKernel row);

}  // namespace vigil::compiled
