#include "copy.h"

#include <cstring>

namespace vigil::compiled {

void copy(const Runs& runs, const std::int8_t* input, std::int8_t* output) {
    for (std::uint32_t i = 0; i < runs.count; ++i) {
        std::memcpy(output + i * runs.to_step, input + i * runs.from_step, runs.bytes);
    }
}

void resize_nearest(const Resize& resize, const std::int8_t* input, std::int8_t* output) {
    const std::uint32_t bytes = resize.channels;
    for (std::uint32_t y = 0; y < resize.out_height; ++y) {
        const std::uint32_t from = y * resize.in_height / resize.out_height * resize.in_width;
        for (std::uint32_t x = 0; x < resize.out_width; ++x, output += bytes) {
            std::memcpy(output, input + (from + x * resize.in_width / resize.out_width) * bytes,
                        bytes);
        }
    }
}

}  // namespace vigil::compiled
