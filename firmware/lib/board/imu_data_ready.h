// Samples of an inertial chip at its own rate: it is polled more often than it measures, and each
// of its measurements becomes one sample.
#pragma once

#include <cstdint>

#include "imu_chips.h"

namespace vigil::imu {

constexpr float kPollsPerMeasurement = 2;

// What a poll adds to the samples: `missed` of them without values, then perhaps one.
struct Due {
    std::uint32_t missed = 0;
    bool sample = false;
};

// Whether samples of a model of `rate_hz` are those of the chip: it measures at this rate, within
// the precision of its clock. Otherwise a timer takes the newest measurement at the model's rate.
template <typename Chip>
constexpr bool follows_chip(float rate_hz) {
    constexpr float kPrecision = 0.03F;
    return rate_hz >= (1 - kPrecision) * Chip::nominal_hz(rate_hz);
}

// Polls have the numbers 1, 2, ...; those that are never given here were lost.
template <typename Chip>
class DataReady {
  public:
    DataReady() = default;
    // `chip_hz`: the measured rate of its measurements.
    DataReady(float chip_hz, float poll_hz) : poll_hz_(poll_hz), ratio_(chip_hz / poll_hz) {}

    Due take(std::uint32_t poll, const Sample& reading) {
        pass(poll);
        if (reading.repeated != 0) return {};
        // Every poll since has shown the LSM9DS1's flag; after lost polls, the time must do. It
        // also bounds what a disturbed transfer says.
        const std::uint32_t most = at_least_one(since_sample() + 1.5F);
        std::uint32_t since = reading.skipped < most ? reading.skipped + 1 : most;
        if (!Chip::kCountsMeasurements && lost_poll_)
            since = at_least_one(since_sample() + ratio_ / 2);
        const std::uint32_t missed = since - 1 > refused_ ? since - 1 - refused_ : 0;
        missed_ += missed;
        count(refused_ + missed + 1, poll);
        refused_ = 0;
        lost_poll_ = false;
        return {missed, true};
    }

    // The chip did not answer. Returns true if that has lost a measurement: a sample without
    // values.
    bool refuse(std::uint32_t poll) {
        pass(poll);
        lost_poll_ = true;
        if (since_sample() < static_cast<float>(refused_ + 2)) return false;
        ++refused_;
        return true;
    }

    // Samples without values because polls were lost.
    std::uint32_t missed() const { return missed_; }
    // The chip's rate by the clock of the polls: as given, then over the last 1,000 samples.
    float measured_hz() const { return ratio_ * poll_hz_; }

  private:
    void pass(std::uint32_t poll) {
        lost_poll_ = lost_poll_ || poll - last_poll_ > 1;
        last_poll_ = poll;
    }
    void count(std::uint32_t samples, std::uint32_t poll) {
        constexpr std::uint32_t kEnough = 1000;
        sample_poll_ = poll;
        samples_ += samples;
        if (samples_ < kEnough) return;
        ratio_ = static_cast<float>(samples_) / static_cast<float>(poll - counted_from_);
        counted_from_ = poll;
        samples_ = 0;
    }
    // Measurements since the last sample, by the time.
    float since_sample() const { return static_cast<float>(last_poll_ - sample_poll_) * ratio_; }
    static std::uint32_t at_least_one(float count) {
        return count < 1 ? 1 : static_cast<std::uint32_t>(count);
    }

    float poll_hz_ = 0;
    float ratio_ = 0;  // measurements per poll
    std::uint32_t last_poll_ = 0;
    std::uint32_t sample_poll_ = 0;
    std::uint32_t samples_ = 0;  // since poll `counted_from_`
    std::uint32_t counted_from_ = 0;
    std::uint32_t missed_ = 0;
    std::uint32_t refused_ = 0;  // samples without values since the last one with values
    bool lost_poll_ = false;     // since that one
};

}  // namespace vigil::imu
