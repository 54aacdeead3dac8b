#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O2")  // one pass over every value, also in an image built with -Os
#endif

#include "score.h"

#include "fixed_point.h"

namespace vigil {

template <ScoreKind kKind>
float ReconstructionError<kKind>::operator()(Span<const std::int8_t> input,
                                             Span<const std::int8_t> output) const {
    // |e| <= 2 * 255 * 16384 < 2^23, e * e < 2^46: 65536 of them stay inside 64 bits.
    const std::int32_t offset = output_weight * output_zero_point - input_weight * input_zero_point;
    const std::int8_t* x = input.data();
    const std::int8_t* y = output.data();
    std::int64_t sum = 0;
    do {
        const std::int32_t e = offset + input_weight * *x++ - output_weight * *y++;
        add_product(sum, e, kKind == ScoreKind::mse ? e : e < 0 ? -1 : 1);
    } while (x != input.end());
    return to_float(sum) * factor;
}

template struct ReconstructionError<ScoreKind::mse>;
template struct ReconstructionError<ScoreKind::mae>;

}  // namespace vigil
