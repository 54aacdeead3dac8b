#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O2")  // hot loops, even in an image built with -Os
#endif

#include "convolve.h"
#include "kernel_window.h"
#include "simd.h"

namespace vigil::compiled {
namespace {

// The kernel weights of one position: distances from one to the next, and between rows.
struct Walk {
    std::int32_t rows, columns;
    std::int32_t values_step, weights_step;
    std::int32_t values_row_skipped, weights_row_skipped;
    std::uint32_t offset;  // added to the values, in both halves
};

// Four channels: sums[c] += values[c] * weights[c] for each kernel weight.
__attribute__((noinline)) void add_four(const Walk& walk, const std::int8_t* values,
                                        const std::int8_t* weights, std::uint32_t* sums) {
    const std::uint32_t offset = walk.offset;
    const std::int32_t values_step = walk.values_step;
    const std::int32_t weights_step = walk.weights_step;
    std::uint32_t s0 = sums[0];
    std::uint32_t s1 = sums[1];
    std::uint32_t s2 = sums[2];
    std::uint32_t s3 = sums[3];
    for (std::int32_t i = walk.rows; i != 0; --i) {
        for (std::int32_t j = walk.columns; j != 0; --j) {
            const std::uint32_t x = load_four(values);
            const std::uint32_t w = load_four(weights);
            values += values_step;
            weights += weights_step;
            const std::uint32_t even = even_bytes(offset, x);
            const std::uint32_t even_weights = even_bytes(w);
            s0 = add_low_product(even, even_weights, s0);
            s2 = add_high_product(even, even_weights, s2);
            const std::uint32_t odd = odd_bytes(offset, x);
            const std::uint32_t odd_weights = odd_bytes(w);
            s1 = add_low_product(odd, odd_weights, s1);
            s3 = add_high_product(odd, odd_weights, s3);
        }
        values += walk.values_row_skipped;
        weights += walk.weights_row_skipped;
    }
    sums[0] = s0;
    sums[1] = s1;
    sums[2] = s2;
    sums[3] = s3;
}

// One channel.
__attribute__((noinline)) std::uint32_t add_one(const Walk& walk, const std::int8_t* values,
                                                const std::int8_t* weights, std::uint32_t sum) {
    const std::int32_t offset = static_cast<std::int16_t>(walk.offset);
    for (std::int32_t i = walk.rows; i != 0; --i) {
        for (std::int32_t j = walk.columns; j != 0; --j) {
            sum += static_cast<std::uint32_t>(*weights * (*values + offset));
            values += walk.values_step;
            weights += walk.weights_step;
        }
        values += walk.values_row_skipped;
        weights += walk.weights_row_skipped;
    }
    return sum;
}

}  // namespace

void depthwise(const Positions& at, const Dense& layer, std::uint32_t multiplier,
               const std::int8_t* input, std::int8_t* output) {
    const std::int32_t channels = at.channels;
    const std::int32_t outputs = layer.outputs;
    const std::int32_t row = at.dilation_height * at.in_width * channels;
    Walk walk = {};
    walk.offset = halves_of(-at.padding);
    walk.values_step = at.dilation_width * channels;
    walk.weights_step = outputs;
    over_positions(at, input, output, [&](const KernelWindow& window, std::int8_t* out) {
        walk.rows = window.rows;
        walk.columns = window.columns;
        walk.values_row_skipped = row - window.columns * walk.values_step;
        walk.weights_row_skipped = (at.kernel_width - window.columns) * outputs;
        const std::int8_t* values = window.input;
        const std::int8_t* weights = layer.weights + window.first * outputs;
        std::int32_t o = 0;
        for (; multiplier == 1 && o + 4 <= outputs; o += 4) {
            std::uint32_t sums[4];
            for (std::int32_t i = 0; i < 4; ++i) {
                sums[i] = static_cast<std::uint32_t>(layer.bias[o + i]);
            }
            add_four(walk, values, weights + o, sums);
            values += 4;
            finish(layer, static_cast<std::uint32_t>(o), sums, 4, out + o);
        }
        for (std::uint32_t more = 0; o < outputs; ++o) {
            const auto bias = static_cast<std::uint32_t>(layer.bias[o]);
            const std::uint32_t sum = add_one(walk, values, weights + o, bias);
            finish(layer, static_cast<std::uint32_t>(o), &sum, 1, out + o);
            if (++more == multiplier) {
                more = 0;
                ++values;
            }
        }
    });
}

}  // namespace vigil::compiled
