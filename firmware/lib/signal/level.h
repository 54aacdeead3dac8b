// Level: the largest squared mean of a channel, in training deviations (docs/bundle.md).
#pragma once

#include <cstddef>
#include <cstdint>

#include "span.h"

namespace vigil {

struct Level {
    std::uint16_t first;   // index of the first channel's mean in the input
    std::uint16_t stride;  // inputs from one channel's mean to the next one's
    std::uint16_t channels;
    std::int8_t input_zero_point;
    float factor;  // square of the input's scale

    float operator()(Span<const std::int8_t> input, Span<const std::int8_t> /*output*/) const {
        std::int32_t largest = 0;
        for (std::size_t c = 0; c < channels; ++c) {
            const std::int32_t steps = input[first + c * stride] - input_zero_point;
            if (steps * steps > largest) largest = steps * steps;
        }
        return static_cast<float>(largest) * factor;
    }
};

}  // namespace vigil
