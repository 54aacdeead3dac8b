#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O2")  // one pass over every sample, also in an image built with -Os
#endif

#include "resample.h"

#include "fixed_point.h"

namespace vigil {
namespace {

std::int16_t saturate(std::int32_t value) {
    if (value > INT16_MAX) return INT16_MAX;
    if (value < INT16_MIN) return INT16_MIN;
    return static_cast<std::int16_t>(value);
}

}  // namespace

void Resampler::restart(std::uint64_t frame) {
    next_in_ = frame;
    // The first output frame at `frame` or later.
    next_out_ = (frame * config_.up + config_.down - 1) / config_.down;
    const std::uint64_t base = next_out_ * config_.down / config_.up;
    phase_ = static_cast<std::uint32_t>(next_out_ * config_.down - base * config_.up);
    // The filter of position `base` reaches input frame base + taps / 2.
    wait_ = static_cast<std::uint32_t>(base - frame) + config_.taps / 2 + 1;
    at_ = 0;
    primed_ = false;
}

void Resampler::push(Span<const std::int16_t> samples, Sink& sink) {
    const std::uint32_t channels = config_.channels, taps = config_.taps;
    for (std::size_t i = 0; i + channels <= samples.size(); i += channels) {
        const std::int16_t* const frame = samples.data() + i;
        std::int16_t* ring = ring_.data();
        if (!primed_) {
            for (std::uint32_t c = 0; c < channels; ++c) {
                for (std::uint32_t k = 0; k < 2 * taps; ++k) ring[c * 2 * taps + k] = frame[c];
            }
            primed_ = true;
        }
        for (std::uint32_t c = 0; c < channels; ++c, ring += 2 * taps) {
            ring[at_] = ring[at_ + taps] = frame[c];
        }
        if (++at_ == taps) at_ = 0;
        --wait_;
        while (wait_ == 0) emit(sink);
    }
    next_in_ += samples.size() / channels;
}

// The ring holds the input frames under the filter, the oldest at at_.
void Resampler::emit(Sink& sink) {
    const std::uint32_t taps = config_.taps;
    const std::int16_t* const filter = config_.filter.data() + phase_ * taps;
    const std::int16_t* x = ring_.data() + at_;
    for (std::uint32_t c = 0; c < config_.channels; ++c, x += 2 * taps) {
        // |sum| < 2^15 * 2^15 * 2 / 2: the coefficients of a phase see to it.
        std::int32_t sum = 1 << 13;
        std::uint32_t k = 0;
        for (; k + 4 <= taps; k += 4) {
            sum = add_two_products(sum, filter + k, x + k);
            sum = add_two_products(sum, filter + k + 2, x + k + 2);
        }
        if (k < taps) sum = add_two_products(sum, filter + k, x + k);
        out_[c] = saturate(sum >> 14);
    }
    sink.frame(next_out_++, out_);
    for (phase_ += config_.down; phase_ >= config_.up; phase_ -= config_.up) ++wait_;
}

}  // namespace vigil
