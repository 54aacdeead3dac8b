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

void dense(const Dense& layer, const std::int8_t* input, std::int8_t* output) {
    const std::int8_t* weights = layer.weights;
    std::uint32_t row = 0;
#if defined(VIGIL_NO_LANES) || defined(VIGIL_MVE)
    row = dense_fours(layer, input, output);
    weights += row * layer.inputs;
#endif
    while (row < layer.outputs) {
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
