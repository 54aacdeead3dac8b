// Spectrum of a channel of a window: the energy in bands of its Fourier transform, as int16
// features.
//
// The mean is removed, a Hann window applied, and the window padded with zeros to a power of two.
// Each feature is the base-2 logarithm of the root of a band's energy, in steps of 1/1024.
// The formulas are in docs/bundle.md, section "Features".
#pragma once

#include <cstddef>
#include <cstdint>

#include "fourier.h"
#include "span.h"
#include "statistics.h"

namespace vigil {

// The tables of a transform of N points, a power of two from 4 to 4096.
struct SpectrumTables {
    Span<const std::uint16_t> edges;  // bins; band i is edges[i] to edges[i+1] - 1; 1 to N/2 + 1
    Span<const std::int16_t> hann;    // the weight of each frame, times 2^14
    Span<const std::int16_t> sines;   // sin(2 pi i / N) for i = 0 to 3 N/4, times 2^15
    std::uint32_t noise;              // energy of the noise of one count in one bin
};

// `work`: N/2 values. `features`: one per band.
void band_energies(const SpectrumTables& tables, const Channel& channel, Span<Complex> work,
                   Span<std::int16_t> features);

}  // namespace vigil
