// The detector: samples -> segment -> quality gate -> input -> engine -> score -> wearer -> decide.
//
// The caller owns every buffer and sizes it from the manifest's constants. The detector allocates
// nothing and is independent of the board; it reads time through a function that it is given.
#pragma once

#include <cstdint>
#include <type_traits>

#include "chain.h"
#include "engine.h"
#include "quality_gate.h"
#include "segmenter.h"
#include "span.h"
#include "wearer.h"

namespace vigil {

// The manifest's numbers, as the converter writes them.
template <typename Chain, typename SegmentStage = Segmenter>
struct DetectorConfig {
    typename SegmentStage::Config segmenter;
    Chain chain;
    float threshold;
};

template <typename SegmentStage = Segmenter>
struct DetectorBuffers {
    typename SegmentStage::Memory segmenter;
    Span<std::int8_t> input;   // the engine's input
    Span<std::int8_t> output;  // the engine's output
};

// One scored window. The spans are valid only during the call to the listener.
struct Verdict {
    std::uint64_t window;  // absolute window index
    float score;
    bool anomaly;                // score > threshold
    std::uint32_t microseconds;  // gate, input, engine and score together
    Span<const std::int8_t> input;
    Span<const std::int8_t> output;
};

class DetectorListener {
  public:
    virtual void scored(const Verdict& verdict) = 0;
    // A gap in the samples lost the windows [first, first + count).
    virtual void lost(std::uint64_t first, std::uint64_t count) = 0;
    // The gate rejected this window, or the wearer is being learned from it: it is not judged, so
    // no score is reported.
    virtual void rejected(std::uint64_t window, GateReason reason) = 0;
    // The engine failed on this window, which counts as lost.
    virtual void failed(std::uint64_t window, engine::Status status) = 0;

  protected:
    ~DetectorListener() = default;
};

// One golden window of the bundle: raw counts and their expected results.
struct GoldenWindow {
    Span<const std::int16_t> counts;
    std::uint32_t hash;  // of input and output, by hash() below
    float score;
};

struct GoldenReport {
    std::uint16_t total;
    std::uint16_t passed;  // equal in the hash of input and output, and every bit of the score
    std::uint32_t ticks_per_window;  // one inference of the engine alone, in the clock's ticks
};

// The wearer is a base, because as a member it would take memory where there is none.
template <typename Chain, typename SegmentStage = Segmenter, typename WearerStage = NoWearer>
class Detector final : private Segmenter::Sink, private WearerStage {
  public:
    using Clock = std::uint32_t (*)();

    Detector(const DetectorConfig<Chain, SegmentStage>& config,
             const DetectorBuffers<SegmentStage>& buffers, Clock micros)
        : config_(config),
          buffers_(buffers),
          micros_(micros),
          threshold_(config.threshold),
          decision_(config_.chain.decision),
          segmenter_(config.segmenter, buffers.segmenter) {}

    // Runs the golden windows through gate, input, engine and score. `ticks` counts time or
    // instructions, depending on the board. Call while no window is in progress.
    GoldenReport check(Span<const GoldenWindow> golden, Clock ticks);

    // Another stream begins, or the same one from another frame. The wearer, if there is one,
    // stays.
    void restart(std::uint64_t frame) {
        segmenter_.restart(frame);
        decision_.restart();
    }

    // Takes whole frames from absolute index `first_frame` on and reports the results to the
    // listener.
    void push(std::uint64_t first_frame, Span<const std::int16_t> samples,
              DetectorListener& listener) {
        listener_ = &listener;
        segmenter_.push(first_frame, samples, *this);
        listener_ = nullptr;
    }

    const SegmentStage& segmenter() const { return segmenter_; }
    std::uint64_t next_frame() const { return segmenter_.next_frame(); }
    float threshold() const { return threshold_; }
    void set_threshold(float threshold) { threshold_ = threshold; }

    // p-value, alarm and drift after the last window, which the listener may read.
    using WindowDecision = Decision<std::remove_cv_t<decltype(Chain::decision)>>;
    WindowDecision& decision() { return decision_; }
    WearerStage& wearer() { return *this; }

  private:
    void window(std::uint64_t index, Span<const std::int16_t> frames) override;
    void lost(std::uint64_t first, std::uint64_t count) override {
        if (!segmenter_.without_beat()) decision_.gap();
        listener_->lost(first, count);
    }

    DetectorConfig<Chain, SegmentStage> config_;
    DetectorBuffers<SegmentStage> buffers_;
    Clock micros_;
    float threshold_;
    WindowDecision decision_;
    SegmentStage segmenter_;
    DetectorListener* listener_ = nullptr;
};

// FNV-1a, 32 bits, of the bytes of both, one behind the other. If a single byte differs, the hash
// differs; if more do, about one in 2^32 such pairs has the same hash.
std::uint32_t hash(Span<const std::int8_t> input, Span<const std::int8_t> output);
// Whether both have the same bits; -0 differs from 0.
bool same_bits(float a, float b);

template <typename Chain, typename SegmentStage, typename WearerStage>
GoldenReport Detector<Chain, SegmentStage, WearerStage>::check(Span<const GoldenWindow> golden,
                                                               Clock ticks) {
    GoldenReport report{static_cast<std::uint16_t>(golden.size()), 0, 0};
    for (const GoldenWindow& g : golden) {
        config_.chain.input(g.counts, buffers_.input);
        const std::uint32_t before = ticks();
        const engine::Status status = engine::run(buffers_.input, buffers_.output);
        report.ticks_per_window = ticks() - before;
        const bool exact = (SegmentStage::kFilters || is_scored(config_.chain.gate(g.counts))) &&
                           status == engine::Status::ok &&
                           hash(buffers_.input, buffers_.output) == g.hash &&
                           same_bits(config_.chain.score(buffers_.input, buffers_.output), g.score);
        report.passed = static_cast<std::uint16_t>(report.passed + (exact ? 1 : 0));
    }
    return report;
}

template <typename Chain, typename SegmentStage, typename WearerStage>
void Detector<Chain, SegmentStage, WearerStage>::window(std::uint64_t index,
                                                        Span<const std::int16_t> frames) {
    const std::uint32_t start = micros_();
    const GateReason reason = config_.chain.gate(segmenter_.raw(frames));
    if (!is_scored(reason)) {
        listener_->rejected(index, reason);
        return;
    }
    config_.chain.input(frames, buffers_.input);
    const engine::Status status = engine::run(buffers_.input, buffers_.output);
    if (status != engine::Status::ok) {
        decision_.gap();
        listener_->failed(index, status);
        return;
    }
    const float error = config_.chain.score(buffers_.input, buffers_.output);
    const bool judged = WearerStage::learned();
    const float value = WearerStage::judge(segmenter_, frames, error);
    if (!judged) {
        listener_->rejected(index, GateReason::learning);
        return;
    }
    if (reason == GateReason::clipped && !(value > threshold_)) {
        listener_->rejected(index, reason);
        return;
    }
    decision_.push(value, threshold_);
    WearerStage::decided(index, frames, value > threshold_, decision_.alarm_on());
    const std::uint32_t took = micros_() - start;
    listener_->scored({index, value, value > threshold_, took, buffers_.input, buffers_.output});
}

}  // namespace vigil
