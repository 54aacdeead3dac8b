// Resampled: a segmenter behind a conversion of the sample rate.
//
// Frames come at the sensor's rate, and the segmenter behind it gets them at the model's. What it
// reports is placed by the sensor's own frames: hops, R, and intervals.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "beats.h"
#include "resample.h"
#include "segmenter.h"
#include "span.h"

namespace vigil {

// `Stage` is a segmenter, perhaps filtered, and kStage its configuration.
template <typename Stage, const typename Stage::Config& kStage>
class Resampled final : private Segmenter::Sink, private Resampler::Sink {
  public:
    static constexpr bool kBeats = Stage::kBeats;
    static constexpr bool kFilters = Stage::kFilters;

    struct Config {
        ResamplerConfig rate;
        // Of a window, in the sensor's frames. For beats at most model_hop * down / up, so that a
        // slot holds at most one R; for windows of fixed length exactly that.
        std::uint32_t hop;
        std::uint32_t model_hop;  // of kStage
    };

    struct Memory {
        typename Stage::Memory stage;
        Span<std::int16_t> ring;
        Span<std::int16_t> frame;
    };

    template <const Config& kConfig>
    struct Storage {
        typename Stage::template Storage<kStage> stage;
        std::int16_t ring[2 * kConfig.rate.taps * kConfig.rate.channels];
        std::int16_t frame[kConfig.rate.channels];
        Memory memory() {
            return {stage.memory(), Span<std::int16_t>(ring), Span<std::int16_t>(frame)};
        }
    };

    Resampled(const Config& config, const Memory& memory)
        : config_(config),
          resampler_(config.rate, memory.ring, memory.frame),
          stage_(kStage, memory.stage) {}

    void restart(std::uint64_t frame) {
        resampler_.restart(frame);
        stage_.restart(resampler_.next_output());
        next_window_ = (frame + config_.hop - 1) / config_.hop;
    }

    // As Segmenter::push. After a gap the first frame stands for those before it.
    void push(std::uint64_t first_frame, Span<const std::int16_t> samples, Segmenter::Sink& sink) {
        sink_ = &sink;
        const std::size_t channels = config_.rate.channels;
        const std::uint64_t next = resampler_.next_frame();
        std::uint64_t known = 0;
        if (first_frame > next) {
            resampler_.restart(first_frame);
            stage_.push(resampler_.next_output(), {}, *this);
        } else {
            known = next - first_frame;
        }
        if (known * channels < samples.size()) {
            const auto from = static_cast<std::size_t>(known * channels);
            resampler_.push({samples.data() + from, samples.size() - from}, *this);
        }
        sink_ = nullptr;
    }

    Span<const std::int16_t> raw(Span<const std::int16_t> frames) const {
        return stage_.raw(frames);
    }
    const BeatMark& mark() const { return mark_; }
    bool without_beat() const { return without_beat_; }
    std::uint64_t next_frame() const { return resampler_.next_frame(); }
    std::uint64_t next_window() const { return next_window_; }

  private:
    using Beats = std::integral_constant<bool, kBeats>;

    void frame(std::uint64_t index, Span<const std::int16_t> counts) override {
        stage_.push(index, counts, *this);
    }

    void window(std::uint64_t index, Span<const std::int16_t> frames) override {
        report(index, frames, Beats{});
    }
    void report(std::uint64_t index, Span<const std::int16_t> frames, std::false_type) {
        next_window_ = index + 1;
        sink_->window(index, frames);
    }
    void report(std::uint64_t index, Span<const std::int16_t> frames, std::true_type) {
        const BeatMark& of_model = stage_.mark();
        mark_.frame = nearest(of_model.frame);
        mark_.interval =
            static_cast<std::uint32_t>(mark_.frame - nearest(of_model.frame - of_model.interval));
        const std::uint64_t slot = mark_.frame / config_.hop;
        pass(slot, true);
        if (slot == next_window_) {  // or it began before the stream
            ++next_window_;
            without_beat_ = false;
            sink_->window(slot, frames);
        }
        pass(end(index + 1), true);
    }
    void lost(std::uint64_t first, std::uint64_t count) override {
        pass(end(first + count), stage_.without_beat());
    }

    // The sensor's frame nearest to a frame of the model.
    std::uint64_t nearest(std::uint64_t frame) const {
        return (frame * config_.rate.down + config_.rate.up / 2) / config_.rate.up;
    }
    // Windows before it lie before window `of_model` of the segmenter.
    std::uint64_t end(std::uint64_t of_model) const {
        if (!kBeats) return of_model;
        return of_model * config_.model_hop * config_.rate.down / config_.rate.up / config_.hop;
    }
    // Reports the windows before `end` that were not reported.
    void pass(std::uint64_t end, bool without_beat) {
        if (end <= next_window_) return;
        const std::uint64_t first = next_window_;
        next_window_ = end;
        without_beat_ = without_beat;
        sink_->lost(first, end - first);
    }

    Config config_;
    Resampler resampler_;
    Stage stage_;
    BeatMark mark_{};
    bool without_beat_ = false;
    std::uint64_t next_window_ = 0;
    Segmenter::Sink* sink_ = nullptr;
};

}  // namespace vigil
