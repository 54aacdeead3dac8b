// The on-board sensor as the link uses it: samples by absolute index, kept until released.
#pragma once

#include <cstdint>

#include "messages.h"
#include "span.h"

namespace vigil::link {

// Samples from an index on: first some that were not taken, then some that were.
struct SensorSamples {
    std::uint64_t skipped = 0;             // number of samples not taken
    LostReason why = LostReason::gap;      // reason for the skipped samples
    Span<const std::int16_t> counts = {};  // whole samples, channels interleaved, contiguous
};

class Sensor {
  public:
    // Starts sampling; the next sample is `sample`. False when the sensor does not answer.
    virtual bool start(std::uint64_t sample) = 0;
    virtual void stop() = 0;
    // The samples kept from `sample` on; none if `sample` is in the future. Valid until release().
    virtual SensorSamples at(std::uint64_t sample) = 0;
    // Discards samples before `sample`.
    virtual void release(std::uint64_t sample) = 0;
    // State, counters and name; the link fills in the stream.
    virtual Sampling status() = 0;

  protected:
    ~Sensor() = default;
};

}  // namespace vigil::link
