#include "board_link.h"

#include "quotient.h"

namespace vigil::link {
namespace {

// A sequence number up to this far behind the last one marks a repeated frame.
constexpr std::uint8_t kBehind = 32;

}  // namespace

bool BoardLink::poll(std::uint32_t now_us) {
    now_us_ = now_us;
    check_clock();
    bool busy = false;
    busy |= receive();
    busy |= take_sensor_samples();
    busy |= send();
    if (reboot_ && pending_ == 0 && wire_at_ == wire_size_) {
        reboot_ = false;
        handler_.reboot();
    }
    return busy;
}

void BoardLink::check_clock() {
    if (open_ && now_us_ - heard_us_ > timeouts_.host_silent_us) {
        close();
        pending_ = 0;
    }
}

void BoardLink::close() {
    open_ = false;
    new_watch(0);  // sampling continues without waiting for a host
    console_.clear();
}

// The index of the first sample after window `window`.
std::uint64_t BoardLink::window_end(std::uint64_t window) const {
    return window * facts_.hop + facts_.window;
}

// The number of windows that end at next_sample_ or earlier.
std::uint64_t BoardLink::completed() const {
    if (next_sample_ < facts_.window) return 0;
    return quotient(next_sample_ - facts_.window, facts_.hop) + 1;
}

// The first window that begins at `sample` or later.
std::uint64_t BoardLink::first_window_from(std::uint64_t sample) const {
    return quotient(sample + facts_.hop - 1, facts_.hop);
}

// --- receiving ----------------------------------------------------------------------------------

bool BoardLink::receive() {
    bool busy = false;
    // At most twice a full receive ring per call, so that noise cannot starve the caller.
    for (std::size_t budget = 2 * kMaxWire; budget > 0; --budget) {
        if (chunk_at_ == chunk_size_) {
            chunk_at_ = 0;
            chunk_size_ = static_cast<std::uint8_t>(stream_.read(Span<std::uint8_t>(chunk_)));
            if (chunk_size_ == 0) break;
        }
        busy = true;
        const std::uint8_t byte = chunk_[chunk_at_++];
        if (!open_) {
            const char key = console_.push(byte);
            if (key != '\0') handler_.console_key(key);
        }
        const FrameReceiver::Event event = receiver_.push(byte);
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
    if (type_ >= 0x80) return;  // the board's own frame, from a port that echoes
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

// Decodes a payload into a message of this layout. Refuses one that is too short or too long.
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
#define VIGIL_CASE(Message) \
    case Message::kType:    \
        return read<Message>(frame);
        VIGIL_HOST_MESSAGES(VIGIL_CASE)
#undef VIGIL_CASE
        default:
            if (extension_ != nullptr && extension_->take(frame, *this)) return;
            return refuse(ErrorCode::unknown_type, frame.type);
    }
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

}  // namespace vigil::link
