// Resampler: frames at one rate to frames at another, by a polyphase low-pass filter.
//
// Output frame n lies at input position n * down / up, counted from absolute frame 0, so that the
// frames after a gap lie where they would have been. Integer arithmetic; the filter has a linear
// phase and is centred, so it delays the output by taps / 2 input frames and shifts nothing.
#pragma once

#include <cstddef>
#include <cstdint>

#include "span.h"

namespace vigil {

struct ResamplerConfig {
    std::uint32_t up;    // up / down is the ratio of the output's rate to the input's,
    std::uint32_t down;  // in lowest terms
    std::uint32_t taps;  // even: input frames under the filter, half of them before the position
    std::uint32_t channels;
    // up * taps coefficients, phase after phase. The absolute values of a phase sum to less than
    // 2^15 * 2, and the values to 2^14, so that a constant signal keeps its level.
    Span<const std::int16_t> filter;
};

class Resampler {
  public:
    class Sink {
      public:
        // `frame`: one count per channel, valid during the call.
        virtual void frame(std::uint64_t index, Span<const std::int16_t> counts) = 0;

      protected:
        ~Sink() = default;
    };

    // `ring` holds 2 * taps * channels counts, `out` one frame; both belong to the caller.
    Resampler(const ResamplerConfig& config, Span<std::int16_t> ring, Span<std::int16_t> out)
        : config_(config), ring_(ring), out_(out), wait_(config.taps / 2 + 1) {}

    // The next input frame is `frame`; what came before is forgotten. The frame stands for those
    // before it.
    void restart(std::uint64_t frame);

    // Takes whole frames, channels interleaved, that follow those before.
    void push(Span<const std::int16_t> samples, Sink& sink);

    std::uint64_t next_frame() const { return next_in_; }
    // The output frame that is computed next.
    std::uint64_t next_output() const { return next_out_; }

  private:
    void prime(const std::int16_t* frame);
    void emit(Sink& sink);

    ResamplerConfig config_;
    Span<std::int16_t> ring_;  // of each channel twice its last frames, so that any run is whole
    Span<std::int16_t> out_;
    std::uint64_t next_in_ = 0;   // the input frame that must come now
    std::uint64_t next_out_ = 0;  // the output frame to compute next,
    std::uint32_t phase_ = 0;     // how far behind an input frame it lies, in 1 / up frames,
    std::uint32_t wait_;          // and how many input frames must come before
    std::uint32_t at_ = 0;        // of the next input frame in the ring
    bool primed_ = false;
};

}  // namespace vigil
