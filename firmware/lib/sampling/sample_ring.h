// SampleRing: samples between a timer interrupt and the loop, indexed by tick.
//
// It has one writer (the interrupt) and one reader (the loop), on one processor or two; neither
// waits. Every tick is counted. A tick without a sample (a lead is off) and a sample dropped
// because the ring is full both leave a gap in the ticks, which the reader sees.
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

    // Empties the ring; the next tick is `tick`. Call it only while the writer is stopped.
    void restart(std::uint32_t tick);

    // --- the writer ------------------------------------------------------------------------------

    // Memory for this tick's sample, one count per channel; commit() stores it. Returns nullptr
    // when the ring is full: then call drop().
    std::int16_t* slot();
    void commit();
    void drop();
    void lead_off();

    // --- the reader ------------------------------------------------------------------------------

    struct Run {
        std::uint32_t skipped = 0;             // ticks without a sample before `counts`
        Gap why = Gap::none;                   // reason of the last of them
        Span<const std::int16_t> counts = {};  // consecutive samples, contiguous
    };

    // The samples from `tick` on. `tick` must not be in the future.
    Run at(std::uint32_t tick) const;
    // Discards samples before `tick`.
    void release(std::uint32_t tick);

    // Since restart(), modulo 2^32.
    std::uint32_t taken() const { return head_.load(std::memory_order_relaxed); }
    std::uint32_t lead_offs() const { return lead_offs_.load(std::memory_order_relaxed); }
    std::uint32_t overruns() const { return overruns_.load(std::memory_order_relaxed); }
    Gap last_gap() const { return static_cast<Gap>(gap_.load(std::memory_order_relaxed)); }

  private:
    void skip(Gap gap);
    // The number of the first kept sample at `tick` or later, counted like head_.
    std::uint32_t find(std::uint32_t tick, std::uint32_t head) const;

    std::int16_t* counts_;
    std::uint32_t* ticks_;
    Gap* before_;
    std::uint32_t frames_;
    std::uint32_t channels_;
    // Numbers of samples written and released.
    std::atomic<std::uint32_t> head_{0};
    std::atomic<std::uint32_t> tail_{0};
    std::atomic<std::uint32_t> tick_{0};  // the next tick
    std::uint32_t write_ = 0;             // head_ modulo frames_
    std::uint32_t read_ = 0;              // tail_ modulo frames_
    std::atomic<std::uint8_t> gap_{0};    // gap since the last sample
    std::atomic<std::uint32_t> lead_offs_{0};
    std::atomic<std::uint32_t> overruns_{0};
};

}  // namespace vigil
