#include "drift.h"

namespace vigil {

void Drift::push(float p) {
    if (p <= kLowPValue) ++count_;
    if (++windows_ < settings_.block) return;
    sum_ += count_ - counts_[next_];
    counts_[next_] = count_;
    next_ = static_cast<std::uint8_t>((next_ + 1) % kBlocks);
    windows_ = count_ = 0;
    if (blocks_ < kBlocks) ++blocks_;
    drifted_ = is_measured() && sum_ > settings_.limit;
}

}  // namespace vigil
