#include "calibration.h"

namespace vigil {
namespace {

constexpr std::uint32_t kOne = 1'000'000;
constexpr std::uint32_t kMostWindows = 4000;  // so that products with a share fit into 32 bits

// floor(count * share), share in millionths. Never inlined: a division takes 16 bytes of flash.
[[gnu::noinline]] std::uint32_t part(std::uint32_t count, std::uint32_t share) {
    return count * share / kOne;
}

// The rank of the threshold among `count` scores, 1 for the largest.
[[gnu::noinline]] std::uint32_t rank(std::uint32_t count, std::uint32_t rate) {
    const std::uint32_t above = part(count + 1, rate);
    return above > 0 ? above : 1;
}

}  // namespace

bool Calibration::start(const CalibrationPlan& plan) {
    if (plan.windows - 1 >= kMostWindows || plan.rate - 1 >= kOne - 1 ||
        plan.tolerated >= kOne / 2) {
        return false;
    }
    // Each score set aside moves the threshold's rank in all scores by one, less what the rank
    // loses because fewer scores are left.
    const std::uint32_t aside = part(plan.windows, plan.tolerated);
    const std::uint32_t most = aside + rank(plan.windows - aside, plan.rate);
    if (most > kKept) return false;
    plan_ = plan;
    most_ = most;
    size_ = 0;
    taken_ = 0;
    return true;
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

CalibrationResult Calibration::result() const {
    const std::uint32_t most = part(plan_.windows, plan_.tolerated);
    std::uint32_t aside = 0;
    while (aside < most && kept_[aside] > 2 * kept_[most]) ++aside;
    return {kept_[aside + rank(plan_.windows - aside, plan_.rate) - 1], aside};
}

}  // namespace vigil
