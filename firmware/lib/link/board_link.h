// BoardLink: the board's end of the link (docs/link.md), as a state machine over any byte stream.
//
// poll() never blocks and does a bounded amount of work: it reads what has come, acts on at most
// one frame, and writes what the stream takes. Reports are kept until the host acknowledges them;
// samples that would need more reports than can be kept are left for the host to send again.
#pragma once

#include <cstddef>
#include <cstdint>

#include "console_key.h"
#include "frame.h"
#include "messages.h"
#include "report_ring.h"
#include "sensor.h"
#include "span.h"

namespace vigil::link {

// The bytes below. An implementation lives as long as the link.
class Stream {
  public:
    // Fills up to bytes.size() bytes with what has come, without waiting; returns how many.
    virtual std::size_t read(Span<std::uint8_t> bytes) = 0;
    // Takes what it can without waiting; returns how many of the bytes. The rest is offered again.
    virtual std::size_t write(Span<const std::uint8_t> bytes) = 0;

  protected:
    ~Stream() = default;
};

// The board above: what the link asks of the sketch. All are called from poll().
class Handler {
  public:
    // A new stream, or an old one from another place: the next sample is `sample`.
    virtual void restart(std::uint64_t sample) = 0;
    // Whole samples, channels interleaved, the first at absolute index `sample`: never one twice,
    // and a jump ahead is a gap. `counts` may be empty: then everything before `sample` that did
    // not come never will. Before it returns, each window that became complete has been handed to
    // BoardLink::score() or lost().
    virtual void samples(std::uint64_t sample, Span<const std::int16_t> counts) = 0;
    virtual float threshold() = 0;
    // `value` is a number, not NaN and not infinite.
    virtual void set_threshold(float value) = 0;
    virtual BootReport boot_report() = 0;
    // Adds the board's own counts (bytes that the port lost) before they are sent.
    virtual void statistics(Statistics& counts) = 0;
    // The host asked for a reset, and has been told goodbye.
    virtual void reboot() = 0;
    // A console key: a letter alone on a line, received while no host is connected.
    virtual void console_key(char key) { (void)key; }

  protected:
    ~Handler() = default;
};

// What the board says of itself in HELLO_REPLY. The texts live as long as the link.
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
    std::uint32_t boot;
    std::uint16_t credit;  // bytes that the port's receive buffer holds; kMaxWire or more
};

struct BoardTimeouts {
    // Reports that were sent this long ago are sent again when the host says that it lacks them.
    std::uint32_t resend_us = 500'000;
    // Samples of the board's own wait this long for more to fill a frame.
    std::uint32_t gather_us = 40'000;
    // A host that has said nothing for this long is gone: text may be printed again. It says
    // something once a second.
    std::uint32_t host_silent_us = 30'000'000;
};

// Memory of a link, sized by how many reports it keeps. At least 2.
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

    // The board's own sensor; without one it takes samples from the host alone.
    void attach(Sensor& sensor) { sensor_ = &sensor; }

    // Begins a stream of the board's own sensor with no host asking. False when there is none, or
    // it does not answer.
    bool start_sampling(std::uint32_t stream);
    void stop_sampling();

    // Why samples are missing, while the handler is told that they are.
    LostReason gap_reason() const { return gap_reason_; }

    // Call often, with a clock in microseconds that may wrap around. True when it did something.
    bool poll(std::uint32_t now_us);

    // A host is there, or a frame is still on its way out: print no text.
    bool is_open() const { return open_ || wire_at_ < wire_size_; }

    // What the host wants to see: kWatchInput, kWatchOutput, kWatchSamples.
    std::uint8_t watch() const { return watch_; }

    // Another window may be scored now and its report kept. While windows are watched, that is one
    // at a time, because their bytes are sent from where they are.
    bool can_score() const;

    // Reports a window. Windows that were passed over since the last report become lost. `input`
    // and `output` must stay as they are until can_score() is true again; they are not read when
    // nobody watches. False, and counted as an overrun, when there is no place for it.
    bool score(std::uint64_t window, float score, bool anomaly, std::uint32_t microseconds,
               Span<const std::int8_t> input, Span<const std::int8_t> output);

    // Reports windows [first, first + count) as lost; those reported before are left out.
    bool lost(std::uint64_t first, std::uint64_t count, LostReason reason);

  private:
    // Replies that wait for the line, one bit each.
    enum Pending : std::uint8_t {
        kError = 1,
        kHelloReply = 2,
        kGoodbyeReply = 4,
        kBootReport = 8,
        kThreshold = 16,
        kStatistics = 32,
        kSampling = 64,
        kAck = 128,
    };

    bool receive();
    void act(const Frame& frame);
    void on(const Hello& message);
    bool in_sequence(std::uint8_t sequence);
    void dispatch(const Frame& frame);
    void on(const Goodbye&);
    void on(const Restart& message);
    void on(const Samples& message);
    void on(const Skip& message);
    void on(const ReportAck& message);
    void on(const Watch& message);
    void on(const StatisticsGet&) { pending_ |= kStatistics; }
    void on(const ThresholdGet&) { pending_ |= kThreshold; }
    void on(const ThresholdSet& message);
    void on(const BootGet&) { pending_ |= kBootReport; }
    void on(const Reboot&);
    void on(const SamplingStart& message);
    void on(const SamplingStop&);
    void on(const SamplingGet&) { pending_ |= kSampling; }
    void on(const SampledAck& message);
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
    void pass_over(std::uint64_t sample);
    void settle(std::uint64_t first_window, LostReason reason);
    bool sense();
    void release_own();
    std::size_t room() const;
    void new_watch(std::uint8_t mask);
    void refuse(ErrorCode code, std::uint32_t detail);
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
    template <typename Message>
    void put(const Message& message) {
        put(Message::kType, LayoutOf<Message>::kCodes.codes, &message);
    }
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
    std::uint8_t type_ = 0;           // of the frame that is acted on
    std::uint8_t last_sequence_ = 0;  // of the last good frame
    std::uint32_t now_us_ = 0;
    std::uint32_t heard_us_ = 0;

    // Sending.
    Span<std::uint8_t> wire_;
    std::size_t wire_size_ = 0;
    std::size_t wire_at_ = 0;
    std::uint32_t reported_us_ = 0;
    std::uint8_t sequence_ = 0;
    std::uint8_t pending_ = 0;
    AckReason ack_reason_ = AckReason::progress;
    Error error_{};

    // The session and its stream.
    bool open_ = false;
    bool reboot_ = false;
    std::uint8_t watch_ = 0;
    std::uint8_t protocol_ = kProtocol;
    std::uint32_t session_ = 0;
    std::uint32_t stream_id_ = 0;
    std::uint64_t next_sample_ = 0;
    ReportRing reports_;
    Span<const std::int8_t> input_;  // of the last report, while it is watched
    Span<const std::int8_t> output_;
    std::uint8_t part_of_ = kWatchInput;  // what is sent next of a watched window
    std::uint32_t part_at_ = 0;

    // The board's own samples.
    Sensor* sensor_ = nullptr;
    bool own_ = false;  // the stream is the sensor's
    LostReason gap_reason_ = LostReason::gap;
    std::uint64_t sampled_next_ = 0;   // the sample that is sent next to a host that watches
    std::uint64_t sampled_acked_ = 0;  // all before it have come there
    std::uint32_t sampled_us_ = 0;     // when some were sent last
};

}  // namespace vigil::link
