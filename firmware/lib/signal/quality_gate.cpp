#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O2")  // one pass over every sample, also in an image built with -Os
#endif

#include "quality_gate.h"

#include "fixed_point.h"

namespace vigil {
namespace {

// Goertzel's recurrence over the differences of a channel, four times as large as they are: the
// product drops two bits. All of it stays under 2^30 (see QualityGate::mains).
struct Resonator {
    std::int32_t s1 = 0;
    std::int32_t s2 = 0;

    static std::int32_t next(std::int16_t cosine, std::int32_t s1, std::int32_t s2,
                             std::int32_t difference) {
        return 4 * difference - s2 + 4 * high_product(s1, cosine);
    }

    void step(std::int16_t cosine, std::int32_t difference) {
        const std::int32_t s0 = next(cosine, s1, s2, difference);
        s2 = s1;
        s1 = s0;
    }

    // Two steps without moving a state.
    void step(std::int16_t cosine, std::int32_t first, std::int32_t second) {
        s2 = next(cosine, s1, s2, first);
        s1 = next(cosine, s2, s1, second);
    }

    std::uint64_t energy(std::int16_t cosine) const {
        const std::int64_t a = s1;
        const std::int64_t b = s2;
        const std::int64_t value = a * a + b * b - ((cosine * a) >> 14) * b;
        return value > 0 ? static_cast<std::uint64_t>(value) : 0;
    }
};

// A sinusoid of amplitude A over n samples has the sum of squares n A^2 / 2 and Goertzel energy
// (n A / 2)^2, so twice the energy over n times the sum of squares is its share: 1 when alone.
// Here times 65536, of an energy that is 16 times as large. Large energies give up their last
// bits instead of overflowing.
std::uint32_t share(std::uint64_t energy, std::uint64_t squares, std::uint64_t samples) {
    std::uint64_t whole = squares * samples;
    if (energy >> 50 != 0) {
        whole >>= 13;
    } else {
        energy <<= 13;
    }
    return whole == 0 ? 0 : static_cast<std::uint32_t>(energy / whole);
}

// sum += x * x
inline void add_square(std::uint64_t& sum, std::int32_t x) {
#if defined(__ARM_FEATURE_DSP)
    // GCC adds two squares first and then to the sum, four instructions in place of two.
    auto low = static_cast<std::uint32_t>(sum);
    auto high = static_cast<std::uint32_t>(sum >> 32);
    asm("smlal %0, %1, %2, %2" : "+r"(low), "+r"(high) : "r"(x));
    sum = (std::uint64_t{high} << 32) | low;
#else
    sum += static_cast<std::uint64_t>(std::int64_t{x} * x);
#endif
}

// Measures that one pass over a channel collects.
struct Pass {
    std::int32_t previous;
    std::int32_t largest = previous;
    std::int32_t smallest = previous;
    std::uint32_t at_largest = 1;
    std::uint32_t at_smallest = 1;
    std::uint32_t variation = 0;
    std::uint32_t run = 1;
    std::uint32_t longest = 1;

    void take(std::int32_t value) {
        const std::int32_t difference = value - previous;
        previous = value;
        if (value >= largest) {
            at_largest = value == largest ? at_largest + 1 : 1;
            largest = value;
        }
        if (value <= smallest) {
            at_smallest = value == smallest ? at_smallest + 1 : 1;
            smallest = value;
        }
        if (difference == 0) {
            if (++run > longest) longest = run;
        } else {
            run = 1;
        }
        variation += static_cast<std::uint32_t>(difference < 0 ? -difference : difference);
    }
};

[[gnu::noinline]] GateMeasures measure_shape(Span<const std::int16_t> window, std::size_t channel,
                                             std::size_t channels) {
    Pass pass{window[channel]};
    const std::int16_t* x = window.data() + channel;
    const std::size_t differences = window.size() / channels - 1;
    for (std::size_t pair = differences / 2; pair > 0; --pair) {
        x += channels;
        pass.take(*x);
        x += channels;
        pass.take(*x);
    }
    if (differences % 2 != 0) pass.take(x[channels]);
    GateMeasures measures{};
    measures.smallest = pass.smallest;
    measures.largest = pass.largest;
    measures.variation = pass.variation;
    measures.run = pass.longest;
    measures.extreme = pass.at_largest > pass.at_smallest ? pass.at_largest : pass.at_smallest;
    return measures;
}

// The largest share of the energy at one of two frequencies. A second pass, because both
// recurrences together fill the registers.
[[gnu::noinline]] std::uint32_t measure_mains(Span<const std::int16_t> window, std::size_t channel,
                                              std::size_t channels, std::int16_t low,
                                              std::int16_t high) {
    const std::int16_t* x = window.data() + channel;
    const std::size_t differences = window.size() / channels - 1;
    std::int32_t previous = *x;
    std::uint64_t squares = 0;
    Resonator at_low;
    Resonator at_high;
    for (std::size_t pair = differences / 2; pair > 0; --pair) {
        x += channels;
        const std::int32_t middle = *x;
        x += channels;
        const std::int32_t last = *x;
        const std::int32_t first_difference = middle - previous;
        const std::int32_t second_difference = last - middle;
        previous = last;
        add_square(squares, first_difference);
        add_square(squares, second_difference);
        at_low.step(low, first_difference, second_difference);
        at_high.step(high, first_difference, second_difference);
    }
    if (differences % 2 != 0) {
        const std::int32_t difference = x[channels] - previous;
        add_square(squares, difference);
        at_low.step(low, difference);
        at_high.step(high, difference);
    }
    const std::uint64_t energy_low = at_low.energy(low);
    const std::uint64_t energy_high = at_high.energy(high);
    return share(energy_low > energy_high ? energy_low : energy_high, squares, differences);
}

}  // namespace

template <bool kMains>
GateMeasures QualityGate<kMains>::measure(Span<const std::int16_t> window,
                                          std::size_t channel) const {
    GateMeasures measures = measure_shape(window, channel, channels.size());
    if constexpr (kMains) {
        if (!mains.empty()) {
            measures.mains =
                measure_mains(window, channel, channels.size(), mains[0], mains[mains.size() - 1]);
        }
    }
    return measures;
}

template <bool kMains>
GateReason QualityGate<kMains>::operator()(Span<const std::int16_t> window) const {
    GateReason reason = GateReason::none;
    for (std::size_t channel = 0; channel < channels.size(); ++channel) {
        const GateLimits& limits = channels[channel];
        const GateMeasures measures = measure(window, channel);
        if (measures.range() < limits.min_range || measures.variation < limits.min_variation) {
            return GateReason::flat;
        }
        if (measures.run > limits.max_run) return GateReason::stuck;
        if (measures.extreme > limits.max_extreme) return GateReason::railed;
        if (kMains && measures.mains > limits.max_mains) return GateReason::mains;
        if (measures.smallest < limits.lowest || measures.largest > limits.highest) {
            reason = GateReason::clipped;
        }
    }
    return reason;
}

template struct QualityGate<false>;
template struct QualityGate<true>;

}  // namespace vigil
