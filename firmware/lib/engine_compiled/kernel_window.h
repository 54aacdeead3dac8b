// The part of a convolution's kernel that meets inputs, at each position.
#pragma once

#include <cstdint>

#include "convolve.h"

namespace vigil::compiled {

// Kernel indices along one axis.
struct Axis {
    std::int32_t begin, end;
};

// The indices of a kernel, whose first one is at input `first`, that meet one of `size` inputs.
inline Axis inside_kernel(std::int32_t first, std::int32_t kernel, std::int32_t dilation,
                          std::int32_t size) {
    const std::int32_t behind = size - first;  // inputs from `first` on
    std::int32_t begin = first < 0 ? -first : 0;
    std::int32_t end = behind;
    if (dilation != 1) {
        begin = (begin + dilation - 1) / dilation;
        end = (end + dilation - 1) / dilation;  // not positive if there are none
    }
    end = end > kernel ? kernel : end;
    return {begin, end < begin ? begin : end};
}

// The part of the kernel that meets inputs at one position.
struct KernelWindow {
    const std::int8_t* input;  // the first input met
    std::int32_t first;        // index of its weight in the kernel, row by row
    std::int32_t rows, columns;
};

// Calls `visit(window, output)` for every position, also where the window is empty.
template <typename Visit>
inline void over_positions(const Positions& at, const std::int8_t* input, std::int8_t* output,
                           Visit visit) {
    std::int32_t y = at.top;
    for (std::uint32_t i = 0; i < at.rows; ++i, y += at.stride_height) {
        const Axis down = inside_kernel(y, at.kernel_height, at.dilation_height, at.in_height);
        const std::int32_t row = (y + down.begin * at.dilation_height) * at.in_width;
        std::int32_t x = at.left;
        std::int8_t* out = output;
        for (std::uint32_t j = 0; j < at.columns; ++j, x += at.stride_width) {
            const Axis along = inside_kernel(x, at.kernel_width, at.dilation_width, at.in_width);
            const std::int32_t pixel = row + x + along.begin * at.dilation_width;
            visit(KernelWindow{input + pixel * at.channels,
                               down.begin * at.kernel_width + along.begin, down.end - down.begin,
                               along.end - along.begin},
                  out);
            out += at.column_step;
        }
        output += at.row_step;
    }
}

}  // namespace vigil::compiled
