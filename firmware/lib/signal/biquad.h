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
    constexpr BiquadSection(std::int32_t b0, std::int32_t b1, std::int32_t b2, std::int32_t a1,
                            std::int32_t a2)
        : b0(b0), b1(b1), b2(b2), minus_a1(-a1), minus_a2(-a2) {}
    std::int32_t b0, b1, b2, minus_a1, minus_a2;
};

// The last two values of the filter's input, or of a section's output, which is the input of the
// next section.
struct BiquadState {
    std::int32_t last, before;
};

constexpr std::size_t biquad_states(std::size_t sections, std::size_t channels) {
    return (sections + 1) * channels;
}

class BiquadFilter {
  public:
    // `states` holds biquad_states(sections.size(), channels) and belongs to the caller.
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
