#include "board_calibration.h"

#include <cstring>

namespace vigil {

using link::CalibrateAction;
using link::CalibrationState;
using link::ThresholdSource;

BoardCalibration::BoardCalibration(const ImageThreshold& image, Slots& slots)
    : image_(image), store_(slots, kVersion, record_) {}

void BoardCalibration::begin() {
    use(image_.value, image_.source);
    if (!store_.load()) return;
    std::memcpy(&kept_, store_.payload(), sizeof kept_);
    if (kept_.plan.windows == 0) return;  // it was forgotten
    if (std::memcmp(kept_.model, image_.model, sizeof kept_.model) != 0) {
        kept_.plan.windows = 0;
        state_ = CalibrationState::other_model;
        return;
    }
    state_ = CalibrationState::kept;
    use(kept_.result.threshold, ThresholdSource::calibration);
}

void BoardCalibration::use(float threshold, ThresholdSource source) {
    threshold_ = threshold;
    source_ = source;
}

void BoardCalibration::set_threshold(float value) {
    use(value, ThresholdSource::host);
}

bool BoardCalibration::calibrate(const link::Calibrate& message) {
    switch (static_cast<CalibrateAction>(message.action)) {
        case CalibrateAction::ask:
            return true;
        case CalibrateAction::start:
            return start(message);
        case CalibrateAction::stop:
            running_ = false;
            return true;
        case CalibrateAction::forget:
            forget();
            return true;
    }
    return false;
}

bool BoardCalibration::start(const link::Calibrate& message) {
    if (message.number == number_) return true;  // repeated
    running_ = calibration_.start({message.windows, message.rate, message.tolerated});
    if (!running_) return false;
    number_ = message.number;
    store_.prepare();  // now, because an erase at the end would cost samples of the sensor
    return true;
}

void BoardCalibration::forget() {
    running_ = false;
    use(image_.value, image_.source);
    kept_.plan.windows = 0;
    store_.prepare();
    save();
    state_ = CalibrationState::none;
}

bool BoardCalibration::push(float score) {
    if (!running_) return false;
    calibration_.push(score);
    if (!calibration_.is_complete()) return false;
    running_ = false;
    kept_.plan = calibration_.plan();
    kept_.result = calibration_.result();
    use(kept_.result.threshold, ThresholdSource::calibration);
    state_ = save() ? CalibrationState::kept : CalibrationState::not_kept;
    return true;
}

bool BoardCalibration::save() {
    std::memcpy(kept_.model, image_.model, sizeof kept_.model);
    std::memcpy(store_.payload(), &kept_, sizeof kept_);
    return store_.save();
}

void BoardCalibration::describe(link::CalibrationReport& message) const {
    message.number = number_;
    message.state = static_cast<std::uint8_t>(state_);
    message.source = static_cast<std::uint8_t>(source_);
    message.threshold = threshold_;
    const CalibrationPlan* plan = &kept_.plan;
    message.taken = plan->windows;
    message.set_aside = kept_.result.set_aside;
    if (running_) {
        message.state = static_cast<std::uint8_t>(CalibrationState::running);
        plan = &calibration_.plan();
        message.taken = calibration_.taken();
    }
    message.windows = plan->windows;
    message.rate = plan->rate;
    message.tolerated = plan->tolerated;
}

}  // namespace vigil
