// Fully connected layers, two rows to a 16-bit lane: docs/engine.md has the arithmetic.
//
// Two forms with the same results, chosen at compile time: inline assembly for cores with the DSP
// extension (Cortex-M4, M7, M33), and portable C++ for every other machine.
#pragma once

#include <cstdint>

namespace vigil::compiled {

// Activations as the kernels read them. Word 0 is the sum of products of neighbours (below); then
// for every four values v0 v1 v2 v3 the two words (v0, v2) and (v1, v3), low lane first. Values
// past the end meet weights of 0.
//   word[0] = sum over the groups of four of v0 * v1 + v2 * v3, modulo 2^32
// A widened input holds the model's int8 values; a kernel writes its outputs plus 128.
using Wide = std::uint32_t;

constexpr std::uint32_t wide_words(std::uint32_t values) {
    return 1 + (values + 3) / 4 * 2;
}

// What brings 256 * accumulator (t) and the product (y) to where 65536 stands for one output step:
// nothing; t shifted left or right; or y shifted left, where t shifted would leave 32 bits.
enum class Shift : std::uint8_t { none, left, right, after };

// One layer. `stream` holds for every four rows r0 r1 r2 r3, the pairs (r0, r2) and (r1, r3):
//   2 words   start values of S for both pairs, then 2 words of B
//   for every 8 inputs (4 at the end if the groups of four are odd)
//             4 words of the first pair (2), then as many of the second;
//             each holds two lanes of 256 * a + b, b the pair's first row
//   with kPerChannel: 4 words of roundings, with kSigned 4 of corrections, 4 of multipliers,
//             each in the order r2 r3 r0 r1
struct Pairs {
    const std::uint32_t* stream;
    std::uint16_t groups;  // inputs / 4, rounded up
    std::uint16_t fours;   // outputs / 4, rounded up
    std::uint8_t shift;    // bits
    // Unless kPerChannel: y = high word of (t * multiplier) + rounding, with kSigned + correction
    // where t is negative; output = y / 65536, clamped to 0..255.
    std::int32_t multiplier;
    std::int32_t rounding;
    std::int32_t correction;
};

// int8 values to lanes. `wide` takes wide_words(count).
void widen(const std::int8_t* values, std::uint32_t count, Wide* wide);

// The kernel's outputs back to int8.
void narrow(const Wide* wide, std::uint32_t count, std::int8_t* values);

// Runs one layer. `output` is Wide[wide_words(4 * fours)], or with kBytes int8 [4 * fours].
template <Shift kShift, bool kSigned, bool kPerChannel, bool kBytes>
void dense_pairs(const Pairs& layer, const Wide* input, void* output);

}  // namespace vigil::compiled

#if defined(__ARM_FEATURE_DSP) && !defined(VIGIL_PORTABLE_KERNELS)
#include "pairs_dsp.h"
#else
#include "pairs_portable.h"
#endif
