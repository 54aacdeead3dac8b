// Scalers: a window of int16 counts to the int8 grid of the model's input.
//
// Integer arithmetic in a fixed order, so that every machine gives the same bytes. The formulas
// and the ranges of the fields are in docs/bundle.md; the code that fills in a scaler checks them.
#pragma once

#include <cstdint>

#include "span.h"

namespace vigil {

struct AffineChannel {
    std::int16_t center;      // counts that map onto zero_point
    std::int32_t multiplier;  // int8 steps per count, times 2^shift; 0 or more
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
