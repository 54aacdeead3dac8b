// Scalers: a window of int16 counts to the int8 grid of the model's input.
//
// Integer arithmetic in a fixed order, so that every machine gives the same bytes. The formulas
// and the ranges of the fields are in docs/bundle.md; the code that fills in a scaler checks them.
#pragma once

#include <cstdint>

#include "fixed_point.h"
#include "span.h"

namespace vigil {

struct AffineChannel {
    std::int16_t center;      // counts that map onto zero_point
    std::int32_t multiplier;  // int8 steps per count, times 2^shift; 0 or more
};

// Counts (or features) of one channel to int8. Only the high word of the product is computed: with
// a shift of 33 or more, the term that rounds lies in the high word, and with a smaller one, the
// difference (17 bits) is moved up to such a shift.
struct AffineStep {
    int up;
    int down;
    std::int32_t half;
    std::int32_t zero_point;

    AffineStep(std::uint8_t shift, std::int8_t zero)
        : up(shift < 33 ? 33 - shift : 0),
          down(shift + up - 32),
          half(1 << (down - 1)),
          zero_point(zero) {}

    std::int8_t operator()(std::int32_t x, std::int32_t center, std::int32_t multiplier) const {
        const std::int32_t product = add_high_word(half, (x - center) * (1 << up), multiplier);
        return saturated(zero_point + (product >> down));
    }
};

// q = sat8(zero_point + ((x - center) * multiplier + 2^(shift-1)) >> shift)
struct AffineScaler {
    Span<const AffineChannel> channels;
    std::uint8_t shift;  // 18..62
    std::int8_t zero_point;

    // `window`: whole frames, 1 or more, channels interleaved. `scaled`: the same number of values.
    void operator()(Span<const std::int16_t> window, Span<std::int8_t> scaled) const;
};

// Zero mean and unit deviation within the window, a channel at a time.
struct PerWindowScaler {
    std::uint32_t channels;             // 1 or more
    std::uint32_t min_deviation;        // counts: a flat line's noise is not blown up
    std::uint32_t steps_per_deviation;  // int8 steps per standard deviation, times 65536; < 2^23
    std::int8_t zero_point;

    // At most 2^15 frames, so that the products fit 64 bits.
    void operator()(Span<const std::int16_t> window, Span<std::int8_t> scaled) const;
};

// floor(sqrt(value))
std::uint32_t integer_sqrt(std::uint64_t value);

}  // namespace vigil
