// The board's side of the link, built for the host and called through ctypes by link_native.py:
// frames, messages field by field, and a whole board behind a receive ring that drops excess bytes,
// like the Nano's.

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "checksum_board.h"
#include "crc32.h"
#include "frame.h"
#include "messages.h"
#include "plot_line.h"

using namespace vigil;
using namespace vigil::link;

namespace {

// An archive for Message::fields() that prints each value, in order, separated by tabs.
struct Printer {
    std::string text;
    void add(const std::string& value) { text += (text.empty() ? "" : "\t") + value; }
    void operator()(std::uint64_t value) { add(std::to_string(value)); }
    void operator()(float value) {
        char buffer[64];
        std::snprintf(buffer, sizeof buffer, "%a", static_cast<double>(value));
        add(buffer);
    }
    void hex(const std::uint8_t* bytes, std::size_t size) {
        std::string out = "x";
        char buffer[4];
        for (std::size_t i = 0; i < size; ++i) {
            std::snprintf(buffer, sizeof buffer, "%02x", bytes[i]);
            out += buffer;
        }
        add(out);
    }
    void operator()(const std::uint8_t (&value)[3]) { hex(value, 3); }
    void operator()(const std::uint8_t (&value)[8]) { hex(value, 8); }
    void operator()(Span<const std::uint8_t> bytes) { hex(bytes.data(), bytes.size()); }
    void operator()(Span<const char> text) { add("t" + std::string(text.data(), text.size())); }
    void operator()(std::uint8_t value) { add(std::to_string(value)); }
    void operator()(std::uint16_t value) { add(std::to_string(value)); }
    void operator()(std::uint32_t value) { add(std::to_string(value)); }
};

template <typename Message>
bool recode_as(Span<const std::uint8_t> payload, std::string& text,
               std::vector<std::uint8_t>& out) {
    Message message;
    if (!decode(payload, message)) return false;
    Printer printer;
    Message::fields(printer, static_cast<const Message&>(message));
    text = printer.text;
    out.assign(kMaxPayload, 0);
    const std::size_t size = encode(message, Span<std::uint8_t>(out.data(), out.size()));
    if (size > out.size()) return false;
    out.resize(size);
    return true;
}

bool recode(std::uint8_t type, Span<const std::uint8_t> payload, std::string& text,
            std::vector<std::uint8_t>& out) {
    switch (static_cast<Type>(type)) {
#define VIGIL_CASE(Message) \
    case Message::kType:    \
        return recode_as<Message>(payload, text, out);
        VIGIL_HOST_MESSAGES(VIGIL_CASE)
        VIGIL_OPTIONAL_MESSAGES(VIGIL_CASE)
        VIGIL_BOARD_MESSAGES(VIGIL_CASE)
#undef VIGIL_CASE
    }
    return false;
}

// A sensor with a small ring, so that it fills.
struct TestSensor {
    explicit TestSensor(std::uint32_t channels)
        : sampler(channels == 1 ? Sampler(driver, one, {}) : Sampler(driver, three, {})) {}

    TestDriver driver;
    SampleMemory<96, 1> one;
    SampleMemory<96, 3> three;
    Sampler sampler;
};

constexpr std::uint8_t kModel[8] = {0, 1, 2, 3, 4, 5, 6, 7};
constexpr ImageThreshold kImage = {kModel, 0.5f, ThresholdSource::bundle};
constexpr std::uint8_t kOtherModel[8] = {1};
constexpr ImageThreshold kOtherImage = {kOtherModel, 0.25f, ThresholdSource::build};

class Board final : public ChecksumBoard {
  public:
    Board(std::uint32_t window, std::uint32_t hop, std::uint32_t channels, std::uint32_t ring,
          std::uint32_t boot, bool other_model)
        : ChecksumBoard({window, hop, channels}, other_model ? kOtherImage : kImage),
          ring_size_(ring),
          input_(window * channels),
          output_(window * channels),
          link_(*this, *this, facts("host", "test", kModel, {window, hop, channels}, 360.0f, ring),
                memory_) {
        link_.set_boot_id(boot);
    }

    std::size_t read(Span<std::uint8_t> bytes) override {
        const std::size_t size = std::min(bytes.size(), in_.size());
        std::copy_n(in_.begin(), size, bytes.begin());
        in_.erase(in_.begin(), in_.begin() + static_cast<std::ptrdiff_t>(size));
        return size;
    }
    std::size_t write(Span<const std::uint8_t> bytes) override {
        const std::size_t size = std::min(bytes.size(), out_room_);
        out_.insert(out_.end(), bytes.begin(), bytes.begin() + size);
        out_room_ -= size;
        return size;
    }

    void statistics(Statistics& counts) override { counts.overruns += dropped_; }
    void reboot() override { reboot_asked_ = true; }

    void feed(const std::uint8_t* bytes, std::size_t size) {
        for (std::size_t i = 0; i < size; ++i) {
            if (in_.size() < ring_size_) {
                in_.push_back(bytes[i]);
            } else {
                ++dropped_;
            }
        }
    }
    std::size_t take(std::uint8_t* bytes, std::size_t size) {
        size = std::min(size, out_.size());
        std::copy_n(out_.begin(), size, bytes);
        out_.erase(out_.begin(), out_.begin() + static_cast<std::ptrdiff_t>(size));
        return size;
    }
    bool poll(std::uint32_t now, std::size_t out_room) {
        out_room_ = out_room;
        const bool busy = link_.poll(now);
        return busy || !in_.empty() || !out_.empty();
    }
    void fail_on(std::uint64_t window) { fail_on_ = window; }
    void attach(std::uint32_t channels) {
        sensor_ = std::make_unique<TestSensor>(channels);
        link_.attach(sensor_->sampler);
    }
    // Starts again with the other board's memory.
    void begin_with_memory_of(const Board& other) {
        slots_ = other.slots_;
        calibration_.begin();
    }
    bool start_sampling() { return link_.start_sampling(1); }
    TestSensor* sensor() { return sensor_.get(); }
    void console_key(char key) override { console_key_ = key; }
    char console_key() const { return console_key_; }
    std::uint32_t dropped() const { return dropped_; }
    bool reboot_asked() const { return reboot_asked_; }
    bool is_open() const { return link_.is_open(); }

  private:
    void window(std::uint64_t index, Span<const std::int16_t> frames) override {
        if (index == fail_on_) {
            link_.lost(index, 1, LostReason::engine);
            return;
        }
        for (std::size_t i = 0; i < frames.size(); ++i) {
            input_[i] = static_cast<std::int8_t>(frames[i] >> 8);
            output_[i] = static_cast<std::int8_t>(frames[i]);
        }
        const float score = score_of(frames);
        const bool anomaly = score > calibration_.threshold();
        if (calibration_.push(score)) link_.calibrated(index + 1);
        link_.score(index, score, anomaly, 42,
                    Span<const std::int8_t>(input_.data(), input_.size()),
                    Span<const std::int8_t>(output_.data(), output_.size()));
    }
    void lost(std::uint64_t first, std::uint64_t count) override {
        link_.lost(first, count, link_.gap_reason());
    }

    std::size_t ring_size_;
    std::deque<std::uint8_t> in_;
    std::deque<std::uint8_t> out_;
    std::size_t out_room_ = 0;
    std::uint32_t dropped_ = 0;
    bool reboot_asked_ = false;
    std::uint64_t fail_on_ = ~std::uint64_t{0};
    std::vector<std::int8_t> input_;
    std::vector<std::int8_t> output_;
    LinkMemory<8> memory_;
    BoardLink link_;
    std::unique_ptr<TestSensor> sensor_;
    char console_key_ = 0;
};

struct Receiver {
    std::uint16_t memory[FrameReceiver::kWords];
    FrameReceiver receiver{memory};
};

// Counts the frames that a receiver accepts from `wire`, between the zeros of its neighbours.
std::size_t accepted(Receiver& receiver, const std::uint8_t* wire, std::size_t size) {
    std::size_t frames = 0;
    receiver.receiver.push(0);
    for (std::size_t i = 0; i < size; ++i) {
        if (receiver.receiver.push(wire[i]) == FrameReceiver::Event::frame) ++frames;
    }
    if (receiver.receiver.push(0) == FrameReceiver::Event::frame) ++frames;
    return frames;
}

}  // namespace

extern "C" {

std::uint32_t vigil_crc32(std::uint32_t crc, const std::uint8_t* bytes, std::size_t size) {
    return crc32(crc, Span<const std::uint8_t>(bytes, size));
}

std::size_t vigil_encode_frame(std::uint8_t type, std::uint8_t sequence,
                               const std::uint8_t* payload, std::size_t size, std::uint8_t* out,
                               std::size_t room) {
    if (size + kOverhead <= room) std::memcpy(out + kPayloadAt, payload, size);
    return encode_frame(type, sequence, size, Span<std::uint8_t>(out, room));
}

void* vigil_receiver_new() {
    return new Receiver;
}
void vigil_receiver_delete(void* receiver) {
    delete static_cast<Receiver*>(receiver);
}
// One record per event: 1, type, sequence, length (2), payload for a frame, 2 for noise.
std::size_t vigil_receiver_push(void* receiver, const std::uint8_t* bytes, std::size_t size,
                                std::uint8_t* out) {
    std::size_t at = 0;
    for (std::size_t i = 0; i < size; ++i) {
        switch (static_cast<Receiver*>(receiver)->receiver.push(bytes[i])) {
            case FrameReceiver::Event::none:
                break;
            case FrameReceiver::Event::damaged:
                out[at++] = 2;
                break;
            case FrameReceiver::Event::frame: {
                const Frame& frame = static_cast<Receiver*>(receiver)->receiver.frame();
                out[at++] = 1;
                out[at++] = frame.type;
                out[at++] = frame.sequence;
                out[at++] = static_cast<std::uint8_t>(frame.payload.size());
                out[at++] = static_cast<std::uint8_t>(frame.payload.size() >> 8);
                std::memcpy(out + at, frame.payload.data(), frame.payload.size());
                at += frame.payload.size();
            }
        }
    }
    return at;
}

// Decodes a message, prints its values to `text`, and encodes it again into `out`. -1: refused.
int vigil_recode(std::uint8_t type, const std::uint8_t* payload, std::size_t size, char* text,
                 std::size_t text_room, std::uint8_t* out) {
    std::string values;
    std::vector<std::uint8_t> again;
    // A copy of the exact size, so that the sanitizer detects a read past the end.
    std::vector<std::uint8_t> copy(payload, payload + size);
    if (!recode(type, Span<const std::uint8_t>(copy.data(), copy.size()), values, again)) return -1;
    std::snprintf(text, text_room, "%s", values.c_str());
    std::memcpy(out, again.data(), again.size());
    return static_cast<int>(again.size());
}

// Counts the bursts of up to `bits` bits in `wire` after which a frame is still accepted. The first
// and the last bit of a burst are wrong, and the bits between are arbitrary.
std::uint64_t vigil_undetected_bursts(const std::uint8_t* wire, std::size_t size, unsigned bits,
                                      std::uint64_t* tried) {
    Receiver receiver;
    std::vector<std::uint8_t> damaged(wire, wire + size);
    std::uint64_t undetected = 0;
    *tried = 0;
    for (std::size_t start = 0; start < 8 * size; ++start) {
        for (unsigned length = 1; length <= bits && start + length <= 8 * size; ++length) {
            const std::uint64_t inner = length > 2 ? std::uint64_t{1} << (length - 2) : 1;
            for (std::uint64_t middle = 0; middle < inner; ++middle) {
                std::uint64_t pattern = 1 | middle << 1 | std::uint64_t{1} << (length - 1);
                pattern <<= start % 8;
                for (std::size_t i = start / 8; pattern != 0; ++i, pattern >>= 8) {
                    damaged[i] = static_cast<std::uint8_t>(wire[i] ^ (pattern & 0xFF));
                }
                if (accepted(receiver, damaged.data(), size) != 0) ++undetected;
                ++*tried;
                for (std::size_t i = start / 8; i < size && i <= (start + length) / 8; ++i) {
                    damaged[i] = wire[i];
                }
            }
        }
    }
    return undetected;
}

std::size_t vigil_accepted(const std::uint8_t* wire, std::size_t size) {
    Receiver receiver;
    return accepted(receiver, wire, size);
}

int vigil_convert(std::int32_t multiplier, std::uint8_t shift, std::int32_t offset, int raw) {
    return Conversion{multiplier, shift, offset}(static_cast<std::int16_t>(raw));
}

std::size_t vigil_plot_line(int style, float score, float threshold, int flag, char* out) {
    return plot_line(static_cast<PlotStyle>(style), score, threshold, flag != 0,
                     Span<char>(out, kPlotLine));
}

void* vigil_board_new(std::uint32_t window, std::uint32_t hop, std::uint32_t channels,
                      std::uint32_t ring, std::uint32_t boot, int other_model) {
    return new Board(window, hop, channels, ring, boot, other_model != 0);
}
void vigil_board_begin_with_memory_of(void* board, void* other) {
    static_cast<Board*>(board)->begin_with_memory_of(*static_cast<Board*>(other));
}
void vigil_board_delete(void* board) {
    delete static_cast<Board*>(board);
}
void vigil_board_feed(void* board, const std::uint8_t* bytes, std::size_t size) {
    static_cast<Board*>(board)->feed(bytes, size);
}
std::size_t vigil_board_take(void* board, std::uint8_t* bytes, std::size_t size) {
    return static_cast<Board*>(board)->take(bytes, size);
}
int vigil_board_poll(void* board, std::uint32_t now, std::size_t out_room) {
    return static_cast<Board*>(board)->poll(now, out_room) ? 1 : 0;
}
void vigil_board_fail_on(void* board, std::uint64_t window) {
    static_cast<Board*>(board)->fail_on(window);
}
std::uint32_t vigil_board_dropped(void* board) {
    return static_cast<Board*>(board)->dropped();
}
int vigil_board_reboot_asked(void* board) {
    return static_cast<Board*>(board)->reboot_asked() ? 1 : 0;
}
void vigil_board_attach(void* board, std::uint32_t channels) {
    static_cast<Board*>(board)->attach(channels);
}
// Runs one period of the sensor's timer whose reading is lost.
void vigil_board_miss(void* board) {
    static_cast<Board*>(board)->sensor()->sampler.tick(kMissedTick);
}
// Runs one period of the sensor's timer; without counts, a lead is off. 0 if it does not run.
int vigil_board_tick(void* board, const std::int16_t* counts) {
    TestSensor& sensor = *static_cast<Board*>(board)->sensor();
    if (!sensor.driver.running) return 0;
    sensor.sampler.tick(counts);
    return 1;
}
void vigil_board_sensor(void* board, int answers, int over) {
    static_cast<Board*>(board)->sensor()->driver.answers = answers != 0;
    static_cast<Board*>(board)->sensor()->driver.over = over != 0;
}
int vigil_board_start_sampling(void* board) {
    return static_cast<Board*>(board)->start_sampling() ? 1 : 0;
}
int vigil_board_console_key(void* board) {
    return static_cast<Board*>(board)->console_key();
}
int vigil_board_is_open(void* board) {
    return static_cast<Board*>(board)->is_open() ? 1 : 0;
}

}  // extern "C"
