// What a board lends a sampler.
#pragma once

#include <cstdint>

namespace vigil {

// Called from an interrupt, once a period: raw values, one a channel; nullptr while a lead is off.
using SensorTick = void (*)(const std::int16_t* raw);

// A timer, and what is read at each tick.
class Drive {
  public:
    // Calls the tick function once a period from now on. `sample` is the index of the first sample,
    // by which a played recording finds its place. False when the sensor does not answer.
    virtual bool start(std::uint64_t sample) = 0;
    virtual void stop() = 0;
    // A played recording is over: no tick follows.
    virtual bool ended() const = 0;
    // There is a sensor that this image can read.
    virtual bool present() const = 0;
    // What it gives are the model's counts already.
    virtual bool gives_counts() const = 0;
    // At most 31 bytes.
    virtual const char* name() const = 0;

  protected:
    ~Drive() = default;
};

}  // namespace vigil
