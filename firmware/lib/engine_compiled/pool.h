// Pooling over windows, channel by channel; pixels outside the input are ignored.
#pragma once

#include <cstdint>

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

// The converter counts these bytes (tools/convert/operators/pool.py).
static_assert(sizeof(Pool) == 22);

}  // namespace vigil::compiled
