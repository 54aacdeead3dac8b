#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O2")  // one pass over every sample, also in an image built with -Os
#endif

#include "biquad.h"

#include "fixed_point.h"

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

[[gnu::always_inline]] inline std::int32_t step(const BiquadSection& s, BiquadState& z,
                                                std::int32_t x) {
    std::int64_t sum = std::int64_t{1} << (kCoefficientBits - 1);
    add_product(sum, s.b0, x);
    add_product(sum, s.b1, z.x1);
    add_product(sum, s.b2, z.x2);
    add_product(sum, -s.a1, z.y1);
    add_product(sum, -s.a2, z.y2);
    // y is the sum's upper 36 bits, and nearly always within its limits: then the sum's upper word
    // is.
    const auto low = static_cast<std::uint32_t>(sum);
    const auto high = static_cast<std::uint32_t>(static_cast<std::uint64_t>(sum) >> 32);
    auto y = static_cast<std::int32_t>((high << 4) | (low >> kCoefficientBits));
    if (high + (1U << 26) >= 1U << 27) y = limited(sum >> kCoefficientBits);
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
        filtered[c] = saturated_int16((value + (1 << (kStateBits - 1))) >> kStateBits);
    }
}

}  // namespace vigil
