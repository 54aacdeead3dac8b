// Takes the samples of an inertial chip at its own rate. The chip is polled more often than it
// measures, and each measurement becomes one sample.
#pragma once

#include <cstdint>

#include "imu_chips.h"

namespace vigil::imu {

constexpr float kPollsPerMeasurement = 2;

// The samples that a poll yields: first `missed` without values, then one with values if `sample`.
struct Due {
    std::uint32_t missed = 0;
    bool sample = false;
};

// Returns whether the chip measures at the model's `rate_hz`, within the precision of its clock, so
// that each measurement is one sample. Otherwise a timer takes the newest one at the model's rate.
template <typename Chip>
constexpr bool follows_chip(float rate_hz) {
    constexpr float kPrecision = 0.03F;
    return rate_hz >= (1 - kPrecision) * Chip::nominal_hz(rate_hz);
}

// Turns polls into samples. Polls have the numbers 1, 2, ...; a number that is not passed is a lost
// poll.
template <typename Chip>
class DataReady {
  public:
    DataReady() = default;
    // `chip_hz` is the measured rate of the chip.
    DataReady(float chip_hz, float poll_hz) : poll_hz_(poll_hz), ratio_(chip_hz / poll_hz) {}

    // Takes the reading of a poll that the chip answered.
    Due take(std::uint32_t poll, const Sample& reading) {
        pass(poll);
        if (reading.repeated != 0) return {};
        // The LSM9DS1 does not count. After lost polls, its measurements are therefore estimated
        // from the time. The time also bounds the count that a disturbed transfer gives.
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

    // Takes a poll that the chip did not answer. Returns true if a measurement was lost, which
    // becomes a sample without values.
    bool refuse(std::uint32_t poll) {
        pass(poll);
        lost_poll_ = true;
        if (since_sample() < static_cast<float>(refused_ + 2)) return false;
        ++refused_;
        return true;
    }

    // Number of samples without values because polls were lost.
    std::uint32_t missed() const { return missed_; }
    // The chip's rate by the clock of the polls: `chip_hz` at first, then the rate of the last
    // 1,000 samples.
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
    bool lost_poll_ = false;     // since the last one with values
};

}  // namespace vigil::imu
