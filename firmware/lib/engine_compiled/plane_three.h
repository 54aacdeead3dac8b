// A depthwise convolution with a kernel of three columns, by planes (depthwise_plane.h). A
// template, which the converter instantiates with the layer's sizes and shifts, so that distances
// are part of the instructions and the weights stay in registers.
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

struct ThreeWeights {
    const std::int8_t* weights;  // [outputs][kernel_height][3]
    const std::uint32_t* ends;  // [outputs]: twice the bias, multiplier and start (two_roundings.h)
    const std::uint8_t* shifts;  // [outputs]: an index of kShifts; null if there is one
};

// The sums of two neighbouring outputs.
struct TwoSums {
    std::uint32_t first, second;
};

// The weights of a channel, doubled: 0 and 1, and 1 and 2, of each row.
template <typename Sizes>
struct ThreeColumns {
    std::uint32_t begin[Sizes::kHeight], end[Sizes::kHeight];

    explicit ThreeColumns(const std::int8_t* weights) {
        for (std::uint32_t i = 0; i < Sizes::kHeight; ++i, weights += 3) {
            const auto twice = [&](std::uint32_t j) {
                return static_cast<std::uint32_t>(2 * weights[j]);
            };
            begin[i] = low_halves(twice(0), twice(1));
            end[i] = low_halves(twice(1), twice(2));
        }
    }

    TwoSums sums(const std::uint32_t* lanes, std::uint32_t bias) const {
        TwoSums sum = {bias, bias};
#pragma GCC unroll 3
        for (std::uint32_t i = 0; i < Sizes::kHeight; ++i) {
            std::uint32_t words[2];
            load_two(lanes + i * Sizes::kPitch, words);
            const std::uint32_t a = words[0];
            const std::uint32_t b = words[1];
            sum.first = add_low_by_high(b, end[i], add_products(a, begin[i], sum.first));
            if constexpr (Sizes::kStride == 1) {
                sum.second = add_products(b, end[i], add_low_by_high(begin[i], a, sum.second));
            } else {
                const std::uint32_t c = lanes[i * Sizes::kPitch + 2];
                sum.second = add_low_by_high(c, end[i], add_products(b, begin[i], sum.second));
            }
        }
        return sum;
    }
};

// One output channel.
template <typename Sizes, int kShift>
__attribute__((noinline)) void three_columns(const std::int8_t* weights, const std::uint32_t* ends,
                                             const std::uint32_t* lanes, std::int8_t* output) {
    const ThreeColumns<Sizes> kernel(weights);
    const std::uint32_t bias = ends[0];
    const std::uint32_t by = ends[1];
    const std::uint32_t start = ends[2];
    const auto round = [&](std::uint32_t sum) {
        return static_cast<std::int8_t>(rounded_twice<kShift>(sum, by, start));
    };
    const auto pair = [&](const std::uint32_t* x, std::int8_t* y) {
        const TwoSums sum = kernel.sums(x, bias);
        y[0] = round(sum.first);
        y[Sizes::kStep] = round(sum.second);
    };
    constexpr std::uint32_t kPairs = Sizes::kColumns / 2;
    const std::uint32_t* const last = lanes + Sizes::kRowWords * Sizes::kOutRows;
    for (; lanes != last; lanes += Sizes::kRowWords, output += Sizes::kRowStep) {
        if constexpr (kPairs <= 4) {
#pragma GCC unroll 4
            for (std::uint32_t j = 0; j < kPairs; ++j) {
                pair(lanes + j * Sizes::kStride, output + 2 * j * Sizes::kStep);
            }
        } else {
            std::int8_t* y = output;
            const std::uint32_t* const end = lanes + kPairs * Sizes::kStride;
            for (const std::uint32_t* x = lanes; x != end; x += Sizes::kStride) {
                pair(x, y);
                y += 2 * Sizes::kStep;
            }
        }
        if constexpr (Sizes::kColumns % 2 != 0) {
            output[2 * kPairs * Sizes::kStep] =
                round(kernel.sums(lanes + kPairs * Sizes::kStride, bias).first);
        }
    }
}

// As depthwise_plane(), with kShifts for the channels. `Sizes` has constants:
//
//   kPadding             the input's zero point
//   kHeight              rows of the kernel
//   kStride              between columns, 1 or 2
//   kPitch               words from a row of the plane to the next
//   kHigh                rows of the plane
//   kTop, kLeft          the first value of the plane that is an input
//   kRows, kWidth        rows and columns of the plane that are inputs
//   kFirst               the first of these inputs
//   kInRow, kChannels    inputs from a row to the next, and from a pixel to the next
//   kOutRows, kColumns   outputs: rows, and outputs in a row
//   kRowStep, kStep      output values from a row to the next, and from one in a row to the next
//   kRowWords            words of the plane from a row of outputs to the next
//   kMultiplier          outputs per channel
template <typename Sizes, int... kShifts>
void plane_three(const ThreeWeights& layer, const std::int8_t* input, std::int8_t* output,
                 std::uint32_t* lanes) {
    const std::uint32_t padding = halves_of(Sizes::kPadding);
#pragma GCC unroll 8
    for (std::uint32_t i = 0; i < Sizes::kHigh * Sizes::kPitch; ++i) {
        lanes[i] = padding;
    }
    std::int8_t* const plane =
        reinterpret_cast<std::int8_t*>(lanes) + 4 * Sizes::kTop * Sizes::kPitch + 2 * Sizes::kLeft;
    const std::int8_t* weights = layer.weights;
    const std::uint32_t* ends = layer.ends;
    std::uint32_t o = 0;
    for (std::uint32_t c = 0; c < Sizes::kChannels; ++c) {
        const std::int8_t* x = input + Sizes::kFirst + c;
        std::int8_t* to = plane;
        for (std::uint32_t i = 0; i < Sizes::kRows; ++i) {
#pragma GCC unroll 8
            for (std::uint32_t j = 0; j < Sizes::kWidth; ++j) {
                const std::int16_t lane = x[j * Sizes::kChannels];
                std::memcpy(to + 2 * j, &lane, sizeof lane);
            }
            x += Sizes::kInRow;
            to += 4 * Sizes::kPitch;
        }
        for (std::uint32_t i = 0; i < Sizes::kMultiplier; ++i, ++o) {
            const int shift = layer.shifts == nullptr ? 0 : layer.shifts[o];
            int index = 0;
            (
                [&] {
                    if (index++ == shift) {
                        three_columns<Sizes, kShifts>(weights, ends, lanes, output + o);
                    }
                }(),
                ...);
            weights += 3 * Sizes::kHeight;
            ends += 3;
        }
    }
}

}  // namespace vigil::compiled

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC pop_options
#endif
