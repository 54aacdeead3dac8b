// Handlers of the host's messages, and the board's answers.
#include <cfloat>
#include <cstring>

#include "board_link.h"

namespace vigil::link {
namespace {

// Largest sample index: no product with a hop, or with a term of a ratio of rates (512 at most),
// overflows in the samples of centuries behind it.
constexpr std::uint64_t kMaxSample = std::uint64_t{1} << 53;

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
        wire_at_ = wire_size_ = 0;  // drops the rest of a frame for the previous host
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
    threshold_window_ = 0;
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
    from_sensor_ = false;
    begin(message.stream, message.sample, message.window);
}

void BoardLink::on(const Samples& message) {
    const std::uint32_t sample_size = facts_.channels * sizeof(std::int16_t);
    const auto bytes = static_cast<std::uint32_t>(message.counts.size());
    const std::uint32_t offered = bytes / sample_size;
    if (offered * sample_size != bytes || offered == 0) {
        return refuse(ErrorCode::bad_length, bytes);
    }
    if (stream_id_ == 0 || from_sensor_) return refuse(ErrorCode::no_stream, 0);
    if (message.sample > next_sample_) return acknowledge(AckReason::gap);
    const std::uint64_t known = next_sample_ - message.sample;
    const std::uint32_t old = known < offered ? static_cast<std::uint32_t>(known) : offered;
    counts_.samples_repeated += old;
    if (old == offered) return;
    // The receiver's buffer puts them on an even address.
    const auto* counts =
        reinterpret_cast<const std::int16_t*>(message.counts.data() + old * sample_size);
    const std::uint32_t fresh = offered - old;
    if (take(Span<const std::int16_t>(counts, fresh * facts_.channels)) < fresh) {
        acknowledge(AckReason::full);
    }
}

// Passes samples that continue at next_sample_ to the handler, and returns their number. While a
// session is open, it takes only samples whose windows' reports can be kept.
std::uint32_t BoardLink::take(Span<const std::int16_t> counts) {
    auto fresh = static_cast<std::uint32_t>(counts.size() / facts_.channels);
    settle(completed(), LostReason::overrun);  // scored without memory for the report
    if (open_ && reports_.next_window() < completed()) return 0;
    if (open_) {
        // Stop one sample before the first window whose report cannot be kept.
        const std::uint64_t most = window_end(reports_.next_window() + room()) - 1 - next_sample_;
        if (fresh > most) fresh = static_cast<std::uint32_t>(most);
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
    if (stream_id_ == 0 || from_sensor_) return refuse(ErrorCode::no_stream, 0);
    if (message.sample > kMaxSample) return refuse(ErrorCode::bad_value, 0);
    if (message.sample <= next_sample_) return;
    if (reports_.room() == 0) return acknowledge(AckReason::full);
    counts_.samples_skipped += static_cast<std::uint32_t>(message.sample - next_sample_);
    skip_to(message.sample);
}

// Skips the samples from next_sample_ to `sample`: they will never come.
void BoardLink::skip_to(std::uint64_t sample) {
    next_sample_ = sample;
    handler_.samples(sample, {});
    settle(first_window_from(sample), gap_reason_);
}

void BoardLink::on(const ReportAck& message) {
    const std::uint64_t oldest = reports_.oldest_window();
    if (!reports_.acknowledge(message.window)) return refuse(ErrorCode::bad_value, 0);
    part_of_ = kWatchInput;
    part_at_ = 0;
    // Time alone is no reason to resend: the host may be slow. A host that lacks reports requests
    // them. One that does not know of them still sends, once per second, the same REPORT_ACK.
    const bool lacks = reports_.oldest_window() == oldest && !reports_.empty() &&
                       reports_.to_send() == nullptr &&
                       now_us_ - reported_us_ > timeouts_.resend_us;
    if (message.resend != 0 || lacks) rewind();
}

void BoardLink::on(const Watch& message) {
    if ((message.mask & ~(kWatchWindows | kWatchSamples)) != 0)
        return refuse(ErrorCode::bad_value, message.mask);
    if ((message.mask & kWatchSamples & ~watch_) != 0)
        sampled_next_ = sampled_acked_ = next_sample_;
    if (message.mask != watch_) new_watch(message.mask);
}

void BoardLink::on(const StatisticsGet&) {
    pending_ |= kStatistics;
}

void BoardLink::on(const ThresholdGet&) {
    pending_ |= kThreshold;
}

void BoardLink::on(const BootGet&) {
    pending_ |= kBootReport;
}

void BoardLink::on(const ThresholdSet& message) {
    if (!(message.value >= -FLT_MAX && message.value <= FLT_MAX)) {
        return refuse(ErrorCode::bad_value, 0);
    }
    handler_.set_threshold(message.value);
    threshold_window_ = reports_.next_window();
    pending_ |= kThreshold;
}

void BoardLink::on(const Calibrate& message) {
    if (!handler_.calibrate(message)) return refuse(ErrorCode::bad_value, 0);
    if (message.action == static_cast<std::uint8_t>(CalibrateAction::forget)) {
        threshold_window_ = reports_.next_window();
    }
    pending_ |= kCalibrationReport;
}

void BoardLink::calibrated(std::uint64_t window) {
    threshold_window_ = window;
    if (open_) pending_ |= kCalibrationReport;
}

// Reports the unreported windows before `first_window` as lost.
void BoardLink::settle(std::uint64_t first_window, LostReason reason) {
    const std::uint64_t next = reports_.next_window();
    if (next < first_window && reports_.room() > 0) lost(next, first_window - next, reason);
}

void BoardLink::new_watch(std::uint8_t mask) {
    watch_ = mask;
    reports_.forget_windows();
    release_sensor_samples();
}

// --- answers ------------------------------------------------------------------------------------

// Sends the most urgent pending answer. False when there is none.
bool BoardLink::reply() {
    const auto next = static_cast<PendingSet>(pending_ & -pending_);  // lowest bit
    pending_ ^= next;
    switch (next) {
        case kError:
            put(error_);
            return true;
        case kHelloReply:
            put(hello_reply());
            return true;
        case kGoodbyeReply:
            put(GoodbyeReply{});
            return true;
        case kBootReport:
            put(handler_.boot_report());
            return true;
        case kThreshold:
            put(Threshold{handler_.threshold(), reports_.next_window()});
            return true;
        case kStatistics: {
            Statistics counts = counts_;
            handler_.statistics(counts);
            put(counts);
            return true;
        }
        case kCalibrationReport: {
            CalibrationReport report{};
            handler_.calibration(report);
            report.window = threshold_window_;
            put(report);
            return true;
        }
        case kSampling:
            put(sampling());
            return true;
        case kAck:
            put(ack());
            ack_reason_ = AckReason::progress;
            return true;
        default:
            return extension_ != nullptr && open_ && extension_->answer(*this);
    }
}

HelloReply BoardLink::hello_reply() {
    HelloReply reply;
    reply.protocol = protocol_;
    reply.oldest = kOldestProtocol;
    reply.session = session_;
    reply.boot = boot_id_;
    reply.stream = stream_id_;
    reply.next_sample = next_sample_;
    reply.next_window = reports_.oldest_window();
    reply.window = facts_.window;
    reply.hop = facts_.hop;
    reply.channels = facts_.channels;
    reply.max_payload = kMaxPayload;
    reply.credit = facts_.credit;
    reply.reports = static_cast<std::uint16_t>(reports_.capacity());
    reply.rate = facts_.rate;
    reply.threshold = handler_.threshold();
    std::memcpy(reply.model_hash, facts_.model_hash, sizeof reply.model_hash);
    std::memcpy(reply.version, facts_.version, sizeof reply.version);
    reply.board = facts_.board;
    reply.engine = facts_.engine;
    reply.model = facts_.model;
    return reply;
}

Ack BoardLink::ack() const {
    Ack ack;
    ack.next_sample = next_sample_;
    ack.next_window = reports_.oldest_window();
    ack.stream = stream_id_;
    ack.room = static_cast<std::uint16_t>(room());
    ack.watch = watch_;
    ack.heard = last_sequence_;
    ack.reason = static_cast<std::uint8_t>(ack_reason_);
    return ack;
}

}  // namespace vigil::link
