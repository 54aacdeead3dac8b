// Score: how far the model's output is from its input.
//
// The sum is exact in 64-bit integers; one conversion to single precision and one multiplication
// follow, so x86 and Arm agree to the bit. Formulas in docs/bundle.md.
#pragma once

#include <cstdint>

#include "span.h"

namespace vigil {

enum class ScoreKind : std::uint8_t {
    mse,  // mean squared error, in squared units of the model's real values
    mae,  // mean absolute error, in units of the model's real values
};

// The code of a kind that no bundle names takes no flash.
template <ScoreKind kKind>
struct ReconstructionError {
    std::int16_t input_weight;   // 1..16384; the ratio of the two weights is
    std::int16_t output_weight;  // the ratio of the two quantization scales
    std::int8_t input_zero_point;
    std::int8_t output_zero_point;
    float factor;  // brings the integer sum to the mean in real units

    // `input` and `output` have the same length, 1 to 65536.
    float operator()(Span<const std::int8_t> input, Span<const std::int8_t> output) const;
};

}  // namespace vigil
