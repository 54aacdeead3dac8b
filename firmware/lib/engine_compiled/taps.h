// Which taps of a convolution's kernel meet inputs, position by position.
#pragma once

#include <cstdint>

#include "convolve.h"

namespace vigil::compiled {

// Along one axis: taps `begin` to `end` of `kernel` from input `first` on, `dilation` apart.
struct Axis {
    std::int32_t begin, end;
};

inline Axis taps_inside(std::int32_t first, std::int32_t kernel, std::int32_t dilation,
                        std::int32_t size) {
    const std::int32_t behind = size - first;  // inputs from there on
    std::int32_t begin = first < 0 ? -first : 0;
    std::int32_t end = behind;
    if (dilation != 1) {
        begin = (begin + dilation - 1) / dilation;
        end = (end + dilation - 1) / dilation;  // not positive where nothing lies behind
    }
    end = end > kernel ? kernel : end;
    return {begin, end < begin ? begin : end};
}

// The taps of one position that meet inputs: rows * columns of them.
struct Taps {
    const std::int8_t* input;  // that the first one sees
    std::int32_t first;        // of the kernel's taps, in rows of its width
    std::int32_t rows, columns;
};

// Calls `see(taps, output)` for every position, where there are taps and where there are none.
template <typename See>
inline void over_positions(const Positions& at, const std::int8_t* input, std::int8_t* output,
                           See see) {
    std::int32_t y = at.top;
    for (std::uint32_t i = 0; i < at.rows; ++i, y += at.stride_height) {
        const Axis down = taps_inside(y, at.kernel_height, at.dilation_height, at.in_height);
        const std::int32_t row = (y + down.begin * at.dilation_height) * at.in_width;
        std::int32_t x = at.left;
        std::int8_t* out = output;
        for (std::uint32_t j = 0; j < at.columns; ++j, x += at.stride_width) {
            const Axis along = taps_inside(x, at.kernel_width, at.dilation_width, at.in_width);
            const std::int32_t pixel = row + x + along.begin * at.dilation_width;
            see(Taps{input + pixel * at.channels, down.begin * at.kernel_width + along.begin,
                     down.end - down.begin, along.end - along.begin},
                out);
            out += at.column_step;
        }
        output += at.row_step;
    }
}

}  // namespace vigil::compiled
