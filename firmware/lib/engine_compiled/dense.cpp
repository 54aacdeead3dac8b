#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O2")  // hot loops, even in an image built with -Os
#endif

#include "dense.h"

#include "core.h"
#include "dense_rows.h"
#include "simd.h"

namespace vigil::compiled {

void finish(const Dense& layer, std::uint32_t first, const std::uint32_t* sums, std::uint32_t count,
            std::int8_t* output) {
    const std::uint32_t next = layer.per_channel ? 1 : 0;
    const std::uint32_t at = layer.per_channel ? first : 0;
    if (layer.one_multiplies == nullptr) {
        for (std::uint32_t i = 0; i < count; ++i) {
            output[i] =
                output_of(static_cast<std::int32_t>(sums[i]), layer.multipliers[at + i * next],
                          layer.zero_point, layer.low, layer.high);
        }
        return;
    }
    const std::uint32_t shift = layer.shift;
    const OneMultiply* by = layer.one_multiplies + at;
#if !defined(VIGIL_NO_LANES)
    if (count == 4) {
        std::uint32_t values[4];
        values[0] = multiplied(*by, sums[0], shift);
        by += next;
        values[1] = multiplied(*by, sums[1], shift);
        by += next;
        values[2] = multiplied(*by, sums[2], shift);
        by += next;
        values[3] = multiplied(*by, sums[3], shift);
        store_four(output, clamped(high_halves(values[0], values[2]),
                                   high_halves(values[1], values[3]), layer.clamp));
        return;
    }
#endif
    for (std::uint32_t i = 0; i < count; ++i, by += next) {
        const std::uint32_t value = multiplied(*by, sums[i], shift);
        const std::int32_t floor = layer.clamp.floor;
        const std::int32_t whole = static_cast<std::int32_t>(value) >> 16;
        const std::int32_t above = (whole < floor ? floor : whole > 255 ? 255 : whole) - floor;
        output[i] = static_cast<std::int8_t>(above + layer.clamp.low);
    }
}

namespace {

// Adds the products of one or two rows, which are `step` apart.
template <std::uint32_t kRows>
inline void add_rows(const std::int8_t* weights, std::uint32_t step, const std::int8_t* input,
                     std::uint32_t* sums) {
    std::uint32_t first = sums[0];
    std::uint32_t second = sums[kRows - 1];
    const std::int8_t* other = weights + step;
    const auto four = [&](std::uint32_t at) {
        const std::uint32_t x = load_four(input + at);
        const std::uint32_t even = even_bytes(x);
        const std::uint32_t odd = odd_bytes(x);
        const std::uint32_t w = load_four(weights + at);
        first = add_products(odd_bytes(w), odd, add_products(even_bytes(w), even, first));
        if constexpr (kRows == 2) {
            const std::uint32_t v = load_four(other + at);
            second = add_products(odd_bytes(v), odd, add_products(even_bytes(v), even, second));
        }
    };
    constexpr std::uint32_t kMany = 16 / kRows;
    const auto advance = [&](std::uint32_t count) {
        input += count;
        weights += count;
        other += count;
    };
    std::uint32_t count = step;
    for (; count >= kMany; count -= kMany, advance(kMany)) {
#pragma GCC unroll 4
        for (std::uint32_t i = 0; i < kMany; i += 4) {
            four(i);
        }
    }
    for (; count >= 4; count -= 4, advance(4)) {
        four(0);
    }
    for (; count != 0; --count, advance(1)) {
        first += static_cast<std::uint32_t>(*weights * *input);
        if constexpr (kRows == 2) {
            second += static_cast<std::uint32_t>(*other * *input);
        }
    }
    sums[0] = first;
    if constexpr (kRows == 2) {
        sums[1] = second;
    }
}

}  // namespace

void dense(const Dense& layer, const std::int8_t* input, std::int8_t* output) {
    const std::int8_t* weights = layer.weights;
    const std::uint32_t inputs = layer.inputs;
    std::uint32_t row = 0;
#if defined(VIGIL_NO_LANES) || defined(VIGIL_MVE)
    row = dense_fours(layer, input, output);
    weights += row * inputs;
#endif
    std::uint32_t count;
    for (; row < layer.outputs; row += count) {
        const std::uint32_t left = layer.outputs - row;
        count = left < 4 ? left : 4;
        std::uint32_t sums[4];
        for (std::uint32_t i = 0; i < count; ++i) {
            sums[i] = static_cast<std::uint32_t>(layer.bias[row + i]);
        }
        if (inputs == 1) {
            for (std::uint32_t i = 0; i < count; ++i) {
                sums[i] += static_cast<std::uint32_t>(*weights++ * *input);
            }
        } else {
            std::uint32_t i = 0;
            for (; i + 2 <= count; i += 2, weights += 2 * inputs) {
                add_rows<2>(weights, inputs, input, sums + i);
            }
            if (i != count) {
                add_rows<1>(weights, inputs, input, sums + i);
                weights += inputs;
            }
        }
        finish(layer, row, sums, count, output + row);
    }
}

}  // namespace vigil::compiled
