#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O2")  // one pass over every sample, also in an image built with -Os
#endif

#include "biquad.h"

namespace vigil {
namespace {

constexpr int kStateBits = 12;
constexpr int kCoefficientBits = 28;
constexpr std::int32_t kLargest = 1 << 30;  // of a state: five products then fit 64 bits

std::int32_t limited(std::int64_t value) {
    if (value > kLargest) return kLargest;
    if (value < -kLargest) return -kLargest;
    return static_cast<std::int32_t>(value);
}

std::int32_t step(const BiquadSection& s, BiquadState& z, std::int32_t x) {
    std::int64_t sum = std::int64_t{1} << (kCoefficientBits - 1);
    sum += std::int64_t{s.b0} * x;
    sum += std::int64_t{s.b1} * z.x1;
    sum += std::int64_t{s.b2} * z.x2;
    sum -= std::int64_t{s.a1} * z.y1;
    sum -= std::int64_t{s.a2} * z.y2;
    const std::int32_t y = limited(sum >> kCoefficientBits);
    z = {x, z.x1, y, z.y1};
    return y;
}

}  // namespace

void BiquadFilter::prime(const std::int16_t* frame) {
    BiquadState* state = states_.data();
    for (std::size_t c = 0; c < channels_; ++c) {
        std::int32_t level = frame[c] * (1 << kStateBits);
        for (const BiquadSection& s : sections_) {
            const std::int64_t gain = std::int64_t{s.b0} + s.b1 + s.b2;
            const std::int64_t loop = (std::int64_t{1} << kCoefficientBits) + s.a1 + s.a2;
            const std::int32_t out = limited(level * gain / loop);
            *state++ = {level, level, out, out};
            level = out;
        }
    }
    primed_ = true;
}

void BiquadFilter::operator()(const std::int16_t* frame, std::int16_t* filtered) {
    if (!primed_) prime(frame);
    BiquadState* state = states_.data();
    for (std::size_t c = 0; c < channels_; ++c) {
        std::int32_t value = frame[c] * (1 << kStateBits);
        for (const BiquadSection& s : sections_) value = step(s, *state++, value);
        value = (value + (1 << (kStateBits - 1))) >> kStateBits;
        if (value > INT16_MAX) value = INT16_MAX;
        if (value < INT16_MIN) value = INT16_MIN;
        filtered[c] = static_cast<std::int16_t>(value);
    }
}

}  // namespace vigil
