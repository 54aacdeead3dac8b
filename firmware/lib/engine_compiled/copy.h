// Data movement: copies for SPLIT, CONCATENATION and slices; transposes and padding; resizing to
// the nearest pixel.
#pragma once

#include <cstdint>

namespace vigil::compiled {

// `count` runs of `bytes` each; their starts are `from_step` bytes apart in the input, and
// `to_step` in the output.
struct Runs {
    std::uint32_t count, bytes, from_step, to_step;
};

void copy(const Runs& runs, const std::int8_t* input, std::int8_t* output);

// Runs of `bytes` at every point of a grid of up to four dimensions, outermost first; a step is the
// distance of neighbours along a dimension.
struct Grid {
    std::uint32_t sides[4];
    std::int32_t from_steps[4], to_steps[4];
    std::uint32_t bytes;
};

void copy_grid(const Grid& grid, const std::int8_t* input, std::int8_t* output);

// output[i] = value, `count` times.
void fill(std::int8_t value, std::int8_t* output, std::uint32_t count);

// Pixel (y, x) of output [out_height][out_width][channels] is the input's pixel
// (y * in_height / out_height, x * in_width / out_width), rounded down.
struct Resize {
    std::uint16_t in_height, in_width, out_height, out_width, channels;
};

void resize_nearest(const Resize& resize, const std::int8_t* input, std::int8_t* output);

// The converter counts these bytes (tools/convert/operators/grids.py).
static_assert(sizeof(Grid) == 52);

}  // namespace vigil::compiled
