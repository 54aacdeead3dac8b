// Wearer: what is normal for the person who wears the board, learned from that person's own beats.
//
// The wearer's normal is up to four forms: beats that agree are averaged into one. A beat is judged
// by its distance from the nearest form, by the model's error, or by the larger of the two, each
// relative to what is usual for this wearer, and by how early it comes. The score is in doublings:
// 2 is a distance of four times the usual one. Formulas in docs/bundle.md, section "Wearer".
//
// A beat is judged first and followed afterwards, because the decision, which comes in between,
// says whether it may be followed.
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
    std::uint32_t length;    // frames of the compared stretch; <= 255
    std::uint32_t shift;     // frames by which a beat is moved, either way, to meet a form
    std::uint32_t learn;     // beats from which the forms are learned, 1 or more
};

inline constexpr std::size_t kWearerForms = 4;

// Flagged beats that the host may call normal, by the values of the compared stretch: the last 16
// of a stretch as in the recipe `ecg`, fewer of larger ones.
constexpr std::size_t wearer_flagged(std::size_t values) {
    return values <= 72 ? 16 : values <= 144 ? 8 : 4;
}

// Most values of the compared stretch, length * channels: 12 KB with the copy that a board writes.
inline constexpr std::size_t kWearerValues = 288;

// One form; its samples are in WearerMemory.
struct WearerForm {
    std::uint32_t beats;    // that agreed with it while learning
    std::uint32_t size;     // sum of its absolute values, 1/16 count
    std::int32_t early;     // log2 of RR over its reference, mean of its beats, 1/65536
    std::int32_t distance;  // log2 of its beats' distance, mean, 1/65536
    std::int32_t error;     // log2 of the model's error on its beats, mean, 1/65536
    // Limits of a form that the host called normal: a beat that agrees with it may come this early,
    // and the model's error may be this large. Other forms have kNotEarly and kNoError.
    std::int32_t accepted_early;
    std::int32_t accepted_error;
};

inline constexpr std::int32_t kNotEarly = INT32_MAX;
inline constexpr std::int32_t kNoError = INT32_MIN;

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

// A beat that was flagged; its samples are in WearerMemory.
struct WearerFlagged {
    std::uint64_t window;
    std::int32_t interval;  // log2 of RR over the usual one, 1/65536; 0: unknown
    std::int32_t error;     // log2 of the model's error, 1/65536
    std::int32_t distance;  // log2 of the distance over the usual one, 1/65536
};

// All that a wearer's board remembers. `Values` is length * channels.
template <std::size_t Values>
struct WearerMemory {
    static_assert(Values <= kWearerValues, "the compared stretch has too many values");
    WearerState state;
    std::int32_t forms[kWearerForms * Values];  // mean removed, 1/256 count
    WearerFlagged flagged[wearer_flagged(Values)];
    std::int16_t flagged_samples[wearer_flagged(Values) * Values];
};

class Wearer {
  public:
    // The memory belongs to the caller. It may hold what an earlier run has learned; otherwise
    // it must be zero.
    template <std::size_t Values>
    Wearer(const WearerConfig& config, WearerMemory<Values>& memory)
        : Wearer(config, memory.state, memory.forms, memory.flagged, memory.flagged_samples) {}
    Wearer(const WearerConfig& config, WearerState& state, Span<std::int32_t> forms,
           Span<WearerFlagged> flagged, Span<std::int16_t> flagged_samples)
        : config_(config),
          state_(state),
          forms_(forms),
          flagged_(flagged),
          flagged_samples_(flagged_samples) {}

    // Whether the wearer is known, so that beats are judged.
    bool learned() const { return state_.beats >= config_.learn; }
    // Whether learning began anew, because too few of the last beats resembled one another: the
    // signal is noise.
    bool refused() const { return refused_; }

    // Judges a beat, or learns from it. `rr`: frames since the beat before it, 0 if unknown.
    // `error`: the model's error, unused with WearerScore::forms. The result means nothing unless
    // the wearer was learned before the call.
    float operator()(Span<const std::int16_t> beat, std::uint32_t rr, float error);

    // After the decision about the beat that was judged: keeps it if it was flagged, and learns
    // from it if it is usual. A flagged beat moves no form, nor does any while an alarm is young.
    void decided(std::uint64_t window, Span<const std::int16_t> beat, bool flagged, bool alarm);

    // Makes a flagged beat normal for this wearer. False if it is none of those that are kept.
    bool accept(std::uint64_t window);
    // Forgets everything: another person wears the board, or the electrodes have moved.
    void restart();
    // Another stream begins, with windows of its own: its flagged beats are others.
    void forget_flagged() { flagged_count_ = 0; }

    // A form in use, int32 [length, channels], mean removed, 1/256 count.
    Span<const std::int32_t> form(std::size_t index) const {
        return {forms_.data() + index * values(), values()};
    }
    const WearerState& state() const { return state_; }
    const WearerConfig& config() const { return config_; }
    // Forms that the host called normal.
    std::uint32_t accepted() const;

    // Size and words of the record that outlives a power cut: state and forms.
    std::size_t words() const {
        return sizeof(WearerState) / sizeof(std::uint32_t) + kWearerForms * values();
    }
    void store(std::uint32_t* words) const;
    void load(const std::uint32_t* words);

  private:
    struct Match {
        std::size_t form;
        std::uint32_t start;     // frame of the window
        std::uint32_t distance;  // sum of absolute differences, 1/16 count
    };

    // The beat that was judged last, until decided().
    struct Judged {
        Match match;
        std::uint32_t rr;
        std::int32_t interval;  // log2 of RR over the usual one, 1/65536
        std::int32_t shape;     // 1/65536
        std::int32_t score;     // 1/65536
        std::int32_t distance;  // log2 of the distance over the usual one, 1/65536
        std::int32_t error;     // log2 of the model's error, 1/65536
        bool excused;           // it agrees with a form that the host called normal
    };

    std::size_t values() const { return std::size_t{config_.length} * config_.channels; }
    std::int32_t* samples(std::size_t form) const { return forms_.data() + form * values(); }
    std::int32_t mean(Span<const std::int16_t> beat, std::uint32_t start,
                      std::uint32_t channel) const;
    std::uint32_t add_distance(std::uint32_t sum, const std::int16_t* x, std::int32_t offset,
                               const std::int32_t* form, std::uint32_t limit) const;
    Match nearest(Span<const std::int16_t> beat, std::uint32_t first, std::uint32_t shift) const;
    bool agrees(const Match& match) const;
    void move(std::size_t form, Span<const std::int16_t> beat, std::uint32_t start,
              std::int32_t divisor);
    std::int32_t interval(std::uint32_t rr);
    std::uint32_t early(std::int32_t interval, std::int32_t center) const;
    void follow_rhythm(std::uint32_t rr, std::int32_t interval, std::int32_t shape);
    void learn(Span<const std::int16_t> beat, std::int32_t interval, std::int32_t error);
    bool choose();
    std::size_t new_form();
    void keep(std::uint64_t window, Span<const std::int16_t> beat);

    WearerConfig config_;
    WearerState& state_;
    Span<std::int32_t> forms_;
    Span<WearerFlagged> flagged_;
    Span<std::int16_t> flagged_samples_;
    std::uint32_t flagged_count_ = 0;  // beats kept; the next one goes to this modulo their room
    std::uint32_t alarmed_ = 0;        // beats since the alarm was raised; 0: it is off
    bool refused_ = false;
    Judged judged_{};
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
    void decided(std::uint64_t /*index*/, Span<const std::int16_t> /*window*/, bool /*flagged*/,
                 bool /*alarm*/) {}
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
    void decided(std::uint64_t index, Span<const std::int16_t> window, bool flagged, bool alarm) {
        wearer_.decided(index, window, flagged, alarm);
    }
    static constexpr std::size_t kWords =
        (sizeof(WearerState) / sizeof(std::uint32_t)) +
        kWearerForms * std::size_t{kConfig.length} * kConfig.channels;
    Wearer& wearer() { return wearer_; }

  private:
    WearerMemory<std::size_t{kConfig.length} * kConfig.channels> memory_{};
    Wearer wearer_{kConfig, memory_};
};

}  // namespace vigil
