#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O2")  // one pass over every sample, also in an image built with -Os
#endif

#include "resample.h"

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
    base_ = next_out_ * config_.down / config_.up;
    phase_ = static_cast<std::uint32_t>(next_out_ * config_.down - base_ * config_.up);
    at_ = 0;
    primed_ = false;
}

void Resampler::push(Span<const std::int16_t> samples, Sink& sink) {
    const std::uint32_t channels = config_.channels;
    for (std::size_t i = 0; i + channels <= samples.size(); i += channels) {
        if (!primed_) {
            for (std::size_t j = 0; j < ring_.size(); ++j) ring_[j] = samples[i + j % channels];
            primed_ = true;
        }
        for (std::uint32_t c = 0; c < channels; ++c) ring_[at_ * channels + c] = samples[i + c];
        if (++at_ == config_.taps) at_ = 0;
        ++next_in_;
        // The filter of position base_ reaches input frame base_ + taps / 2.
        while (base_ + config_.taps / 2 < next_in_) emit(sink);
    }
}

// The ring holds exactly the input frames under the filter, the oldest at at_.
void Resampler::emit(Sink& sink) {
    const std::uint32_t channels = config_.channels;
    const std::int16_t* filter = config_.filter.data() + phase_ * config_.taps;
    for (std::uint32_t c = 0; c < channels; ++c) {
        // |sum| < 2^15 * 2^15 * 2 / 2: the coefficients of a phase see to it.
        std::int32_t sum = 1 << 13;
        std::uint32_t from = at_;
        for (std::uint32_t k = 0; k < config_.taps; ++k) {
            sum += filter[k] * ring_[from * channels + c];
            if (++from == config_.taps) from = 0;
        }
        out_[c] = saturate(sum >> 14);
    }
    sink.frame(next_out_++, out_);
    phase_ += config_.down;
    base_ += phase_ / config_.up;
    phase_ %= config_.up;
}

}  // namespace vigil
