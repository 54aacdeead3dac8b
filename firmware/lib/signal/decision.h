// Decision: what the score of a window means beside its comparison with the threshold.
//
// The p-value says how unusual the window is, the alarm whether a fault lasts, and the drift
// whether the signal has left what the calibration saw.
#pragma once

#include <cstdint>

#include "alarm.h"
#include "drift.h"
#include "p_value.h"
#include "span.h"

namespace vigil {

// The stage of a bundle that decides window by window: it takes no flash.
struct NoDecision {};

struct DecisionSettings {
    CalibrationTable table;
    AlarmSettings alarm;
    DriftSettings drift;
    float threshold;  // that was chosen with the table
};

// The state of the stage on a board.
template <typename Settings>
class Decision;

template <>
class Decision<NoDecision> {
  public:
    explicit Decision(const NoDecision& /*none*/) {}
    void restart() {}
    void gap() {}
    void push(float /*score*/, float /*threshold*/) {}
    static constexpr bool alarm_on() { return false; }
};

template <>
class Decision<DecisionSettings> {
  public:
    static constexpr std::size_t kMostWindows = 32;  // that an alarm may look at

    explicit Decision(const DecisionSettings& settings)
        : table_(settings.table),
          trained_threshold_(settings.threshold),
          threshold_(settings.threshold),
          alarm_(settings.alarm, Span<float>(scores_)),
          drift_(settings.drift) {}
    Decision(const Decision&) = delete;

    // Another stream begins: no alarm is on. The drift goes on, because the sensor is the same.
    void restart() { alarm_.reset(); }

    // Windows are missing before the next one.
    void gap() { alarm_.gap(); }

    // Takes the score of the next judged window.
    void push(float score, float threshold) {
        p_ = largest_.empty() ? p_value(table_, score) : p_value(largest_, calibrated_, score);
        alarm_.push(score, threshold);
        drift_.push(p_);
    }

    // Another calibration chose `threshold` from `scores` scores: p-values follow from its largest
    // ones, descending, which the caller keeps, and the drift begins anew. Without any, the
    // bundle's calibration is meant.
    void calibrated(float threshold, Span<const float> largest, std::uint32_t scores) {
        if (threshold == threshold_ && largest.size() == largest_.size()) return;
        threshold_ = threshold;
        largest_ = largest;
        calibrated_ = scores;
        drift_.reset();
    }
    float trained_threshold() const { return trained_threshold_; }

    float p() const { return p_; }  // of the last window; 0 before the first
    Alarm& alarm() { return alarm_; }
    bool alarm_on() const { return alarm_.on(); }
    const Drift& drift() const { return drift_; }

  private:
    CalibrationTable table_;
    float trained_threshold_;
    float threshold_;              // of the calibration that p-values follow from
    Span<const float> largest_{};  // its largest scores, if it is not the bundle's
    std::uint32_t calibrated_ = 0;
    float scores_[kMostWindows] = {};
    Alarm alarm_;
    Drift drift_;
    float p_ = 0;
};

}  // namespace vigil
