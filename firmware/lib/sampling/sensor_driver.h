// SensorDriver: what a board provides to a Sampler, a timer and the reading taken at each tick.
#pragma once

#include <cstdint>

namespace vigil {

// Given in place of raw values for a period whose reading was lost, because the interrupt was late.
inline constexpr std::int16_t kMissedTick[1] = {};

// Called from an interrupt, once per sample period, with one raw value per channel, with nullptr
// while a lead is off, or with kMissedTick.
using SensorTick = void (*)(const std::int16_t* raw);

// The sensor's own clock, where it has one; zeros elsewhere. The counters run from the start.
struct SensorTiming {
    std::uint32_t millihertz = 0;  // measured rate of the sensor's own measurements
    std::uint32_t repeated = 0;    // readings that found no new measurement
    std::uint32_t skipped = 0;     // measurements that no reading took
};

class SensorDriver {
  public:
    // Starts calling the tick function once per period. `sample` is the index of the first sample;
    // a played recording starts there. False when the sensor does not answer.
    virtual bool start(std::uint64_t sample) = 0;
    virtual void stop() = 0;
    // True when a played recording is over and no tick follows.
    virtual bool ended() const = 0;
    // True when this image is built for a sensor.
    virtual bool present() const = 0;
    // True when the raw values are the model's counts already.
    virtual bool gives_counts() const = 0;
    virtual SensorTiming timing() const { return {}; }
    // At most 31 bytes.
    virtual const char* name() const = 0;

  protected:
    ~SensorDriver() = default;
};

}  // namespace vigil
