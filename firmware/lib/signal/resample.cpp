#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O2")  // one pass over every sample, also in an image built with -Os
#endif

#include "resample.h"

#include "fixed_point.h"
#include "packed.h"
#include "quotient.h"

namespace vigil {

namespace {

// The sum of x times the filter. Not inlined, because together with the loop over channels it runs
// out of registers.
[[gnu::noinline]] std::int16_t filtered_value(const std::int16_t* weight, const std::int16_t* x,
                                              std::uint32_t taps) {
    // |sum| < 2^15 * 2^15 * 2 / 2: the coefficients of a phase see to it.
    std::int32_t sum = 1 << 13;
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
    return saturated_int16(sum >> 14);
}

}  // namespace

void Resampler::restart(std::uint64_t frame) {
    next_in_ = frame;
    // The first output frame at `frame` or later.
    next_out_ = quotient(frame * config_.up + config_.down - 1, config_.down);
    const std::uint64_t base = quotient(next_out_ * config_.down, config_.up);
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
    const std::int16_t* frame = samples.data();
    const std::int16_t* const end = frame + samples.size();
    if (frame != end && !primed_) prime(frame);
    while (frame != end) {
        const std::uint32_t taps = config_.taps;
        std::int16_t* to = ring_.data() + at_;
        for (std::uint32_t c = config_.channels; c > 0; --c) {
            to[0] = to[taps] = *frame++;
            to += 2 * taps;
        }
        ++next_in_;
        if (++at_ == taps) at_ = 0;
        for (--wait_; wait_ == 0;) emit(sink);
    }
}

// The ring holds the input frames under the filter, the oldest at at_.
void Resampler::emit(Sink& sink) {
    const std::int16_t* x = ring_.data() + at_;
    for (std::int16_t& out : out_) {
        out = filtered_value(config_.filter.data() + phase_ * config_.taps, x, config_.taps);
        x += 2 * config_.taps;
    }
    const std::uint32_t phase = phase_ + config_.down;
    wait_ += phase / config_.up;
    phase_ = phase % config_.up;
    sink.frame(next_out_++, out_);
}

}  // namespace vigil
