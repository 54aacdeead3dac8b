#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O2")  // one pass over every sample, also in an image built with -Os
#endif

#include "qrs.h"

#include <cstdint>

namespace vigil {
namespace {

// Shares of 256, tuned on the records of MIT-BIH's DS1 (vigil evaluate ecg).
constexpr std::uint32_t kThreshold = 80;         // of the way from other peaks to beats
constexpr std::uint32_t kSearchAfter = 400;      // of the median interval, without a beat
constexpr std::uint32_t kExpected = 215;         // the same, for a peak that is about to be too old
constexpr std::uint32_t kSearchThreshold = 160;  // of the threshold
constexpr std::uint32_t kStepSlope = 80;    // of the steepest slope, the other way: else a step
constexpr std::uint32_t kTWaveSlope = 140;  // of the last beat's slope

// A peak below this part of the threshold is noise and is not measured.
constexpr std::uint32_t kTooSmall = 4;

// An upward deflection counts for this part more: R, not S, where both are alike.
constexpr std::uint32_t kUpward = 4;

// An R that is further than this behind the last one lies in fact before it, by up to 2^16 samples.
constexpr std::uint32_t kLongAgo = UINT32_MAX - (1U << 16);

constexpr int kBandShift = 4;  // see the limits of QrsConfig

std::uint32_t share(std::uint32_t value, std::uint32_t of_256) {
    return static_cast<std::uint32_t>((std::uint64_t{value} * of_256) >> 8);
}

std::uint32_t magnitude(std::int32_t value) {
    const std::int32_t sign = value >> 31;
    return static_cast<std::uint32_t>((value ^ sign) - sign);
}

void fill(Span<std::int32_t> ring, std::int32_t value) {
    for (std::int32_t& each : ring) each = value;
}

}  // namespace

// --- median -------------------------------------------------------------------------------------

void RunningMedian::fill(std::uint32_t value) {
    for (std::uint32_t& each : values_) each = value;
    for (std::uint32_t& each : sorted_) each = value;
    at_ = 0;
    filled_ = kSize;
    median_ = value;
}

void RunningMedian::push(std::uint32_t value) {
    if (filled_ == 0) at_ = 0;
    // The value takes the rank of the oldest one, or the last one, and moves to its own.
    std::uint32_t rank = filled_;
    if (filled_ < kSize) {
        ++filled_;
    } else {
        for (rank = 0; sorted_[rank] != values_[at_];) ++rank;
    }
    for (; rank > 0 && sorted_[rank - 1] > value; --rank) sorted_[rank] = sorted_[rank - 1];
    for (; rank + 1 < filled_ && sorted_[rank + 1] < value; ++rank) {
        sorted_[rank] = sorted_[rank + 1];
    }
    sorted_[rank] = value;
    values_[at_] = value;
    at_ = static_cast<std::uint8_t>((at_ + 1U) % kSize);
    const std::uint32_t low = sorted_[(filled_ - 1U) / 2];
    median_ = low + (sorted_[filled_ / 2U] - low) / 2;
}

// --- from samples to energy ---------------------------------------------------------------------

void Qrs::restart() {
    primed_ = false;
    learned_ = 0;
    stretch_end_ = now_ + config_.learn;
    stretch_largest_ = quiet_ = 0;
    stretches_.forget();
    intervals_.forget();
}

// A constant signal at the first sample's level.
void Qrs::prime(std::int16_t sample) {
    sum_once_ = sample * config_.smooth;
    sum_twice_ = sum_once_ * config_.smooth;
    sum_baseline_ = sum_twice_ * config_.baseline;
    sum_energy_ = 0;
    fill(memory_.samples, sample);
    fill(memory_.averaged, sum_once_);
    fill(memory_.smooth, sum_twice_);
    fill(memory_.band, 0);
    fill(memory_.slope, 0);
    largest_ = 0;
    following_ = false;
    candidate_.valid = passed_over_.valid = after_beat_ = false;
    primed_ = true;
}

[[gnu::always_inline]] inline std::uint32_t Qrs::energy_of(std::int16_t sample, std::uint32_t now) {
    const std::uint32_t all = mask_;
    const std::uint32_t at = now & all;

    // Read and written in pairs, because the rings may be anywhere in memory.
    std::int32_t once = sum_once_;
    std::int32_t twice = sum_twice_;
    std::int32_t* const samples = memory_.samples.data();
    const std::uint32_t few = short_mask_;
    const std::uint32_t smooth = config_.smooth;
    once += sample - samples[(now - smooth) & few];
    samples[now & few] = sample;

    std::int32_t* const averaged = memory_.averaged.data();
    twice += once - averaged[(now - smooth) & all];
    averaged[at] = once;
    sum_once_ = once;
    sum_twice_ = twice;

    std::int32_t* const smoothed = memory_.smooth.data();
    const std::uint32_t baseline = config_.baseline;
    const std::int32_t sum = sum_baseline_ + twice - smoothed[(now - baseline) & all];
    smoothed[at] = twice;
    sum_baseline_ = sum;
    const std::int32_t centre = smoothed[(now - baseline / 2U) & all];
    const std::int32_t band = (centre * static_cast<std::int32_t>(baseline) - sum) >> kBandShift;

    std::int32_t* const bands = memory_.band.data();
    const std::int32_t slope = band - bands[(now - config_.slope) & all];
    bands[at] = band;

    std::int32_t* const slopes = memory_.slope.data();
    const std::int32_t old = slopes[(now - config_.energy) & all];
    slopes[at] = slope;
    sum_energy_ += magnitude(slope) - magnitude(old);
    return sum_energy_;
}

// --- from energy to beats -----------------------------------------------------------------------

// True when a peak of the energy is over; largest_ and largest_at_ describe it.
[[gnu::always_inline]] inline bool Qrs::peak_ends(std::uint32_t energy, std::uint32_t now) {
    if (energy > largest_) {
        largest_ = energy;
        largest_at_ = now;
        following_ = true;
        return false;
    }
    if (!following_) {
        largest_ = energy;
        return false;
    }
    if (energy >= largest_ / 2 && now - largest_at_ <= config_.settle) return false;
    following_ = false;
    return true;
}

bool Qrs::push(std::int16_t sample) {
    if (!primed_) prime(sample);
    const std::uint32_t now = ++now_;
    const bool ended = peak_ends(energy_of(sample, now), now);
    return (ended || now == next_event_) && attend(ended);
}

// Does what is due now. True if a beat was found.
[[gnu::noinline]] bool Qrs::attend(bool ended) {
    if (now_ == stretch_end_) end_stretch();
    if (ended && largest_ > stretch_largest_) stretch_largest_ = largest_;
    const bool found = is_learned() && decide(ended);
    if (ended) largest_ = sum_energy_;
    next_event_ = now_ + wait();
    return found;
}

bool Qrs::decide(bool ended) {
    if (ended && (!candidate_.valid || largest_ > candidate_.energy)) {
        const Peak peak = measure();
        if (!candidate_.valid || peak.energy > candidate_.energy) candidate_ = peak;
    }
    if (candidate_.valid && now_ - candidate_.at > config_.hold) {
        candidate_.valid = false;
        return judge(candidate_);
    }
    if (!passed_over_.valid) return false;
    const bool expires = now_ - passed_over_.r >= config_.latency;
    return (expires || now_ - last_r_ > search_after_) && search_back(expires);
}

// Samples until something is due by its time.
std::uint32_t Qrs::wait() const {
    std::uint32_t least = stretch_end_ - now_;
    const auto until = [&](std::uint32_t since, std::uint32_t duration) {
        const std::uint32_t passed = now_ - since;
        const std::uint32_t left = passed < duration ? duration - passed : 1;
        if (left < least) least = left;
    };
    if (candidate_.valid) until(candidate_.at, config_.hold + 1U);
    if (passed_over_.valid) {
        until(passed_over_.r, config_.latency);
        if (search_after_ != UINT32_MAX) until(last_r_, search_after_ + 1);
    }
    return least;
}

// The thresholds come from the largest energy of each stretch, at the start and whenever no beat
// is found for long.
void Qrs::end_stretch() {
    stretches_.push(stretch_largest_);
    stretch_largest_ = 0;
    stretch_end_ = now_ + config_.learn;
    if (learned_ < kLearned) {
        if (++learned_ < kLearned) return;
    } else if (++quiet_ <= kLearned) {
        return;
    }
    quiet_ = 0;
    beats_.fill(stretches_.median());
    others_.fill(0);
}

Qrs::Peak Qrs::measure() const {
    Peak peak;
    peak.valid = true;
    peak.energy = largest_;
    peak.at = largest_at_;
    const std::uint32_t centre = peak.at - (config_.slope + config_.energy) / 2U;
    const std::uint32_t late = (config_.smooth - 1U) / 2;  // of each moving average
    if (peak.energy < threshold() / kTooSmall) {
        peak.r = centre - config_.baseline / 2U - 2 * late;
        return peak;
    }
    const std::uint32_t around = 3U * config_.energy / 2U;
    const std::int32_t* const slopes = memory_.slope.data();
    const std::uint32_t all = mask_;
    // The complex may not be over: what follows now_ in the ring is old.
    const std::uint32_t known = now_ + 1 - centre;
    const std::uint32_t stop = centre + (known < around ? known : around);
    std::int32_t up = 0;
    std::int32_t down = 0;
    for (std::uint32_t time = centre - around; time != stop; ++time) {
        const std::int32_t slope = slopes[time & all];
        if (slope > up) up = slope;
        if (slope < down) down = slope;
    }
    down = -down;
    peak.slope = magnitude(up > down ? up : down);
    if (magnitude(up < down ? up : down) < share(peak.slope, kStepSlope)) peak.energy = 0;
    peak.r = find_r(centre - config_.baseline / 2U - late) - late;
    return peak;
}

// The time at which the signal, averaged once, is furthest from the level of its two edges.
std::uint32_t Qrs::find_r(std::uint32_t centre) const {
    const std::int32_t* const averaged = memory_.averaged.data();
    const std::uint32_t all = mask_;
    const std::int32_t level =
        (averaged[(centre - config_.edge) & all] + averaged[(centre + config_.edge) & all]) / 2;
    std::int32_t highest = level;
    std::int32_t lowest = level;
    std::uint32_t highest_at = centre;
    std::uint32_t lowest_at = centre;
    for (std::uint32_t time = centre - config_.reach; time != centre + config_.reach + 1U; ++time) {
        const std::int32_t value = averaged[time & all];
        if (value > highest) {
            highest = value;
            highest_at = time;
        }
        if (value < lowest) {
            lowest = value;
            lowest_at = time;
        }
    }
    const auto up = static_cast<std::uint32_t>(highest - level);
    const std::uint32_t above = up + up / kUpward;
    const auto below = static_cast<std::uint32_t>(level - lowest);
    if (above != below) return above > below ? highest_at : lowest_at;
    return static_cast<std::int32_t>(highest_at - lowest_at) < 0 ? highest_at : lowest_at;
}

std::uint32_t Qrs::threshold() const {
    const std::uint32_t beats = beats_.median();
    const std::uint32_t others = others_.median();
    return others + share(beats > others ? beats - others : 0, kThreshold);
}

bool Qrs::judge(const Peak& peak) {
    // Not signed, because a flat line may last for months: 2^31 samples of 360 Hz are 69 days.
    const std::uint32_t since = after_beat_ ? peak.r - last_r_ : kLongAgo;
    if (since < config_.refractory || since > kLongAgo) return false;
    const bool is_t_wave = since < config_.t_wave && peak.slope < share(last_slope_, kTWaveSlope);
    if (!is_t_wave && peak.energy > threshold()) return accept(peak);
    others_.push(peak.energy);
    if (!is_t_wave && since >= config_.search_from &&
        (!passed_over_.valid || peak.energy > passed_over_.energy)) {
        passed_over_ = peak;
        passed_over_.valid = true;
    }
    return false;
}

// No beat came in time, or the peak that was passed over is about to become too old.
bool Qrs::search_back(bool expires) {
    if (expires) {
        passed_over_.valid = false;
        if (now_ - last_r_ < expected_) return false;
    }
    return passed_over_.energy > share(threshold(), kSearchThreshold) && accept(passed_over_);
}

bool Qrs::accept(const Peak& peak) {
    beat_ = {now_ - peak.r, after_beat_ ? peak.r - last_r_ : 0};
    if (after_beat_) intervals_.push(beat_.interval);
    // Measured from R to now: the detector is late by its filters.
    const std::uint32_t late = config_.smooth - 1U + config_.baseline / 2U;
    expected_ = share(intervals_.median(), kExpected) + late;
    search_after_ = share(intervals_.median(), kSearchAfter) + late;
    if (intervals_.empty()) expected_ = search_after_ = UINT32_MAX;
    after_beat_ = true;
    last_r_ = peak.r;
    last_slope_ = peak.slope;
    quiet_ = 0;
    beats_.push(peak.energy);
    passed_over_.valid = false;
    return true;
}

}  // namespace vigil
