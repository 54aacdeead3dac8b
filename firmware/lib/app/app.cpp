#include "app.h"

#include <cstring>

#include "board.h"
#include "golden.h"
#include "quotient.h"

namespace vigil {
namespace {

constexpr std::uint32_t kPlotStream = 1;  // stream number of samples that no host requested

constexpr ImageThreshold kImageThreshold = {
    model::kHash, model::kThreshold,
    model::kThresholdFromBuild ? link::ThresholdSource::build : link::ThresholdSource::bundle};

// The sensor's interrupt calls a C function, which needs a static pointer.
Sampler* sampled = nullptr;

Span<const char> text(const char* words) {
    return {words, std::strlen(words)};
}

link::LostReason lost_reason(GateReason reason) {
    if constexpr (model::WearerStage::kLearns) {
        if (reason == GateReason::learning) return link::LostReason::learning;
    }
    switch (reason) {
        case GateReason::flat:
            return link::LostReason::flat;
        case GateReason::stuck:
            return link::LostReason::stuck;
        case GateReason::railed:
            return link::LostReason::railed;
        case GateReason::mains:
            return link::LostReason::mains;
        case GateReason::clipped:
            return link::LostReason::clipped;
        case GateReason::learning:
        case GateReason::none:
            break;
    }
    return link::LostReason::engine;  // unreachable: the gate had a reason
}

// R of a window about a heartbeat, for its report.
template <typename SegmentStage>
link::Beat beat(const SegmentStage& segmenter, std::uint64_t window) {
    if constexpr (SegmentStage::kBeats) {
        const auto& mark = segmenter.mark();
        const std::uint32_t interval = mark.interval < 65535 ? mark.interval : 65535;
        return {static_cast<std::uint16_t>(mark.frame - window * model::kHop),
                static_cast<std::uint16_t>(interval)};
    } else {
        return {};
    }
}

}  // namespace

App::App(link::Stream& stream, const Hardware& hardware)
    : stream_(stream),
      hardware_(hardware),
      sampler_(board::sensor(), samples_, Span<const Conversion>(model::kConversion)),
      detector_({model::kSegmenter, model::kChain, model::kThreshold},
                {segments_.memory(), input_, output_}, hardware.micros),
      calibration_(kImageThreshold, board::calibration_slots()),
      link_(stream, *this, facts(hardware), memory_) {}

link::BoardFacts App::facts(const Hardware& hardware) {
    link::BoardFacts f{};
    f.board = text(board::name());
    f.engine = text(engine::facts().name);
    f.model = text(model::kName);
    std::memcpy(f.version, model::kFirmwareVersion, sizeof f.version);
    std::memcpy(f.model_hash, model::kHash, sizeof f.model_hash);
    f.window = model::kSpan;
    f.hop = model::kHop;
    f.channels = static_cast<std::uint8_t>(model::kChannels);
    f.rate = model::kRateHz;
    f.credit = hardware.receive_ring;
    return f;
}

void App::begin() {
    link_.set_boot_id(board::boot_id());
    sampled = &sampler_;
    board::sensor_begin(model::kSensor, model::kChannels,
                        [](const std::int16_t* raw) { sampled->tick(raw); });
    link_.attach(sampler_);
    calibration_.begin();
    use_calibration();
    messages_.attach_to(link_);
    engine_status_ = engine::begin();
    if (engine_status_ != engine::Status::ok) return;
    golden_ = detector_.check({model::kGolden, model::kGoldenCount}, board::counter);
}

void App::poll() {
    link_.poll(hardware_.micros());
    messages_.poll();
    if (plot_ == PlotStyle::none) return;
    if (link_.is_open()) {
        stop_plotting();  // from here on the host controls the sampling
    } else {
        flush_text();
    }
}

void App::statistics(link::Statistics& counts) {
    counts.overruns += sampler_.status().overruns;
}

// Console keys, active while no host is connected: t plots for Arduino's Serial Plotter, > for
// Teleplot; either key again stops. w: another person wears the board.
void App::console_key(char key) {
    if (messages_.key(key)) return say("vigil: learning what is normal for a new wearer\r\n");
    if (key != 't' && key != '>') return;
    if (plot_ != PlotStyle::none) {
        link_.stop_sampling();
        return stop_plotting();
    }
    if (!link_.start_sampling(kPlotStream)) {
        return say("vigil: this image reads no sensor: vigil flash --sensor\r\n");
    }
    plot_ = key == 't' ? PlotStyle::plotter : PlotStyle::teleplot;
}

void App::stop_plotting() {
    plot_ = PlotStyle::none;
    text_at_ = text_size_ = 0;
}

void App::say(const char* words) {
    const std::size_t size = std::strlen(words);
    (void)stream_.write({reinterpret_cast<const std::uint8_t*>(words), size});
}

void App::flush_text() {
    if (text_at_ == text_size_) return;
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(text_) + text_at_;
    text_at_ += stream_.write({bytes, text_size_ - text_at_});
}

link::BootReport App::boot_report() {
    const engine::Facts facts = engine::facts();
    link::BootReport report{};
    report.golden_passed = golden_.passed;
    report.golden_total = golden_.total;
    report.model_bytes = facts.model_bytes;
    report.arena_used = facts.arena_used;
    report.arena_size = facts.arena_bytes;
    report.stack_used = board::stack_used();
    report.stack_size = board::stack_size();
    report.ticks = golden_.ticks_per_window;
    report.microseconds = static_cast<std::uint32_t>(
        quotient(std::uint64_t{golden_.ticks_per_window} * 1'000'000, board::counter_hz()));
    report.tick_unit = static_cast<std::uint8_t>(board::kTickUnit);
    report.cache = static_cast<std::uint8_t>(board::instruction_cache());
    report.engine_status = static_cast<std::uint8_t>(engine_status_);
    return report;
}

void App::set_threshold(float value) {
    calibration_.set_threshold(value);
    detector_.set_threshold(value);
}

bool App::calibrate(const link::Calibrate& message) {
    const bool possible = calibration_.calibrate(message);
    use_calibration();
    return possible;
}

void App::use_calibration() {
    detector_.set_threshold(calibration_.threshold());
    messages_.use(calibration_);
}

void App::restart(std::uint64_t sample) {
    detector_.restart(sample);
    messages_.stream_began(sampler_.is_running() ? 0 : link_.stream(), sample);
    hardware_.light(false);
}

void App::samples(std::uint64_t sample, Span<const std::int16_t> counts) {
    detector_.push(sample, counts, *this);
}

void App::scored(const Verdict& v) {
    messages_.took_window();
    if (calibration_.push(v.score)) {
        use_calibration();
        link_.calibrated(v.window + 1);
    }
    hardware_.light(messages_.is_lit(v.anomaly));
    // While the previous line is not written completely, the new one is skipped.
    if (plot_ != PlotStyle::none && text_at_ == text_size_) {
        text_size_ = plot_line(plot_, v.score, detector_.threshold(), v.anomaly, text_);
        text_at_ = 0;
    }
    // A report that does not fit is counted by the link as an overrun and reported as lost.
    const auto flags =
        static_cast<std::uint8_t>((v.anomaly ? link::kAnomaly : 0) | messages_.flags());
    (void)link_.score(v.window, v.score, flags, v.microseconds, v.input, v.output,
                      beat(detector_.segmenter(), v.window), messages_.p());
}

void App::lost(std::uint64_t first, std::uint64_t count) {
    const bool without_beat = detector_.segmenter().without_beat();
    (void)link_.lost(first, count, without_beat ? link::LostReason::no_beat : link_.gap_reason());
}

void App::rejected(std::uint64_t window, GateReason reason) {
    if (reason == GateReason::learning) messages_.took_window();
    hardware_.light(window % 2 == 0);  // blinks while windows are not judged
    const link::LostReason why = lost_reason(reason);
    if constexpr (model::SegmentStage::kBeats) {  // which has an R, judged or not
        (void)link_.score(window, static_cast<float>(why), link::kNotJudged, 0, {}, {},
                          beat(detector_.segmenter(), window), 0);
    } else {
        (void)link_.lost(window, 1, why);
    }
}

void App::failed(std::uint64_t window, engine::Status) {
    (void)link_.lost(window, 1, link::LostReason::engine);
}

}  // namespace vigil
