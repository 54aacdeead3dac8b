#include "segmenter.h"

#include <cstring>

#include "quotient.h"

namespace vigil {

// The next frame is `frame`, in or before the first window that begins there or later, and that is
// not before window `first`.
void Segmenter::begin(std::uint64_t frame, std::uint64_t first) {
    next_window_ = quotient(frame + config_.hop - 1, config_.hop);
    // With a hop longer than the window a gap may fall between two windows.
    if (next_window_ < first) next_window_ = first;
    filled_ = static_cast<std::int32_t>(frame - next_window_ * config_.hop);
}

void Segmenter::restart(std::uint64_t frame) {
    begin(frame, 0);
}

// A gap ends just before `frame`: every window that begins before it and was not complete is lost.
void Segmenter::skip_to(std::uint64_t frame, Sink& sink) {
    const std::uint64_t lost_from = next_window_;
    begin(frame, lost_from);
    if (next_window_ > lost_from) sink.lost(lost_from, next_window_ - lost_from);
}

void Segmenter::push(std::uint64_t first_frame, Span<const std::int16_t> samples, Sink& sink) {
    const std::size_t channels = config_.channels;
    std::size_t frames = samples.size() / channels;
    const std::int16_t* from = samples.data();
    const std::uint64_t next = next_frame();
    if (first_frame > next) {
        skip_to(first_frame, sink);
    } else {
        const std::uint64_t known = next - first_frame;
        if (known >= frames) return;
        from += static_cast<std::size_t>(known) * channels;
        frames -= static_cast<std::size_t>(known);
    }
    while (frames > 0) {
        const bool between = filled_ < 0;  // before the window begins: nothing to keep
        const auto filled = static_cast<std::uint32_t>(between ? -filled_ : filled_);
        const std::size_t missing = between ? filled : config_.window - filled;
        const std::size_t take = missing < frames ? missing : frames;
        if (!between) {
            std::memcpy(buffer_.data() + filled * channels, from,
                        take * channels * sizeof(std::int16_t));
        }
        filled_ += static_cast<std::int32_t>(take);
        from += take * channels;
        frames -= take;
        if (between || take < missing) continue;
        sink.window(next_window_, buffer_);
        ++next_window_;
        filled_ -= static_cast<std::int32_t>(config_.hop);
        // The overlap becomes the next window's beginning. It is copied hop by hop, because source
        // and target of memcpy() must not overlap.
        const std::size_t hop = config_.hop * channels;
        for (std::size_t at = hop; at < buffer_.size(); at += hop) {
            const std::size_t left = buffer_.size() - at;
            std::memcpy(buffer_.data() + at - hop, buffer_.data() + at,
                        (left < hop ? left : hop) * sizeof(std::int16_t));
        }
    }
}

}  // namespace vigil
