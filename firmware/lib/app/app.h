// App: the application that the sketch runs. Samples from the link, or from the board's own sensor,
// go through the detector; verdicts go to the host, or as text to a plotter.
//
// Built for one model: sizes and parameters are the generated constants (firmware/generated).
#pragma once

#include <cstdint>
#include <type_traits>

#include "board.h"
#include "board_calibration.h"
#include "board_link.h"
#include "constants.h"
#include "detector.h"
#include "plot_line.h"
#include "sampler.h"
#include "sensor_constants.h"
#include "wearer_messages.h"

namespace vigil {

// The board's functions and figures for the application.
struct Hardware {
    std::uint32_t (*micros)();   // wraps at 2^32
    void (*light)(bool on);      // switches the LED that shows an anomaly
    void (*reboot)();            // does not return on a board
    std::uint16_t receive_ring;  // size of the port's receive buffer, bytes
};

// Capacity of the ring of the board's own samples, which wait for the loop or for a host: two
// windows and one second, or as many as fit half of the SRAM that framework and model leave. An
// image that samples nothing has no ring.
constexpr std::uint32_t ring_frames() {
    if (!board::can_sample(model::kSensor)) return 1;
    using OneSample = SampleMemory<1, model::kChannels>;
    constexpr std::uint32_t kFrame =
        sizeof(OneSample::counts) + sizeof(OneSample::ticks) + sizeof(OneSample::before);
    constexpr std::uint32_t kModel = model::kArenaBytes + 4 * model::kInputSize;
    constexpr std::uint32_t kFewest = 16;
    constexpr std::uint32_t kMost =
        kModel < VIGIL_FREE_SRAM ? (VIGIL_FREE_SRAM - kModel) / 2 / kFrame : 0;
    constexpr std::uint32_t kWanted = 2 * model::kSpan + static_cast<std::uint32_t>(model::kRateHz);
    constexpr std::uint32_t kFitting = kWanted < kMost ? kWanted : kMost;
    return kFitting < kFewest ? kFewest : kFitting;
}
constexpr std::uint32_t kRingFrames = ring_frames();

using ModelDetector = Detector<model::Chain, model::SegmentStage, model::WearerStage>;

class App final : private link::Handler, private DetectorListener {
  public:
    App(link::Stream& stream, const Hardware& hardware);

    // Checks the model, prepares the engine and runs the golden windows. boot_report() has the
    // results. The link works even if the engine does not, so that a host can read the reason.
    void begin();

    // Call from loop(): never blocks, does a bounded amount of work.
    void poll();

    // Whether a host or a plotter is active: then the sketch must not print text.
    bool is_quiet() const { return link_.is_open() || plot_ != PlotStyle::none; }

    link::BootReport boot_report() override;
    engine::Status engine_status() const { return engine_status_; }

  private:
    void restart(std::uint64_t sample) override;
    void samples(std::uint64_t sample, Span<const std::int16_t> counts) override;
    float threshold() override { return detector_.threshold(); }
    void set_threshold(float value) override;
    bool calibrate(const link::Calibrate& message) override;
    void calibration(link::CalibrationReport& message) override { calibration_.describe(message); }
    void statistics(link::Statistics& counts) override;
    void reboot() override { hardware_.reboot(); }
    void console_key(char key) override;

    void scored(const Verdict& verdict) override;
    void lost(std::uint64_t first, std::uint64_t count) override;
    void rejected(std::uint64_t window, GateReason reason) override;
    void failed(std::uint64_t window, engine::Status status) override;

    void use_calibration();
    static link::BoardFacts facts(const Hardware& hardware);
    void say(const char* words);
    void stop_plotting();
    void flush_text();

    link::Stream& stream_;
    Hardware hardware_;
    PlotStyle plot_ = PlotStyle::none;
    char text_[kPlotLine];
    std::size_t text_size_ = 0;
    std::size_t text_at_ = 0;
    model::SegmentStage::Storage<model::kSegmenter> segments_;
    std::int8_t input_[model::kInputSize];
    std::int8_t output_[model::kOutputSize];
    link::LinkMemory<> memory_;
    SampleMemory<kRingFrames, model::kChannels> samples_;
    Sampler sampler_;
    ModelDetector detector_;
    // The p-values of a decision need its scores.
    static constexpr bool kDecides =
        !std::is_same_v<std::remove_cv_t<decltype(model::Chain::decision)>, NoDecision>;
    BoardCalibration<kDecides ? Calibration::kLargest : 0> calibration_;
    WearerMessages<ModelDetector, model::WearerStage::kLearns> messages_{model::kHash, detector_};
    link::BoardLink link_;
    GoldenReport golden_{};
    engine::Status engine_status_ = engine::Status::not_begun;
};

}  // namespace vigil
