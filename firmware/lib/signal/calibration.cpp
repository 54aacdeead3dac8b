#include "calibration.h"

namespace vigil {
namespace {

constexpr std::uint32_t kOne = 1'000'000;

// floor(count * share), share in millionths.
std::uint32_t part(std::uint32_t count, std::uint32_t share) {
    return static_cast<std::uint32_t>(std::uint64_t{count} * share / kOne);
}

// The rank of the threshold among `count` scores, 1 for the largest.
std::uint32_t rank(std::uint32_t count, std::uint32_t rate) {
    const std::uint32_t above = part(count + 1, rate);
    return above > 0 ? above : 1;
}

// The most scores that may be set aside.
std::uint32_t most_aside(const CalibrationPlan& plan) {
    return part(plan.windows, plan.tolerated);
}

// The largest scores that the threshold may depend on. Each score set aside moves the threshold's
// rank in all scores by one, less what the rank loses because fewer scores are left.
std::uint32_t needed(const CalibrationPlan& plan) {
    const std::uint32_t aside = most_aside(plan);
    return aside + rank(plan.windows - aside, plan.rate);
}

}  // namespace

bool Calibration::is_possible(const CalibrationPlan& plan) {
    return plan.windows > 0 && plan.windows < 1U << 31U && plan.rate > 0 && plan.rate < kOne &&
           plan.tolerated < kOne / 2 && needed(plan) <= kKept;
}

void Calibration::start(const CalibrationPlan& plan) {
    plan_ = plan;
    most_ = needed(plan);
    size_ = 0;
    taken_ = 0;
}

void Calibration::push(float score) {
    ++taken_;
    std::size_t at = size_;
    if (size_ < most_) {
        ++size_;
    } else if (score > kept_[most_ - 1]) {
        at = most_ - 1;
    } else {
        return;
    }
    for (; at > 0 && kept_[at - 1] < score; --at) kept_[at] = kept_[at - 1];
    kept_[at] = score;
}

std::uint32_t Calibration::set_aside() const {
    const std::uint32_t most = most_aside(plan_);
    std::uint32_t aside = 0;
    while (aside < most && kept_[aside] > 2 * kept_[most]) ++aside;
    return aside;
}

float Calibration::threshold() const {
    const std::uint32_t aside = set_aside();
    return kept_[aside + rank(plan_.windows - aside, plan_.rate) - 1];
}

}  // namespace vigil
