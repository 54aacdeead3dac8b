// Sampler: the board's own sensor, from its interrupt to the link.
//
// tick() runs in the interrupt: it turns raw values into the model's counts and keeps them. The
// rest runs in the loop. Knows no board: a SensorDriver starts and stops the timer.
#pragma once

#include <cstdint>

#include "sample_ring.h"
#include "sensor.h"
#include "sensor_config.h"
#include "sensor_driver.h"
#include "span.h"

namespace vigil {

class Sampler final : public link::Sensor {
  public:
    // `conversion`: one a channel; not used where raw values are counts already.
    template <std::uint32_t kFrames, std::uint32_t kChannels>
    Sampler(SensorDriver& driver, SampleMemory<kFrames, kChannels>& memory,
            Span<const Conversion> conversion)
        : driver_(driver), ring_(memory), conversion_(conversion), channels_(kChannels) {}

    // From the interrupt, once a period: raw values, one a channel; nullptr while a lead is off.
    void tick(const std::int16_t* raw);

    bool start(std::uint64_t sample) override;
    void stop() override;
    link::OwnSamples at(std::uint64_t sample) override;
    void release(std::uint64_t sample) override;
    link::Sampling status() override;

  private:
    SensorDriver& driver_;
    SampleRing ring_;
    Span<const Conversion> conversion_;
    std::uint32_t channels_;
    bool running_ = false;
    bool failed_ = false;
};

}  // namespace vigil
