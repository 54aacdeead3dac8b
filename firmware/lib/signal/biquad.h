// BiquadFilter: a cascade of second-order sections, designed in training.
//
// Integer arithmetic, direct form I: coefficients with 28 fractional bits, states with 12. Before
// the first sample the filter is in the steady state of that sample.
#pragma once

#include <cstddef>
#include <cstdint>

#include "span.h"

namespace vigil {

// y = b0 x + b1 x[-1] + b2 x[-2] - a1 y[-1] - a2 y[-2]; every coefficient times 2^28, at most 2^29
// in magnitude, and 1 + a1 + a2 > 0.
struct BiquadSection {
    std::int32_t b0, b1, b2, a1, a2;
};

struct BiquadState {
    std::int32_t x1, x2, y1, y2;
};

class BiquadFilter {
  public:
    // `states` holds channels * sections.size() and belongs to the caller.
    BiquadFilter(Span<const BiquadSection> sections, std::size_t channels, Span<BiquadState> states)
        : sections_(sections), channels_(channels), states_(states) {}

    // The next sample begins a new signal.
    void restart() { primed_ = false; }

    // Filters one frame: one count per channel.
    void operator()(const std::int16_t* frame, std::int16_t* filtered);

  private:
    void prime(const std::int16_t* frame);

    Span<const BiquadSection> sections_;
    std::size_t channels_;
    Span<BiquadState> states_;
    bool primed_ = false;
};

}  // namespace vigil
