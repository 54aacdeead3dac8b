#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O2")  // hot loops, also in an image built with -Os
#endif

#include "dense.h"

#include "simd.h"

namespace vigil::compiled {

namespace {

inline std::uint32_t stepped(const Step& step, std::uint32_t sum, std::uint32_t shift) {
    const auto sign = static_cast<std::uint32_t>(static_cast<std::int32_t>(sum) >> 31);
    const auto start = static_cast<std::uint32_t>(step.start);
    return add_high_word(sum << shift, static_cast<std::uint32_t>(step.by),
                         start + (static_cast<std::uint32_t>(step.below) & sign));
}

}  // namespace

void finish(const Dense& layer, std::uint32_t first, const std::uint32_t* sums, std::uint32_t count,
            std::int8_t* output) {
    const std::uint32_t next = layer.per_channel ? 1 : 0;
    const std::uint32_t at = layer.per_channel ? first : 0;
    if (layer.steps == nullptr) {
        for (std::uint32_t i = 0; i < count; ++i) {
            output[i] =
                output_of(static_cast<std::int32_t>(sums[i]), layer.multipliers[at + i * next],
                          layer.zero_point, layer.low, layer.high);
        }
        return;
    }
    const std::uint32_t shift = layer.shift;
    const Step* step = layer.steps + at;
    if (count == 4) {
        std::uint32_t values[4];
        values[0] = stepped(*step, sums[0], shift);
        step += next;
        values[1] = stepped(*step, sums[1], shift);
        step += next;
        values[2] = stepped(*step, sums[2], shift);
        step += next;
        values[3] = stepped(*step, sums[3], shift);
        store_four(output, ended(high_halves(values[0], values[2]),
                                 high_halves(values[1], values[3]), layer.ending));
        return;
    }
    for (std::uint32_t i = 0; i < count; ++i, step += next) {
        const std::uint32_t value = stepped(*step, sums[i], shift);
        const std::int32_t floor = layer.ending.floor;
        const std::int32_t whole = static_cast<std::int32_t>(value) >> 16;
        const std::int32_t above = (whole < floor ? floor : whole > 255 ? 255 : whole) - floor;
        output[i] = static_cast<std::int8_t>(above + layer.ending.low);
    }
}

void dense(const Dense& layer, const std::int8_t* input, std::int8_t* output) {
    const std::int8_t* weights = layer.weights;
    for (std::uint32_t row = 0; row < layer.outputs;) {
        std::uint32_t sums[4];
        std::uint32_t count = 0;
        for (; count < 4 && row + count < layer.outputs; ++count) {
            sums[count] = dot(weights, input, layer.inputs,
                              static_cast<std::uint32_t>(layer.bias[row + count]));
            weights += layer.inputs;
        }
        finish(layer, row, sums, count, output + row);
        row += count;
    }
}

}  // namespace vigil::compiled
