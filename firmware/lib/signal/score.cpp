#include "score.h"

#include <cstddef>

namespace vigil {

float ReconstructionError::operator()(Span<const std::int8_t> input,
                                      Span<const std::int8_t> output) const {
    // |e| <= 2 * 255 * 16384 < 2^23, e * e < 2^46: 65536 of them stay inside 64 bits.
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < input.size(); ++i) {
        const std::int32_t e = input_weight * (input[i] - input_zero_point) -
                               output_weight * (output[i] - output_zero_point);
        if (kind == ScoreKind::mse) {
            sum += static_cast<std::uint64_t>(std::int64_t{e} * e);
        } else {
            sum += static_cast<std::uint32_t>(e < 0 ? -e : e);
        }
    }
    return static_cast<float>(sum) * factor;
}

}  // namespace vigil
