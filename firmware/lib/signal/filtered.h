// Filtered: a segmenter behind a biquad filter.
//
// Each frame goes to the segmenter with its filtered values behind the raw ones. A window is handed
// over filtered, and raw() holds its raw counts, by which the quality gate judges.
#pragma once

#include <cstddef>
#include <cstdint>

#include "biquad.h"
#include "segmenter.h"
#include "span.h"

namespace vigil {

// `Stage` is a segmenter, and kStage its configuration with twice the channels of the signal.
template <typename Stage, const typename Stage::Config& kStage>
class Filtered final : private Segmenter::Sink {
  public:
    static constexpr bool kBeats = Stage::kBeats;
    static constexpr bool kFilters = true;
    static constexpr std::size_t kChannels = kStage.channels / 2;
    static constexpr std::size_t kValues = kStage.window * kChannels;

    struct Config {
        Span<const BiquadSection> sections;
    };

    struct Memory {
        typename Stage::Memory stage;
        Span<std::int16_t> frame;     // a frame, raw and filtered
        Span<std::int16_t> raw;       // window * channels counts
        Span<std::int16_t> filtered;  // window * channels counts
        Span<BiquadState> states;     // biquad_states
    };

    template <const Config& kConfig>
    struct Storage {
        typename Stage::template Storage<kStage> stage;
        std::int16_t frame[kStage.channels];
        std::int16_t raw[kValues];
        std::int16_t filtered[kValues];
        BiquadState states[biquad_states(kConfig.sections.size(), kChannels)];
        Memory memory() {
            return {stage.memory(), Span<std::int16_t>(frame), Span<std::int16_t>(raw),
                    Span<std::int16_t>(filtered), Span<BiquadState>(states)};
        }
    };

    Filtered(const Config& config, const Memory& memory)
        : memory_(memory),
          filter_(config.sections, kChannels, memory.states),
          stage_(kStage, memory.stage) {}

    void restart(std::uint64_t frame) {
        filter_.restart();
        stage_.restart(frame);
    }

    // As Segmenter::push. After a gap the filter begins in a steady state.
    void push(std::uint64_t first_frame, Span<const std::int16_t> samples, Segmenter::Sink& sink) {
        sink_ = &sink;
        std::uint64_t at = first_frame;
        const std::uint64_t next = stage_.next_frame();
        if (at > next) {
            filter_.restart();
            stage_.push(at, {}, *this);
        }
        const std::int16_t* from = samples.data();
        for (std::size_t frames = samples.size() / kChannels; frames > 0; --frames, ++at) {
            std::int16_t* const frame = memory_.frame.data();
            for (std::size_t c = 0; c < kChannels; ++c) frame[c] = *from++;
            if (at < next) continue;
            filter_(frame, frame + kChannels);
            stage_.push(at, memory_.frame, *this);
        }
        sink_ = nullptr;
    }

    // The raw counts of the window that Sink::window() is called with.
    Span<const std::int16_t> raw(Span<const std::int16_t> /*frames*/) const { return memory_.raw; }

    decltype(auto) mark() const { return stage_.mark(); }
    bool without_beat() const { return stage_.without_beat(); }
    std::uint64_t next_frame() const { return stage_.next_frame(); }
    std::uint64_t next_window() const { return stage_.next_window(); }

  private:
    void window(std::uint64_t index, Span<const std::int16_t> frames) override {
        const std::int16_t* from = frames.data();
        for (std::size_t i = 0; i < kValues; i += kChannels, from += kStage.channels) {
            for (std::size_t c = 0; c < kChannels; ++c) {
                memory_.raw[i + c] = from[c];
                memory_.filtered[i + c] = from[kChannels + c];
            }
        }
        sink_->window(index, memory_.filtered);
    }
    void lost(std::uint64_t first, std::uint64_t count) override { sink_->lost(first, count); }

    Memory memory_;
    BiquadFilter filter_;
    Stage stage_;
    Segmenter::Sink* sink_ = nullptr;
};

}  // namespace vigil
