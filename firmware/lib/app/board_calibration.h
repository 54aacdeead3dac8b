// The board's own calibration: takes scores, chooses the threshold, and keeps it across a reset.
#pragma once

#include <cstdint>

#include "calibration.h"
#include "messages.h"
#include "slot_store.h"

namespace vigil {

// What the image says about its threshold.
struct ImageThreshold {
    const std::uint8_t (&model)[8];  // hash of the model
    float value;
    link::ThresholdSource source;
};

class BoardCalibration {
  public:
    // `slots`: the board's memory for it.
    BoardCalibration(const ImageThreshold& image, Slots& slots);

    // Reads what the memory holds.
    void begin();

    // The threshold in force, and one that the host has set.
    float threshold() const { return threshold_; }
    link::ThresholdSource source() const { return source_; }
    void set_threshold(float value);

    // Begins or ends a calibration, or forgets it. False: the plan is not possible.
    bool calibrate(const link::Calibrate& message);

    // Takes the score of a judged window. True when that completes a calibration.
    bool push(float score);

    // Fills all fields but `window`.
    void describe(link::CalibrationReport& message) const;

  private:
    struct Kept {
        std::uint8_t model[8];
        CalibrationPlan plan;  // of no windows: a calibration that was forgotten
        CalibrationResult result;
    };
    static constexpr std::size_t kWords = sizeof(Kept) / sizeof(std::uint32_t);
    static constexpr std::uint32_t kVersion = 0x43414C01;  // "CAL", layout 1

    void use(float threshold, link::ThresholdSource source);
    bool start(const link::Calibrate& message);
    void forget();
    bool save();

    const ImageThreshold& image_;
    float threshold_ = 0;
    link::ThresholdSource source_ = link::ThresholdSource::bundle;
    link::CalibrationState state_ = link::CalibrationState::none;  // of kept_
    bool running_ = false;
    std::uint32_t number_ = 0;
    Kept kept_{};
    Calibration calibration_;
    std::uint32_t record_[kWords + SlotStore::kOverhead];
    SlotStore store_;
};

}  // namespace vigil
