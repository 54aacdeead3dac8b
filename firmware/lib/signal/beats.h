// BeatSegmenter: a stream of frames to windows about the R peaks of an ECG.
//
// The stream is divided into slots of the detector's refractory time, so that a slot holds at most
// one R. Each slot is reported once, a fixed time after its end: with the window about its R, or as
// lost, because it holds no beat or because frames are missing. Slots are placed by absolute frame
// index, whatever was lost before, so that a window is numbered like one of fixed length.
#pragma once

#include <cstddef>
#include <cstdint>

#include "qrs.h"
#include "segmenter.h"
#include "span.h"

namespace vigil {

struct BeatConfig {
    std::uint32_t window;    // frames
    std::uint32_t before;    // frames of the window before R; less than window
    std::uint32_t hop;       // frames of a slot; at most the detector's refractory time
    std::uint32_t channels;  // 1 or more
    std::uint32_t lead;      // the channel in which beats are detected
    QrsConfig qrs;
};

// Frames from the end of a slot until it is reported: its beats are then found, and whole.
constexpr std::uint32_t beat_delay(const BeatConfig& c) {
    const std::uint32_t after = c.window - c.before;
    return after > c.qrs.latency ? after : c.qrs.latency;
}

// Frames from the first of a slot until the slot is reported.
constexpr std::uint32_t beat_span(const BeatConfig& c) {
    return c.hop + beat_delay(c);
}

// Frames that the segmenter keeps.
constexpr std::size_t beat_ring(const BeatConfig& c) {
    return ring_size(c.before + beat_span(c));
}

// Whether all beats are found in time, and whether the detector's sums and rings are large enough.
constexpr bool is_valid(const BeatConfig& c) {
    const QrsConfig& q = c.qrs;
    const std::uint64_t gain = std::uint64_t{q.smooth} * q.smooth * q.baseline;
    const std::uint32_t found =
        q.settle + q.hold + (q.slope + q.energy) / 2U + q.baseline / 2U + q.smooth + q.reach + 2U;
    return q.smooth >= 1 && q.baseline >= 1 && q.slope >= 1 && q.energy >= 1 && q.learn >= 1 &&
           c.hop >= 1 && c.hop <= q.refractory && gain <= (1U << 15) &&
           gain * q.energy <= (1U << 19) && found <= q.latency && beat_span(c) <= 8 * c.hop &&
           c.before < c.window && c.lead < c.channels;
}

// R of a beat, and the beat before it.
struct BeatMark {
    std::uint64_t frame;     // of R
    std::uint32_t interval;  // frames since the R before (RR); 0 if there is none to measure from
};

struct BeatMemory {
    Span<std::int16_t> window;  // window * channels counts: the window that is reported
    Span<std::int16_t> ring;    // beat_ring * channels counts
    QrsMemory qrs;
};

class BeatSegmenter {
  public:
    static constexpr bool kBeats = true;
    static constexpr bool kFilters = false;
    using Config = BeatConfig;
    using Memory = BeatMemory;
    using Sink = Segmenter::Sink;
    // The memory that a configuration needs.
    template <const Config& kConfig>
    struct Storage {
        static_assert(is_valid(kConfig), "see BeatConfig and QrsConfig");
        std::int16_t window[kConfig.window * kConfig.channels];
        std::int16_t ring[beat_ring(kConfig) * kConfig.channels];
        std::int32_t samples[qrs_short_ring(kConfig.qrs)];
        std::int32_t averaged[qrs_long_ring(kConfig.qrs)];
        std::int32_t smooth[qrs_long_ring(kConfig.qrs)];
        std::int32_t band[qrs_long_ring(kConfig.qrs)];
        std::int32_t slope[qrs_long_ring(kConfig.qrs)];
        Memory memory() {
            return {
                Span<std::int16_t>(window),
                Span<std::int16_t>(ring),
                {Span<std::int32_t>(samples), Span<std::int32_t>(averaged),
                 Span<std::int32_t>(smooth), Span<std::int32_t>(band), Span<std::int32_t>(slope)}};
        }
    };

    BeatSegmenter(const BeatConfig& config, const BeatMemory& memory)
        : config_(config),
          memory_(memory),
          ring_mask_(memory.ring.size() / config.channels - 1),
          qrs_(config.qrs, memory.qrs) {
        restart(0);
    }

    // Forgets everything: the next frame is expected at `frame`. Slots that begin before it will
    // never come, and are not reported as lost.
    void restart(std::uint64_t frame);

    // As Segmenter::push.
    void push(std::uint64_t first_frame, Span<const std::int16_t> samples, Sink& sink);

    static constexpr Span<const std::int16_t> raw(Span<const std::int16_t> frames) {
        return frames;
    }
    // R of the window that Sink::window() is called with.
    const BeatMark& mark() const { return mark_; }
    // Whether the slots that Sink::lost() is called with hold no beat, instead of a gap.
    bool without_beat() const { return without_beat_; }

    std::uint64_t next_frame() const { return next_frame_; }
    std::uint64_t next_window() const { return next_slot_; }

  private:
    // Beats that wait for their slot: more than fit in a span, which holds whole slots.
    static constexpr std::size_t kPending = 8;

    void begin(std::uint64_t frame, std::uint64_t slot);
    void skip_to(std::uint64_t frame, Sink& sink);
    void take(const std::int16_t* frame);
    void report(Sink& sink);
    void cut();

    BeatConfig config_;
    BeatMemory memory_;
    std::size_t ring_mask_;  // frames - 1
    Qrs qrs_;
    std::uint64_t first_frame_ = 0;   // the frames before it are missing
    std::uint64_t next_frame_ = 0;    // the frame that must come now
    std::uint64_t next_slot_ = 0;     // all slots before it were reported
    std::uint32_t until_report_ = 0;  // frames
    BeatMark pending_[kPending] = {};
    std::size_t pending_size_ = 0;
    BeatMark mark_{};
    bool without_beat_ = false;
};

}  // namespace vigil
