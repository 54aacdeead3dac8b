// The paired kernel of fully connected layers, which holds two rows in a 16-bit lane;
// docs/engine.md explains the arithmetic.
//
// There are two implementations with the same results, chosen at compile time: assembly for cores
// with the DSP extension (Cortex-M4, M7, M33), and portable C++ for other machines.
#pragma once

#include <cstdint>

#include "core.h"

namespace vigil::compiled {

// Activations in the kernel's format. Word 0 is the sum of neighbours' products (below). Then, for
// every four values v0 v1 v2 v3, follow the words (v0, v2) and (v1, v3), low lane first. Values
// past the end meet weights of 0.
//   word[0] = sum over the groups of four of v0 * v1 + v2 * v3, modulo 2^32
// A widened input holds the model's int8 values; a kernel writes its outputs plus 128.
using Wide = std::uint32_t;

// The form of a layer's kernel. Layers of one model with the same form share the code.
//   shift        16 - shift is the number of fractional bits of a first row's y (below)
//   after        a second row's t would leave 32 bits if shifted, so y is shifted instead
//   sign         ties of negative sums are corrected (no ReLU hides them)
//   per_channel  each row has its own constants
//   bytes        the output is int8, not Wide
//   loops        most rows take several passes through the inner loop (docs/engine.md)
//   skips        a layer may have Layer::zeros; needs `loops`
struct Form {
    std::int8_t shift;
    bool after;
    bool sign;
    bool per_channel;
    bool bytes;
    bool loops;
    bool skips = false;
};

// A requantization: y = high word of (t * multiplier) + rounding.
struct Scale {
    std::int32_t multiplier;
    std::int32_t rounding;
};

// One layer, as the converter writes it.
struct Layer {
    // For every four rows r0 r1 r2 r3, the pairs (r0, r2) and (r1, r3):
    //   2 words   start values of S for both pairs, then 2 words of B
    //   for every 8 inputs (4 at the end if the groups of four are odd)
    //             4 words of the first pair (2), then as many of the second;
    //             each holds two lanes of 256 * a + b, a the pair's first row
    //   with per_channel: 4 words of roundings, with sign 4 of corrections, 4 of multipliers
    const std::uint32_t* stream;
    std::uint16_t groups;  // inputs / 4, rounded up
    std::uint16_t fours;   // outputs / 4, rounded up
    // The scales are unused with per_channel: the stream then has them, and the corrections.
    // Scale of the pairs' first rows: t = 256 * sum and output = y / 2^(16 - shift), clamped to
    // 0..255. With sign, y of a negative t is corrected by -2^7.
    Scale first;
    // Scale of the pairs' second rows: t = 2^(8 + shift) * sum and output = y / 2^16, clamped too.
    // With sign, y of a negative t is corrected by -2^(7 + shift). With `after`, the formulas of
    // first rows hold. With `after` or a shift of 0, it is the same scale as `first`.
    Scale second;
    // With Form::skips, the first inputs that are often all 0; nullptr if a layer has none. At
    // least 64 inputs follow them, and `groups` is even. If all of them are 0, they are left out:
    //   1 word    bytes of their lanes: 16 for every 8 inputs
    //   1 word    bytes of code between the entries of a whole row and of the inputs that follow
    //   for every 4 rows, 3 words: what B lacks then for both pairs, and the bytes of their weights
    const std::uint32_t* zeros = nullptr;
};

// Converts int8 values to lanes. `wide` takes 1 + 2 * (count / 4, rounded up) words.
void widen(const std::int8_t* values, std::uint32_t count, Wide* wide);

// Converts a kernel's outputs back to int8.
void narrow(const Wide* wide, std::uint32_t count, std::int8_t* values);

}  // namespace vigil::compiled

#if defined(VIGIL_DSP)
#include "paired_dense_dsp.h"
#else
#include "paired_dense_portable.h"
#endif
