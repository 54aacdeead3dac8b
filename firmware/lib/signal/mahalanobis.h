// Mahalanobis distance of the features in the model's input from those of training.
//
// Each row of the whitening matrix is an exact sum in 32 bits; its value and the sum of the squares
// are single precision in a fixed order. Formulas in docs/bundle.md.
#pragma once

#include <cstddef>
#include <cstdint>

#include "span.h"

namespace vigil {

struct WhiteningRow {
    std::int32_t offset;  // makes the training windows' mean zero
    float factor;         // real value of one step of the sum
};

struct Mahalanobis {
    Span<const std::int16_t> weights;  // lower triangular, row by row: row k has k + 1 of them
    Span<const WhiteningRow> rows;
    std::uint16_t first;  // index of the first feature in the input
    std::int8_t input_zero_point;

    // `input` has at least first + rows.size() values.
    float operator()(Span<const std::int8_t> input, Span<const std::int8_t> /*output*/) const {
        const std::int8_t* const features = input.data() + first;
        const std::int16_t* weight = weights.data();
        float score = 0.0F;
        for (std::size_t k = 0; k < rows.size(); ++k) {
            std::int32_t sum = rows[k].offset;
            for (std::size_t j = 0; j <= k; ++j)
                sum += *weight++ * (features[j] - input_zero_point);
            const float whitened = static_cast<float>(sum) * rows[k].factor;
            score += whitened * whitened;
        }
        return score;
    }
};

}  // namespace vigil
