#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O2")  // one pass over every sample, also in an image built with -Os
#endif

#include "resample.h"

#include "fixed_point.h"
#include "packed.h"

namespace vigil {

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

void Resampler::prime(const std::int16_t* frame) {
    std::int16_t* ring = ring_.data();
    for (std::uint32_t c = 0; c < config_.channels; ++c) {
        for (std::uint32_t k = 0; k < 2 * config_.taps; ++k) *ring++ = frame[c];
    }
    primed_ = true;
}

void Resampler::push(Span<const std::int16_t> samples, Sink& sink) {
    const std::uint32_t channels = config_.channels;
    const std::uint32_t taps = config_.taps;
    const std::int16_t* frame = samples.data();
    const std::size_t frames = samples.size() / channels;
    if (frames > 0 && !primed_) prime(frame);
    for (std::size_t left = frames; left > 0; --left) {
        std::int16_t* to = ring_.data() + at_;
        for (std::uint32_t c = channels; c > 0; --c) {
            to[0] = to[taps] = *frame++;
            to += 2 * taps;
        }
        if (++at_ == taps) at_ = 0;
        for (--wait_; wait_ == 0;) emit(sink);
    }
    next_in_ += frames;
}

// The ring holds the input frames under the filter, the oldest at at_.
void Resampler::emit(Sink& sink) {
    const std::uint32_t taps = config_.taps;
    const std::int16_t* const filter = config_.filter.data() + phase_ * taps;
    const std::int16_t* of_channel = ring_.data() + at_;
    for (std::int16_t& out : out_) {
        // |sum| < 2^15 * 2^15 * 2 / 2: the coefficients of a phase see to it.
        std::int32_t sum = 1 << 13;
        const std::int16_t* weight = filter;
        const std::int16_t* x = of_channel;
        for (std::uint32_t eights = taps / 8; eights > 0; --eights) {
            sum = add_products(sum, load_pair(weight), load_pair(x));
            sum = add_products(sum, load_pair(weight + 2), load_pair(x + 2));
            sum = add_products(sum, load_pair(weight + 4), load_pair(x + 4));
            sum = add_products(sum, load_pair(weight + 6), load_pair(x + 6));
            weight += 8;
            x += 8;
        }
        for (std::uint32_t twos = taps % 8 / 2; twos > 0; --twos) {
            sum = add_products(sum, load_pair(weight), load_pair(x));
            weight += 2;
            x += 2;
        }
        out = saturated_int16(sum >> 14);
        of_channel += 2 * taps;
    }
    sink.frame(next_out_++, out_);
    for (phase_ += config_.down; phase_ >= config_.up; phase_ -= config_.up) ++wait_;
}

}  // namespace vigil
