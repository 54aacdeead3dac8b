// Segmenter: a stream of frames to windows placed by absolute frame index.
//
// Window k covers frames k * hop to k * hop + window - 1, whatever was lost before: after a gap
// only the windows that touch it are missing, and every later one is where it would have been.
#pragma once

#include <cstddef>
#include <cstdint>

#include "span.h"

namespace vigil {

struct SegmenterConfig {
    std::uint32_t window;    // frames, 1 to 2^30
    std::uint32_t hop;       // frames, 1 to 2^30
    std::uint32_t channels;  // 1 or more
};

class Segmenter {
  public:
    static constexpr bool kBeats = false;    // windows about heartbeats
    static constexpr bool kFilters = false;  // windows are filtered
    using Config = SegmenterConfig;
    using Memory = Span<std::int16_t>;  // window * channels counts
    // The memory that a configuration needs.
    template <const Config& kConfig>
    struct Storage {
        std::int16_t counts[kConfig.window * kConfig.channels];
        Memory memory() { return Span<std::int16_t>(counts); }
    };

    // Receives the reports of a call to push(); an implementation lives as long as the call.
    class Sink {
      public:
        // `frames`: window * channels counts, valid during the call.
        virtual void window(std::uint64_t index, Span<const std::int16_t> frames) = 0;
        // Windows [first, first + count) can no longer be made, because frames are missing.
        virtual void lost(std::uint64_t first, std::uint64_t count) = 0;

      protected:
        ~Sink() = default;
    };

    // `buffer` belongs to the caller.
    Segmenter(const SegmenterConfig& config, Memory buffer) : config_(config), buffer_(buffer) {}

    // Forgets everything: the next frame is expected at `frame`. Windows that begin before it
    // will never come, and are not reported as lost.
    void restart(std::uint64_t frame);

    // Takes the whole frames in `samples` (channels interleaved), the first at absolute index
    // `first_frame`. Frames before next_frame() came already and are passed over; a jump ahead
    // is a gap.
    void push(std::uint64_t first_frame, Span<const std::int16_t> samples, Sink& sink);

    // Whether Sink::lost() reports places without a window, instead of a gap: see BeatSegmenter.
    static constexpr bool without_beat() { return false; }
    // The raw counts of a window: see Filtered.
    static constexpr Span<const std::int16_t> raw(Span<const std::int16_t> frames) {
        return frames;
    }

    std::uint64_t next_frame() const {
        return next_window_ * config_.hop + static_cast<std::uint64_t>(std::int64_t{filled_});
    }
    std::uint64_t next_window() const { return next_window_; }

  private:
    void begin(std::uint64_t frame, std::uint64_t first);
    void skip_to(std::uint64_t frame, Sink& sink);

    SegmenterConfig config_;
    Span<std::int16_t> buffer_;      // the frames of next_window_ that came
    std::uint64_t next_window_ = 0;  // the window that is being filled
    std::int32_t filled_ = 0;        // frames in the buffer; below 0: until the window begins
};

}  // namespace vigil
