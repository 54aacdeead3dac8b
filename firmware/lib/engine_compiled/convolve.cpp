#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O2")  // hot loops, even in an image built with -Os
#endif

#include "convolve.h"

#include "kernel_window.h"
#include "simd.h"

namespace vigil::compiled {
namespace {

// `rows` runs of `count` values, contiguous like their weights, and the distances between the runs.
struct Walk {
    std::int32_t rows, count;
    std::int32_t values_skipped, weights_skipped;
    std::uint32_t offset;  // added to the values, in both halves
};

// sums[i] = start[i] + products of `values` with the weights of output i, which are `step` apart.
template <std::uint32_t kOutputs>
__attribute__((noinline)) void add_rows(const Walk& walk, const std::int8_t* values,
                                        const std::int8_t* weights, std::uint32_t step,
                                        const std::uint32_t* start, std::uint32_t* sums) {
    const std::uint32_t offset = walk.offset;
    std::uint32_t first = start[0];
    std::uint32_t second = start[kOutputs - 1];
    const std::int8_t* others = weights + (kOutputs - 1) * step;
    for (std::int32_t i = walk.rows; i != 0; --i) {
        std::int32_t fours = walk.count >> 2;
        for (; kOutputs == 1 && fours >= 2; fours -= 2) {
            const std::uint32_t x = load_four(values);
            values += 4;
            const std::uint32_t w = load_four(weights);
            weights += 4;
            first = add_products(even_bytes(w), even_bytes(offset, x), first);
            first = add_products(odd_bytes(w), odd_bytes(offset, x), first);
            const std::uint32_t y = load_four(values);
            values += 4;
            const std::uint32_t v = load_four(weights);
            weights += 4;
            first = add_products(even_bytes(v), even_bytes(offset, y), first);
            first = add_products(odd_bytes(v), odd_bytes(offset, y), first);
        }
        for (; fours != 0; --fours) {
            const std::uint32_t x = load_four(values);
            values += 4;
            const std::uint32_t even = even_bytes(offset, x);
            const std::uint32_t odd = odd_bytes(offset, x);
            const std::uint32_t w = load_four(weights);
            weights += 4;
            first = add_products(even_bytes(w), even, first);
            first = add_products(odd_bytes(w), odd, first);
            if constexpr (kOutputs == 2) {
                const std::uint32_t v = load_four(others);
                others += 4;
                second = add_products(even_bytes(v), even, second);
                second = add_products(odd_bytes(v), odd, second);
            }
        }
        for (std::int32_t ones = walk.count & 3; ones != 0; --ones) {
            const std::int32_t x = *values++ + static_cast<std::int16_t>(offset);
            first += static_cast<std::uint32_t>(*weights++ * x);
            if constexpr (kOutputs == 2) {
                second += static_cast<std::uint32_t>(*others++ * x);
            }
        }
        values += walk.values_skipped;
        weights += walk.weights_skipped;
        others += walk.weights_skipped;
    }
    sums[0] = first;
    if constexpr (kOutputs == 2) {
        sums[1] = second;
    }
}

// The same for 1 to 4 outputs.
inline void add_rows(const Walk& walk, const std::int8_t* values, const std::int8_t* weights,
                     std::uint32_t step, const std::uint32_t* start, std::uint32_t* sums,
                     std::uint32_t outputs) {
    const std::uint32_t even = outputs & ~1U;
    if (even != 0) {
        add_rows<2>(walk, values, weights, step, start, sums);
    }
    if (even == 4) {
        add_rows<2>(walk, values, weights + 2 * step, step, start + 2, sums + 2);
    }
    if (even != outputs) {
        add_rows<1>(walk, values, weights + even * step, step, start + even, sums + even);
    }
}

}  // namespace

void convolve(const Positions& at, const Dense& layer, const std::int8_t* input,
              std::int8_t* output) {
    const std::int32_t channels = at.channels;
    const std::int32_t row = at.dilation_height * at.in_width * channels;
    const std::int32_t weight_row = at.kernel_width * channels;
    const std::uint32_t step = layer.inputs;
    const bool together = at.dilation_width == 1;
    Walk walk = {};
    walk.offset = halves_of(-at.padding);
    std::int32_t rows = -1;
    std::int32_t columns = -1;
    std::int32_t turns = 1;
    over_positions(at, input, output, [&](const KernelWindow& window, std::int8_t* out) {
        if (window.rows != rows || window.columns != columns) {  // unlike the previous position
            rows = window.rows;
            columns = window.columns;
            // All kernel rows at once; or, if dilation separates the columns, one row's columns.
            const std::int32_t count = columns * channels;
            turns = together || rows == 0 ? 1 : rows;
            walk.rows = together || rows == 0 ? rows : columns;
            walk.count = together ? count : channels;
            walk.values_skipped = together ? row - count : (at.dilation_width - 1) * channels;
            walk.weights_skipped = together ? weight_row - count : 0;
            if (walk.values_skipped == 0 && walk.weights_skipped == 0) {
                walk.count *= walk.rows;  // contiguous
                walk.rows = 1;
            }
        }
        const std::int8_t* weights = layer.weights + window.first * channels;
        for (std::uint32_t o = 0; o < layer.outputs; o += 4, weights += 4 * step) {
            const std::uint32_t left = layer.outputs - o;
            const std::uint32_t outputs = left < 4 ? left : 4;
            std::uint32_t sums[4];
            const auto* start = reinterpret_cast<const std::uint32_t*>(layer.bias) + o;
            for (std::int32_t i = 0; i < turns; ++i, start = sums) {
                add_rows(walk, window.input + i * row, weights + i * weight_row, step, start, sums,
                         outputs);
            }
            finish(layer, o, sums, outputs, out + o);
        }
    });
}

}  // namespace vigil::compiled
