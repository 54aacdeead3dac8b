#include "copy.h"

#include <cstring>

namespace vigil::compiled {

void copy(const Runs& runs, const std::int8_t* input, std::int8_t* output) {
    for (std::uint32_t i = 0; i < runs.count; ++i) {
        std::memcpy(output + i * runs.to_step, input + i * runs.from_step, runs.bytes);
    }
}

void copy_grid(const Grid& grid, const std::int8_t* input, std::int8_t* output) {
    const std::uint32_t* sides = grid.sides;
    const std::int32_t* from = grid.from_steps;
    const std::int32_t* to = grid.to_steps;
    for (std::uint32_t i = 0; i < sides[0]; ++i, input += from[0], output += to[0]) {
        const std::int8_t* in_1 = input;
        std::int8_t* out_1 = output;
        for (std::uint32_t j = 0; j < sides[1]; ++j, in_1 += from[1], out_1 += to[1]) {
            const std::int8_t* in_2 = in_1;
            std::int8_t* out_2 = out_1;
            for (std::uint32_t k = 0; k < sides[2]; ++k, in_2 += from[2], out_2 += to[2]) {
                const std::int8_t* in_3 = in_2;
                std::int8_t* out_3 = out_2;
                for (std::uint32_t l = 0; l < sides[3]; ++l, in_3 += from[3], out_3 += to[3]) {
                    if (grid.bytes == 1) {
                        *out_3 = *in_3;
                    } else {
                        std::memcpy(out_3, in_3, grid.bytes);
                    }
                }
            }
        }
    }
}

void fill(std::int8_t value, std::int8_t* output, std::uint32_t count) {
    std::memset(output, value, count);
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
