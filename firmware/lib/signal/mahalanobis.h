// Mahalanobis distance of the features in the model's input from those of training.
//
// Each row of the whitening matrix is an exact sum in 32 bits; its value and the sum of the squares
// are single precision in a fixed order. Formulas in docs/bundle.md.
#pragma once

#include <cstddef>
#include <cstdint>

#include "packed.h"
#include "span.h"

namespace vigil {

struct WhiteningRow {
    std::int32_t offset;  // makes the training windows' mean zero
    float factor;         // real value of one step of the sum
};

// The squared distance of features, in steps from the input's zero point.
//
// `weights`: lower triangular, row by row. Row k has k + 1 of them, and a 0 if these are odd, so
// that the products come in pairs; `steps` has a 0 behind an odd number of features for the same
// reason.
inline float mahalanobis(Span<const std::int16_t> weights, Span<const WhiteningRow> rows,
                         const std::int16_t* steps) {
    const std::int16_t* weight = weights.data();
    float score = 0.0F;
    const std::int16_t* end = steps;  // of the row
    for (const WhiteningRow& row : rows) {
        std::int32_t sum = row.offset;
        const std::int16_t* step = steps;
        ++end;
        do {
            sum = add_products(sum, load_pair(weight), load_pair(step));
            weight += 2;
            step += 2;
        } while (step < end);
        const float whitened = static_cast<float>(sum) * row.factor;
        score += whitened * whitened;
    }
    return score;
}

template <std::size_t kFeatures>
struct Mahalanobis {
    Span<const std::int16_t> weights;
    Span<const WhiteningRow> rows;
    std::uint16_t first;  // index of the first feature in the input
    std::int8_t input_zero_point;

    // `input` has at least first + kFeatures values.
    float operator()(Span<const std::int8_t> input, Span<const std::int8_t> /*output*/) const {
        std::int16_t steps[kFeatures + kFeatures % 2];
        steps[kFeatures - 1 + kFeatures % 2] = 0;
        for (std::size_t j = 0; j < kFeatures; ++j) {
            steps[j] = static_cast<std::int16_t>(input[first + j] - input_zero_point);
        }
        return mahalanobis(weights, rows, steps);
    }
};

}  // namespace vigil
