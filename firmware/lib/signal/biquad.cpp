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

// The next value of a channel through all sections. Not inlined, because together with the loop
// over channels it runs out of registers.
[[gnu::noinline]] std::int32_t filtered_value(std::int32_t x, BiquadState* state,
                                              const BiquadSection* s, std::size_t sections) {
    std::int32_t x1 = state->last;
    std::int32_t x2 = state->before;
    *state = {x, x1};
    for (; sections > 0; --sections, ++s) {
        ++state;
        const std::int32_t y1 = state->last;
        const std::int32_t y2 = state->before;
        std::int64_t sum = std::int64_t{1} << (kCoefficientBits - 1);
        add_product(sum, s->b0, x);
        add_product(sum, s->b1, x1);
        add_product(sum, s->b2, x2);
        add_product(sum, s->minus_a1, y1);
        add_product(sum, s->minus_a2, y2);
        // y is the sum's upper 36 bits, and nearly always within its limits: then the sum's upper
        // word is.
        const auto low = static_cast<std::uint32_t>(sum);
        const auto high = static_cast<std::uint32_t>(static_cast<std::uint64_t>(sum) >> 32);
        x = static_cast<std::int32_t>((high << 4) | (low >> kCoefficientBits));
        if (high + (1U << 26) >= 1U << 27) x = sum < 0 ? -kLargest : kLargest;
        *state = {x, y1};
        x1 = y1;
        x2 = y2;
    }
    return x;
}

}  // namespace

void BiquadFilter::prime(const std::int16_t* frame) {
    BiquadState* state = states_.data();
    for (std::size_t c = 0; c < channels_; ++c) {
        std::int32_t level = frame[c] * (1 << kStateBits);
        *state++ = {level, level};
        for (const BiquadSection& s : sections_) {
            const std::int64_t gain = std::int64_t{s.b0} + s.b1 + s.b2;
            const std::int64_t loop =
                (std::int64_t{1} << kCoefficientBits) - s.minus_a1 - s.minus_a2;
            const std::int64_t out = level * gain / loop;
            level = static_cast<std::int32_t>(out > kLargest    ? kLargest
                                              : out < -kLargest ? -kLargest
                                                                : out);
            *state++ = {level, level};
        }
    }
    primed_ = true;
}

void BiquadFilter::operator()(const std::int16_t* frame, std::int16_t* filtered) {
    if (!primed_) prime(frame);
    BiquadState* state = states_.data();
    for (std::size_t c = channels_; c > 0; --c) {
        const std::int32_t y =
            filtered_value(*frame++ * (1 << kStateBits), state, sections_.data(), sections_.size());
        *filtered++ = saturated_int16((y + (1 << (kStateBits - 1))) >> kStateBits);
        state += sections_.size() + 1;
    }
}

}  // namespace vigil
