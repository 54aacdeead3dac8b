#include "alarm.h"

namespace vigil {

bool Alarm::configure(const AlarmSettings& settings) {
    if (settings.windows > scores_.size()) return false;
    if (settings.kind != AlarmKind::none) {
        const bool ordered = settings.clear <= settings.raise;  // false if one is not a number
        if (settings.windows == 0 || !ordered) return false;
    }
    settings_ = settings;
    reset();
    return true;
}

void Alarm::reset() {
    next_ = filled_ = 0;
    on_ = false;
}

bool Alarm::push(float score, float threshold) {
    if (settings_.kind == AlarmKind::none) return false;
    const std::uint8_t n = settings_.windows;
    scores_[next_] = score;
    next_ = next_ + 1 < n ? static_cast<std::uint8_t>(next_ + 1) : 0;
    if (filled_ < n) ++filled_;
    if (filled_ < n) return on_;
    float value = 0;
    float unit = 1;
    if (settings_.kind == AlarmKind::mean) {
        // From the oldest to the newest, so that the sum is rounded in the same way everywhere.
        for (std::size_t i = next_; i < n; ++i) value += scores_[i];
        for (std::size_t i = 0; i < next_; ++i) value += scores_[i];
        unit = threshold * static_cast<float>(n);
    } else {
        std::uint32_t flagged = 0;
        for (const float each : scores_.slice(0, n)) {
            if (each > threshold) ++flagged;
        }
        value = static_cast<float>(flagged);
    }
    if (value >= settings_.raise * unit) {
        on_ = true;
    } else if (value < settings_.clear * unit) {
        on_ = false;
    }
    return on_;
}

}  // namespace vigil
