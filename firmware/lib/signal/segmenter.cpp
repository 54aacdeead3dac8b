#include "segmenter.h"

#include <cstring>

namespace vigil {

void Segmenter::restart(std::uint64_t frame) {
    next_frame_ = frame;
    next_window_ = (frame + config_.hop - 1) / config_.hop;
}

// A gap ends just before `frame`: every window that begins before it and was not complete is lost.
void Segmenter::skip_to(std::uint64_t frame, Sink& sink) {
    const std::uint64_t lost_from = next_window_;
    std::uint64_t first_whole = (frame + config_.hop - 1) / config_.hop;
    // With a hop longer than the window a gap may fall between two windows.
    if (first_whole < next_window_) first_whole = next_window_;
    next_frame_ = frame;
    next_window_ = first_whole;
    if (first_whole > lost_from) sink.lost(lost_from, first_whole - lost_from);
}

void Segmenter::push(std::uint64_t first_frame, Span<const std::int16_t> samples, Sink& sink) {
    const std::size_t channels = config_.channels;
    std::uint64_t frames = samples.size() / channels;
    const std::int16_t* from = samples.data();
    if (first_frame > next_frame_) {
        skip_to(first_frame, sink);
    } else {
        const std::uint64_t known = next_frame_ - first_frame;
        if (known >= frames) return;
        from += known * channels;
        frames -= known;
    }
    while (frames > 0) {
        const std::uint64_t start = next_window_ * config_.hop;
        if (next_frame_ < start) {  // between two windows: nothing to keep
            const std::uint64_t between = start - next_frame_;
            const std::uint64_t pass = between < frames ? between : frames;
            next_frame_ += pass;
            from += pass * channels;
            frames -= pass;
            continue;
        }
        const std::uint64_t filled = next_frame_ - start;
        const std::uint64_t missing = config_.window - filled;
        const std::uint64_t take = missing < frames ? missing : frames;
        std::memcpy(buffer_.data() + filled * channels, from,
                    static_cast<std::size_t>(take * channels * sizeof(std::int16_t)));
        next_frame_ += take;
        from += take * channels;
        frames -= take;
        if (take < missing) return;
        sink.window(next_window_, buffer_);
        ++next_window_;
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
