// The model's input from features: the raw window first, if it is an input too, then the features
// of each channel, all on one int8 grid.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "scaler.h"
#include "span.h"
#include "spectrum.h"
#include "statistics.h"

namespace vigil {

// The scaler of a bundle whose model does not see the raw window.
struct NoScaler {};

struct NoSpectrum {
    static constexpr std::size_t count() { return 0; }
    void operator()(const Channel& /*channel*/, Span<std::int16_t> /*features*/) const {}
};

// kBands bands of a transform of 2 * kValues points.
template <std::size_t kBands, std::size_t kValues>
struct Spectrum {
    SpectrumTables tables;

    static constexpr std::size_t count() { return kBands; }

    void operator()(const Channel& channel, Span<std::int16_t> features) const {
        static Complex work[kValues];
        band_energies(tables, channel, work, features);
    }
};

template <typename Scaler, typename StatisticsOfChannel, typename SpectrumOfChannel>
struct FeatureInput {
    Scaler scaler;  // of the raw window
    StatisticsOfChannel statistics;
    SpectrumOfChannel spectrum;
    AffineScaler feature_scaler;  // an entry per feature, channel by channel

    void operator()(Span<const std::int16_t> window, Span<std::int8_t> input) const {
        std::int8_t* to = input.data();
        if constexpr (!std::is_same_v<Scaler, NoScaler>) {
            scaler(window, {to, window.size()});
            to += window.size();
        }
        constexpr std::size_t kStatistics = StatisticsOfChannel::count();
        constexpr std::size_t kCount = kStatistics + SpectrumOfChannel::count();
        const AffineStep step(feature_scaler.shift, feature_scaler.zero_point);
        const std::size_t channels = feature_scaler.channels.size() / kCount;
        std::int16_t values[kCount];
        const Span<std::int16_t> features(values);
        for (std::size_t c = 0; c < channels; ++c) {
            const Channel channel = {window.data() + c, channels, window.size() / channels};
            statistics(channel, features.slice(0, kStatistics));
            spectrum(channel, features.slice(kStatistics, kCount - kStatistics));
            const AffineChannel* of = feature_scaler.channels.data() + c * kCount;
            for (const std::int16_t value : values) {
                *to++ = step(value, of->center, of->multiplier);
                ++of;
            }
        }
    }
};

}  // namespace vigil
