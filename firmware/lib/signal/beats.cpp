#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O2")  // one pass over every sample, also in an image built with -Os
#endif

#include "beats.h"

#include <cstring>

#include "quotient.h"

namespace vigil {

// The next frame and slot, after missing frames; the slot does not begin before the frame.
void BeatSegmenter::begin(std::uint64_t frame, std::uint64_t slot) {
    first_frame_ = next_frame_ = frame;
    next_slot_ = slot;
    until_report_ = static_cast<std::uint32_t>(slot * config_.hop - frame) + beat_span(config_);
    pending_size_ = 0;
}

void BeatSegmenter::restart(std::uint64_t frame) {
    begin(frame, quotient(frame + config_.hop - 1, config_.hop));
    qrs_.restart();
}

// A gap ends just before `frame`: lost is every slot that begins before it and was not reported.
void BeatSegmenter::skip_to(std::uint64_t frame, Sink& sink) {
    const std::uint64_t first = next_slot_;
    const std::uint64_t whole = quotient(frame + config_.hop - 1, config_.hop);
    begin(frame, whole > first ? whole : first);
    qrs_.skip();
    if (whole <= first) return;
    without_beat_ = false;
    sink.lost(first, whole - first);
}

void BeatSegmenter::push(std::uint64_t first_frame, Span<const std::int16_t> samples, Sink& sink) {
    const std::size_t channels = config_.channels;
    std::size_t frames = samples.size() / channels;
    const std::int16_t* from = samples.data();
    if (first_frame > next_frame_) {
        skip_to(first_frame, sink);
    } else if (first_frame < next_frame_) {
        const std::uint64_t known = next_frame_ - first_frame;
        if (known >= frames) return;
        from += known * channels;
        frames -= static_cast<std::size_t>(known);
    }
    for (; frames > 0; --frames, from += channels) {
        take(from);
        if (--until_report_ == 0) report(sink);
    }
}

[[gnu::always_inline]] inline void BeatSegmenter::take(const std::int16_t* frame) {
    const std::size_t channels = config_.channels;
    std::int16_t* to = memory_.ring.data() + (next_frame_ & ring_mask_) * channels;
    for (std::size_t c = 0; c < channels; ++c) *to++ = frame[c];
    if (qrs_.push(frame[config_.lead]) && pending_size_ < kPending) {
        pending_[pending_size_++] = {next_frame_ - qrs_.beat().age, qrs_.beat().interval};
    }
    ++next_frame_;
}

// Reports the next slot.
void BeatSegmenter::report(Sink& sink) {
    const std::uint64_t slot = next_slot_++;
    until_report_ = config_.hop;
    const std::uint64_t start = slot * config_.hop;
    while (pending_size_ > 0) {
        if (pending_[0].frame >= start + config_.hop) break;
        mark_ = pending_[0];
        --pending_size_;
        for (std::size_t i = 0; i < pending_size_; ++i) pending_[i] = pending_[i + 1];
        if (mark_.frame < start) continue;  // it began before the stream, or in a gap
        without_beat_ = false;
        if (mark_.frame < first_frame_ + config_.before) return sink.lost(slot, 1);
        cut();
        return sink.window(slot, memory_.window);
    }
    without_beat_ = true;
    sink.lost(slot, 1);
}

// Copies the window about mark_ from the ring.
void BeatSegmenter::cut() {
    const std::size_t channels = config_.channels;
    const std::size_t start = (mark_.frame - config_.before) & ring_mask_;
    const std::size_t to_end = ring_mask_ + 1 - start;
    const std::size_t first = to_end < config_.window ? to_end : config_.window;
    const std::size_t bytes = channels * sizeof(std::int16_t);
    std::memcpy(memory_.window.data(), memory_.ring.data() + start * channels, first * bytes);
    std::memcpy(memory_.window.data() + first * channels, memory_.ring.data(),
                (config_.window - first) * bytes);
}

}  // namespace vigil
