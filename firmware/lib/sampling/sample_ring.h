// Samples between a timer's interrupt and the loop, by the tick at which they were taken.
//
// One writer (the interrupt) and one reader (the loop), on one processor or two; neither waits.
// Every tick is counted: at one without a sample the leads were off; a sample that finds the ring
// full is dropped. Both leave a gap in the ticks, and the reader sees it.
#pragma once

#include <atomic>
#include <cstdint>

#include "span.h"

namespace vigil {

enum class Gap : std::uint8_t { none = 0, lead_off = 1, overrun = 2 };

template <std::uint32_t kFrames, std::uint32_t kChannels>
struct SampleMemory {
    static_assert(kFrames > 0 && kChannels > 0);
    std::int16_t counts[kFrames * kChannels];
    std::uint32_t ticks[kFrames];
    Gap before[kFrames];
};

class SampleRing {
  public:
    template <std::uint32_t kFrames, std::uint32_t kChannels>
    explicit SampleRing(SampleMemory<kFrames, kChannels>& memory)
        : counts_(memory.counts),
          ticks_(memory.ticks),
          before_(memory.before),
          frames_(kFrames),
          channels_(kChannels) {}

    // Empties the ring; the next tick is `tick`. While nobody writes.
    void restart(std::uint32_t tick);

    // --- the writer ------------------------------------------------------------------------------

    // Where this tick's sample goes, one count a channel; take() keeps it. nullptr when there is
    // no place: then call drop().
    std::int16_t* place();
    void take();
    void drop();
    void lead_off();

    // --- the reader ------------------------------------------------------------------------------

    struct Run {
        std::uint32_t skipped = 0;             // ticks without a sample, before
        Gap why = Gap::none;                   // the last of them
        Span<const std::int16_t> counts = {};  // consecutive samples in one piece
    };

    // What there is from `tick` on, which is not in the future.
    Run at(std::uint32_t tick) const;
    // Makes room: samples before `tick` are not needed any more.
    void release(std::uint32_t tick);

    // Since restart(), modulo 2^32.
    std::uint32_t taken() const { return head_.load(std::memory_order_relaxed); }
    std::uint32_t lead_offs() const { return lead_offs_.load(std::memory_order_relaxed); }
    std::uint32_t overruns() const { return overruns_.load(std::memory_order_relaxed); }
    Gap last_gap() const { return static_cast<Gap>(gap_.load(std::memory_order_relaxed)); }
    std::uint32_t capacity() const { return frames_; }

  private:
    void pass(Gap gap);
    // Of the samples kept, the first at `tick` or later, counted as head_ counts.
    std::uint32_t find(std::uint32_t tick, std::uint32_t head) const;

    std::int16_t* counts_;
    std::uint32_t* ticks_;
    Gap* before_;
    std::uint32_t frames_;
    std::uint32_t channels_;
    // Both count samples from 0 on: written ones, and released ones.
    std::atomic<std::uint32_t> head_{0};
    std::atomic<std::uint32_t> tail_{0};
    std::atomic<std::uint32_t> tick_{0};  // the next one
    std::uint32_t write_ = 0;             // head_ modulo frames_
    std::uint32_t read_ = 0;              // tail_ modulo frames_
    std::atomic<std::uint8_t> gap_{0};    // since the last sample that was taken
    std::atomic<std::uint32_t> lead_offs_{0};
    std::atomic<std::uint32_t> overruns_{0};
};

}  // namespace vigil
