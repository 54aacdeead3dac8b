// The board's own calibration: takes scores, chooses the threshold, and keeps it across a reset.
#pragma once

#include <cstdint>
#include <cstring>

#include "calibration.h"
#include "messages.h"
#include "slot_store.h"

namespace vigil {

// The threshold that is built into the image.
struct ImageThreshold {
    const std::uint8_t (&model)[8];  // hash of the model
    float value;
    link::ThresholdSource source;
};

// The largest scores of a calibration, descending. An image whose p-values need none keeps none.
template <std::size_t kMost>
struct LargestScores {
    std::uint32_t count;
    float values[kMost];

    // Takes the scores after the first `aside` ones, which were set aside.
    void take(Span<const float> largest, std::size_t aside) {
        for (count = 0; count < kMost && aside + count < largest.size(); ++count) {
            values[count] = largest[aside + count];
        }
    }
    Span<const float> all() const { return {values, count}; }
};

template <>
struct LargestScores<0> {
    void take(Span<const float> /*largest*/, std::size_t /*aside*/) {}
    Span<const float> all() const { return {}; }
};

// `kLargest`: scores to keep with the threshold, beside those that are set aside.
template <std::size_t kLargest>
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

    // Largest scores of the calibration that chose the threshold, and the number of its scores that
    // were not set aside.
    Span<const float> largest() const { return kept_.all(); }
    std::uint32_t scores() const { return kept_.plan.windows - kept_.result.set_aside; }

    // Begins or ends a calibration, or forgets it. False: the plan is not possible.
    bool calibrate(const link::Calibrate& message);

    // Takes the score of a judged window. True when that completes a calibration.
    bool push(float score);

    // Fills all fields but `window`.
    void describe(link::CalibrationReport& message) const;

  private:
    struct Kept : LargestScores<kLargest> {
        std::uint8_t model[8];
        CalibrationPlan plan;  // of no windows: a calibration that was forgotten
        CalibrationResult result;
    };
    static constexpr std::size_t kWords = sizeof(Kept) / sizeof(std::uint32_t);
    // "CAL", and the layout: without scores, or with them.
    static constexpr std::uint32_t kVersion = kLargest == 0 ? 0x43414C01 : 0x43414C02;

    void use(float threshold, link::ThresholdSource source);
    bool start(const link::Calibrate& message);
    void forget();
    void clear();
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

template <std::size_t kLargest>
BoardCalibration<kLargest>::BoardCalibration(const ImageThreshold& image, Slots& slots)
    : image_(image), store_(slots, kVersion, record_) {}

template <std::size_t kLargest>
void BoardCalibration<kLargest>::begin() {
    use(image_.value, image_.source);
    if (!store_.load()) return;
    std::memcpy(&kept_, store_.payload(), sizeof kept_);
    if (kept_.plan.windows == 0) return clear();  // it was forgotten
    if (std::memcmp(kept_.model, image_.model, sizeof kept_.model) != 0) {
        clear();
        state_ = link::CalibrationState::other_model;
        return;
    }
    state_ = link::CalibrationState::kept;
    use(kept_.result.threshold, link::ThresholdSource::calibration);
}

template <std::size_t kLargest>
void BoardCalibration<kLargest>::use(float threshold, link::ThresholdSource source) {
    threshold_ = threshold;
    source_ = source;
}

template <std::size_t kLargest>
void BoardCalibration<kLargest>::set_threshold(float value) {
    use(value, link::ThresholdSource::host);
}

template <std::size_t kLargest>
bool BoardCalibration<kLargest>::calibrate(const link::Calibrate& message) {
    switch (static_cast<link::CalibrateAction>(message.action)) {
        case link::CalibrateAction::ask:
            return true;
        case link::CalibrateAction::start:
            return start(message);
        case link::CalibrateAction::stop:
            running_ = false;
            return true;
        case link::CalibrateAction::forget:
            forget();
            return true;
    }
    return false;
}

template <std::size_t kLargest>
bool BoardCalibration<kLargest>::start(const link::Calibrate& message) {
    if (message.number == number_) return true;  // repeated
    if (!calibration_.start({message.windows, message.rate, message.tolerated})) return false;
    running_ = true;
    if (kLargest > 0) calibration_.keep_most();
    number_ = message.number;
    store_.prepare();  // now, because an erase at the end would cost samples of the sensor
    return true;
}

template <std::size_t kLargest>
void BoardCalibration<kLargest>::forget() {
    running_ = false;
    use(image_.value, image_.source);
    clear();
    store_.prepare();
    save();
    state_ = link::CalibrationState::none;
}

// No calibration is kept: its figures are 0.
template <std::size_t kLargest>
void BoardCalibration<kLargest>::clear() {
    kept_.plan = {};
    kept_.result = {};
}

template <std::size_t kLargest>
bool BoardCalibration<kLargest>::push(float score) {
    if (!running_) return false;
    calibration_.push(score);
    if (!calibration_.is_complete()) return false;
    running_ = false;
    kept_.plan = calibration_.plan();
    kept_.result = calibration_.result();
    kept_.take(calibration_.largest(), kept_.result.set_aside);
    use(kept_.result.threshold, link::ThresholdSource::calibration);
    state_ = save() ? link::CalibrationState::kept : link::CalibrationState::not_kept;
    return true;
}

template <std::size_t kLargest>
bool BoardCalibration<kLargest>::save() {
    std::memcpy(kept_.model, image_.model, sizeof kept_.model);
    std::memcpy(store_.payload(), &kept_, sizeof kept_);
    return store_.save();
}

template <std::size_t kLargest>
void BoardCalibration<kLargest>::describe(link::CalibrationReport& message) const {
    message.number = number_;
    message.state = static_cast<std::uint8_t>(state_);
    message.source = static_cast<std::uint8_t>(source_);
    message.threshold = threshold_;
    const CalibrationPlan* plan = &kept_.plan;
    message.taken = plan->windows;
    message.set_aside = kept_.result.set_aside;
    if (running_) {
        message.state = static_cast<std::uint8_t>(link::CalibrationState::running);
        plan = &calibration_.plan();
        message.taken = calibration_.taken();
        message.set_aside = 0;
    }
    message.windows = plan->windows;
    message.rate = plan->rate;
    message.tolerated = plan->tolerated;
}

}  // namespace vigil
