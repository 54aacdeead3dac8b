// Statistics of a channel of a window: level, spread and shape, as int16 features.
//
// Integer arithmetic; amplitudes are base-2 logarithms in steps of 1/1024, so that a factor is a
// difference. The noise of one count (a variance of 1/12) is added to every variance: a flat line
// has a finite logarithm, and a signal of a few counts does not look spiky.
// The formulas are in docs/bundle.md, section "Features".
#pragma once

#include <cstddef>
#include <cstdint>

#include "fixed_point.h"
#include "span.h"

namespace vigil {

constexpr std::size_t kMostFrames = 4096;  // keeps sums of counts inside 32 bits

// One channel of a window whose channels are interleaved.
struct Channel {
    const std::int16_t* first;
    std::size_t stride;  // channels of the window
    std::size_t frames;  // 1 to kMostFrames
};

// Bits of a set of statistics, in the order of the features.
enum Statistic : std::uint8_t {
    kMean = 1,
    kDeviation = 2,
    kPeakToPeak = 4,
    kCrest = 8,
    kKurtosis = 16,
    kCrossings = 32,
    kSlope = 64,
    kDifferences = 128,
};

// Sums and extremes that one pass over a channel collects.
struct Totals {
    std::int32_t values;
    std::int64_t squares;
    std::int64_t weighted;     // sum of (frames - t) * x[t]
    std::int64_t differences;  // sum of (x[t] - x[t-1])^2
    std::int32_t largest;
    std::int32_t smallest;
};
Totals totals(const Channel& channel);

// The moments of y = (frames * x - sum) >> shift, rounded; |y| stays below 1024.
struct Moments {
    std::uint32_t second;
    std::int64_t fourth;
    std::int32_t crossings;  // changes of the sign of frames * x - sum
};
Moments moments(const Channel& channel, std::int32_t sum, int shift);

// numerator / denominator to the nearest integer, halves upwards; denominator > 0
template <typename Integer>
constexpr Integer rounded_quotient(Integer numerator, Integer denominator) {
    const Integer twice = 2 * numerator + denominator;
    return twice / (2 * denominator) - (twice % (2 * denominator) < 0 ? 1 : 0);
}

// Computes the statistics of the set kSet; the image has no code for the others.
template <std::uint8_t kSet>
struct Statistics {
    static constexpr bool has(int set) { return (kSet & set) != 0; }

    static constexpr std::size_t count() {
        std::size_t bits = 0;
        for (unsigned set = kSet; set != 0; set >>= 1) bits += set & 1;
        return bits;
    }

    // `features`: count() values.
    void operator()(const Channel& channel, Span<std::int16_t> features) const {
        if constexpr (kSet != 0) compute(channel, features.data());
    }

  private:
    static void compute(const Channel& channel, std::int16_t* feature) {
        const auto n = static_cast<std::int32_t>(channel.frames);
        const auto wide_n = static_cast<std::int64_t>(n);
        const std::int32_t frames = log2_steps(channel.frames);
        const Totals all = totals(channel);
        if constexpr (has(kMean)) *feature++ = int16(rounded_quotient(all.values, n));
        std::int32_t variance = 0;  // logarithm of n^2 times the variance
        if constexpr (has(kDeviation | kCrest)) {
            std::int64_t spread = wide_n * all.squares + n * n / 12;
            spread -= std::int64_t{all.values} * all.values;
            variance = log2_steps(static_cast<std::uint64_t>(spread));
        }
        if constexpr (has(kDeviation)) *feature++ = quarter(variance - 2 * frames);
        if constexpr (has(kPeakToPeak)) {
            const std::int32_t range = all.largest - all.smallest;
            *feature++ = half(log2_steps(static_cast<std::uint32_t>(range) + 1));
        }
        std::int32_t peak = 0;  // the largest distance from the mean, times n
        if constexpr (has(kCrest | kKurtosis)) {
            const std::int32_t above = n * all.largest - all.values;
            const std::int32_t below = all.values - n * all.smallest;
            peak = above > below ? above : below;
        }
        if constexpr (has(kCrest)) {
            *feature++ =
                quarter(2 * log2_steps(static_cast<std::uint32_t>(peak + n / 2)) - variance);
        }
        if constexpr (has(kKurtosis | kCrossings)) {
            int shift = 0;
            while ((peak + (1 << shift >> 1)) >> shift >= 1024) ++shift;
            const Moments about = moments(channel, all.values, shift);
            if constexpr (has(kKurtosis)) {
                // The moments with the noise of one count, which is n >> shift in the units of y.
                const std::int64_t square = std::int64_t{n >> shift} * (n >> shift);
                const std::int64_t second = about.second + wide_n * square / 12;
                const std::int64_t fourth =
                    about.fourth + about.second * square / 2 + wide_n * square * square / 80;
                *feature++ = half(frames + log2_steps(static_cast<std::uint64_t>(fourth)) -
                                  2 * log2_steps(static_cast<std::uint64_t>(second)));
            }
            if constexpr (has(kCrossings)) *feature++ = int16(about.crossings);
        }
        if constexpr (has(kSlope)) *feature++ = slope(n, all);
        if constexpr (has(kDifferences)) {
            const std::int64_t noisy = all.differences + (n - 1) / 6;
            *feature++ = quarter(log2_steps(static_cast<std::uint64_t>(noisy)) -
                                 log2_steps(channel.frames - 1));
        }
    }

    // The least-squares line's rise over the window.
    static std::int16_t slope(std::int64_t n, const Totals& all) {
        if (n == 1) return 0;
        const std::int64_t trend = (n + 1) * all.values - 2 * all.weighted;
        const std::int64_t rise = rounded_quotient(6 * trend, n * n - 1);
        return int16(rise > 32767 ? 32767 : rise < -32768 ? -32768 : rise);
    }

    static std::int16_t int16(std::int64_t value) { return static_cast<std::int16_t>(value); }
    // 1/2048 of a logarithm to 1/1024; of a square's logarithm to 1/1024 of its root's.
    static std::int16_t half(std::int32_t steps) { return int16((steps + 1) >> 1); }
    static std::int16_t quarter(std::int32_t steps) { return int16((steps + 2) >> 2); }
};

}  // namespace vigil
