// QRS: a streaming detector of heartbeats in one lead of an ECG.
//
// Two moving averages and a centred mean pass the band of the QRS complex; the mean of the
// absolute slope there is its energy. A peak of the energy is a beat if it exceeds a threshold
// between the medians of the last beats' and the last other peaks' energy. What lies too close to
// a beat, or is as slow as a T wave, is none; if no beat comes in time, the largest peak that was
// passed over is taken. R is the sample furthest from the level of both sides of the complex.
//
// Integer arithmetic. One sample at a time, causal; the caller owns the memory.
#pragma once

#include <cstddef>
#include <cstdint>

#include "span.h"

namespace vigil {

// All lengths in samples. smooth * smooth * baseline <= 32768 and
// smooth * smooth * baseline * energy <= 2^19 keep the sums within 32 bits.
struct QrsConfig {
    std::uint16_t smooth;       // length of each of the two moving averages
    std::uint16_t baseline;     // length of the centred mean that is subtracted
    std::uint16_t slope;        // the slope is the difference over this many samples
    std::uint16_t energy;       // length of the mean of the absolute slope
    std::uint16_t settle;       // a peak is over after this many samples without a larger one
    std::uint16_t hold;         // a larger peak within this many samples replaces it
    std::uint16_t refractory;   // two beats are at least this far apart
    std::uint16_t t_wave;       // a slow peak this soon after a beat is a T wave
    std::uint16_t search_from;  // a missed beat is at least this far from the one before
    std::uint16_t reach;        // R is at most this far from the centre of the complex
    std::uint16_t edge;         // that level is the mean of the samples this far from the centre
    std::uint16_t latency;      // a beat that is found later than this after R is not reported
    std::uint16_t learn;        // the thresholds come from eight stretches of this length
};

constexpr std::size_t ring_size(std::size_t samples) {
    std::size_t size = 1;
    while (size < samples) size *= 2;
    return size;
}

// Number of samples of each of the detector's long rings.
constexpr std::size_t qrs_long_ring(const QrsConfig& c) {
    const std::size_t peak = c.settle + (c.slope + c.energy) / 2U + 2U * c.energy + c.slope + 4U;
    const std::size_t r = c.baseline + c.smooth + c.reach + c.edge;  // more than R is back from it
    return ring_size(peak + r);
}

// Number of samples of the short ring.
constexpr std::size_t qrs_short_ring(const QrsConfig& c) {
    return ring_size(c.smooth + 1U);
}

struct QrsMemory {
    Span<std::int32_t> samples;   // qrs_short_ring
    Span<std::int32_t> averaged;  // qrs_long_ring: samples, averaged once
    Span<std::int32_t> smooth;    // qrs_long_ring: samples, averaged twice
    Span<std::int32_t> band;      // qrs_long_ring: without the baseline
    Span<std::int32_t> slope;     // qrs_long_ring: of the band
};

// The median of the last eight values, or of those that there are.
class RunningMedian {
  public:
    void fill(std::uint32_t value);
    void push(std::uint32_t value);
    void forget() { filled_ = 0; }
    bool empty() const { return filled_ == 0; }
    std::uint32_t median() const { return median_; }

  private:
    static constexpr std::uint32_t kSize = 8;

    std::uint32_t values_[kSize] = {};  // in the order in which they came
    std::uint32_t sorted_[kSize] = {};
    std::uint32_t median_ = 0;
    std::uint8_t at_ = 0;
    std::uint8_t filled_ = 0;
};

class Qrs {
  public:
    struct Beat {
        std::uint32_t age;       // samples since R; 0 is the last one
        std::uint32_t interval;  // samples since the R before; 0 if there is none
    };

    Qrs(const QrsConfig& config, const QrsMemory& memory)
        : config_(config),
          memory_(memory),
          mask_(static_cast<std::uint32_t>(memory.slope.size() - 1)),
          short_mask_(static_cast<std::uint32_t>(memory.samples.size() - 1)) {}

    // Forgets the signal and the thresholds.
    void restart();
    // Samples are missing before the next one: forgets the signal, and keeps the thresholds.
    void skip() { primed_ = false; }

    // Takes the next sample. True if a beat was found: then beat() holds it. Beats come in the
    // order of their R.
    bool push(std::int16_t sample);
    const Beat& beat() const { return beat_; }

    // Whether the thresholds are known; no beat is found before.
    bool is_learned() const { return learned_ == kLearned; }

  private:
    struct Peak {
        std::uint32_t energy = 0;
        std::uint32_t slope = 0;  // largest within the complex
        std::uint32_t at = 0;     // time of the energy's peak
        std::uint32_t r = 0;      // time of R
        bool valid = false;
    };

    static constexpr std::uint8_t kLearned = 8;

    void prime(std::int16_t sample);
    std::uint32_t energy_of(std::int16_t sample, std::uint32_t now);
    bool peak_ends(std::uint32_t energy, std::uint32_t now);
    bool attend(bool ended);
    bool decide(bool ended);
    std::uint32_t wait() const;
    void end_stretch();
    Peak measure() const;
    std::uint32_t find_r(std::uint32_t centre) const;
    bool judge(const Peak& peak);
    bool search_back(bool expires);
    bool accept(const Peak& peak);
    std::uint32_t threshold() const;

    QrsConfig config_;
    QrsMemory memory_;
    std::uint32_t mask_;        // of an index in a long ring
    std::uint32_t short_mask_;  // and in the short one
    bool primed_ = false;
    std::uint8_t learned_ = 0;  // stretches
    std::uint32_t now_ = 0;     // counts samples and wraps around
    // Nothing but the end of a peak is due before this time.
    std::uint32_t next_event_ = config_.learn;
    // Filters.
    std::int32_t sum_once_ = 0;
    std::int32_t sum_twice_ = 0;
    std::int32_t sum_baseline_ = 0;
    std::uint32_t sum_energy_ = 0;
    // The peak in progress.
    std::uint32_t largest_ = 0;     // or the last energy, between two peaks
    std::uint32_t largest_at_ = 0;  // time
    bool following_ = false;
    // Learning.
    RunningMedian stretches_;                    // the largest energy of each
    std::uint32_t stretch_end_ = config_.learn;  // the time of its last sample
    std::uint32_t stretch_largest_ = 0;
    // Decisions.
    Peak candidate_;
    Peak passed_over_;  // the largest since the last beat
    RunningMedian beats_;
    RunningMedian others_;
    RunningMedian intervals_;
    bool after_beat_ = false;  // there was a beat at last_r_
    std::uint32_t last_r_ = 0;
    std::uint32_t last_slope_ = 0;
    std::uint32_t expected_ = 0;      // samples after R, by which a beat should have come
    std::uint32_t search_after_ = 0;  // samples after R, without a beat
    std::uint32_t quiet_ = 0;         // stretches that ended since the last beat
    Beat beat_{};
};

}  // namespace vigil
