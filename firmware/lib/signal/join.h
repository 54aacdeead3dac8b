// Join: the weighted sum of the fourth roots of several scores, in their order.
//
// IEEE 754 rounds square roots, products and sums correctly, so x86 and Arm agree to the bit.
#pragma once

#include <cmath>
#include <cstdint>

#include "level.h"
#include "mahalanobis.h"
#include "score.h"
#include "span.h"

namespace vigil {

inline float join(float total, float weight, float score) {
    return total + weight * std::sqrt(std::sqrt(score));
}

template <typename... Heads>
struct Join;

template <>
struct Join<> {
    float add(float total, Span<const std::int8_t> /*input*/,
              Span<const std::int8_t> /*output*/) const {
        return total;
    }
};

template <typename First, typename... Rest>
struct Join<First, Rest...> {
    float weight;
    First first;
    Join<Rest...> rest;

    float add(float total, Span<const std::int8_t> input, Span<const std::int8_t> output) const {
        return rest.add(join(total, weight, first(input, output)), input, output);
    }
    float operator()(Span<const std::int8_t> input, Span<const std::int8_t> output) const {
        return add(0.0F, input, output);
    }
};

}  // namespace vigil
