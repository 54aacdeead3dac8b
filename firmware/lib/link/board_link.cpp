#include "board_link.h"

#include <cfloat>
#include <cstring>

namespace vigil::link {
namespace {

// A sample index this far on would overflow the arithmetic below; 10^18 samples never come.
constexpr std::uint64_t kMaxSample = std::uint64_t{1} << 60;

// Frames written in one poll().
constexpr int kFramesPerPoll = 4;

// A sequence number up to this far behind the last one is of a frame that came before.
constexpr std::uint8_t kBehind = 32;

}  // namespace

bool BoardLink::poll(std::uint32_t now_us) {
    now_us_ = now_us;
    bool busy = check_clock();
    busy |= receive();
    busy |= send();
    if (reboot_ && pending_ == 0 && wire_at_ == wire_size_) {
        reboot_ = false;
        handler_.reboot();
    }
    return busy;
}

bool BoardLink::check_clock() {
    if (open_ && now_us_ - heard_us_ > timeouts_.host_silent_us) {
        open_ = false;
        pending_ = 0;
    }
    if (!open_ || reports_.empty() || reports_.to_send() != nullptr) return false;
    if (now_us_ - reported_us_ <= timeouts_.resend_us) return false;
    rewind();
    return true;
}

// The sample behind window `window`: so many make it complete.
std::uint64_t BoardLink::window_end(std::uint64_t window) const {
    return window * facts_.hop + facts_.window;
}

// The first window that begins at `sample` or later.
std::uint64_t BoardLink::first_window_from(std::uint64_t sample) const {
    return (sample + facts_.hop - 1) / facts_.hop;
}

// --- receiving ----------------------------------------------------------------------------------

bool BoardLink::receive() {
    bool busy = false;
    // Twice a full receive ring, then the caller has its turn even under a flood of noise.
    for (std::size_t budget = 2 * kMaxWire; budget > 0; --budget) {
        if (chunk_at_ == chunk_size_) {
            chunk_at_ = 0;
            chunk_size_ = static_cast<std::uint8_t>(stream_.read(Span<std::uint8_t>(chunk_)));
            if (chunk_size_ == 0) break;
        }
        busy = true;
        const FrameReceiver::Event event = receiver_.push(chunk_[chunk_at_++]);
        if (event == FrameReceiver::Event::none) continue;
        if (event == FrameReceiver::Event::frame) {
            act(receiver_.frame());
            break;
        }
        ++counts_.corrupt;
        acknowledge(AckReason::damaged);
    }
    return busy;
}

void BoardLink::act(const Frame& frame) {
    type_ = frame.type;
    if (type_ >= 0x80) return;  // our own frame come back, as from a port that echoes
    ++counts_.received;
    heard_us_ = now_us_;
    if (type_ == static_cast<std::uint8_t>(Type::hello)) {
        last_sequence_ = frame.sequence;
        read<Hello>(frame);
    } else if (type_ == static_cast<std::uint8_t>(Type::goodbye)) {
        read<Goodbye>(frame);
    } else if (!open_) {
        refuse(ErrorCode::closed, 0);
    } else if (in_sequence(frame.sequence)) {
        acknowledge(AckReason::progress);
        dispatch(frame);
    } else {
        ++counts_.repeated;
        acknowledge(AckReason::progress);
    }
}

bool BoardLink::in_sequence(std::uint8_t sequence) {
    const auto missing = static_cast<std::uint8_t>(sequence - last_sequence_ - 1);
    if (missing >= 256 - kBehind) return false;
    counts_.missing += missing;
    last_sequence_ = sequence;
    return true;
}

// Reads a payload into a message of this layout; what is too short or too long is refused.
bool BoardLink::read(const Frame& frame, const LayoutCode* layout, bool may_grow, void* message) {
    const std::size_t size = read_fields(layout, message, frame.payload);
    if (size == frame.payload.size() || (may_grow && size < frame.payload.size())) return true;
    refuse(ErrorCode::bad_length, static_cast<std::uint32_t>(frame.payload.size()));
    return false;
}

template <typename Message>
void BoardLink::read(const Frame& frame) {
    Message message;
    if (read(frame, LayoutOf<Message>::kCodes.codes, Message::kMayGrow, &message)) on(message);
}

void BoardLink::dispatch(const Frame& frame) {
    switch (static_cast<Type>(frame.type)) {
        case Type::restart:
            return read<Restart>(frame);
        case Type::samples:
            return read<Samples>(frame);
        case Type::skip:
            return read<Skip>(frame);
        case Type::report_ack:
            return read<ReportAck>(frame);
        case Type::watch:
            return read<Watch>(frame);
        case Type::statistics_get:
            return read<StatisticsGet>(frame);
        case Type::threshold_get:
            return read<ThresholdGet>(frame);
        case Type::threshold_set:
            return read<ThresholdSet>(frame);
        case Type::boot_get:
            return read<BootGet>(frame);
        case Type::reboot:
            return read<Reboot>(frame);
        default:
            return refuse(ErrorCode::unknown_type, frame.type);
    }
}

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
    open_ = false;
    pending_ = kGoodbyeReply;
}

void BoardLink::on(const Reboot&) {
    open_ = false;
    pending_ = kGoodbyeReply;
    reboot_ = true;
}

void BoardLink::on(const Restart& message) {
    if (message.stream == 0 || message.sample > kMaxSample ||
        message.window > first_window_from(message.sample)) {
        return refuse(ErrorCode::bad_value, 0);
    }
    stream_id_ = message.stream;
    next_sample_ = message.sample;
    reports_.restart(message.window);
    rewind();
    handler_.restart(message.sample);
    settle(first_window_from(message.sample));
}

void BoardLink::on(const Samples& message) {
    const std::uint32_t sample_size = facts_.channels * sizeof(std::int16_t);
    const auto bytes = static_cast<std::uint32_t>(message.counts.size());
    const std::uint32_t offered = bytes / sample_size;
    if (offered * sample_size != bytes || offered == 0) {
        return refuse(ErrorCode::bad_length, bytes);
    }
    if (stream_id_ == 0) return refuse(ErrorCode::no_stream, 0);
    if (message.sample > next_sample_) return acknowledge(AckReason::gap);
    const std::uint64_t known = next_sample_ - message.sample;
    const std::uint32_t old = known < offered ? static_cast<std::uint32_t>(known) : offered;
    counts_.samples_repeated += old;
    // Up to the last sample before the window after those whose reports can be kept is complete.
    const std::uint64_t places = window_end(reports_.next_window() + room()) - 1 - next_sample_;
    std::uint32_t fresh = offered - old;
    if (fresh > places) {
        fresh = static_cast<std::uint32_t>(places);
        acknowledge(AckReason::full);
    }
    if (fresh == 0) return;
    // The receiver put them on an even address.
    const auto* counts =
        reinterpret_cast<const std::int16_t*>(message.counts.data() + old * sample_size);
    const std::uint64_t first = next_sample_;
    next_sample_ += fresh;
    counts_.samples += fresh;
    handler_.samples(first, Span<const std::int16_t>(counts, fresh * facts_.channels));
    // Whatever the handler did, the windows that are complete are behind us.
    while (window_end(reports_.next_window()) <= next_sample_) {
        if (!lost(reports_.next_window(), 1, LostReason::overrun)) break;
    }
}

void BoardLink::on(const Skip& message) {
    if (stream_id_ == 0) return refuse(ErrorCode::no_stream, 0);
    if (message.sample > kMaxSample) return refuse(ErrorCode::bad_value, 0);
    if (message.sample <= next_sample_) return;
    if (reports_.room() == 0) return acknowledge(AckReason::full);
    counts_.samples_skipped += static_cast<std::uint32_t>(message.sample - next_sample_);
    next_sample_ = message.sample;
    handler_.samples(message.sample, {});
    settle(first_window_from(message.sample));
}

void BoardLink::on(const ReportAck& message) {
    if (!reports_.acknowledge(message.window)) return refuse(ErrorCode::bad_value, 0);
    part_of_ = kWatchInput;
    part_at_ = 0;
    if (message.resend != 0) rewind();
}

void BoardLink::on(const Watch& message) {
    if ((message.mask & ~kWatchAll) != 0) return refuse(ErrorCode::bad_value, message.mask);
    if (message.mask != watch_) new_watch(message.mask);
}

void BoardLink::on(const ThresholdSet& message) {
    if (!(message.value >= -FLT_MAX && message.value <= FLT_MAX)) {
        return refuse(ErrorCode::bad_value, 0);
    }
    handler_.set_threshold(message.value);
    pending_ |= kThreshold;
}

// The windows before `first_window` that were not reported never will be, for want of samples.
void BoardLink::settle(std::uint64_t first_window) {
    const std::uint64_t next = reports_.next_window();
    if (next < first_window) lost(next, first_window - next, LostReason::gap);
}

void BoardLink::new_watch(std::uint8_t mask) {
    watch_ = mask;
    reports_.forget_windows();
}

void BoardLink::refuse(ErrorCode code, std::uint32_t detail) {
    ++counts_.refused;
    error_ = {static_cast<std::uint8_t>(code), type_, detail};
    pending_ |= kError;
}

void BoardLink::acknowledge(AckReason reason) {
    if (!open_) return;
    pending_ |= kAck;
    if (reason != AckReason::progress) ack_reason_ = reason;
}

// --- reports ------------------------------------------------------------------------------------

std::size_t BoardLink::room() const {
    if (watch_ != 0) return reports_.empty() ? 1 : 0;
    return reports_.room();
}

bool BoardLink::can_score() const {
    return room() > 0;
}

bool BoardLink::score(std::uint64_t window, float score, bool anomaly, std::uint32_t microseconds,
                      Span<const std::int8_t> input, Span<const std::int8_t> output) {
    const std::uint64_t next = reports_.next_window();
    const std::size_t needed = window > next ? 2 : 1;
    if (window < next || !can_score() || reports_.room() < needed) {
        ++counts_.overruns;
        reports_.forget_windows();  // their bytes have just been written over
        return false;
    }
    if (window > next) lost(next, window - next, LostReason::overrun);
    ++counts_.windows;
    if (anomaly) ++counts_.anomalies;
    input_ = input;
    output_ = output;
    const auto flags = static_cast<std::uint8_t>((anomaly ? kAnomaly : 0) | watch_);
    reports_.push({window, 0, score, microseconds, flags, false});
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
    reports_.push({next, end - next, 0, 0, static_cast<std::uint8_t>(reason), false});
    return true;
}

// --- sending ------------------------------------------------------------------------------------

bool BoardLink::send() {
    bool busy = false;
    for (int i = 0; i < kFramesPerPoll; ++i) {
        flush();
        if (wire_at_ < wire_size_ || (!reply() && !report())) break;
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

template <typename Message>
void BoardLink::put(const Message& message) {
    put(Message::kType, LayoutOf<Message>::kCodes.codes, &message);
}

void BoardLink::put(Type type, const LayoutCode* layout, const void* message) {
    const std::size_t size = write_fields(layout, message, wire_.slice(kPayloadAt, kMaxPayload));
    wire_size_ = encode_frame(static_cast<std::uint8_t>(type), sequence_, size, wire_);
    wire_at_ = 0;
    ++sequence_;
    ++counts_.sent;
}

// Puts the most urgent reply on the wire. False when none waits.
bool BoardLink::reply() {
    const auto next = static_cast<std::uint8_t>(pending_ & -pending_);  // lowest bit
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
        case kAck:
            put(ack());
            ack_reason_ = AckReason::progress;
            return true;
        default:
            return false;
    }
}

HelloReply BoardLink::hello_reply() {
    HelloReply reply;
    reply.protocol = protocol_;
    reply.oldest = kOldestProtocol;
    reply.session = session_;
    reply.boot = facts_.boot;
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

void BoardLink::rewind() {
    reports_.rewind();
    part_of_ = kWatchInput;
    part_at_ = 0;
}

// Puts the next report on the wire, after the watched bytes of its window. False when none waits.
bool BoardLink::report() {
    Report* next = reports_.to_send();
    if (!open_ || next == nullptr) return false;
    reported_us_ = now_us_;
    if (next->sent && part_of_ == kWatchInput && part_at_ == 0) ++counts_.resent;
    if (next->lost != 0) {
        put(Lost{next->window, next->lost, next->flags});
    } else if (window_part(*next)) {
        return true;
    } else {
        put(Score{next->window, next->score, next->microseconds, next->flags});
    }
    next->sent = true;
    reports_.sent();
    part_of_ = kWatchInput;
    part_at_ = 0;
    return true;
}

// Puts the next piece of a watched window on the wire. False when all are sent.
bool BoardLink::window_part(const Report& report) {
    constexpr std::size_t kPart = kMaxPayload - 13;  // beside window, which and offset
    for (; part_of_ <= kWatchOutput; part_of_ <<= 1, part_at_ = 0) {
        const Span<const std::int8_t> bytes = part_of_ == kWatchInput ? input_ : output_;
        if ((report.flags & part_of_) == 0 || part_at_ >= bytes.size()) continue;
        const std::size_t left = bytes.size() - part_at_;
        const std::size_t size = left < kPart ? left : kPart;
        put(WindowPart{report.window, part_of_, part_at_,
                       Span<const std::uint8_t>(
                           reinterpret_cast<const std::uint8_t*>(bytes.data()) + part_at_, size)});
        part_at_ += static_cast<std::uint32_t>(size);
        return true;
    }
    return false;
}

}  // namespace vigil::link
