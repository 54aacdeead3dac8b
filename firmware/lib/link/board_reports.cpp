// Reports of the board, and the frames it sends.
#include "board_link.h"

namespace vigil::link {
namespace {

// Frames written per poll().
constexpr int kFramesPerPoll = 4;

}  // namespace

std::size_t BoardLink::room() const {
    if ((watch_ & kWatchWindows) != 0) return reports_.empty() ? 1 : 0;
    return reports_.room();
}

bool BoardLink::can_score() const {
    return room() > 0;
}

bool BoardLink::score(std::uint64_t window, float score, std::uint8_t flags,
                      std::uint32_t microseconds, Span<const std::int8_t> input,
                      Span<const std::int8_t> output, Beat beat, float p) {
    const std::uint64_t next = reports_.next_window();
    const std::size_t needed = window > next ? 2 : 1;
    if (window < next || !can_score() || reports_.room() < needed) {
        ++counts_.overruns;
        reports_.forget_windows();  // their bytes have just been overwritten
        return false;
    }
    if (window > next) lost(next, window - next, LostReason::overrun);
    ++counts_.windows;
    if ((flags & kAnomaly) != 0) ++counts_.anomalies;
    input_ = input;
    output_ = output;
    flags = static_cast<std::uint8_t>(flags | (watch_ & kWatchWindows));
    Report report{window, {0}, score, microseconds, p, flags, true, false};
    report.beat = beat;
    reports_.push(report);
    return true;
}

bool BoardLink::lost(std::uint64_t first, std::uint64_t count, LostReason reason) {
    const std::uint64_t next = reports_.next_window();
    const std::uint64_t end = first + count;
    if (end <= next) return true;
    if (reports_.room() == 0) {
        ++counts_.overruns;
        return false;
    }
    counts_.lost += static_cast<std::uint32_t>(end - next);
    reports_.push({next, {end - next}, 0, 0, 0, static_cast<std::uint8_t>(reason), false, false});
    return true;
}

// --- sending ------------------------------------------------------------------------------------

bool BoardLink::send() {
    bool busy = false;
    for (int i = 0; i < kFramesPerPoll; ++i) {
        flush();
        if (wire_at_ < wire_size_ || (!reply() && !report() && !sampled())) break;
        busy = true;
    }
    flush();
    return busy;
}

void BoardLink::flush() {
    if (wire_at_ == wire_size_) return;
    const Span<const std::uint8_t> rest = wire_.slice(wire_at_, wire_size_ - wire_at_);
    wire_at_ += stream_.write(rest);
}

void BoardLink::put(Type type, const LayoutCode* layout, const void* message) {
    const std::size_t size = write_fields(layout, message, wire_.slice(kPayloadAt, kMaxPayload));
    wire_size_ = encode_frame(static_cast<std::uint8_t>(type), sequence_, size, wire_);
    wire_at_ = 0;
    ++sequence_;
    ++counts_.sent;
}

void BoardLink::rewind() {
    reports_.rewind();
    part_of_ = kWatchInput;
    part_at_ = 0;
}

// Sends the next report, after the watched bytes of its window. False when there is none.
bool BoardLink::report() {
    Report* next = reports_.to_send();
    if (!open_ || next == nullptr) return false;
    reported_us_ = now_us_;
    if (next->sent && part_of_ == kWatchInput && part_at_ == 0) ++counts_.resent;
    if (!next->scored) {
        put(Lost{next->window, next->lost, next->flags});
    } else if (window_part(*next)) {
        return true;
    } else {
        put(Score{next->window, next->score, next->microseconds, next->flags, next->beat.peak,
                  next->beat.interval, next->p});
    }
    next->sent = true;
    reports_.sent();
    part_of_ = kWatchInput;
    part_at_ = 0;
    return true;
}

// Sends the next part of a watched window. False when all have been sent.
bool BoardLink::window_part(const Report& report) {
    constexpr std::size_t kPart = kMaxPayload - LayoutOf<Window>::kFixedSize;
    for (; part_of_ <= kWatchOutput; part_of_ <<= 1, part_at_ = 0) {
        const Span<const std::int8_t> bytes = part_of_ == kWatchInput ? input_ : output_;
        if ((report.flags & part_of_) == 0 || part_at_ >= bytes.size()) continue;
        const std::size_t left = bytes.size() - part_at_;
        const std::size_t size = left < kPart ? left : kPart;
        put(Window{report.window, part_of_, part_at_,
                   Span<const std::uint8_t>(
                       reinterpret_cast<const std::uint8_t*>(bytes.data()) + part_at_, size)});
        part_at_ += static_cast<std::uint32_t>(size);
        return true;
    }
    return false;
}

}  // namespace vigil::link
