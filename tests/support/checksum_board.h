// Shared by the tests' boards: a detector that is a checksum, a sensor whose timer the program
// runs, and memory in place of flash.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "board_calibration.h"
#include "board_link.h"
#include "sampler.h"
#include "segmenter.h"

namespace vigil {

// A sensor whose ticks the program triggers.
struct TestDriver final : SensorDriver {
    bool start(std::uint64_t sample) override {
        next = sample;
        return running = answers;
    }
    void stop() override { running = false; }
    bool ended() const override { return over; }
    bool present() const override { return true; }
    bool gives_counts() const override { return true; }
    const char* name() const override { return "test"; }

    std::uint64_t next = 0;  // sample; a program that needs it counts on
    bool running = false;
    bool answers = true;
    bool over = false;
};

// Memory that outlives the board: a test passes it on to the next one, like a board's flash.
struct TestSlots final : Slots {
    TestSlots() {
        erase(0);
        erase(1);
    }
    void read(unsigned slot, Span<std::uint32_t> words) const override {
        std::copy_n(memory[slot], words.size(), words.begin());
    }
    void erase(unsigned slot) override { std::fill_n(memory[slot], kWords, ~0U); }
    void write(unsigned slot, Span<const std::uint32_t> words) override {
        for (std::size_t i = 0; i < words.size(); ++i) memory[slot][i] &= words[i];
    }

    static constexpr std::size_t kWords = 16;
    std::uint32_t memory[2][kWords];
};

// A board whose detector is a checksum: any wrong, missing or misplaced sample changes the score.
class ChecksumBoard : public link::Stream, public link::Handler, protected Segmenter::Sink {
  public:
    ChecksumBoard(const SegmenterConfig& grid, const ImageThreshold& image)
        : counts_(grid.window * grid.channels),
          segmenter_(grid, Span<std::int16_t>(counts_.data(), counts_.size())),
          image_(image),
          calibration_(image_, slots_) {
        calibration_.begin();
    }

    void restart(std::uint64_t sample) override { segmenter_.restart(sample); }
    void samples(std::uint64_t sample, Span<const std::int16_t> counts) override {
        segmenter_.push(sample, counts, *this);
    }
    float threshold() override { return calibration_.threshold(); }
    void set_threshold(float value) override { calibration_.set_threshold(value); }
    bool calibrate(const link::Calibrate& message) override {
        return calibration_.calibrate(message);
    }
    void calibration(link::CalibrationReport& message) override { calibration_.describe(message); }
    link::BootReport boot_report() override {
        link::BootReport report;
        report.golden_passed = report.golden_total = 4;
        report.ticks = report.microseconds = 42;
        report.cache = static_cast<std::uint8_t>(link::Cache::none);
        return report;
    }
    void reboot() override {}

  protected:
    // From 0 to 1, uniform over windows of noise.
    static float score_of(Span<const std::int16_t> frames) {
        std::uint32_t hash = 2166136261u;
        for (const std::int16_t frame : frames) {
            hash = (hash ^ static_cast<std::uint16_t>(frame)) * 16777619u;
        }
        return static_cast<float>(hash >> 8) / 16777216.0f;
    }

    // The texts must outlive the board.
    static link::BoardFacts facts(const char* board, const char* model,
                                  const std::uint8_t (&model_hash)[8], const SegmenterConfig& grid,
                                  float rate, std::uint32_t ring) {
        link::BoardFacts facts{};
        facts.board = Span<const char>(board, std::strlen(board));
        facts.engine = Span<const char>("checksum", 8);
        facts.model = Span<const char>(model, std::strlen(model));
        facts.version[1] = 1;
        std::copy_n(model_hash, sizeof facts.model_hash, facts.model_hash);
        facts.window = grid.window;
        facts.hop = grid.hop;
        facts.channels = static_cast<std::uint8_t>(grid.channels);
        facts.rate = rate;
        facts.credit = static_cast<std::uint16_t>(std::min<std::uint32_t>(ring, 65535));
        return facts;
    }

    std::vector<std::int16_t> counts_;
    Segmenter segmenter_;
    const ImageThreshold image_;
    TestSlots slots_;
    BoardCalibration<0> calibration_;
};

}  // namespace vigil
