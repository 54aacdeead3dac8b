// Calibration: a threshold from n scores of normal signal, in constant memory.
//
// Split conformal prediction (training/threshold.py): the threshold is the a-th largest of n
// scores, a = max(1, floor((n + 1) * rate)), so a new normal window exceeds it with probability at
// most a / (n + 1). Only the largest scores decide, so only they are kept.
//
// A few windows of the n may be abnormal. Let t = floor(n * tolerated). Of the t largest scores,
// those above twice the score that follows these t are set aside, and the rule is applied to the
// rest. If all windows were normal after all, the probability is at most (t + a) / (n + 1).
#pragma once

#include <cstddef>
#include <cstdint>

#include "span.h"

namespace vigil {

struct CalibrationPlan {
    std::uint32_t windows;    // n, 1 to 4000
    std::uint32_t rate;       // false-alarm rate, in millionths: 1 to 999,999
    std::uint32_t tolerated;  // largest share of abnormal windows, in millionths: below 500,000
};

struct CalibrationResult {
    float threshold;
    std::uint32_t set_aside;  // scores
};

class Calibration {
  public:
    static constexpr std::size_t kKept = 128;    // scores
    static constexpr std::size_t kLargest = 64;  // from which p-values follow

    // Begins. False if the plan's values are not allowed, or need more scores than are kept.
    bool start(const CalibrationPlan& plan);

    // Call after start(): keeps kKept scores, also where the threshold needs fewer.
    void keep_most() { most_ = kKept; }

    // Takes the score of one window, until is_complete().
    void push(float score);

    std::uint32_t taken() const { return taken_; }
    const CalibrationPlan& plan() const { return plan_; }
    bool is_complete() const { return taken_ == plan_.windows; }

    // Call when complete.
    CalibrationResult result() const;

    // The largest scores so far, descending.
    Span<const float> largest() const { return {kept_, size_}; }

  private:
    CalibrationPlan plan_{};
    std::uint32_t taken_ = 0;
    std::size_t most_ = 0;  // scores to keep
    std::size_t size_ = 0;
    float kept_[kKept];  // the largest scores, descending
};

}  // namespace vigil
