// ReportRing: the board's reports, kept in order until the host acknowledges them.
//
// Together they cover every window from oldest_window() to next_window() - 1 exactly once, each
// as scored or as lost.
#pragma once

#include <cstddef>
#include <cstdint>

#include "span.h"

namespace vigil::link {

// R of a window about a heartbeat; zeros for other windows.
struct Beat {
    std::uint16_t peak;      // samples from the window's index times hop to R
    std::uint16_t interval;  // samples from the R before; 0: unknown
};

struct Report {
    std::uint64_t window;    // absolute index of the window, or of the first lost one
    union {                  // by `scored`, because each costs memory in every report
        std::uint64_t lost;  // number of lost windows
        Beat beat;
    };
    float score;
    std::uint32_t microseconds;
    float p;
    std::uint8_t flags;  // Score.flags, or LostReason
    bool scored;         // a window; otherwise lost windows
    bool sent;           // at least once

    // The first window after those of the report.
    std::uint64_t end() const { return window + (scored ? 1 : lost); }
};

class ReportRing {
  public:
    // The caller owns `memory`, which holds at least one report.
    explicit ReportRing(Span<Report> memory) : memory_(memory) {}

    // Discards all reports; the next report must be of `window`.
    void restart(std::uint64_t window);

    // Adds a report. Requires room() > 0 and a report that begins at next_window().
    void push(const Report& report);

    // Discards reports of windows before `window`. False when `window` was not reported yet.
    bool acknowledge(std::uint64_t window);

    // The next report to send, or nullptr. sent() advances; rewind() returns to the oldest.
    Report* to_send() { return cursor_ < size_ ? &at(cursor_) : nullptr; }
    void sent() { ++cursor_; }
    void rewind() { cursor_ = 0; }

    // Clears the watch flags of all kept scores: their windows' bytes are no longer available.
    void forget_windows();

    bool empty() const { return size_ == 0; }
    std::size_t capacity() const { return memory_.size(); }
    std::size_t room() const { return memory_.size() - size_; }
    std::uint64_t oldest_window() const { return oldest_window_; }
    std::uint64_t next_window() const { return next_window_; }

  private:
    Report& at(std::size_t i) const;

    Span<Report> memory_;
    std::size_t first_ = 0;
    std::size_t size_ = 0;
    std::size_t cursor_ = 0;  // the reports before it have been sent
    std::uint64_t oldest_window_ = 0;
    std::uint64_t next_window_ = 0;
};

}  // namespace vigil::link
