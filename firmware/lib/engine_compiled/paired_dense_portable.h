// The paired kernel in portable C++: the same arithmetic, word for word.
#pragma once

#include <cstdint>

#include "paired_dense.h"
#include "simd.h"

namespace vigil::compiled {
namespace portable {

// Four inputs of one pair of rows: S of both, and B of the first by Winograd's inner product.
constexpr void four_inputs(const std::uint32_t* weights, const Wide* x, std::uint32_t& s,
                           std::uint32_t& b) {
    s = add_products(weights[0], x[0], s);
    s = add_products(weights[1], x[1], s);
    b = add_products(even_bytes(x[1], weights[0]), even_bytes(x[0], weights[1]), b);
}

// Requantizes 256 * accumulator to 0..255. `own` are the row's words of constants, if any.
template <const Form& kForm>
std::uint32_t requantize(const Layer& layer, std::uint32_t sum, const std::uint32_t* own) {
    const auto column = [own](std::uint32_t i) { return static_cast<std::int32_t>(own[4 * i]); };
    const std::int32_t multiplier =
        kForm.per_channel ? column(kForm.sign ? 2 : 1) : layer.multiplier;
    std::int32_t y = kForm.per_channel ? column(0) : layer.rounding;
    auto t = static_cast<std::int32_t>(kForm.shift == Shift::left ? sum << layer.shift : sum);
    if (kForm.shift == Shift::right) {
        t >>= layer.shift;
    }
    if (kForm.sign && t < 0) {
        y += kForm.per_channel ? column(1) : layer.correction;
    }
    y = static_cast<std::int32_t>(add_high_word(static_cast<std::uint32_t>(t),
                                                static_cast<std::uint32_t>(multiplier),
                                                static_cast<std::uint32_t>(y)));
    if (kForm.shift == Shift::after) {
        y = static_cast<std::int32_t>(static_cast<std::uint32_t>(y) << layer.shift);
    }
    y >>= 16;
    return static_cast<std::uint32_t>(y < 0 ? 0 : y > 255 ? 255 : y);
}

}  // namespace portable

// The layer as paired_dense() reads it.
template <const Form& kForm>
struct PairedDense {
    Layer layer;
    constexpr explicit PairedDense(const Layer& of) : layer(of) {}
};

// Runs one layer. `output` is Wide, of 4 * fours values, or with Form::bytes int8 [4 * fours].
template <const Form& kForm>
void paired_dense(const PairedDense<kForm>& paired, const Wide* input, void* output) {
    const Layer& layer = paired.layer;
    const std::uint32_t* stream = layer.stream;
    auto* wide = static_cast<Wide*>(output);
    auto* bytes = static_cast<std::int8_t*>(output);
    std::uint32_t neighbours = 0;
    for (std::uint32_t four = 0; four < layer.fours; ++four) {
        std::uint32_t s[2] = {stream[0], stream[1]};
        std::uint32_t b[2] = {stream[2] - input[0], stream[3] - input[0]};
        stream += 4;
        for (std::uint32_t group = 0; group < layer.groups;) {
            const std::uint32_t count = layer.groups - group > 1 ? 2 : 1;
            for (std::uint32_t pair = 0; pair < 2; ++pair) {
                for (std::uint32_t i = 0; i < count; ++i, stream += 2) {
                    portable::four_inputs(stream, input + 1 + 2 * (group + i), s[pair], b[pair]);
                }
            }
            group += count;
        }
        // Rows r2, r3 from S - B = 256 A; rows r0, r1 from B.
        std::uint32_t out[4];
        for (std::uint32_t row = 0; row < 4; ++row) {
            const std::uint32_t sum = row < 2 ? s[row] - b[row] : b[row - 2] << 8;
            out[row] = portable::requantize<kForm>(layer, sum, stream + row);
        }
        if (kForm.per_channel) {
            stream += kForm.sign ? 12 : 8;
        }
        const std::uint32_t even = (out[0] << 16) | out[2];
        const std::uint32_t odd = (out[1] << 16) | out[3];
        if (kForm.bytes) {
            bytes[4 * four] = static_cast<std::int8_t>(out[2] - 128);
            bytes[4 * four + 1] = static_cast<std::int8_t>(out[3] - 128);
            bytes[4 * four + 2] = static_cast<std::int8_t>(out[0] - 128);
            bytes[4 * four + 3] = static_cast<std::int8_t>(out[1] - 128);
        } else {
            neighbours = add_products(even, odd, neighbours);
            wide[1 + 2 * four] = even;
            wide[2 + 2 * four] = odd;
        }
    }
    if (!kForm.bytes) {
        wide[0] = neighbours;
    }
}

}  // namespace vigil::compiled
