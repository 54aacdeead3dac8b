#include "wearer.h"

#include <algorithm>
#include <cstring>

#include "fixed_point.h"

namespace vigil {

namespace {

// Fractions of a doubling: logarithms are kept in 1/65536, and log2_steps gives 1/2048.
constexpr std::int32_t kOctave = 65536;
constexpr std::int32_t kStep = 32;

constexpr std::int32_t kFollow = 32;                   // beats over which a form's mean runs
constexpr std::int32_t kUsual = 9 * kOctave / 4;       // a beat that scores less is learned from
constexpr std::int32_t kUsualShape = 5 * kOctave / 4;  // the rhythm is learned from such a beat
constexpr std::uint32_t kEpisode = 32;                 // beats for which an alarm freezes the forms
constexpr std::int32_t kEarlier = 11 * kOctave / 64;   // such forms are not the wearer's normal
constexpr std::uint32_t kAlike = 4;  // one beat in so many must belong to a form that is kept
constexpr std::int32_t kLeastDeviation = kOctave / 64;
constexpr std::int32_t kLargestInterval = 3 * kOctave / 20;  // limits what one RR moves

std::int32_t logarithm(std::uint64_t value) {
    return log2_steps(value) * kStep;
}

// log2 of a score, which is 0 or more; below 2^-40 it counts as 2^-40.
std::int32_t logarithm_of(float score) {
    constexpr float scale = 1099511627776.0F;  // 2^40
    constexpr float largest = 1048576.0F;
    const float limited = score < largest ? score : largest;
    return logarithm(static_cast<std::uint64_t>(limited * scale) + 1) - 40 * kOctave;
}

std::uint32_t magnitude(std::int32_t value) {
    const std::int32_t sign = value >> 31;
    return static_cast<std::uint32_t>((value ^ sign) - sign);
}

std::int32_t sign(std::int32_t value) {
    return (value > 0) - (value < 0);
}

}  // namespace

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC push_options
#pragma GCC optimize("O2")  // for every form and shift, also in an image built with -Os
#endif

std::int32_t Wearer::mean(Span<const std::int16_t> beat, std::uint32_t start,
                          std::uint32_t channel) const {
    const std::uint32_t channels = config_.channels;
    const std::int16_t* x = beat.data() + start * channels + channel;
    std::int32_t sum = 0;
    const auto add = [&] {
        sum += *x;
        x += channels;
    };
    for (std::uint32_t some = config_.length % 8; some > 0; --some) add();
    for (std::uint32_t eights = config_.length / 8; eights > 0; --eights) {
#pragma GCC unroll 8
        for (int i = 0; i < 8; ++i) add();
    }
    return sum * 256 / static_cast<std::int32_t>(config_.length);
}

// The distance of a channel, on top of `sum`; more than `limit` if the whole is.
std::uint32_t Wearer::add_distance(std::uint32_t sum, const std::int16_t* x, std::int32_t offset,
                                   const std::int32_t* form, std::uint32_t limit) const {
    const std::uint32_t channels = config_.channels;
    const auto add = [&] {
        sum += magnitude(*x * 256 - (offset + *form)) >> 4;
        x += channels;
        form += channels;
    };
    for (std::uint32_t some = config_.length % 8; some > 0; --some) add();
    // Far forms are given up early, at one comparison in eight values.
    for (std::uint32_t eights = config_.length / 8; eights > 0 && sum <= limit; --eights) {
#pragma GCC unroll 8
        for (int i = 0; i < 8; ++i) add();
    }
    return sum;
}

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC pop_options
#endif

Wearer::Match Wearer::nearest(Span<const std::int16_t> beat, std::uint32_t first,
                              std::uint32_t shift) const {
    Match best{0, first, UINT32_MAX};
    // From the middle on, where the nearest usually is. On a tie the first form is taken, and then
    // the smallest start.
    std::uint32_t start = first;
    for (std::uint32_t k = 0; k <= 2 * shift; ++k) {
        std::uint32_t sums[kWearerForms] = {};
        for (std::uint32_t c = 0; c < config_.channels; ++c) {
            const std::int32_t offset = mean(beat, start, c);
            const std::int16_t* x = beat.data() + start * config_.channels + c;
            for (std::size_t form = 0; form < state_.forms; ++form) {
                if (sums[form] > best.distance) continue;
                sums[form] = add_distance(sums[form], x, offset, samples(form) + c, best.distance);
            }
        }
        for (std::size_t form = 0; form < state_.forms; ++form) {
            const bool tie = sums[form] == best.distance;
            const bool earlier = form < best.form || (form == best.form && start < best.start);
            if (sums[form] < best.distance || (tie && earlier)) best = {form, start, sums[form]};
        }
        start = start == first + shift ? first - shift : start + 1;
    }
    return best;
}

bool Wearer::agrees(const Match& match) const {
    return state_.forms > 0 &&
           std::uint64_t{match.distance} * 8 < std::uint64_t{state_.form[match.form].size} * 5;
}

void Wearer::move(std::size_t form, Span<const std::int16_t> beat, std::uint32_t start,
                  std::int32_t divisor) {
    std::uint32_t size = 0;
    for (std::uint32_t c = 0; c < config_.channels; ++c) {
        const std::int32_t offset = mean(beat, start, c);
        const std::int16_t* x = beat.data() + start * config_.channels + c;
        std::int32_t* t = samples(form) + c;
        for (std::uint32_t i = 0; i < values(); i += config_.channels) {
            t[i] += (x[i] * 256 - offset - t[i]) / divisor;
            size += magnitude(t[i]) >> 4;
        }
    }
    state_.form[form].size = size;
}

// log2 of RR over the usual RR, 1/65536.
std::int32_t Wearer::interval(std::uint32_t rr) {
    if (rr == 0) return 0;
    const std::int32_t log = logarithm(rr);
    if (state_.intervals == 0) state_.rr = log;
    return log - state_.rr;
}

// How much earlier than `center` an interval is, in the wearer's own deviations, 1/256, 0 or more.
std::uint32_t Wearer::early(std::int32_t interval, std::int32_t center) const {
    if (interval >= center) return 0;
    const std::int32_t deviation = std::max(state_.rr_deviation, kLeastDeviation);
    return static_cast<std::uint32_t>(std::int64_t{center - interval} * 256 / deviation);
}

void Wearer::follow_rhythm(std::uint32_t rr, std::int32_t interval, std::int32_t shape) {
    if (rr == 0) return;
    if (state_.intervals < 64) ++state_.intervals;
    const auto intervals = static_cast<std::int32_t>(state_.intervals);
    // Not std::clamp(): exported libraries also compile as C++14.
    state_.rr += std::max(-kLargestInterval, std::min(interval, kLargestInterval)) / intervals;
    if (shape >= kUsualShape) return;
    // Medians, in steps that shrink from 1/16 to 1/1024 of a doubling.
    const std::int32_t from_center = interval - state_.rr_center;
    const std::int32_t step = kOctave / 16 / intervals;
    state_.rr_center += sign(from_center) * (step / 2);
    state_.rr_deviation +=
        sign(static_cast<std::int32_t>(magnitude(from_center)) - state_.rr_deviation) * step;
}

float Wearer::operator()(Span<const std::int16_t> beat, std::uint32_t rr, float error) {
    const std::int32_t since = interval(rr);
    const std::int32_t log_error = config_.score == WearerScore::forms ? 0 : logarithm_of(error);
    if (!learned()) {
        follow_rhythm(rr, since, 0);
        learn(beat, since, log_error);
        return 0;
    }
    const Match match = nearest(beat, config_.first, config_.shift);
    const WearerForm& form = state_.form[match.form];
    const bool excused = form.accepted_early != kNotEarly && agrees(match);
    const std::int32_t usual = excused ? std::max(state_.error, form.accepted_error) : state_.error;
    const std::int32_t center =
        excused ? std::min(state_.rr_center, form.accepted_early) : state_.rr_center;

    const std::int32_t distance = logarithm(match.distance) - state_.distance;
    std::int32_t shape = 0;
    if (config_.score != WearerScore::model) shape = std::max(shape, distance);
    if (config_.score != WearerScore::forms) shape = std::max(shape, log_error - usual);
    const std::uint32_t how_early = rr == 0 ? 0 : early(since, center);
    const std::int32_t score =
        shape + (logarithm(256 + std::uint64_t{how_early}) - 8 * kOctave) * 5 / 8;
    judged_ = {match, rr, since, shape, score, distance, log_error, excused};
    return static_cast<float>(score) * (1.0F / kOctave);
}

void Wearer::decided(std::uint64_t window, Span<const std::int16_t> beat, bool flagged,
                     bool alarm) {
    if (flagged) keep(window, beat);
    alarmed_ = alarm ? std::min(alarmed_ + 1, kEpisode + 1) : 0;
    const Judged& now = judged_;
    follow_rhythm(now.rr, now.interval, now.shape);
    if (now.score >= kUsual) return;
    // Medians, in steps of 1/64 of a doubling.
    state_.distance += sign(now.distance) * (kOctave / 64);
    if (!now.excused) state_.error += sign(now.error - state_.error) * (kOctave / 64);
    if (flagged || (alarmed_ > 0 && alarmed_ <= kEpisode)) return;
    move(now.match.form, beat, now.match.start, kFollow);
}

void Wearer::learn(Span<const std::int16_t> beat, std::int32_t interval, std::int32_t error) {
    const Match match = nearest(beat, config_.first, config_.shift);
    if (agrees(match)) {
        WearerForm& form = state_.form[match.form];
        ++form.beats;
        const auto weight = static_cast<std::int32_t>(std::min<std::uint32_t>(form.beats, kFollow));
        const std::int32_t distance = logarithm(match.distance);
        // The first beat made the form, so only the second has a distance.
        form.distance += (distance - form.distance) / (form.beats == 2 ? 1 : weight);
        form.error += (error - form.error) / weight;
        form.early += (interval - form.early) / weight;
        move(match.form, beat, match.start, weight);
    } else {
        const std::size_t at = new_form();
        state_.form[at] = {1, 0, interval, 0, error, kNotEarly, kNoError};
        move(at, beat, config_.first, 1);
    }
    if (++state_.beats < config_.learn) return;
    const bool alike = choose();
    if (!alike) restart();
    refused_ = !alike;
}

// The place of a new form: that of the fewest beats if all are in use.
std::size_t Wearer::new_form() {
    if (state_.forms < kWearerForms) return state_.forms++;
    std::size_t at = 0;
    for (std::size_t i = 1; i < kWearerForms; ++i) {
        if (state_.form[i].beats < state_.form[at].beats) at = i;
    }
    return at;
}

// Keeps the forms that are this wearer's normal. False if too few beats resembled one of them.
bool Wearer::choose() {
    std::size_t main = 0;
    for (std::size_t i = 1; i < state_.forms; ++i) {
        if (state_.form[i].beats > state_.form[main].beats) main = i;
    }
    state_.distance = state_.form[main].distance;
    state_.error = state_.form[main].error;
    const std::int32_t earliest = std::min(state_.form[main].early, std::int32_t{0}) - kEarlier;
    const std::uint32_t most = state_.form[main].beats;
    std::size_t kept = 0;
    std::uint32_t beats = 0;
    for (std::size_t i = 0; i < state_.forms; ++i) {
        const WearerForm& form = state_.form[i];
        const bool frequent = form.beats == most || form.beats * 10 >= config_.learn;
        if (!frequent || form.early < earliest) continue;
        std::copy(samples(i), samples(i) + values(), samples(kept));
        state_.form[kept++] = form;
        beats += form.beats;
    }
    state_.forms = static_cast<std::uint32_t>(kept);
    return beats * kAlike >= config_.learn;
}

void Wearer::keep(std::uint64_t window, Span<const std::int16_t> beat) {
    const std::size_t at = flagged_count_++ % flagged_.size();
    flagged_[at] = {window, judged_.interval, judged_.error, judged_.distance};
    const std::int16_t* x = beat.data() + config_.first * config_.channels;
    std::copy(x, x + values(), flagged_samples_.data() + at * values());
}

bool Wearer::accept(std::uint64_t window) {
    const std::size_t kept = std::min<std::size_t>(flagged_count_, flagged_.size());
    std::size_t flagged = 0;
    while (flagged < kept && flagged_[flagged].window != window) ++flagged;
    if (flagged == kept) return false;
    const Span<const std::int16_t> beat{flagged_samples_.data() + flagged * values(), values()};
    const Match match = nearest(beat, 0, 0);
    std::size_t at = match.form;
    // The second distance is small if the request is repeated, and the first if the beat was
    // moved to meet its form.
    const bool unusual = config_.score != WearerScore::model &&
                         flagged_[flagged].distance >= kUsualShape &&
                         logarithm(match.distance) - state_.distance >= kUsualShape;
    if (unusual || !agrees(match)) {
        at = new_form();
        state_.form[at] = {1, 0, 0, state_.distance, state_.error, kNotEarly, kNoError};
        move(at, beat, 0, 1);
    }
    WearerForm& form = state_.form[at];
    form.accepted_early = std::min(form.accepted_early, flagged_[flagged].interval);
    form.accepted_error = std::max(form.accepted_error, flagged_[flagged].error);
    return true;
}

std::uint32_t Wearer::accepted() const {
    std::uint32_t count = 0;
    for (std::size_t i = 0; i < state_.forms; ++i) {
        if (state_.form[i].accepted_early != kNotEarly) ++count;
    }
    return count;
}

void Wearer::restart() {
    state_ = {};
    std::fill(forms_.begin(), forms_.end(), 0);
    forget_flagged();
    alarmed_ = 0;
    refused_ = false;
}

void Wearer::store(std::uint32_t* words) const {
    std::memcpy(words, &state_, sizeof state_);
    std::memcpy(words + sizeof state_ / sizeof *words, forms_.data(),
                forms_.size() * sizeof(std::int32_t));
}

void Wearer::load(const std::uint32_t* words) {
    std::memcpy(&state_, words, sizeof state_);
    std::memcpy(forms_.data(), words + sizeof state_ / sizeof *words,
                forms_.size() * sizeof(std::int32_t));
    forget_flagged();
}

}  // namespace vigil
