// What each message of the host does to the board's end.
#include <cfloat>

#include "board_link.h"

namespace vigil::link {
namespace {

// A sample index this far on would overflow the arithmetic below; 10^18 samples never come.
constexpr std::uint64_t kMaxSample = std::uint64_t{1} << 60;

}  // namespace

void BoardLink::on(const Hello& message) {
    if (message.protocol < kOldestProtocol || message.oldest > kProtocol) {
        return refuse(ErrorCode::version, kProtocol << 8 | kOldestProtocol);
    }
    if (!open_ || message.session != session_) {
        open_ = true;
        session_ = message.session;
        protocol_ = message.protocol < kProtocol ? message.protocol : kProtocol;
        pending_ = 0;
        reboot_ = false;
        wire_at_ = wire_size_ = 0;  // the rest of a frame that was meant for another host
        new_watch(0);
        rewind();
    }
    pending_ |= kHelloReply;
}

void BoardLink::on(const Goodbye&) {
    close();
    pending_ = kGoodbyeReply;
}

void BoardLink::on(const Reboot&) {
    close();
    pending_ = kGoodbyeReply;
    reboot_ = true;
}

bool BoardLink::may_begin(std::uint32_t stream, std::uint64_t sample, std::uint64_t window) const {
    return stream != 0 && sample <= kMaxSample && window <= first_window_from(sample);
}

void BoardLink::begin(std::uint32_t stream, std::uint64_t sample, std::uint64_t window) {
    stream_id_ = stream;
    next_sample_ = sample;
    reports_.restart(window);
    rewind();
    handler_.restart(sample);
    settle(first_window_from(sample), LostReason::gap);
}

void BoardLink::on(const Restart& message) {
    if (!may_begin(message.stream, message.sample, message.window)) {
        return refuse(ErrorCode::bad_value, 0);
    }
    stop_sampling();
    own_ = false;
    begin(message.stream, message.sample, message.window);
}

void BoardLink::on(const Samples& message) {
    const std::uint32_t sample_size = facts_.channels * sizeof(std::int16_t);
    const auto bytes = static_cast<std::uint32_t>(message.counts.size());
    const std::uint32_t offered = bytes / sample_size;
    if (offered * sample_size != bytes || offered == 0) {
        return refuse(ErrorCode::bad_length, bytes);
    }
    if (stream_id_ == 0 || own_) return refuse(ErrorCode::no_stream, 0);
    if (message.sample > next_sample_) return acknowledge(AckReason::gap);
    const std::uint64_t known = next_sample_ - message.sample;
    const std::uint32_t old = known < offered ? static_cast<std::uint32_t>(known) : offered;
    counts_.samples_repeated += old;
    if (old == offered) return;
    // The receiver put them on an even address.
    const auto* counts =
        reinterpret_cast<const std::int16_t*>(message.counts.data() + old * sample_size);
    const std::uint32_t fresh = offered - old;
    if (take(Span<const std::int16_t>(counts, fresh * facts_.channels)) < fresh) {
        acknowledge(AckReason::full);
    }
}

// Hands on samples that continue at next_sample_, as many as reports can be kept of; returns how
// many. Where no host is there to be waited for, all of them.
std::uint32_t BoardLink::take(Span<const std::int16_t> counts) {
    auto fresh = static_cast<std::uint32_t>(counts.size() / facts_.channels);
    settle(completed(), LostReason::overrun);  // scored while no place was free for the report
    if (open_ && reports_.next_window() < completed()) return 0;
    if (open_) {
        // Up to the last sample before the window after those whose reports can be kept is
        // complete.
        const std::uint64_t places = window_end(reports_.next_window() + room()) - 1 - next_sample_;
        if (fresh > places) fresh = static_cast<std::uint32_t>(places);
    }
    if (fresh == 0) return 0;
    const std::uint64_t first = next_sample_;
    next_sample_ += fresh;
    counts_.samples += fresh;
    handler_.samples(first, counts.slice(0, fresh * facts_.channels));
    settle(completed(), LostReason::overrun);
    return fresh;
}

void BoardLink::on(const Skip& message) {
    if (stream_id_ == 0 || own_) return refuse(ErrorCode::no_stream, 0);
    if (message.sample > kMaxSample) return refuse(ErrorCode::bad_value, 0);
    if (message.sample <= next_sample_) return;
    if (reports_.room() == 0) return acknowledge(AckReason::full);
    counts_.samples_skipped += static_cast<std::uint32_t>(message.sample - next_sample_);
    pass_over(message.sample);
}

// The samples from next_sample_ to `sample` will never come.
void BoardLink::pass_over(std::uint64_t sample) {
    next_sample_ = sample;
    handler_.samples(sample, {});
    settle(first_window_from(sample), gap_reason_);
}

void BoardLink::on(const ReportAck& message) {
    const std::uint64_t oldest = reports_.oldest_window();
    if (!reports_.acknowledge(message.window)) return refuse(ErrorCode::bad_value, 0);
    part_of_ = kWatchInput;
    part_at_ = 0;
    // The clock alone is no reason to send a report again: the host may be slow, or this clock
    // fast. A host that lacks reports asks for them; one that does not know of them still says,
    // once a second, from which window on it has none.
    const bool lacks = reports_.oldest_window() == oldest && !reports_.empty() &&
                       reports_.to_send() == nullptr &&
                       now_us_ - reported_us_ > timeouts_.resend_us;
    if (message.resend != 0 || lacks) rewind();
}

void BoardLink::on(const Watch& message) {
    if ((message.mask & ~kWatchAll) != 0) return refuse(ErrorCode::bad_value, message.mask);
    if ((message.mask & kWatchSamples & ~watch_) != 0)
        sampled_next_ = sampled_acked_ = next_sample_;
    if (message.mask != watch_) new_watch(message.mask);
}

void BoardLink::on(const ThresholdSet& message) {
    if (!(message.value >= -FLT_MAX && message.value <= FLT_MAX)) {
        return refuse(ErrorCode::bad_value, 0);
    }
    handler_.set_threshold(message.value);
    pending_ |= kThreshold;
}

// The windows before `first_window` that were not reported never will be.
void BoardLink::settle(std::uint64_t first_window, LostReason reason) {
    const std::uint64_t next = reports_.next_window();
    if (next < first_window && reports_.room() > 0) lost(next, first_window - next, reason);
}

void BoardLink::new_watch(std::uint8_t mask) {
    watch_ = mask;
    reports_.forget_windows();
    release_own();
}

}  // namespace vigil::link
