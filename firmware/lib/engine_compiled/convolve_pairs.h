// Convolutions as many small fully connected layers in the paired kernel: the inputs that one
// position sees, padded with the input's zero point, go through it, position after position.
#pragma once

#include <cstdint>

#include "convolve.h"
#include "pairs.h"

namespace vigil::compiled {

// What one position needs while it is computed.
struct Room {
    std::int8_t* patch;  // [kernel_height][kernel_width][channels], where `patch_at` copies
    Wide* lanes;         // of a patch
    Wide* sums;          // of the outputs, where their number is no multiple of 4; else null
};

// The patch from row `y`, column `x` on: in the input itself where it lies there in one piece.
const std::int8_t* patch_at(const Positions& at, const std::int8_t* input, std::int32_t y,
                            std::int32_t x, std::int8_t* patch);

// `output` does not overlap the input or the room.
template <const Form& kForm>
void convolve(const Positions& at, const Pairs<kForm>& pairs, std::uint32_t outputs,
              const std::int8_t* input, std::int8_t* output, const Room& room) {
    const std::uint32_t inputs = std::uint32_t{at.kernel_height} * at.kernel_width * at.channels;
    std::int32_t y = at.top;
    for (std::uint32_t i = 0; i < at.rows; ++i, y += at.stride_height) {
        std::int8_t* out = output + i * at.row_step;
        std::int32_t x = at.left;
        for (std::uint32_t j = 0; j < at.columns; ++j, x += at.stride_width) {
            widen(patch_at(at, input, y, x, room.patch), inputs, room.lanes);
            if constexpr (kForm.bytes) {
                dense_pairs(pairs, room.lanes, out);
            } else {
                dense_pairs(pairs, room.lanes, room.sums);
                narrow(room.sums, outputs, out);
            }
            out += at.column_step;
        }
    }
}

}  // namespace vigil::compiled
