// libFuzzer target for the board's side of the link: receiver, decoder and state machine.
//
// The first byte selects how the rest is read: as raw bytes from the line, or as frames with a
// correct CRC (type, length and payload of each in turn), which reach the state machine.
// VIGIL_FUZZ=board_bytes or board_frames selects one of the two for all inputs.
// A second receiver decodes the board's output and checks that it is consistent.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "board_calibration.h"
#include "board_link.h"
#include "frame.h"
#include "messages.h"
#include "sampler.h"
#include "segmenter.h"

using namespace vigil;
using namespace vigil::link;

namespace {

void require(bool holds) {
    if (!holds) std::abort();
}

// A sensor that is read once per poll. Its ring is small, so that it overflows.
struct FuzzDriver final : SensorDriver {
    bool start(std::uint64_t) override { return used = running = true; }
    void stop() override { running = false; }
    bool ended() const override { return false; }
    bool present() const override { return true; }
    bool gives_counts() const override { return true; }
    const char* name() const override { return "a sensor's name of more than thirty-one bytes"; }
    bool running = false;
    bool used = false;
};

// The board has no memory for its calibration.
struct NoSlots final : Slots {
    void read(unsigned, Span<std::uint32_t> words) const override {
        for (std::uint32_t& word : words) word = ~0U;
    }
    void erase(unsigned) override {}
    void write(unsigned, Span<const std::uint32_t>) override {}
};

constexpr std::uint8_t kModel[8] = {};
constexpr ImageThreshold kImage = {kModel, 0.0f, ThresholdSource::bundle};

class Board final : public Stream, public Handler, private Segmenter::Sink {
  public:
    Board(std::uint32_t window, std::uint32_t hop, std::uint32_t channels, std::size_t per_write)
        : per_write_(per_write),
          window_(window * channels),
          output_(window * channels),
          segmenter_({window, hop, channels}, Span<std::int16_t>(window_.data(), window_.size())),
          sampler_(channels == 1 ? Sampler(driver_, one_, {}) : Sampler(driver_, two_, {})),
          link_(*this, *this, facts(window, hop, channels), memory_),
          channels_(channels) {
        link_.attach(sampler_);
    }

    std::size_t read(Span<std::uint8_t> bytes) override {
        const std::size_t size = std::min(bytes.size(), in_.size() - at_);
        std::memcpy(bytes.data(), in_.data() + at_, size);
        at_ += size;
        return size;
    }
    std::size_t write(Span<const std::uint8_t> bytes) override {
        const std::size_t size = std::min(bytes.size(), per_write_);
        for (std::size_t i = 0; i < size; ++i) {
            if (host_.push(bytes[i]) == FrameReceiver::Event::frame) heard(host_.frame());
        }
        return size;
    }

    void restart(std::uint64_t sample) override {
        segmenter_.restart(sample);
        expected_ = sample;
    }
    void samples(std::uint64_t sample, Span<const std::int16_t> counts) override {
        // Every sample is delivered once, whole, aligned and readable.
        require(sample >= expected_ && counts.size() % channels_ == 0);
        require(reinterpret_cast<std::uintptr_t>(counts.data()) % alignof(std::int16_t) == 0);
        for (const std::int16_t count : counts) sum_ += count;
        expected_ = sample + counts.size() / channels_;
        segmenter_.push(sample, counts, *this);
    }
    float threshold() override { return calibration_.threshold(); }
    void set_threshold(float value) override {
        require(value - value == 0.0f);
        calibration_.set_threshold(value);
    }
    bool calibrate(const Calibrate& message) override { return calibration_.calibrate(message); }
    void calibration(CalibrationReport& message) override { calibration_.describe(message); }
    BootReport boot_report() override { return {}; }
    void statistics(Statistics&) override {}
    void reboot() override { require(!link_.is_open()); }

    void line(const std::uint8_t* bytes, std::size_t size) {
        in_.assign(bytes, bytes + size), at_ = 0;
    }
    void run(std::uint32_t step) {
        for (int i = 0; i < 40 && (link_.poll(now_ += step) || at_ < in_.size()); ++i) {
            const std::int16_t counts[2] = {static_cast<std::int16_t>(i), -1};
            if (driver_.running) sampler_.tick(i % 13 == 12 ? nullptr : counts);
        }
    }

  private:
    static BoardFacts facts(std::uint32_t window, std::uint32_t hop, std::uint32_t channels) {
        BoardFacts facts{};
        facts.board = Span<const char>("a name of more than thirty-one bytes", 36);
        facts.window = window;
        facts.hop = hop;
        facts.channels = static_cast<std::uint8_t>(channels);
        facts.credit = 256;
        return facts;
    }
    void window(std::uint64_t index, Span<const std::int16_t> frames) override {
        // Without a host, a board with its own sensor goes on scoring; its reports may be dropped.
        require(link_.can_score() || driver_.used);
        for (std::size_t i = 0; i < frames.size(); ++i) {
            output_[i] = static_cast<std::int8_t>(frames[i]);
        }
        const Span<const std::int8_t> bytes(output_.data(), output_.size());
        if (calibration_.push(static_cast<float>(frames[0]))) link_.calibrated(index + 1);
        const bool kept = link_.score(index, 1.0f, (index & 1) != 0, 1, bytes, bytes);
        require(kept || driver_.used);
    }
    void lost(std::uint64_t first, std::uint64_t count) override {
        require(link_.lost(first, count, LostReason::gap) || driver_.used);
    }
    // Checks of single messages; all others need only decode.
    template <typename Message>
    void check(const Message&) {}
    void check(const CalibrationReport& c) {
        require(c.taken <= c.windows && c.set_aside <= c.windows / 2 && c.windows <= 4000);
    }
    void check(const Ack& ack) { require(ack.room <= kReports); }
    void check(const Lost& lost) { require(lost.count > 0); }
    void check(const Window& part) { require(part.data.size() > 0); }
    void check(const Sampled& sampled) { require(sampled.counts.size() % (2 * channels_) == 0); }
    template <typename Message>
    void read(const Frame& frame) {
        Message message;
        require(decode(frame.payload, message));
        check(message);
    }
    void heard(const Frame& frame) {
        switch (static_cast<Type>(frame.type)) {
#define VIGIL_CASE(Message) \
    case Message::kType:    \
        return read<Message>(frame);
            VIGIL_BOARD_MESSAGES(VIGIL_CASE)
#undef VIGIL_CASE
            default:
                require(false);
        }
    }

    static constexpr std::size_t kReports = 4;

    std::size_t per_write_;
    std::vector<std::uint8_t> in_;
    std::size_t at_ = 0;
    std::uint16_t host_memory_[FrameReceiver::kWords];
    FrameReceiver host_{host_memory_};
    std::uint32_t now_ = 0;
    std::uint64_t expected_ = 0;
    std::int64_t sum_ = 0;
    NoSlots slots_;
    BoardCalibration<Calibration::kLargest> calibration_{kImage, slots_};
    std::vector<std::int16_t> window_;
    std::vector<std::int8_t> output_;
    Segmenter segmenter_;
    FuzzDriver driver_;
    SampleMemory<48, 1> one_;
    SampleMemory<48, 2> two_;
    Sampler sampler_;
    LinkMemory<kReports> memory_;
    BoardLink link_;
    std::uint32_t channels_;
};

enum class Form { either, bytes, frames };
Form form = Form::either;

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
    const char* wanted = std::getenv("VIGIL_FUZZ");
    if (wanted != nullptr && std::strcmp(wanted, "board_bytes") == 0) form = Form::bytes;
    if (wanted != nullptr && std::strcmp(wanted, "board_frames") == 0) form = Form::frames;
    return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) return 0;
    const std::uint8_t how = data[0];
    constexpr std::uint32_t kWindows[] = {1, 4, 30, 300};
    const std::uint32_t window = kWindows[how >> 1 & 3];
    Board board(window, (how >> 3 & 1) != 0 ? 1 : window + (how >> 4 & 1), 1 + (how >> 5 & 1),
                (how >> 6 & 1) != 0 ? 7 : 1000);
    const std::uint32_t step = (how >> 7 & 1) != 0 ? 200'000 : 100;
    ++data, --size;
    if (form == Form::bytes || (form == Form::either && (how & 1) == 0)) {
        board.line(data, size);
        board.run(step);
        return 0;
    }
    std::uint8_t sequence = 0;
    while (size >= 2) {
        const std::uint8_t type = data[0];
        const std::size_t length = std::min<std::size_t>({data[1], size - 2, kMaxPayload});
        std::uint8_t wire[kMaxWire];
        std::memcpy(wire + kPayloadAt, data + 2, length);
        board.line(wire, encode_frame(type, sequence++, length, Span<std::uint8_t>(wire)));
        board.run(step);
        data += 2 + length;
        size -= 2 + length;
    }
    return 0;
}
