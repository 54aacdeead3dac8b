// A layer of one to four inputs, at many pixels: a convolution of 1x1, or of a few neighbouring
// values of a series. A template, which the converter instantiates with the layer's sizes and
// shifts, so that nothing but the values remains for run time.
#pragma once

#include <cstdint>

#include "simd.h"
#include "two_roundings.h"

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC push_options
// Hot loops, even in an image built with -Os. Loads that move ahead would need more registers.
// Packing four bytes into a word, as GCC would, takes an instruction more than four stores.
#pragma GCC optimize("O2", "no-schedule-insns", "no-tree-slp-vectorize")
#endif

namespace vigil::compiled {

// The constants of an output: the weights of inputs 0 and 2, and of 1 and 3, as lanes (of up to two
// inputs: of 0 and 1, and none), bias, multiplier and start (two_roundings.h).
struct FewWeights {
    std::uint32_t even, odd, bias, by, start;
};

// The next constants of a stream, which lacks `odd` for up to two inputs.
template <std::uint32_t kInputs>
inline FewWeights next_weights(const std::uint32_t*& constants) {
    if constexpr (kInputs > 2) {
        std::uint32_t words[5];
        load_words<5>(constants, words);
        return {words[0], words[1], words[2], words[3], words[4]};
    } else {
        std::uint32_t words[4];
        load_words<4>(constants, words);
        return {words[0], 0, words[1], words[2], words[3]};
    }
}

// The inputs of a pixel as lanes, in the order of the weights.
struct FewValues {
    std::uint32_t even, odd;

    template <std::uint32_t kInputs, int kShift>
    std::int8_t output(const FewWeights& by) const {
        std::uint32_t sum = kInputs == 1 ? add_low_product(even, by.even, by.bias)
                                         : add_products(even, by.even, by.bias);
        if constexpr (kInputs > 2) {
            sum = add_products(odd, by.odd, sum);
        }
        return static_cast<std::int8_t>(rounded_twice<kShift>(sum, by.by, by.start));
    }
};

struct TwoPixels {
    FewValues first, second;
};

// Reads two pixels, and no byte outside them.
template <std::uint32_t kInputs, std::uint32_t kStep>
inline TwoPixels load_pixels(const std::int8_t* input) {
    if constexpr (kInputs == 1) {
        return {{static_cast<std::uint32_t>(input[0]), 0},
                {static_cast<std::uint32_t>(input[kStep]), 0}};
    } else if constexpr (kInputs == 2) {
        static_assert(kStep == 2);
        const std::uint32_t word = load_four(input);
        const std::uint32_t even = even_bytes(word);
        const std::uint32_t odd = odd_bytes(word);
        return {{low_halves(even, odd), 0}, {high_halves(even, odd), 0}};
    } else if constexpr (kInputs == 3) {
        // The second pixel is in the upper bytes, as a byte after it may not exist.
        const std::uint32_t first = load_four(input);
        const std::uint32_t second = load_four(input + kStep - 1);
        return {{even_bytes(first), odd_bytes(first)},
                {odd_bytes(second), upper_even_bytes(second)}};
    } else {
        static_assert(kInputs == 4);
        const std::uint32_t first = load_four(input);
        const std::uint32_t second = load_four(input + kStep);
        return {{even_bytes(first), odd_bytes(first)}, {even_bytes(second), odd_bytes(second)}};
    }
}

#if defined(VIGIL_NO_LANES)
// One output of all pixels, so that its constants stay in registers.
template <std::uint32_t kInputs, std::uint32_t kStep, std::uint32_t kOutputs, int kShift>
inline void one_output(const std::uint32_t*& constants, std::uint32_t pixels,
                       const std::int8_t* input, std::int8_t* output) {
    const FewWeights by = next_weights<kInputs>(constants);
    const std::int32_t first = low_half(by.even);
    const std::int32_t second = kInputs > 2 ? low_half(by.odd) : high_half(by.even);
    const std::int32_t third = high_half(by.even);
    const std::int32_t fourth = high_half(by.odd);
    for (; pixels != 0; --pixels, input += kStep, output += kOutputs) {
        std::int32_t sum = first * input[0];
        if constexpr (kInputs > 1) sum += second * input[1];
        if constexpr (kInputs > 2) sum += third * input[2];
        if constexpr (kInputs > 3) sum += fourth * input[3];
        *output = static_cast<std::int8_t>(
            rounded_twice<kShift>(by.bias + static_cast<std::uint32_t>(sum), by.by, by.start));
    }
}
#endif

// As many outputs as shifts, of kPixels > 1 pixels. kStep input values and kOutputs output values
// lie between pixels. `constants` holds FewWeights of each output.
template <std::uint32_t kInputs, std::uint32_t kStep, std::uint32_t kOutputs, std::uint32_t kPixels,
          int... kShifts>
__attribute__((noinline)) void few_inputs(const std::uint32_t* constants, const std::int8_t* input,
                                          std::int8_t* output) {
#if defined(VIGIL_NO_LANES)
    ((one_output<kInputs, kStep, kOutputs, kShifts>(constants, kPixels, input, output++)), ...);
#else
    const std::int8_t* const last = input + kPixels * kStep;
    // Pixels in twos. The first two overlap with the next if their number is odd.
    constexpr bool kOdd = kPixels % 2 != 0;
    const std::int8_t* x = input;
    const std::int8_t* end = kOdd ? input + kStep : last;
    for (;;) {
        std::int8_t* y = output;
        do {
            const TwoPixels pixel = load_pixels<kInputs, kStep>(x);
            const std::uint32_t* next = constants;
            std::uint32_t o = 0;
            (
                [&] {
                    const FewWeights by = next_weights<kInputs>(next);
                    y[o] = pixel.first.template output<kInputs, kShifts>(by);
                    y[o + kOutputs] = pixel.second.template output<kInputs, kShifts>(by);
                    ++o;
                }(),
                ...);
            x += 2 * kStep;
            y += 2 * kOutputs;
        } while (x < end);
        if (!kOdd || end == last) {
            return;
        }
        x = input + kStep;
        output += kOutputs;
        end = last;
    }
#endif
}

// A fully connected layer of one input, whose outputs are a multiple of four and have one
// multiplier. `value` is the input times 2^(1 + left shift), as are the biases (two_roundings.h).
template <int kShift>
__attribute__((noinline)) void one_input(const std::uint32_t* biases, const std::int8_t* weights,
                                         std::uint32_t outputs, std::uint32_t by,
                                         std::uint32_t start, std::int32_t value,
                                         std::int8_t* output) {
    const auto x = static_cast<std::uint32_t>(value);
    const auto rounded = [&](std::uint32_t sum) {
        return static_cast<std::int8_t>(rounded_twice<kShift>(sum, by, start));
    };
    for (const std::int8_t* const end = output + outputs; output != end; output += 4) {
        std::uint32_t sums[4];
        load_words<4>(biases, sums);
        const std::uint32_t four = load_four(weights);
        weights += 4;
        const std::uint32_t even = even_bytes(four);
        const std::uint32_t odd = odd_bytes(four);
        output[0] = rounded(add_low_product(x, even, sums[0]));
        output[1] = rounded(add_low_product(x, odd, sums[1]));
        output[2] = rounded(add_low_by_high(x, even, sums[2]));
        output[3] = rounded(add_low_by_high(x, odd, sums[3]));
    }
}

}  // namespace vigil::compiled

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC pop_options
#endif
