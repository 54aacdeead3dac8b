// Resampled: a segmenter behind a conversion of the sample rate.
//
// Frames come at the sensor's rate, and the segmenter behind it gets them at the model's. A hop is
// a whole number of frames of both, so that a window has the same index; R and the interval before
// it are in the sensor's frames.
#pragma once

#include <cstddef>
#include <cstdint>

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

    using Config = ResamplerConfig;

    struct Memory {
        typename Stage::Memory stage;
        Span<std::int16_t> ring;
        Span<std::int16_t> frame;
    };

    template <const Config& kConfig>
    struct Storage {
        typename Stage::template Storage<kStage> stage;
        std::int16_t ring[2 * kConfig.taps * kConfig.channels];
        std::int16_t frame[kConfig.channels];
        Memory memory() {
            return {stage.memory(), Span<std::int16_t>(ring), Span<std::int16_t>(frame)};
        }
    };

    Resampled(const Config& config, const Memory& memory)
        : config_(config),
          resampler_(config, memory.ring, memory.frame),
          stage_(kStage, memory.stage) {}

    void restart(std::uint64_t frame) {
        resampler_.restart(frame);
        stage_.restart(resampler_.next_output());
    }

    // As Segmenter::push. After a gap the first frame stands for those before it.
    void push(std::uint64_t first_frame, Span<const std::int16_t> samples, Segmenter::Sink& sink) {
        sink_ = &sink;
        const std::uint64_t next = resampler_.next_frame();
        if (first_frame > next) {
            resampler_.restart(first_frame);
            stage_.push(resampler_.next_output(), {}, *this);
        } else if (first_frame < next) {
            const std::uint64_t known = (next - first_frame) * config_.channels;
            const std::size_t from =
                known < samples.size() ? static_cast<std::size_t>(known) : samples.size();
            samples = {samples.data() + from, samples.size() - from};
        }
        resampler_.push(samples, *this);
        sink_ = nullptr;
    }

    Span<const std::int16_t> raw(Span<const std::int16_t> frames) const {
        return stage_.raw(frames);
    }
    // R of the window that Sink::window() is called with.
    BeatMark mark() const {
        const BeatMark& of_model = stage_.mark();
        const std::uint64_t frame = nearest(of_model.frame);
        const std::uint64_t before = nearest(of_model.frame - of_model.interval);
        return {frame, static_cast<std::uint32_t>(frame - before)};
    }
    bool without_beat() const { return stage_.without_beat(); }
    std::uint64_t next_frame() const { return resampler_.next_frame(); }
    std::uint64_t next_window() const { return stage_.next_window(); }

  private:
    void frame(std::uint64_t index, Span<const std::int16_t> counts) override {
        stage_.push(index, counts, *this);
    }
    void window(std::uint64_t index, Span<const std::int16_t> frames) override {
        sink_->window(index, frames);
    }
    void lost(std::uint64_t first, std::uint64_t count) override { sink_->lost(first, count); }

    // The sensor's frame nearest to a frame of the model.
    std::uint64_t nearest(std::uint64_t frame) const {
        return (frame * config_.down + config_.up / 2) / config_.up;
    }

    Config config_;
    Resampler resampler_;
    Stage stage_;
    Segmenter::Sink* sink_ = nullptr;
};

}  // namespace vigil
