// A transposed convolution of 3x3 with stride 2 to one channel. Each input pixel gives a block of
// 2x2 outputs, whose sums are in registers. A template of the layer's sizes, which the converter
// instantiates.
#pragma once

#include <cstdint>

#include "simd.h"
#include "two_roundings.h"

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC push_options
// Hot loops, even in an image built with -Os. Loads that move ahead would need more registers.
#pragma GCC optimize("O2", "no-schedule-insns")
#endif

namespace vigil::compiled {

// Adds the products of the lanes of a pixel, four channels at a time, for `kSums` of a block's
// outputs.
template <std::uint32_t kFours, int... kSums>
inline void add_pixel(const std::uint32_t* lanes, const std::uint32_t*& weights,
                      std::uint32_t* sums) {
    constexpr std::uint32_t kOutputs = sizeof...(kSums);
#pragma GCC unroll 4
    for (std::uint32_t i = 0; i < kFours; ++i) {
        std::uint32_t x[2];
        load_two(lanes + 2 * i, x);
        std::uint32_t w[2 * kOutputs];
        std::uint32_t o = 0;
        if constexpr (kOutputs == 4) {
            load_words<4>(weights, w);
            ((sums[kSums] = add_products(x[0], w[o++], sums[kSums])), ...);
            load_words<4>(weights, w + 4);
        } else {
            load_words<2 * kOutputs>(weights, w);
            ((sums[kSums] = add_products(x[0], w[o++], sums[kSums])), ...);
        }
        ((sums[kSums] = add_products(x[1], w[o++], sums[kSums])), ...);
    }
}

// input int8 [kHeight][kWidth][4 * kFours], output int8 [2 * kHeight][2 * kWidth]; they do not
// overlap. `lanes` has (kHeight + 1) * (kWidth + 1) * 2 * kFours words: the input widened, with a
// row and a column of the zero point `padding` before it. `constants` holds the biases of a block,
// the weights as add_pixel() reads them, multiplier and start (two_roundings.h).
template <std::uint32_t kHeight, std::uint32_t kWidth, std::uint32_t kFours, int kShift>
__attribute__((noinline)) void transposed_three(const std::uint32_t* constants, std::int8_t padding,
                                                const std::int8_t* input, std::int8_t* output,
                                                std::uint32_t* lanes) {
    constexpr std::uint32_t kWords = 2 * kFours;
    constexpr std::uint32_t kPitch = (kWidth + 1) * kWords;
    const std::uint32_t nothing = halves_of(padding);
    for (std::uint32_t i = 0; i < kPitch; ++i) {
        *lanes++ = nothing;
    }
    for (std::uint32_t row = kHeight; row != 0; --row) {
        std::uint32_t* const first = lanes + kWords;
        for (; lanes != first; ++lanes) {
            *lanes = nothing;
        }
        for (std::uint32_t j = kWidth; j != 0; --j) {
#pragma GCC unroll 4
            for (std::uint32_t i = 0; i < kFours; ++i) {
                const std::uint32_t four = load_four(input + 4 * i);
                store_two(lanes + 2 * i, even_bytes(four), odd_bytes(four));
            }
            input += 4 * kFours;
            lanes += kWords;
        }
        for (const std::uint32_t* x = first; x != lanes; x += kWords, output += 2) {
            const std::uint32_t* next = constants;
            std::uint32_t sums[4];
            load_words<2>(next, sums);
            load_words<2>(next, sums + 2);
            add_pixel<kFours, 0, 1, 2, 3>(x, next, sums);
            add_pixel<kFours, 0, 2>(x - kWords, next, sums);
            add_pixel<kFours, 0, 1>(x - kPitch, next, sums);
            add_pixel<kFours, 0>(x - kPitch - kWords, next, sums);
            const std::uint32_t by = next[0];
            const std::uint32_t start = next[1];
            output[0] = static_cast<std::int8_t>(rounded_twice<kShift>(sums[0], by, start));
            output[1] = static_cast<std::int8_t>(rounded_twice<kShift>(sums[1], by, start));
            output[2 * kWidth] =
                static_cast<std::int8_t>(rounded_twice<kShift>(sums[2], by, start));
            output[2 * kWidth + 1] =
                static_cast<std::int8_t>(rounded_twice<kShift>(sums[3], by, start));
        }
        output += 2 * kWidth;
    }
}

}  // namespace vigil::compiled

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC pop_options
#endif
