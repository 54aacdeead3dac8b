// Wearer: what is normal for the person who wears the board, learned from that person's own beats.
//
// The wearer's normal is up to four forms: beats that agree are averaged into one. A beat is judged
// by its distance from the nearest form, by the model's error, or by the larger of the two, each
// relative to what is usual for this wearer, and by how early it comes. The score is in doublings:
// 2 is a distance of four times the usual one. Formulas in docs/bundle.md, section "Wearer".
//
// Integer arithmetic; one conversion to single precision at the end.
#pragma once

#include <cstddef>
#include <cstdint>

#include "span.h"

namespace vigil {

enum class WearerScore : std::uint8_t {
    forms,  // distance from the nearest form
    model,  // the model's reconstruction error
    both,   // the larger of the two
};

struct WearerConfig {
    WearerScore score;
    std::uint32_t channels;  // 1 or more
    std::uint32_t first;     // frame of the window where the compared stretch begins; >= shift
    std::uint32_t length;    // frames of the compared stretch; <= 255, length * channels <= 1024
    std::uint32_t shift;     // frames by which a beat is moved, either way, to meet a form
    std::uint32_t learn;     // beats from which the forms are learned, 1 or more
};

inline constexpr std::size_t kWearerForms = 4;

// One form; its samples are in WearerMemory.
struct WearerForm {
    std::uint32_t beats;    // that agreed with it while learning
    std::uint32_t size;     // sum of its absolute values, 1/16 count
    std::int32_t early;     // log2 of RR over its reference, mean of its beats, 1/65536
    std::int32_t distance;  // log2 of its beats' distance, mean, 1/65536
    std::int32_t error;     // log2 of the model's error on its beats, mean, 1/65536
};

struct WearerState {
    std::uint32_t beats;        // so far, saturated at `learn`
    std::uint32_t intervals;    // RR intervals so far, saturated at 64
    std::uint32_t forms;        // in use
    std::int32_t distance;      // log2 of the usual distance, 1/65536
    std::int32_t error;         // log2 of the model's usual error, 1/65536
    std::int32_t rr;            // log2 of the usual RR in frames, 1/65536
    std::int32_t rr_center;     // median of log2 of RR over the usual one, 1/65536
    std::int32_t rr_deviation;  // median distance from it, 1/65536
    WearerForm form[kWearerForms];
};

// All that a wearer's board remembers. `Values` is length * channels.
template <std::size_t Values>
struct WearerMemory {
    WearerState state;
    std::int32_t forms[kWearerForms * Values];  // mean removed, 1/256 count
    std::int16_t flagged[Values];               // the last beat that was flagged
};

class Wearer {
  public:
    // The memory belongs to the caller. It may hold what an earlier run has learned; otherwise
    // it must be zero.
    template <std::size_t Values>
    Wearer(const WearerConfig& config, WearerMemory<Values>& memory)
        : Wearer(config, memory.state, memory.forms, memory.flagged) {}
    Wearer(const WearerConfig& config, WearerState& state, Span<std::int32_t> forms,
           Span<std::int16_t> flagged)
        : config_(config), state_(state), forms_(forms), flagged_(flagged) {}

    // Whether the wearer is known, so that beats are judged.
    bool learned() const { return state_.beats >= config_.learn; }

    // Judges a beat, and learns from it if it is usual. `rr`: frames since the beat before it, 0
    // if unknown. `error`: the model's error, unused with WearerScore::forms. The result means
    // nothing unless the wearer was learned before the call.
    float operator()(Span<const std::int16_t> beat, std::uint32_t rr, float error);

    // Keeps a flagged beat, in case the host calls it normal.
    void keep(Span<const std::int16_t> beat);
    // Makes the beat that keep() got last a form of this wearer.
    void accept();
    // Forgets everything: another person wears the board, or the electrodes have moved.
    void restart();
    // A form in use, int32 [length, channels], mean removed, 1/256 count.
    Span<const std::int32_t> form(std::size_t index) const {
        return {forms_.data() + index * values(), values()};
    }
    const WearerState& state() const { return state_; }

  private:
    struct Match {
        std::size_t form;
        std::uint32_t start;     // frame of the window
        std::uint32_t distance;  // sum of absolute differences, 1/16 count
    };

    std::size_t values() const { return std::size_t{config_.length} * config_.channels; }
    std::int32_t* samples(std::size_t form) const { return forms_.data() + form * values(); }
    std::int32_t mean(Span<const std::int16_t> beat, std::uint32_t start,
                      std::uint32_t channel) const;
    std::uint32_t distance(Span<const std::int16_t> beat, std::uint32_t start,
                           std::size_t form) const;
    Match nearest(Span<const std::int16_t> beat) const;
    void move(std::size_t form, Span<const std::int16_t> beat, std::uint32_t start,
              std::int32_t divisor);
    void learn(Span<const std::int16_t> beat, std::int32_t early, std::int32_t error);
    void choose();
    // log2 of RR over the usual RR, 1/65536, and how early that is, in the wearer's own
    // deviations, 1/256, 0 or more.
    struct Rhythm {
        std::int32_t interval;
        std::uint32_t early;
    };
    Rhythm rhythm(std::uint32_t rr);

    WearerConfig config_;
    WearerState& state_;
    Span<std::int32_t> forms_;
    Span<std::int16_t> flagged_;
};

// The stage of a bundle without a wearer: the model's error is the score. It takes no flash.
struct NoWearer {
    static constexpr bool kLearns = false;
    static constexpr bool learned() { return true; }
    template <typename SegmentStage>
    float judge(const SegmentStage& /*segmenter*/, Span<const std::int16_t> /*window*/,
                float error) {
        return error;
    }
    void keep(Span<const std::int16_t> /*window*/) {}
    void restart() {}
};

// The stage of a bundle with one, and its memory.
template <const WearerConfig& kConfig>
class LearnedWearer {
  public:
    static constexpr bool kLearns = true;

    LearnedWearer() = default;
    LearnedWearer(const LearnedWearer&) = delete;  // the wearer refers to the memory beside it
    bool learned() const { return wearer_.learned(); }
    // `segmenter` has just reported `window`.
    template <typename SegmentStage>
    float judge(const SegmentStage& segmenter, Span<const std::int16_t> window, float error) {
        return wearer_(window, segmenter.mark().interval, error);
    }
    void keep(Span<const std::int16_t> window) { wearer_.keep(window); }
    void restart() { wearer_.restart(); }

  private:
    WearerMemory<std::size_t{kConfig.length} * kConfig.channels> memory_{};
    Wearer wearer_{kConfig, memory_};
};

}  // namespace vigil
