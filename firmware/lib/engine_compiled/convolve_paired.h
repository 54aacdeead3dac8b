// Convolutions in the paired kernel: at each position, the inputs seen there, padded with the
// input's zero point, are the input of a fully connected layer.
#pragma once

#include <cstdint>

#include "convolve.h"
#include "paired_dense.h"

namespace vigil::compiled {

// Scratch memory for one position.
struct Scratch {
    std::int8_t* patch;  // [kernel_height][kernel_width][channels], if patch_at() copies
    Wide* lanes;         // of the patch
    Wide* sums;          // of the outputs, unless their number is a multiple of 4
};

// The patch from row `y`, column `x` on: in the input itself if it is contiguous there, else a copy
// in `patch`.
const std::int8_t* patch_at(const Positions& at, const std::int8_t* input, std::int32_t y,
                            std::int32_t x, std::int8_t* patch);

// `output` does not overlap the input or the scratch memory.
template <const Form& kForm>
void convolve(const Positions& at, const PairedDense<kForm>& layer, std::uint32_t outputs,
              const std::int8_t* input, std::int8_t* output, const Scratch& scratch) {
    const std::uint32_t inputs = std::uint32_t{at.kernel_height} * at.kernel_width * at.channels;
    std::int32_t y = at.top;
    for (std::uint32_t i = 0; i < at.rows; ++i, y += at.stride_height) {
        std::int8_t* out = output + i * at.row_step;
        std::int32_t x = at.left;
        for (std::uint32_t j = 0; j < at.columns; ++j, x += at.stride_width) {
            widen(patch_at(at, input, y, x, scratch.patch), inputs, scratch.lanes);
            if constexpr (kForm.bytes) {
                paired_dense(layer, scratch.lanes, out);
            } else {
                paired_dense(layer, scratch.lanes, scratch.sums);
                narrow(scratch.sums, outputs, out);
            }
            out += at.column_step;
        }
    }
}

}  // namespace vigil::compiled
