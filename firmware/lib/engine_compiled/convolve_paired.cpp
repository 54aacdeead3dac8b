#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O2")  // hot loops, even in an image built with -Os
#endif

#include "convolve_paired.h"

#include <cstring>

namespace vigil::compiled {
namespace {

// Copies `count` pixels of row `y` from column `x` on, with padding outside the input; returns the
// end of the copy.
std::int8_t* copy_pixels(const Positions& at, const std::int8_t* input, std::int32_t y,
                         std::int32_t x, std::int32_t count, std::int8_t* out) {
    const std::int32_t width = at.in_width;
    const std::int32_t end = x + count;
    std::int32_t from = x < 0 ? 0 : x;
    std::int32_t to = end > width ? width : end;
    if (y < 0 || y >= at.in_height || from >= to) {
        from = to = end;  // padding only
    }
    const std::uint32_t channels = at.channels;
    const auto bytes = [channels](std::int32_t pixels) {
        return static_cast<std::uint32_t>(pixels) * channels;
    };
    std::memset(out, at.padding, bytes(from - x));
    out += bytes(from - x);
    if (from != to) {
        std::memcpy(out, input + bytes(y * width + from), bytes(to - from));
        out += bytes(to - from);
        std::memset(out, at.padding, bytes(end - to));
        out += bytes(end - to);
    }
    return out;
}

}  // namespace

const std::int8_t* patch_at(const Positions& at, const std::int8_t* input, std::int32_t y,
                            std::int32_t x, std::int8_t* patch) {
    const std::int32_t height = at.kernel_height;
    const std::int32_t width = at.kernel_width;
    const bool whole = y >= 0 && x >= 0 && y + height <= at.in_height && x + width <= at.in_width;
    const bool dense = at.dilation_height == 1 && at.dilation_width == 1;
    if (whole && (height == 1 || width == at.in_width) && (dense || height * width == 1)) {
        return input + static_cast<std::uint32_t>(y * at.in_width + x) * at.channels;
    }
    std::int8_t* out = patch;
    const std::int32_t run = at.dilation_width == 1 ? width : 1;
    for (std::int32_t i = 0; i < height; ++i) {
        for (std::int32_t j = 0; j < width; j += run) {
            out = copy_pixels(at, input, y + i * at.dilation_height, x + j * at.dilation_width, run,
                              out);
        }
    }
    return patch;
}

}  // namespace vigil::compiled
