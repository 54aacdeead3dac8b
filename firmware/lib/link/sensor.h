// The board's own sensor, as the link sees it: samples by absolute index, kept for a while.
#pragma once

#include <cstdint>

#include "messages.h"
#include "span.h"

namespace vigil::link {

// What there is from some index on: first the samples that were not taken, then some that were.
struct OwnSamples {
    std::uint64_t skipped = 0;             // not taken, and never will be
    LostReason why = LostReason::gap;      // of those
    Span<const std::int16_t> counts = {};  // whole samples, channels interleaved, in one piece
};

class Sensor {
  public:
    // Begins to sample; the next sample is `sample`. False when it cannot.
    virtual bool start(std::uint64_t sample) = 0;
    virtual void stop() = 0;
    // What is kept from `sample` on; nothing if that is still to come. Good until release().
    virtual OwnSamples at(std::uint64_t sample) = 0;
    // Samples before `sample` may be forgotten.
    virtual void release(std::uint64_t sample) = 0;
    // State, counts and name; the link knows the stream.
    virtual Sampling status() = 0;

  protected:
    ~Sensor() = default;
};

}  // namespace vigil::link
