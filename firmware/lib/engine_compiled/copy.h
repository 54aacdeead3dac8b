// Data movement: copies for SPLIT, CONCATENATION and slices; resizing to the nearest pixel.
#pragma once

#include <cstdint>

namespace vigil::compiled {

// `count` runs of `bytes` each; their starts are `from_step` bytes apart in the input, and
// `to_step` in the output.
struct Runs {
    std::uint32_t count, bytes, from_step, to_step;
};

void copy(const Runs& runs, const std::int8_t* input, std::int8_t* output);

// Pixel (y, x) of output [out_height][out_width][channels] is the input's pixel
// (y * in_height / out_height, x * in_width / out_width), rounded down.
struct Resize {
    std::uint16_t in_height, in_width, out_height, out_width, channels;
};

void resize_nearest(const Resize& resize, const std::int8_t* input, std::int8_t* output);

}  // namespace vigil::compiled
