#include "report_ring.h"

#include "messages.h"

namespace vigil::link {

Report& ReportRing::at(std::size_t i) const {
    std::size_t index = first_ + i;
    if (index >= memory_.size()) index -= memory_.size();
    return memory_[index];
}

void ReportRing::restart(std::uint64_t window) {
    first_ = size_ = cursor_ = 0;
    oldest_window_ = next_window_ = window;
}

void ReportRing::push(const Report& report) {
    at(size_) = report;
    ++size_;
    next_window_ = report.end();
}

bool ReportRing::acknowledge(std::uint64_t window) {
    if (window > next_window_) return false;
    while (size_ > 0) {
        const Report& oldest = at(0);
        const std::uint64_t end = oldest.end();
        if (end > window) break;
        oldest_window_ = end;
        first_ = first_ + 1 == memory_.size() ? 0 : first_ + 1;
        --size_;
        if (cursor_ > 0) --cursor_;
    }
    return true;
}

void ReportRing::forget_windows() {
    for (std::size_t i = 0; i < size_; ++i) {
        if (at(i).scored) at(i).flags &= static_cast<std::uint8_t>(~(kWatchInput | kWatchOutput));
    }
}

}  // namespace vigil::link
