#include "scaler.h"

#include <cstddef>

namespace vigil {
namespace {

std::int8_t saturate(std::int64_t value) {
    if (value > 127) return 127;
    if (value < -128) return -128;
    return static_cast<std::int8_t>(value);
}

}  // namespace

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC push_options
#pragma GCC optimize("O2")  // one pass over every sample, also in an image built with -Os
#endif

void AffineScaler::operator()(Span<const std::int16_t> window, Span<std::int8_t> scaled) const {
    const AffineStep step(shift, zero_point);
    const std::size_t stride = channels.size();
    const std::size_t frames = window.size() / stride;
    const std::int16_t* first = window.data();
    std::int8_t* first_to = scaled.data();
    for (const AffineChannel& channel : channels) {
        const std::int32_t center = channel.center;
        const std::int32_t multiplier = channel.multiplier;
        const std::int16_t* x = first++;
        std::int8_t* to = first_to++;
        std::size_t left = frames;
        do {
            *to = step(*x, center, multiplier);
            x += stride;
            to += stride;
        } while (--left != 0);
    }
}

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC pop_options
#endif

void PerWindowScaler::operator()(Span<const std::int16_t> window, Span<std::int8_t> scaled) const {
    const std::int64_t frames = static_cast<std::int64_t>(window.size() / channels);
    for (std::size_t channel = 0; channel < channels; ++channel) {
        std::int64_t sum = 0;
        std::int64_t sum_of_squares = 0;
        for (std::size_t i = channel; i < window.size(); i += channels) {
            const std::int32_t x = window[i];
            sum += x;
            sum_of_squares += x * x;
        }
        // frames times the standard deviation: no division until the last moment.
        std::int64_t spread =
            integer_sqrt(static_cast<std::uint64_t>(frames * sum_of_squares - sum * sum));
        const std::int64_t floor = frames * static_cast<std::int64_t>(min_deviation);
        if (spread < floor) spread = floor;
        if (spread < 1) spread = 1;
        // One division a window instead of one a sample. No sample is further from the mean than
        // sqrt(frames) deviations, so |deviation * reciprocal| < 2^(8 + 23 + 24).
        const std::int64_t reciprocal = static_cast<std::int64_t>(
            (std::uint64_t{steps_per_deviation} << 24) / static_cast<std::uint64_t>(spread));
        for (std::size_t i = channel; i < window.size(); i += channels) {
            const std::int64_t deviation = frames * window[i] - sum;
            const std::int64_t steps = (deviation * reciprocal + (std::int64_t{1} << 39)) >> 40;
            scaled[i] = saturate(zero_point + steps);
        }
    }
}

std::uint32_t integer_sqrt(std::uint64_t value) {
    // Digit by digit, base 4: exact, and no floating point.
    std::uint64_t root = 0;
    std::uint64_t bit = std::uint64_t{1} << 62;
    while (bit > value) bit >>= 2;
    while (bit != 0) {
        if (value >= root + bit) {
            value -= root + bit;
            root = (root >> 1) + bit;
        } else {
            root >>= 1;
        }
        bit >>= 2;
    }
    return static_cast<std::uint32_t>(root);
}

}  // namespace vigil
