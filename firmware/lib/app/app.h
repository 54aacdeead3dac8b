// App: what the sketch runs. Samples from the link go through the detector, verdicts go back.
//
// Built for one model: sizes and parameters are the generated constants (firmware/generated).
#pragma once

#include <cstdint>

#include "board_link.h"
#include "constants.h"
#include "detector.h"

namespace vigil {

// What the board lends the application.
struct Hardware {
    std::uint32_t (*micros)();   // wraps at 2^32
    void (*light)(bool on);      // the LED that shows an anomaly
    void (*reboot)();            // does not return on a board
    std::uint16_t receive_ring;  // bytes that may wait in the port's receive buffer
};

class App final : private link::Handler, private DetectorListener {
  public:
    App(link::Stream& stream, const Hardware& hardware);

    // Checks the model, prepares the engine and runs the golden windows. What came of it is in
    // boot_report(); the link works even where the engine does not, so that a host can read why.
    void begin();

    // Call from loop(): never blocks, does a bounded amount of work.
    void poll();

    // A host is there: print no text.
    bool has_host() const { return link_.is_open(); }

    link::BootReport boot_report() override;
    engine::Status engine_status() const { return engine_status_; }

  private:
    void restart(std::uint64_t sample) override;
    void samples(std::uint64_t sample, Span<const std::int16_t> counts) override;
    float threshold() override { return detector_.threshold(); }
    void set_threshold(float value) override { detector_.set_threshold(value); }
    void statistics(link::Statistics& counts) override { (void)counts; }
    void reboot() override { hardware_.reboot(); }

    void scored(const Verdict& verdict) override;
    void lost(std::uint64_t first, std::uint64_t count) override;
    void failed(std::uint64_t window, engine::Status status) override;

    static link::BoardFacts facts(const Hardware& hardware);

    Hardware hardware_;
    std::int16_t counts_[model::kInputSize];
    std::int8_t input_[model::kInputSize];
    std::int8_t output_[model::kOutputSize];
    link::LinkMemory<> memory_;
    Detector<std::remove_cv_t<decltype(model::kScaler)>> detector_;
    link::BoardLink link_;
    GoldenReport golden_{};
    engine::Status engine_status_ = engine::Status::not_begun;
};

}  // namespace vigil
