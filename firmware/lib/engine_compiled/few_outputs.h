// A layer of one to three outputs, at one pixel or many. A template, which the converter
// instantiates with the layer's sizes and shifts. Its weights are 16-bit lanes, so that nothing but
// the inputs is unpacked.
#pragma once

#include <cstdint>

#include "simd.h"
#include "two_roundings.h"

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC push_options
// Hot loops, even in an image built with -Os. Loads that move ahead would need more registers.
// A frame pointer would take r7, which the assembly below needs.
#pragma GCC optimize("O2", "no-schedule-insns", "omit-frame-pointer")
#endif

namespace vigil::compiled {

// The next products of an input's lanes, one per output.
template <std::uint32_t kOutputs>
inline void add_next(const std::uint32_t*& weights, std::uint32_t lanes, std::uint32_t* sums) {
    std::uint32_t words[kOutputs];
    load_words<kOutputs>(weights, words);
    sums[0] = add_products(lanes, words[0], sums[0]);
    if constexpr (kOutputs > 1) {
        sums[1] = add_products(lanes, words[1], sums[1]);
    }
    if constexpr (kOutputs > 2) {
        sums[2] = add_products(lanes, words[2], sums[2]);
    }
}

template <std::uint32_t kOutputs>
inline void add_four(const std::uint32_t*& weights, const std::int8_t* input, std::uint32_t* sums) {
#if defined(VIGIL_NO_LANES)
    for (std::uint32_t o = 0; o < kOutputs; ++o) {
        const std::uint32_t even = weights[o];
        const std::uint32_t odd = weights[kOutputs + o];
        sums[o] +=
            static_cast<std::uint32_t>(low_half(even) * input[0] + low_half(odd) * input[1] +
                                       high_half(even) * input[2] + high_half(odd) * input[3]);
    }
    weights += 2 * kOutputs;
#else
    const std::uint32_t word = load_four(input);
    add_next<kOutputs>(weights, even_bytes(word), sums);
    add_next<kOutputs>(weights, odd_bytes(word), sums);
#endif
}

// Adds the products of sixteen inputs.
template <std::uint32_t kOutputs>
inline void add_sixteen(const std::uint32_t*& weights, const std::int8_t* input,
                        std::uint32_t* sums) {
#pragma GCC unroll 4
    for (std::uint32_t i = 0; i < 16; i += 4) {
#if !defined(VIGIL_NO_LANES)
        if constexpr (kOutputs == 1) {
            const std::uint32_t first = load_four(input + i);
            const std::uint32_t second = load_four(input + i + 4);
            std::uint32_t words[4];
            load_words<4>(weights, words);
            sums[0] = add_products(even_bytes(first), words[0], sums[0]);
            sums[0] = add_products(odd_bytes(first), words[1], sums[0]);
            sums[0] = add_products(even_bytes(second), words[2], sums[0]);
            sums[0] = add_products(odd_bytes(second), words[3], sums[0]);
            i += 4;
            continue;
        }
#endif
        add_four<kOutputs>(weights, input + i, sums);
    }
}

#if defined(VIGIL_DSP)
// The products of `count` times 64 inputs for one output. Eight words of weights are loaded at
// once, which takes all registers.
inline void add_many(const std::uint32_t*& weights, const std::int8_t*& input, std::uint32_t count,
                     std::uint32_t& sum) {
    register const std::int8_t* x asm("r7") = input;
#define VIGIL_FOUR(even, odd) \
    "ldr r1, [%[x]], #4\n"    \
    "sxtb16 r2, r1\n"         \
    "sxtb16 r1, r1, ror #8\n" \
    "smlad %[sum], r2, " even \
    ", %[sum]\n"              \
    "smlad %[sum], r1, " odd ", %[sum]\n"
#define VIGIL_SIXTEEN                                                                \
    "ldmia %[weights]!, {r3, r4, r5, r6, r8, r9, r10, r12}\n" VIGIL_FOUR("r3", "r4") \
        VIGIL_FOUR("r5", "r6") VIGIL_FOUR("r8", "r9") VIGIL_FOUR("r10", "r12")
    for (; count != 0; --count) {
        asm(VIGIL_SIXTEEN VIGIL_SIXTEEN VIGIL_SIXTEEN VIGIL_SIXTEEN
            : [sum] "+r"(sum), [weights] "+r"(weights), [x] "+r"(x)
            :
            : "r1", "r2", "r3", "r4", "r5", "r6", "r8", "r9", "r10", "r12", "memory");
    }
    input = x;
#undef VIGIL_SIXTEEN
#undef VIGIL_FOUR
}
#endif

template <std::uint32_t kOutput, int kShift, int... kShifts>
inline void store_outputs(const std::uint32_t* sums, const std::uint32_t* ends,
                          std::int8_t* output) {
    output[kOutput] = static_cast<std::int8_t>(
        rounded_twice<kShift>(sums[kOutput], ends[2 * kOutput], ends[2 * kOutput + 1]));
    if constexpr (sizeof...(kShifts) != 0) {
        store_outputs<kOutput + 1, kShifts...>(sums, ends, output);
    }
}

// As many outputs as shifts. input int8 [kPixels][kInputs], kInputs > 3; output int8
// [kPixels][outputs]; they do not overlap. `constants` holds the biases; then of each four inputs
// the lanes of 0 and 2 for each output, and those of 1 and 3; then multiplier and start for each
// output (two_roundings.h). A last four of fewer inputs than four begins earlier, with weights of
// 0.
template <std::uint32_t kInputs, std::uint32_t kPixels, int... kShifts>
__attribute__((noinline)) void few_outputs(const std::uint32_t* constants, const std::int8_t* input,
                                           std::int8_t* output) {
    constexpr std::uint32_t kOutputs = sizeof...(kShifts);
    constexpr std::uint32_t kSixteens = kInputs / 16;
    const std::int8_t* const end = output + kPixels * kOutputs;
    do {
        const std::int8_t* x = input;
        input += kInputs;
        const std::uint32_t* next = constants;
        std::uint32_t sums[kOutputs];
        load_words<kOutputs>(next, sums);
        std::uint32_t sixteens = kSixteens;
#if defined(VIGIL_DSP)
        if constexpr (kOutputs == 1 && kSixteens >= 4) {
            add_many(next, x, kSixteens / 4, sums[0]);
            sixteens = kSixteens % 4;
        }
#endif
        for (; sixteens >= 2; sixteens -= 2, x += 32) {
            add_sixteen<kOutputs>(next, x, sums);
            add_sixteen<kOutputs>(next, x + 16, sums);
        }
        if (sixteens != 0) {
            add_sixteen<kOutputs>(next, x, sums);
            x += 16;
        }
#pragma GCC unroll 4
        for (std::uint32_t i = 0; i < kInputs % 16 / 4; ++i, x += 4) {
            add_four<kOutputs>(next, x, sums);
        }
        if constexpr (kInputs % 4 != 0) {
            add_four<kOutputs>(next, input - 4, sums);
        }
        store_outputs<0, kShifts...>(sums, next, output);
        output += kOutputs;
    } while (output != end);
}

}  // namespace vigil::compiled

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC pop_options
#endif
