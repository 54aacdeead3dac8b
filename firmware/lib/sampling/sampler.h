// Sampler: the on-board sensor, from its timer interrupt to the link.
//
// tick() runs in the interrupt: it converts raw values into the model's counts and stores them. All
// other functions run in the loop. A SensorDriver starts and stops the board's timer.
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
    // `conversion`: one per channel; unused when the raw values are counts already.
    template <std::uint32_t kFrames, std::uint32_t kChannels>
    Sampler(SensorDriver& driver, SampleMemory<kFrames, kChannels>& memory,
            Span<const Conversion> conversion)
        : driver_(driver), ring_(memory), conversion_(conversion), channels_(kChannels) {}

    // Called from the interrupt once per period, with one raw value per channel, with nullptr
    // while a lead is off, or with kMissedTick.
    void tick(const std::int16_t* raw);

    bool is_running() const { return running_; }
    bool start(std::uint64_t sample) override;
    void stop() override;
    link::SensorSamples at(std::uint64_t sample) override;
    void release(std::uint64_t sample) override;
    link::Sampling status() override;

  private:
    SensorDriver& driver_;
    SampleRing ring_;
    Span<const Conversion> conversion_;
    std::uint32_t channels_;
    SensorTiming timing_;  // what the last status() refers to
    bool running_ = false;
    bool failed_ = false;
};

}  // namespace vigil
