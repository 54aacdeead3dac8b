// Pooling over windows, channel by channel, where pixels outside the input are ignored; means along
// an axis; resizing by interpolation.
#pragma once

#include <cstdint>

#include "requantize.h"

namespace vigil::compiled {

struct Pool {
    std::uint16_t in_height, in_width, channels;
    std::uint16_t height, width;  // of the window
    std::int16_t top, left;       // of the first window; negative in the padding
    std::uint8_t stride_height, stride_width;
    std::uint16_t rows, columns;  // of the output
    std::int8_t low, high;        // smallest and largest output
};

// input int8 [in_height][in_width][channels], output int8 [rows][columns][channels].
void max_pool(const Pool& pool, const std::int8_t* input, std::int8_t* output);

// Means round to the nearest, ties away from zero.
void average_pool(const Pool& pool, const std::int8_t* input, std::int8_t* output);

// MEAN of `count` values at a distance of `inner`: input int8 [outer][count][inner], output int8
// [outer][inner]. `start` is the sum's start, with the zero point folded in.
struct Reduce {
    std::uint32_t outer, count, inner;
    std::int32_t start;
    Multiplier by;
    std::int8_t zero_point;
};

void reduce_mean(const Reduce& reduce, const std::int8_t* input, std::int8_t* output);

// RESIZE_BILINEAR: row y of the output is at y * y_step + y_start in the input, in 1/1024 pixels.
struct Interpolate {
    std::uint16_t in_height, in_width, out_height, out_width, channels;
    std::int32_t y_step, y_start, x_step, x_start;
};

void interpolate(const Interpolate& resize, const std::int8_t* input, std::int8_t* output);

// The converter counts these bytes (tools/convert/operators/).
static_assert(sizeof(Pool) == 22 && sizeof(Reduce) == 28 && sizeof(Interpolate) == 28);

}  // namespace vigil::compiled
