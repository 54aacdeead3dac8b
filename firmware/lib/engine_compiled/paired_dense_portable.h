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

// Requantizes the sum of one of four rows to 0..255. `sum` is 256 times the sum of rows 0 and 1,
// and the sum itself of rows 2 and 3. With per_channel, `own` points to the row's constants.
template <const Form& kForm>
std::uint32_t requantize(const Layer& layer, std::uint32_t row, std::uint32_t sum,
                         const std::uint32_t* own) {
    constexpr std::uint32_t kLeft = kForm.after ? 8 : 8 + kForm.shift;
    const bool first = row < 2;
    const std::uint32_t t = first ? sum : sum << kLeft;
    const Scale& scale = first ? layer.first : layer.second;
    auto multiplier = static_cast<std::uint32_t>(scale.multiplier);
    auto y = static_cast<std::uint32_t>(scale.rounding);
    if (kForm.per_channel) {
        y = own[0];
        multiplier = own[kForm.sign ? 8 : 4];
        if (kForm.sign && t >> 31 != 0) {
            y += own[4];
        }
    } else if (kForm.sign && t >> 31 != 0) {
        y -= 1U << (first ? 7 : kLeft - 1);
    }
    y = add_high_word(t, multiplier, y);
    constexpr int kSecond = kForm.after ? 16 - kForm.shift : 16;
    const std::int32_t value = static_cast<std::int32_t>(y) >> (first ? 16 - kForm.shift : kSecond);
    return static_cast<std::uint32_t>(value < 0 ? 0 : value > 255 ? 255 : value);
}

// The groups of four inputs to leave out.
inline std::uint32_t zero_groups(const std::uint32_t* zeros, const Wide* input) {
    const std::uint32_t words = zeros[0] / 4;
    for (std::uint32_t i = 0; i < words; ++i) {
        if (input[1 + i] != 0) {
            return 0;
        }
    }
    return words / 2;
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
    const std::uint32_t* zeros = layer.zeros;
    const std::uint32_t skipped = zeros == nullptr ? 0 : portable::zero_groups(zeros, input);
    for (std::uint32_t four = 0; four < layer.fours; ++four) {
        std::uint32_t s[2] = {stream[0], stream[1]};
        std::uint32_t b[2] = {stream[2] - input[0], stream[3] - input[0]};
        stream += 4;
        if (skipped != 0) {
            const std::uint32_t* lack = zeros + 2 + 3 * four;
            b[0] += lack[0];
            b[1] += lack[1];
            stream += lack[2] / 4;
        }
        for (std::uint32_t group = skipped; group < layer.groups;) {
            const std::uint32_t count = layer.groups - group > 1 ? 2 : 1;
            for (std::uint32_t pair = 0; pair < 2; ++pair) {
                for (std::uint32_t i = 0; i < count; ++i, stream += 2) {
                    portable::four_inputs(stream, input + 1 + 2 * (group + i), s[pair], b[pair]);
                }
            }
            group += count;
        }
        // Rows r0, r1 from S - B = 256 A; rows r2, r3 from B.
        std::uint32_t out[4];
        for (std::uint32_t row = 0; row < 4; ++row) {
            const std::uint32_t sum = row < 2 ? s[row] - b[row] : b[row - 2];
            out[row] = portable::requantize<kForm>(layer, row, sum, stream + row);
        }
        if (kForm.per_channel) {
            stream += kForm.sign ? 12 : 8;
        }
        const std::uint32_t even = out[0] | (out[2] << 16);
        const std::uint32_t odd = out[1] | (out[3] << 16);
        if (kForm.bytes) {
            for (std::uint32_t row = 0; row < 4; ++row) {
                bytes[4 * four + row] = static_cast<std::int8_t>(out[row] - 128);
            }
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
