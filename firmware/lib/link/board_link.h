// BoardLink: the board's side of the link (docs/link.md), a state machine over any byte stream.
//
// poll() never blocks and does a bounded amount of work: it reads the received bytes, acts on at
// most one frame, and writes what the stream takes. Reports are kept until the host acknowledges
// them. Samples that would need more reports than can be kept are refused; the host resends them.
#pragma once

#include <cstddef>
#include <cstdint>

#include "console_key.h"
#include "extension.h"
#include "frame.h"
#include "messages.h"
#include "report_ring.h"
#include "sensor.h"
#include "span.h"

namespace vigil::link {

// The byte stream below the link. It must outlive the link.
class Stream {
  public:
    // Reads up to bytes.size() received bytes without waiting; returns their number.
    virtual std::size_t read(Span<std::uint8_t> bytes) = 0;
    // Writes as many bytes as it can without waiting; returns their number. The link offers the
    // rest again.
    virtual std::size_t write(Span<const std::uint8_t> bytes) = 0;

  protected:
    ~Stream() = default;
};

// The sketch above the link. poll() calls every function.
class Handler {
  public:
    // A new stream, or the same stream from another position: the next sample is `sample`.
    virtual void restart(std::uint64_t sample) = 0;
    // Whole samples, channels interleaved, the first at absolute index `sample`. No sample comes
    // twice, and a jump ahead is a gap. If `counts` is empty, the missing samples before `sample`
    // will never come. The function calls BoardLink::score() or lost() for each window that
    // became complete.
    virtual void samples(std::uint64_t sample, Span<const std::int16_t> counts) = 0;
    virtual float threshold() = 0;
    // `value` is finite.
    virtual void set_threshold(float value) = 0;
    // False: not possible.
    virtual bool calibrate(const Calibrate& message) = 0;
    // Fills all fields but `window`.
    virtual void calibration(CalibrationReport& message) = 0;
    virtual BootReport boot_report() = 0;
    // Adds the counts that the board keeps itself (samples lost by the sensor) before they are
    // sent.
    virtual void statistics(Statistics& counts) = 0;
    // The host requested a reset; GOODBYE_REPLY has been sent.
    virtual void reboot() = 0;
    // A console key: a letter alone on a line, received while no host is connected.
    virtual void console_key(char key) { (void)key; }

  protected:
    ~Handler() = default;
};

// The board's description in HELLO_REPLY. The texts must outlive the link.
struct BoardFacts {
    Span<const char> board;
    Span<const char> engine;
    Span<const char> model;
    std::uint8_t version[3];
    std::uint8_t model_hash[8];
    std::uint32_t window;
    std::uint32_t hop;
    std::uint8_t channels;  // 1 to 116, so that one sample fits a frame
    float rate;
    std::uint16_t credit;  // size of the port's receive buffer in bytes
};

struct BoardTimeouts {
    // Age at which reports are resent to a host that acknowledges none.
    std::uint32_t resend_us = 500'000;
    // Longest time that samples of the on-board sensor wait for more to fill a frame.
    std::uint32_t gather_us = 40'000;
    // The session is closed after this time without a frame. A host sends one per second.
    std::uint32_t host_silent_us = 30'000'000;
};

// Memory of a link that keeps kReports reports, at least 2.
template <std::size_t kReports = 16>
struct LinkMemory {
    std::uint16_t receive[FrameReceiver::kWords];
    std::uint8_t send[kMaxWire];
    Report reports[kReports];
};

class BoardLink {
  public:
    template <std::size_t kReports>
    BoardLink(Stream& stream, Handler& handler, const BoardFacts& facts,
              LinkMemory<kReports>& memory, const BoardTimeouts& timeouts = {})
        : stream_(stream),
          handler_(handler),
          facts_(facts),
          timeouts_(timeouts),
          receiver_(memory.receive),
          wire_(memory.send),
          reports_(Span<Report>(memory.reports)) {}

    // The number that HELLO_REPLY reports; it differs after every reset. Set it before poll(): a
    // board may know it only after main() has begun.
    void set_boot_id(std::uint32_t id) { boot_id_ = id; }

    // Attaches the on-board sensor. Without one, samples come only from the host.
    void attach(Sensor& sensor) { sensor_ = &sensor; }

    // Attaches an optional part of the firmware that has messages of its own.
    void attach(Extension& extension) { extension_ = &extension; }

    // Begins a stream of the on-board sensor without a host. False when there is no sensor, or it
    // does not answer.
    bool start_sampling(std::uint32_t stream);
    void stop_sampling();

    // Reason of the gap that Handler::samples() is reporting now.
    LostReason gap_reason() const { return gap_reason_; }

    // Call it often, with a clock in microseconds that may wrap around. True when it did
    // something.
    bool poll(std::uint32_t now_us);

    // A session is open, or a frame is still being sent: print no text.
    bool is_open() const { return open_ || wire_at_ < wire_size_; }

    // Mask of WATCH in force: kWatchInput, kWatchOutput, kWatchSamples.
    std::uint8_t watch() const { return watch_; }

    // True when another window may be scored and its report kept. While windows are watched, only
    // one may be under way, because its bytes are sent from working memory.
    bool can_score() const;

    // Reports a window. `flags`: kAnomaly, kAlarm, kDrift, kNotJudged. `p`: its p-value, or 0.
    // Windows skipped since the last report become lost. `input` and `output` must not change until
    // can_score() is true again; they are read only while watched. Without memory for the report,
    // it returns false and counts an overrun.
    bool score(std::uint64_t window, float score, std::uint8_t flags, std::uint32_t microseconds,
               Span<const std::int8_t> input, Span<const std::int8_t> output, Beat beat = {},
               float p = 0);

    // The first window that has not been reported.
    std::uint64_t next_window() const { return reports_.next_window(); }

    // For an extension: decodes the frame that it takes, or refuses it; refuses its contents; sends
    // an answer.
    template <typename Message>
    bool decode(const Frame& frame, Message& message) {
        return read(frame, LayoutOf<Message>::kCodes.codes, Message::kMayGrow, &message);
    }
    void refuse(ErrorCode code, std::uint32_t detail);
    template <typename Message>
    void put(const Message& message) {
        put(Message::kType, LayoutOf<Message>::kCodes.codes, &message);
    }

    // Number of the stream that began last; 0: none.
    std::uint32_t stream() const { return stream_id_; }

    // A calibration ended: from `window` on, its threshold is in force.
    void calibrated(std::uint64_t window);

    // Reports windows [first, first + count) as lost, except those already reported.
    bool lost(std::uint64_t first, std::uint64_t count, LostReason reason);

  private:
    static constexpr std::uint8_t kWatchWindows = kWatchInput | kWatchOutput;

    bool receive();
    void act(const Frame& frame);
    bool in_sequence(std::uint8_t sequence);
    void dispatch(const Frame& frame);
#define VIGIL_HANDLER(Message) void on(const Message& message);
    VIGIL_HOST_MESSAGES(VIGIL_HANDLER)
#undef VIGIL_HANDLER
    template <typename Message>
    void read(const Frame& frame);
    bool read(const Frame& frame, const LayoutCode* layout, bool may_grow, void* message);
    std::uint64_t window_end(std::uint64_t window) const;
    std::uint64_t completed() const;
    std::uint64_t first_window_from(std::uint64_t sample) const;
    void close();
    bool may_begin(std::uint32_t stream, std::uint64_t sample, std::uint64_t window) const;
    void begin(std::uint32_t stream, std::uint64_t sample, std::uint64_t window);
    std::uint32_t take(Span<const std::int16_t> counts);
    void skip_to(std::uint64_t sample);
    void settle(std::uint64_t first_window, LostReason reason);
    bool take_sensor_samples();
    void release_sensor_samples();
    std::size_t room() const;
    void new_watch(std::uint8_t mask);
    void acknowledge(AckReason reason);

    bool send();
    void flush();
    bool reply();
    bool report();
    bool window_part(const Report& report);
    bool sampled();
    void rewind();
    HelloReply hello_reply();
    Sampling sampling() const;
    Ack ack() const;
    void put(Type type, const LayoutCode* layout, const void* message);
    void check_clock();

    Stream& stream_;
    Handler& handler_;
    const BoardFacts facts_;
    const BoardTimeouts timeouts_;
    Statistics counts_{};

    // Receiving.
    FrameReceiver receiver_;
    ConsoleKeyReader console_;
    std::uint8_t chunk_[64];  // one USB packet
    std::uint8_t chunk_size_ = 0;
    std::uint8_t chunk_at_ = 0;
    std::uint8_t type_ = 0;           // type of the present frame
    std::uint8_t last_sequence_ = 0;  // sequence number of the last valid frame
    std::uint32_t now_us_ = 0;
    std::uint32_t heard_us_ = 0;

    // Sending.
    Span<std::uint8_t> wire_;
    std::size_t wire_size_ = 0;
    std::size_t wire_at_ = 0;
    std::uint32_t reported_us_ = 0;
    std::uint8_t sequence_ = 0;
    PendingSet pending_ = 0;
    AckReason ack_reason_ = AckReason::progress;
    Error error_{};

    // The session and its stream.
    bool open_ = false;
    bool reboot_ = false;
    std::uint8_t watch_ = 0;
    std::uint8_t protocol_ = kProtocol;
    std::uint32_t session_ = 0;
    std::uint32_t boot_id_ = 0;
    std::uint32_t stream_id_ = 0;
    std::uint64_t next_sample_ = 0;
    std::uint64_t threshold_window_ = 0;  // first window that the threshold in force applies to
    ReportRing reports_;
    Span<const std::int8_t> input_;  // input and output of the last reported window, if watched
    Span<const std::int8_t> output_;
    std::uint8_t part_of_ = kWatchInput;  // next part to send of a watched window
    std::uint32_t part_at_ = 0;

    // Samples of the on-board sensor.
    Sensor* sensor_ = nullptr;
    Extension* extension_ = nullptr;
    bool from_sensor_ = false;  // the stream is the sensor's
    LostReason gap_reason_ = LostReason::gap;
    std::uint64_t sampled_next_ = 0;   // next sample to send as SAMPLED
    std::uint64_t sampled_acked_ = 0;  // the host has acknowledged all samples before this one
    std::uint32_t sampled_us_ = 0;     // time of the last SAMPLED
};

}  // namespace vigil::link
